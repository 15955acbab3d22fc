package control

import (
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// stateSummary is the answer to GET /state.
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

// summarize reads the platform app by app. An app that is deleted meanwhile is left out.
func summarize(p *flysim.Platform) stateSummary {
	summary := stateSummary{Now: p.Clock().Now().UTC(), Apps: []appSummary{}}
	for _, name := range p.AppNames() {
		site, err := p.Site(name)
		if err != nil {
			continue
		}
		app := appSummary{site.App, site.Org, site.Status, []addressSummary{}, []machineSummary{}}
		for _, address := range site.Addresses {
			if !strings.HasPrefix(address.Kind, "egress") {
				app.Addresses = append(app.Addresses, addressSummary{address.IP, address.Kind})
			}
		}
		for _, m := range site.Machines {
			app.Machines = append(app.Machines, machineSummary{m.ID, m.Name, m.State, m.Region, m.HostStatus, m.Leased})
		}
		summary.Apps = append(summary.Apps, app)
	}
	return summary
}
