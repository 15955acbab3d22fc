package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestNextNeverEndsEarly checks over all combinations of addresses and Machines that there is a
// next step while the app has blockers or nothing reaches it.
func TestNextNeverEndsEarly(t *testing.T) {
	own, elsewhere := "fdaa:2:1c4f:0:1::2", "fdaa:9:77e0:0:1::2"
	address := func(ip string, kind fly.Kind) fly.Address {
		return fly.Address{IP: netip.MustParseAddr(ip), Kind: kind}
	}
	lists := [][]fly.Address{
		nil,
		{address(own, fly.Flycast)},
		{address(elsewhere, fly.Flycast)},
		{address("137.66.1.2", fly.DedicatedV4)},
		{address("137.66.1.2", fly.DedicatedV4), address(own, fly.Flycast)},
		{address("66.241.124.1", fly.SharedV4), address("2a09:8280:1::1", fly.DedicatedV6),
			address(own, fly.Flycast)},
		{address("10.0.0.1", fly.UnknownKind), address(own, fly.Flycast)},
		{address("209.71.80.45", fly.Egress)},
	}
	services := []string{
		`[]`,
		`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]},{"port":443,` +
			`"handlers":["http","tls"]}]}]`,
		`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],"force_https":true},` +
			`{"port":443,"handlers":["http","tls"]}]}]`,
		`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":5432}]}]`,
		`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["http","tls"]}]}]`,
		`[{"protocol":"udp","internal_port":5000,"ports":[{"port":5000}]}]`,
		`[{"protocol":"tcp","internal_port":8080,"autostart":false,"autostop":true,"ports":[{"port":80,` +
			`"handlers":["http"]}]}]`,
		`[{"protocol":"tcp","internal_port":8080}]`,
	}
	metadata := []string{`{"fly_platform_version":"v2","fly_process_group":"app"}`, `{}`}
	type state struct {
		name     string
		state    string
		cordoned bool
		host     string
		partial  bool
	}
	states := []state{{name: "started", state: "started"}, {name: "stopped", state: "stopped"},
		{name: "failed", state: "failed"}, {name: "cordoned", state: "started", cordoned: true},
		{name: "host down", state: "started", host: "unreachable"},
		{name: "partial", state: "started", partial: true}}
	check := func(name string, s Snapshot) {
		next := s.Next()
		stands := len(s.Blockers()) > 0 || slices.Equal(s.Reach(), []string{Nothing}) || !s.MachinesKnown
		if stands && len(next) == 0 {
			t.Errorf("%s: no next; blockers %+v, reach %q", name, s.Blockers(), s.Reach())
		}
		if len(next) > plan.MaxNext {
			t.Errorf("%s: %d next", name, len(next))
		}
		for _, n := range next {
			if n.Why == "" || n.Who != "agent" && n.Who != "person" || n.Who == "agent" && n.Tool == "" {
				t.Errorf("%s: next %+v", name, n)
			}
		}
		if s.Exposed() == No && slices.ContainsFunc(next,
			func(n plan.Next) bool { return n.Tool == "release_public_ips" }) &&
			len(PublicIPs(s.Addresses.List)) == 0 {
			t.Errorf("%s: nothing is public, and next releases: %+v", name, next)
		}
	}
	for i, list := range lists {
		base := Snapshot{Addresses: fly.Addresses{App: fly.App{Name: "demo",
			Network: "default"}, List: list, EgressKnown: true}}
		check(fmt.Sprintf("addresses %d, Machines unknown", i), base)
		base.MachinesKnown = true
		check(fmt.Sprintf("addresses %d, no Machine", i), base)
		for _, service := range services {
			for _, meta := range metadata {
				config, err := machine.ParseConfig([]byte(`{"metadata":` + meta + `,"services":` + service + `}`))
				if err != nil {
					t.Fatal(err)
				}
				for _, st := range states {
					s := base
					s.Machines = []fly.Machine{{
						ID: "aa", State: st.state, Region: "iad", Cordoned: st.cordoned,
						HostStatus: st.host, Incomplete: st.partial,
						PrivateIP: netip.MustParseAddr("fdaa:2:1c4f:a7b:1::2"), Config: config,
					}}
					check(fmt.Sprintf("addresses %d, %s, %s, %s", i, service, meta, st.name), s)
				}
			}
		}
	}
}
