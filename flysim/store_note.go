package flysim

// What is to be stored is noted where it is found for a change: at the lookups
// of an app for a write and of one Machine by its id, and where a Machine's
// history grows or a launch begins. So a handler need not think of it; a new one
// that finds what it changes in another way calls note itself, and the test of
// all write routes tells it to. [Platform.Renew] counts on the notes too. Records are compared with
// those in the file: a
// note too many costs their encoding and nothing on the disk.

// note says that the app's own record may have changed. The caller of note holds mu.
func (a *appState) note() {
	a.noted = true
	a.notes++
}

// note says that the Machine's record may have changed, and with it its app's volumes.
func (m *vm) note() {
	m.noted = true
	m.app.note()
}

// note says that the release's record may have changed, and with it its app's status.
func (r *appRelease) note() {
	r.noted = true
	r.app.note()
}

// note notes an app that a request found, if it is one that can change something.
func (req *apiRequest) note(a *appState) {
	if req.call.Write {
		a.note()
	}
}

// noteAll notes all that the app has.
func (a *appState) noteAll() {
	a.note()
	for _, m := range a.machines {
		m.note()
	}
	for _, r := range a.releases {
		r.note()
	}
}

// commit is what the storage gets at once.
type commit struct {
	account  storedAccount
	apps     map[string]bool // the ids of all apps there are
	changed  []storedApp
	machines []storedMachine
	releases []storedRelease

	notes []func() // what was noted, for a commit that fails
}

// noteAgain undoes that collect took the notes away. The caller holds mu.
func (c *commit) noteAgain() {
	for _, note := range c.notes {
		note()
	}
}

// collect takes down what was noted. The records share nothing with the state
// that can change. The caller holds mu.
func (p *Platform) collect() *commit {
	r := &commit{account: p.storeAccount(), apps: make(map[string]bool, len(p.state.apps))}
	for _, a := range p.state.apps {
		r.apps[a.id] = true
		if !a.noted {
			continue
		}
		a.noted = false
		r.notes = append(r.notes, a.note)
		stored := storeApp(a)
		stored.FlyToml = string(p.configs[a.name])
		for _, m := range a.machines {
			stored.machines = append(stored.machines, m.id)
			if m.noted {
				m.noted = false
				r.notes = append(r.notes, m.note)
				r.machines = append(r.machines, storeMachine(m))
			}
		}
		for _, release := range a.releases {
			stored.releases = append(stored.releases, release.id)
			if release.noted {
				release.noted = false
				r.notes = append(r.notes, release.note)
				r.releases = append(r.releases, storeRelease(release))
			}
		}
		r.changed = append(r.changed, stored)
	}
	return r
}
