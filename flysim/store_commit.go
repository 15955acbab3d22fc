package flysim

// A record is marked as changed where it is looked up for a change: an app for a write, and a
// Machine by its id. It is also marked where a Machine's history grows or a launch begins. Handlers
// need not mark anything unless they find what they change in another way; the test of all write
// routes reports a handler that forgets it. [Platform.Renew] relies on the marks too. Records are
// compared with the stored ones, so an unneeded mark costs only an encoding.

// touch marks the app's own record as changed. The caller holds Platform.mu.
func (a *appState) touch() {
	a.dirty = true
	a.touches++
}

// touch marks the Machine's record as changed, and that of its app, which has the volumes.
func (m *vm) touch() {
	m.dirty = true
	m.app.touch()
}

// touch marks the release's record as changed, and that of its app, which has the status.
func (r *appRelease) touch() {
	r.dirty = true
	r.app.touch()
}

// touch marks an app that a request found, if the request can change something.
func (req *apiRequest) touch(a *appState) {
	if req.call.Write {
		a.touch()
	}
}

// touchAll marks all records of the app.
func (a *appState) touchAll() {
	a.touch()
	for _, m := range a.machines {
		m.touch()
	}
	for _, r := range a.releases {
		r.touch()
	}
}

// commit is what is stored in one transaction.
type commit struct {
	account  storedAccount
	apps     map[string]bool // the ids of all apps
	changed  []storedApp
	machines []storedMachine
	releases []storedRelease

	touched []func() // mark the records again if the commit fails
}

// touchAgain marks the records that collect unmarked. The caller holds mu.
func (c *commit) touchAgain() {
	for _, touch := range c.touched {
		touch()
	}
}

// collect copies the marked records and unmarks them. The copies share nothing with
// the state that can change. The caller holds mu.
func (p *Platform) collect() *commit {
	r := &commit{account: p.storeAccount(), apps: make(map[string]bool, len(p.state.apps))}
	for _, a := range p.state.apps {
		r.apps[a.id] = true
		if !a.dirty {
			continue
		}
		a.dirty = false
		r.touched = append(r.touched, a.touch)
		stored := storeApp(a)
		stored.FlyToml = string(p.configs[a.name])
		for _, m := range a.machines {
			stored.machines = append(stored.machines, m.id)
			if m.dirty {
				m.dirty = false
				r.touched = append(r.touched, m.touch)
				r.machines = append(r.machines, storeMachine(m))
			}
		}
		for _, release := range a.releases {
			stored.releases = append(stored.releases, release.id)
			if release.dirty {
				release.dirty = false
				r.touched = append(r.touched, release.touch)
				r.releases = append(r.releases, storeRelease(release))
			}
		}
		r.changed = append(r.changed, stored)
	}
	return r
}
