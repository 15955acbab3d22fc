package deploy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/exposure"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

const (
	v4        = "137.66.1.2"
	ownFly    = "fdaa:2:1c4f:0:1::2"
	otherFly  = "fdaa:9:9999:0:1::2"
	machineIP = "fdaa:2:1c4f:a7b:1::3"
)

// exposedStages judges a change of services on an app with some addresses. That
// Machines restart, and what is closed, are left out of it.
func exposedStages(t *testing.T, before, after string, addresses ...string) stages {
	t.Helper()
	d := judgedStages(t, before, after, addresses...)
	d.Hazards = slices.DeleteFunc(d.Hazards, func(h plan.Hazard) bool {
		return h == plan.Restart || h == plan.BriefOutage || h == plan.PublicAccessEnds
	})
	return d
}

// judgedStages is a change of the services of an app with one Machine and some
// addresses.
func judgedStages(t *testing.T, before, after string, addresses ...string) stages {
	t.Helper()
	config := func(services string) machine.Config {
		c, err := machine.Config{}.With("services", json.RawMessage(services))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	was := fly.Machine{ID: "m1", InstanceID: "i1", PrivateIP: netip.MustParseAddr(machineIP), Config: config(before)}
	d := stages{
		in:       Input{App: "shop"},
		snapshot: rules.Snapshot{Machines: []fly.Machine{was}, MachinesKnown: true},
		work:     rollout.Work{App: "shop", Updates: []rollout.Change{{Before: was, Group: "app", After: config(after)}}},
	}
	d.snapshot.Addresses.App.Name = "shop"
	for _, text := range addresses {
		a := fly.Address{IP: netip.MustParseAddr(text), Kind: fly.Flycast}
		if text == v4 {
			a.Kind = "dedicated_v4"
		}
		d.snapshot.Addresses.List = append(d.snapshot.Addresses.List, a)
	}
	d.judged = exposure.Deploy{Before: d.snapshot, Work: d.work}
	var err error
	if d.verdict, err = exposure.Judge(d.judged); err != nil {
		t.Fatal(err)
	}
	d.Add(d.verdict.Findings)
	return d
}

// twoServices are two programs on one external port.
func twoServices(port string, force bool) string {
	redirect := ""
	if force {
		redirect = `,"force_https":true`
	}
	return fmt.Sprintf(
		`[{"protocol":"tcp","internal_port":8081,"ports":[{"port":%s,"handlers":["http"]%s}]},{"protocol":"tcp",`+
			`"internal_port":8080,"ports":[{"port":%s,"handlers":["http"]%s}]}]`,
		port, redirect, port, redirect)
}

// TestOpened: what a port leads to must not be loosened on a public app without
// anybody hearing of it.
func TestOpened(t *testing.T) {
	service := func(fields, ports string) string {
		return `[{"protocol":"tcp","internal_port":80,"autostart":true,` + fields + `"ports":[` + ports + `]}]`
	}
	port := func(ports string) string { return service("", ports) }
	const blocked = "blocked"
	tests := []struct {
		name          string
		before, after string
		want          string // a hazard, or blocked; empty: neither
	}{
		{"two services on one port", twoServices("80", true), twoServices("80", true), ""},
		{"two services on one port, without the redirect", twoServices("80", true), twoServices("80", false),
			string(plan.PublicPlainHTTP)},
		{"two services on one port, in another order", twoServices("80", false),
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]},{"protocol":"tcp",` +
				`"internal_port":8081,"ports":[{"port":80,"handlers":["http"]}]}]`,
			""},
		{"one of two services on one port", twoServices("80", false),
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]}]`, ""},
		{"a second service on the port",
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]}]`,
			twoServices("80", false), blocked},
		{"two services on another port", twoServices("80", false), twoServices("81", false), blocked},
		{"one of two services becomes raw", twoServices("80", false), strings.Replace(twoServices("80", false),
			`,"handlers":["http"]`, "", 1), string(plan.NewPublicService)},
		{"handlers of two services change places",
			`[{"internal_port":1,"ports":[{"port":80,"handlers":["http"]},{"port":80}]}]`,
			`[{"internal_port":1,"ports":[{"port":80},{"port":80,"handlers":["http"]}]}]`, ""},
		{"a plain port beside raw TLS", `[{"internal_port":1883,"ports":[{"port":8883,"handlers":["tls"]}]}]`,
			`[{"internal_port":1883,"ports":[{"port":8883,"handlers":["tls"]},{"port":1883}]}]`,
			string(plan.PublicPlainHTTP + plan.NewPublicService)},
		{"a plain port beside pg_tls", `[{"internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]}]}]`,
			`[{"internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]},{"port":5433}]}]`,
			string(plan.PublicPlainHTTP + plan.NewPublicService)},
		{"an HTTP port beside raw TLS", `[{"internal_port":1883,"ports":[{"port":8883,"handlers":["tls"]}]}]`,
			`[{"internal_port":1883,"ports":[{"port":8883,"handlers":["tls"]},{"port":80,"handlers":["http"]}]}]`, blocked},
		{"a raw port beside HTTP with TLS",
			`[{"internal_port":8080,"ports":[{"port":443,"handlers":["tls","http"]}]}]`,
			`[{"internal_port":8080,"ports":[{"port":443,"handlers":["tls","http"]},{"port":8080}]}]`, blocked},
		{"the first port of all", `[{"protocol":"tcp","internal_port":8080}]`,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["tls","http"]}]}]`,
			string(plan.NewPublicService)},
		{"the first port of all, plain", `[{"protocol":"tcp","internal_port":8080}]`,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]}]`,
			string(plan.PublicPlainHTTP + plan.NewPublicService)},
		{"the first port without a service before", `[]`,
			`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}]}]`, blocked},
		{"port 0", port(`{"port":80}`), port(`{"port":80},{"port":0}`), ""},
		{"the same", port(`{"port":80}`), port(`{"port":80}`), ""},
		{"a new port", port(`{"port":80}`), port(`{"port":80},{"port":81}`), blocked},
		{"another protocol", port(`{"port":80}`), strings.Replace(port(`{"port":80}`), "tcp", "udp", 1), blocked},
		{"another program", port(`{"port":80}`), strings.Replace(port(`{"port":80}`), `"internal_port":80`,
			`"internal_port":90`, 1), blocked},
		{"another program in a range", port(`{"start_port":70,"end_port":90}`),
			strings.Replace(port(`{"port":80}`), `"internal_port":80`, `"internal_port":90`, 1), blocked},

		{"one of a range", port(`{"start_port":70,"end_port":90}`), port(`{"port":80}`), ""},
		{"a smaller range", port(`{"start_port":70,"end_port":90}`), port(`{"start_port":75,"end_port":85}`), ""},
		{"a wider range", port(`{"start_port":70,"end_port":90}`), port(`{"start_port":70,"end_port":91}`), blocked},
		{"to the end", port(`{"start_port":70}`), port(`{"start_port":70,"end_port":65535}`), ""},
		{"two ranges as one", port(`{"start_port":80,"end_port":90},{"start_port":70,"end_port":79}`),
			port(`{"start_port":70,"end_port":90}`), ""},
		{"two ranges with a gap", port(`{"start_port":81,"end_port":90},{"start_port":70,"end_port":79}`),
			port(`{"start_port":70,"end_port":90}`), blocked},
		{"a range beside", port(`{"start_port":70,"end_port":79}`), port(`{"start_port":80,"end_port":89}`), blocked},

		{"no redirect any more", port(`{"port":80,"handlers":["http"],"force_https":true}`),
			port(`{"port":80,"handlers":["http"]}`), string(plan.PublicPlainHTTP)},
		{"no TLS any more", port(`{"port":443,"handlers":["tls"]}`), port(`{"port":443}`), string(plan.PublicPlainHTTP)},
		{"no TLS of Postgres any more", port(`{"port":5432,"handlers":["pg_tls"]}`), port(`{"port":5432}`),
			string(plan.PublicPlainHTTP)},
		{"no TLS in a range", port(`{"start_port":400,"end_port":500,"handlers":["tls"]}`), port(`{"port":443}`),
			string(plan.PublicPlainHTTP)},
		{"raw", port(`{"port":80,"handlers":["http"]}`), port(`{"port":80}`), string(plan.NewPublicService)},
		{"as HTTP", port(`{"port":80}`), port(`{"port":80,"handlers":["http"]}`), ""},

		{"older TLS by default", port(`{"port":443,"handlers":["tls"],"tls_options":{"versions":["TLSv1.3"]}}`),
			port(`{"port":443,"handlers":["tls"]}`), string(plan.NewPublicService)},
		{"oldest TLS", port(`{"port":443,"handlers":["tls"]}`),
			port(`{"port":443,"handlers":["tls"],"tls_options":{"versions":["TLSv1.1","TLSv1.2"]}}`),
			string(plan.NewPublicService)},
		{"newer TLS only", port(`{"port":443,"handlers":["tls"]}`),
			port(`{"port":443,"handlers":["tls"],"tls_options":{"versions":["TLSv1.3"]}}`), ""},
		{"the default said", port(`{"port":443,"handlers":["tls"]}`),
			port(`{"port":443,"handlers":["tls"],"tls_options":{"versions":["TLSv1.3","TLSv1.2"],"alpn":["h2"]}}`), ""},
		{"self-signed", port(`{"port":443,"handlers":["tls"]}`),
			port(`{"port":443,"handlers":["tls"],"tls_options":{"default_self_signed":true}}`), string(plan.NewPublicService)},

		{"callers told otherwise",
			port(`{"port":80,"handlers":["proxy_proto"],"proxy_proto_options":{"version":"v2"}}`),
			port(`{"port":80,"handlers":["proxy_proto"]}`), string(plan.NewPublicService)},
		{"callers told no more", port(`{"port":80,"handlers":["proxy_proto"]}`), port(`{"port":80}`),
			string(plan.NewPublicService)},
		{"callers told as before", port(`{"port":80,"handlers":["proxy_proto"]}`),
			port(`{"port":80,"handlers":["proxy_proto"],"proxy_proto_options":{"version":"v1"}}`), ""},

		{"woken", strings.Replace(port(`{"port":80}`), "true", "false", 1), port(`{"port":80}`),
			string(plan.NewPublicService)},
		{"woken by default", strings.Replace(port(`{"port":80}`), "true", "false", 1),
			strings.Replace(port(`{"port":80}`), `"autostart":true,`, "", 1), string(plan.NewPublicService)},
		{"kept awake", service(`"min_machines_running":0,`, `{"port":80}`), service(`"min_machines_running":1,`,
			`{"port":80}`), string(plan.NewPublicService)},
		{"more kept awake", service(`"min_machines_running":1,`, `{"port":80}`),
			service(`"min_machines_running":2,`, `{"port":80}`), ""},
		{"not woken any more", port(`{"port":80}`), strings.Replace(port(`{"port":80}`), "true", "false", 1), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := exposedStages(t, test.before, test.after, v4, ownFly)
			got := ""
			for _, h := range d.Hazards {
				got += string(h)
			}
			if len(d.Blockers) > 0 {
				got += blocked
			}
			if got != test.want {
				t.Errorf("got %q (%v), want %q", got, d.Blockers, test.want)
			}
			private := exposedStages(t, test.before, test.after, ownFly)
			if slices.Contains(private.Hazards, plan.NewPublicService) ||
				slices.Contains(private.Hazards, plan.PublicPlainHTTP) || len(private.Blockers) > 0 {
				t.Errorf("without a public address: %q, %v", private.Hazards, private.Blockers)
			}
		})
	}
}

// TestOpenedToOtherNetwork: behind a Flycast address of another network a new
// port is new to that network.
func TestOpenedToOtherNetwork(t *testing.T) {
	const one, two, moved = `[{"internal_port":80,"ports":[{"port":80}]}]`,
		`[{"internal_port":80,"ports":[{"port":80},{"port":81}]}]`, `[{"internal_port":90,"ports":[{"port":80}]}]`
	for _, test := range []struct {
		name      string
		after     string
		addresses []string
		want      bool
	}{
		{"own", two, []string{ownFly}, false},
		{"another's", two, []string{ownFly, otherFly}, true},
		{"another's, another program", moved, []string{otherFly}, true},
		{"another's, nothing new", one, []string{otherFly}, false},
	} {
		d := exposedStages(t, one, test.after, test.addresses...)
		p := d.plan()
		if got := p.Has(plan.OpenToOtherNetwork); got != test.want ||
			slices.Contains(p.Unknown, plan.ForeignUsers) != test.want || len(d.Blockers) > 0 {
			t.Errorf("%s: got %q, not checked %q, blockers %v", test.name, p.Hazards, p.Unknown, d.Blockers)
		}
	}
}

// TestUnreachable: a deploy after which the app does not answer says so.
func TestUnreachable(t *testing.T) {
	const (
		plain  = `[{"internal_port":80,"autostop":true,"autostart":true,"ports":[{"port":80,"handlers":["http"]}]}]`
		forced = `[{"internal_port":80,"autostop":true,"autostart":true,"ports":[{"port":80,"handlers":["http"],` +
			`"force_https":true}]}]`
		tls  = `[{"internal_port":80,"autostop":true,"autostart":true,"ports":[{"port":80,"handlers":["tls","http"]}]}]`
		both = `[{"internal_port":80,"ports":[{"port":80,"handlers":["http"]}]},{"internal_port":90,` +
			`"ports":[{"port":443,"handlers":["tls"]}]}]`
		asleep = `[{"internal_port":80,"autostop":true,"autostart":false,"ports":[{"port":80,"handlers":["http"]}]}]`
		kept   = `[{"internal_port":80,"autostop":true,"autostart":false,"min_machines_running":1,` +
			`"ports":[{"port":80,"handlers":["http"]}]}]`
		closed = `[{"internal_port":80}]`
	)
	tests := []struct {
		name            string
		before, after   string
		private, public plan.Impact
	}{
		{"no services", plain, `[]`, plan.ImpactUnreachable, plan.ImpactUnreachable},
		{"no ports", plain, closed, plan.ImpactUnreachable, plan.ImpactUnreachable},
		{"redirected to https", plain, forced, plan.ImpactUnreachable, plan.ImpactNone},
		{"TLS only", plain, tls, plan.ImpactUnreachable, plan.ImpactNone},
		{"some of it TLS only", plain, both, plan.ImpactUnknown, plan.ImpactNone},
		{"never woken", plain, asleep, plan.ImpactUnreachable, plan.ImpactUnreachable},
		{"never woken, but kept", plain, kept, plan.ImpactNone, plan.ImpactNone},
		{"as before", forced, strings.Replace(forced, `"internal_port":80`,
			`"internal_port":80,"concurrency":{"soft_limit":1}`, 1), plan.ImpactNone, plan.ImpactNone},
		{"repaired", forced, plain, plan.ImpactNone, plan.ImpactNone},
	}
	for _, test := range tests {
		for address, want := range map[string]plan.Impact{ownFly: test.private, v4: test.public} {
			d := exposedStages(t, test.before, test.after, ownFly, address)
			p := d.plan()
			hazard := want == plan.ImpactUnreachable || want == plan.ImpactUnknown
			if p.Impact != want || p.Has(plan.AppUnreachable) != hazard || (len(d.Remarks) > 0) != hazard {
				t.Errorf("%s, %s: got impact %s, hazards %q, remarks %q; want %s", test.name, address, p.Impact,
					p.Hazards, d.Remarks, want)
			}
		}
	}
}

const (
	httpPort = `{"port":80,"handlers":["http"]}`
	tlsPort  = `{"port":443,"handlers":["http","tls"]}`
)

// oneService is a service on some ports.
func oneService(protocol string, ports ...string) string {
	return fmt.Sprintf(`[{"protocol":%q,"internal_port":8080,"ports":[%s]}]`, protocol, strings.Join(ports, ","))
}

// TestLastPublicService: a deploy that takes the app's last service away from
// the internet is no restart.
func TestLastPublicService(t *testing.T) {
	for _, addresses := range [][]string{{v4}, {v4, ownFly}} {
		d := judgedStages(t, oneService("tcp", httpPort, tlsPort), "[]", addresses...)
		p := d.plan()
		if !p.Has(plan.PublicAccessEnds) || !p.Has(plan.AppUnreachable) || p.Impact != plan.ImpactUnreachable {
			t.Errorf("%s: hazards %q, impact %s", addresses, p.Hazards, p.Impact)
		}
		if text := p.Question().Text(); !strings.Contains(text, `PUBLIC ACCESS ENDS`) ||
			!strings.Contains(text, `port "443", "80"`) {
			t.Errorf("question %s", text)
		}
	}
	// One of two: the other goes on answering.
	d := judgedStages(t, oneService("tcp", httpPort, tlsPort), oneService("tcp", httpPort), v4)
	if p := d.plan(); !p.Has(plan.PublicAccessEnds) || p.Has(plan.AppUnreachable) || p.Impact != plan.ImpactBriefOutage {
		t.Errorf("hazards %q, impact %s", p.Hazards, p.Impact)
	}
}
