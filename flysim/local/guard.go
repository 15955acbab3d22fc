package local

import "os"

// shelter makes the folder for the commands' homes and starts the guard over
// it, if that is not done. Without a guard commands run all the same; unguarded
// is why there is none. The caller holds mu.
func (r *runner) shelter() (unguarded, err error) {
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

// leave ends the guard and removes the folder, once no command runs.
func (r *runner) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.homes == "" || len(r.alive) > 0 {
		return
	}
	r.guard.close()
	_ = os.RemoveAll(r.homes) // what a command wrote and guards is left
	r.homes, r.guard = "", nil
}
