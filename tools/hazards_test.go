package tools

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// harmlessHazards are those that an operator who lets an agent restart Machines
// would accept. None of them says that something is lost or ends.
func harmlessHazards() []plan.Hazard {
	return []plan.Hazard{
		plan.Restart, plan.BriefOutage, plan.ImageChange, plan.OtherConfigChanges, plan.FilesLostOnStop,
		plan.PublicPlainHTTP, plan.NotPutBack,
		plan.MachineCreated, plan.NewPublicService, plan.OpenToOtherNetwork,
	}
}

// judgedHarmless reports whether a rule for restarts, as generous as one can be
// written, approves a plan.
func judgedHarmless(t *testing.T, p plan.Plan) bool {
	t.Helper()
	p.Gated = true
	request, err := p.Request(p.Question())
	if err != nil {
		t.Fatalf("%s: %v", p.Tool, err)
	}
	var accept []string
	for _, h := range harmlessHazards() {
		accept = append(accept, fmt.Sprintf("%q", h))
	}
	rules, err := gate.ParsePolicy(
		[]byte(fmt.Sprintf(
			"[[rule]]\ntools = [%q]\napps = [%q]\ndecision = \"auto\"\nlimit_per_hour = 9\naccept = [%s]\n", p.Tool,
			p.App, strings.Join(accept, ","))), plan.Vocabulary(p.Tool))
	if err != nil {
		t.Fatal(err)
	}
	g := gate.New(gate.Options{Policy: rules, Ledger: noUses{}, Now: time.Now})
	outcome := g.Decide(request, nil)
	return outcome.Kind == gate.Proceed
}

// noUses is a ledger without entries.
type noUses struct{ gate.Ledger }

func (noUses) CountUses(string, time.Time) (int, error) { return 0, nil }

func (noUses) LastDenial(string, string, string) (gate.Denial, bool, error) {
	return gate.Denial{}, false, nil
}

// shape is a plan, and what an independent look at the app says that it does.
type shape struct {
	name         string
	plan         plan.Plan
	ends         bool // some port answers no more where it did
	irreversible bool
}

// TestNoPlanWithoutItsHazard: whatever ends access or cannot be undone says so
// in a hazard of its own, over all tools and the plans that they make.
func TestNoPlanWithoutItsHazard(t *testing.T) {
	shapes := map[string]func(b *appServer) []shape{
		"release_public_ips": releaseShapes,
		"make_private":       makePrivateShapes,
		"deploy":             deployShapes,
		"allocate_flycast":   allocateShapes,
		"make_public":        makePublicShapes,
		"create_private_app": nil, // there is no app yet whose users could lose anything
		"verify_private":     nil, // adds a peer and removes it; changes nothing of the app
		"patch_services":     nil, // changes files only; its plans are never gated
	}
	for _, name := range Changers(declared()) {
		make, ok := shapes[name]
		if !ok {
			t.Errorf("the plans of %s are not looked at", name)
		}
		if make == nil {
			continue
		}
		deploys(t, "", flysim.Options{}, func(b *appServer) {
			t := b.t
			seen := make(b)
			ends, harmless := 0, 0
			for _, s := range seen {
				p := s.plan
				if len(p.Blockers) > 0 || p.Empty() {
					continue
				}
				approved := judgedHarmless(t, p)
				switch {
				case (s.ends || s.irreversible) && approved:
					t.Errorf("%s, %s: a rule for restarts approves it; hazards %q", name, s.name, p.Hazards)
				case s.irreversible != p.Irreversible():
					t.Errorf("%s, %s: irreversible %t, want %t", name, s.name, p.Irreversible(), s.irreversible)
				case s.irreversible && !slices.ContainsFunc(p.Hazards, plan.Hazard.Irreversible):
					t.Errorf("%s, %s: no irreversible hazard in %q", name, s.name, p.Hazards)
				case s.ends && !p.Has(plan.PublicAccessEnds) && !p.Has(plan.AppUnreachable):
					t.Errorf("%s, %s: ends access; hazards %q", name, s.name, p.Hazards)
				case !s.ends && p.Has(plan.PublicAccessEnds):
					t.Errorf("%s, %s: ends nothing; hazards %q", name, s.name, p.Hazards)
				}
				if s.ends {
					ends++
				}
				if approved {
					harmless++
				}
			}
			t.Logf("%s: %d shapes, %d end access, %d are harmless", name, len(seen), ends, harmless)
		})
	}
}

// oneService is a service on some ports.
func oneService(protocol string, ports ...string) string {
	return fmt.Sprintf(`[{"protocol":%q,"internal_port":8080,"ports":[%s]}]`, protocol, strings.Join(ports, ","))
}

const (
	httpPort = `{"port":80,"handlers":["http"]}`
	tlsPort  = `{"port":443,"handlers":["http","tls"]}`
	rawPort  = `{"port":5432}`
)

// releaseShapes release each selection of the addresses of apps with each
// selection of kinds, that serve one thing or another.
// makePublicShapes are the plans for apps with each set of public addresses: nothing that answers
// now stops, and nothing is lost.
func makePublicShapes(b *appServer) []shape {
	var out []shape
	if err := b.Seed(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	kinds := []string{"shared_v4", "v4", "v6"}
	for has := range 1 << len(kinds) {
		app := fmt.Sprintf("made-public-%d", has)
		b.AddApp(app, "personal", "")
		for i, kind := range kinds {
			if has&(1<<i) != 0 {
				b.AddAddress(app, kind, "", "")
			}
		}
		b.AddMachine(app, "iad", b.MachineConfig("shop-api", b.MachineIDs("shop-api")[0]))
		content := b.File("shop-api", `app            = "shop-api"`, fmt.Sprintf("app = %q", app))
		planned, err := b.toolset.maker().PlanPublic(b.t.Context(), private.PublicInput{App: app, Content: content})
		if err != nil {
			b.t.Fatal(err)
		}
		if has == 0 && !planned.Plan.Has(plan.MadePublic) {
			b.t.Errorf("%s: no hazard says that the app becomes public: %v", app, planned.Plan.Hazards)
		}
		out = append(out, shape{name: fmt.Sprintf("addresses %03b", has), plan: planned.Plan})
	}
	return out
}

// makePrivateShapes are the plans for apps with each set of public addresses, in both orders.
func makePrivateShapes(b *appServer) []shape {
	var out []shape
	if err := b.Seed(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	kinds := []string{"shared_v4", "v4", "v6"}
	number := 0
	for has := 1; has < 1<<len(kinds); has++ {
		for _, flycast := range []bool{true, false} {
			for _, order := range []string{private.SafeOrder, private.ReleaseFirst} {
				number++
				app := fmt.Sprintf("made-private-%d", number)
				b.AddApp(app, "personal", "")
				for _, kind := range kinds {
					if has&(1<<slices.Index(kinds, kind)) != 0 {
						b.AddAddress(app, kind, "", "")
					}
				}
				if flycast {
					b.AddAddress(app, "private_v6", "", "")
				}
				b.AddMachine(app, "iad", b.MachineConfig("shop-api", b.MachineIDs("shop-api")[0]))
				content := b.File("shop-api", `app            = "shop-api"`, fmt.Sprintf("app = %q", app))
				planned, err := b.toolset.maker().Plan(b.t.Context(), private.Input{App: app, Content: content, Order: order})
				if err != nil {
					b.t.Fatal(err)
				}
				if len(planned.Plan.Blockers) > 0 {
					b.t.Errorf("%s: blocked: %v", app, planned.Plan.Blockers)
				}
				out = append(out, shape{name: fmt.Sprintf("addresses %03b, flycast %t, order %s", has, flycast, order),
					plan: planned.Plan, ends: true, irreversible: true})
			}
		}
	}
	return out
}

func releaseShapes(b *appServer) []shape {
	var out []shape
	kinds := []string{"shared_v4", "v4", "v6"}
	carries := map[string]string{"shared_v4": "http", "v4": "http raw udp", "v6": "http raw"}
	serves := map[string]string{"http": oneService("tcp", httpPort, tlsPort), "raw": oneService("tcp",
		rawPort), "udp": oneService("udp", rawPort), "": "[]"}
	number := 0
	for has := range 1 << len(kinds) {
		for what, services := range serves {
			for _, flycast := range []bool{true, false} {
				number++
				app := fmt.Sprintf("released-%d", number)
				b.AddApp(app, "personal", "")
				b.AddMachine(app, "iad", platformtest.WithField(b.t, machine.Config{}, "services", json.RawMessage(services)))
				if flycast {
					b.AddAddress(app, "private_v6", "", "")
				}
				ips := make(map[string]string)
				for i, kind := range kinds {
					if has&(1<<i) != 0 {
						ips[kind] = b.AddAddress(app, kind, "", "")
					}
				}
				for goes := 1; goes < 1<<len(kinds); goes++ {
					if goes&has != goes {
						continue
					}
					before, after, in := false, false, address.ReleaseInput{App: app, AllowUnreachable: true}
					for i, kind := range kinds {
						reached := what != "" && has&(1<<i) != 0 && strings.Contains(carries[kind], what)
						before = before || reached
						after = after || reached && goes&(1<<i) == 0
						if goes&(1<<i) != 0 {
							in.IPs = append(in.IPs, ips[kind])
						}
					}
					planned, err := b.toolset.releaser().Plan(b.t.Context(), in)
					if err != nil {
						b.t.Fatal(err)
					}
					out = append(out, shape{
						name: fmt.Sprintf("%q of kinds %03b on addresses %03b, flycast %t", what, goes, has, flycast),
						plan: planned.Plan, ends: before && !after || has == goes && what != "", irreversible: true,
					})
				}
			}
		}
	}
	return out
}

// deployShapes deploy each set of ports over each other one, to one group or
// two, on apps with each kind of audience, by each strategy.
func deployShapes(b *appServer) []shape {
	sets := [][]string{{}, {"80"}, {"80", "443"}, {"443"}, {"5432"}, {"80", "5432"}}
	toml := func(group string, ports []string) string {
		if len(ports) == 0 {
			return ""
		}
		text := fmt.Sprintf("[[services]]\n  internal_port = 8080\n  protocol = \"tcp\"\n  processes = [%q]\n", group)
		for _, port := range ports {
			handlers := map[string]string{"80": `["http"]`, "443": `["http", "tls"]`, "5432": `[]`}[port]
			text += fmt.Sprintf("  [[services.ports]]\n    port = %s\n    handlers = %s\n", port, handlers)
		}
		return text
	}
	var out []shape
	number := 0
	for _, audience := range []string{"none", "public", "flycast", "both"} {
		for had := range sets {
			number++
			app := fmt.Sprintf("deployed-%d", number)
			b.AddApp(app, "personal", "")
			if audience == "public" || audience == "both" {
				b.AddAddress(app, "v4", "", "")
			}
			if audience == "flycast" || audience == "both" {
				b.AddAddress(app, "private_v6", "", "")
			}
			const head = "[processes]\n  app = \"\"\n  web = \"\"\n"
			// The second group's port stays as it is.
			file := func(ports []string) string { return head + toml("app", ports) + toml("web", []string{"80"}) }
			one, err := source.FromContent(file(sets[had]))
			if err != nil {
				b.t.Fatal(err)
			}
			for _, group := range []string{"app", "web"} {
				config := platformtest.WithField(b.t, machine.Config{}, "image", "registry.fly.io/x:deployment-1")
				config = platformtest.WithField(b.t, config, "metadata",
					map[string]string{machine.MetadataPlatformVersion: "v2", machine.MetadataProcessGroup: group})
				made, err := one.Apply(group, config)
				if err != nil {
					b.t.Fatal(err)
				}
				b.AddMachine(app, "iad", made)
			}
			for gets := range sets {
				for _, strategy := range []rollout.Strategy{rollout.Rolling, rollout.Immediate, rollout.BlueGreen} {
					b.app = app
					planned, err := b.toolset.planDeploy(b.t.Context(), deployInput{App: app, Content: file(sets[gets]),
						Strategy: string(strategy)})
					if err != nil {
						b.t.Fatal(err)
					}
					reached := func(ports []string) (reached []string) {
						for _, port := range append([]string{"80"}, ports...) {
							if audience != "none" && (port != "443" || audience != "flycast") {
								reached = append(reached, port)
							}
						}
						return reached
					}
					ends := slices.ContainsFunc(reached(sets[had]),
						func(port string) bool { return !slices.Contains(reached(sets[gets]), port) })
					out = append(out, shape{
						name: fmt.Sprintf("%s to %s, %s, %s", sets[had], sets[gets], audience, strategy),
						plan: planned.Plan, ends: ends, irreversible: strategy == rollout.BlueGreen,
					})
				}
			}
		}
	}
	return out
}

// allocateShapes allocate for the app's own network and for others.
func allocateShapes(b *appServer) []shape {
	b.AddApp("reached", "personal", "")
	var out []shape
	for _, network := range []string{"", "partners"} {
		planned, err := address.NewAllocator(b.toolset.fly, flytest.WallClock{}, nil).Plan(b.t.Context(),
			address.AllocateInput{App: "reached", Network: network})
		if err != nil {
			b.t.Fatal(err)
		}
		out = append(out, shape{name: "network " + network, plan: planned.Plan})
	}
	return out
}
