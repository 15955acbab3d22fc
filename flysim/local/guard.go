package local

import "os"

// ensureHomes creates the folder for the commands' homes, and starts the guard over it, unless both
// exist. Without a guard commands still run; unguarded says why there is none. The caller holds mu.
func (r *runner) ensureHomes() (unguarded, err error) {
	if r.homes == "" {
		if r.homes, err = os.MkdirTemp("", "flycast-sandbox-"); err != nil {
			return nil, err
		}
	}
	if r.guard == nil {
		r.guard, unguarded = newGuard(r.homes)
	}
	return unguarded, nil
}

// removeHomes ends the guard and removes the folder if no command is running.
func (r *runner) removeHomes() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.homes == "" || len(r.alive) > 0 {
		return
	}
	r.guard.close()
	_ = os.RemoveAll(r.homes) // files that a command made undeletable are left
	r.homes, r.guard = "", nil
}
