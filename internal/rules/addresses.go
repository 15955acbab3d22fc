package rules

import (
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// PublicIPs lists the public addresses of a list.
func PublicIPs(list []fly.Address) []string {
	var out []string
	for _, a := range list {
		if a.Kind.Public() {
			out = append(out, a.IP.String())
		}
	}
	return out
}

// AddressFacts adds the addresses of an app to the facts of a plan: an approval is
// stale once they change.
func AddressFacts(p *plan.Plan, list []fly.Address) {
	for _, a := range list {
		p.Fact("address/"+a.IP.String(), string(a.Kind)+" "+a.Network+" "+a.Org)
	}
}

// Inbound lists the addresses through which the app can be reached at all.
func (s Snapshot) Inbound() []fly.Address {
	var in []fly.Address
	for _, a := range s.Addresses.List {
		if a.Kind != fly.Egress {
			in = append(in, a)
		}
	}
	return in
}
