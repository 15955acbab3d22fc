package flysim

import "time"

// stateSummary is what GET /state of the control endpoint tells.
type stateSummary struct {
	Now  time.Time    `json:"now"`
	Apps []appSummary `json:"apps"`
}

type appSummary struct {
	Name         string           `json:"name"`
	Organization string           `json:"organization"`
	Status       string           `json:"status"`
	Addresses    []addressSummary `json:"addresses"`
	Machines     []machineSummary `json:"machines"`
}

type addressSummary struct {
	IP   string `json:"ip"`
	Kind string `json:"kind"`
}

type machineSummary struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Region string `json:"region"`
	Host   string `json:"host"`
	Leased bool   `json:"leased"`
}

func (p *Platform) controlState() stateSummary {
	p.catchUp()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	summary := stateSummary{Now: now.UTC(), Apps: []appSummary{}}
	for _, a := range p.state.appsOf(nil) {
		app := appSummary{a.name, a.organization.slug, a.status, []addressSummary{}, []machineSummary{}}
		for _, address := range a.held() {
			app.Addresses = append(app.Addresses, addressSummary{address.ip.String(), address.kind})
		}
		for _, m := range a.active() {
			m.settle(p.state, now)
			app.Machines = append(app.Machines, machineSummary{m.id, m.name, m.state, m.region, m.host, m.held(now) != nil})
		}
		summary.Apps = append(summary.Apps, app)
	}
	return summary
}
