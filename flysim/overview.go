package flysim

import "time"

// AppOverview is a summary of an app.
type AppOverview struct {
	App       string `json:"app"`
	Public    bool   `json:"public"`    // it has an address on the internet
	Flycast   bool   `json:"flycast"`   // it has a Flycast address
	Addresses int    `json:"addresses"` // inbound ones
	Machines  int    `json:"machines"`  // without destroyed ones
	Started   int    `json:"started"`   // how many Machines are started
}

// Overview summarizes every app, sorted by name. The summary is valid until [Platform.Revision]
// changes or the clock reaches until (zero: no limit).
func (p *Platform) Overview() (glances []AppOverview, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	apps := p.state.appsOf(nil)
	glances = make([]AppOverview, 0, len(apps))
	for _, a := range apps {
		g := AppOverview{App: a.name}
		for _, addr := range a.currentAddresses() {
			g.Addresses++
			if addr.kind == "private_v6" {
				g.Flycast = true
			} else {
				g.Public = true
			}
		}
		for _, m := range a.machines {
			m.settle(p.state, now)
			if at, ok := m.due(); ok && (until.IsZero() || at.Before(until)) {
				until = at
			}
			if m.state == "destroyed" {
				continue
			}
			g.Machines++
			if m.state == "started" {
				g.Started++
			}
		}
		glances = append(glances, g)
	}
	return glances, until
}
