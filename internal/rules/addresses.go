package rules

import (
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Address is an address of an app as results show it.
type Address struct {
	IP        string   `json:"ip"`
	Kind      fly.Kind `json:"kind" jsonschema:"dedicated_v4, shared_v4, dedicated_v6, flycast, egress or unknown"`
	Inferred  bool     `json:"inferred,omitempty"`
	Region    string   `json:"region,omitempty"`
	CreatedAt string   `json:"created_at,omitempty"`
	Network   string   `json:"network,omitempty"`
	NetworkID string   `json:"network_id,omitempty"`
}

// Describe returns an address as results show it.
func Describe(a fly.Address) Address {
	out := Address{
		IP: a.IP.String(), Kind: a.Kind, Inferred: a.Inferred, Region: plan.Clean(a.Region),
		Network: plan.Clean(a.Network), NetworkID: fly.NetworkID(a.IP),
	}
	if !a.CreatedAt.IsZero() {
		out.CreatedAt = a.CreatedAt.UTC().Format(time.RFC3339)
	}
	return out
}

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
