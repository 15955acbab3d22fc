package tools

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// After a release the answer says, for each IP version, who still gets in, and
// what becomes of the custom hostnames.
func TestReleaseSaysWhoStillGetsIn(t *testing.T) {
	const v4, v6 = "137.66.18.204", "2a09:8280:1::3a:7c20"
	tests := []struct {
		name    string
		ips     []string
		say     []string
		silent  []string
		command string // among next
		reach   []string
		hazard  bool // custom_hostname_stops
	}{
		{
			name: "the paid IPv4 alone", ips: []string{v4},
			say: []string{"No IPv4 address is left",
				"fly ips allocate-v4 --shared -a legacy-api",
				`Custom hostnames answer over IPv6 only: "api.legacy-shop.example"`},
			silent:  []string{"NOTHING", "stop answering"},
			command: "fly ips allocate-v4 --shared -a legacy-api",
			reach: []string{"http://legacy-api.flycast",
				"http://legacy-api.fly.dev over IPv6 only", "https://legacy-api.fly.dev over IPv6 only"},
		},
		{
			name: "the IPv6 alone", ips: []string{v6},
			say: []string{"No IPv6 address is left",
				`Custom hostnames answer over IPv4 only, and their certificates may stop renewing`},
			silent:  []string{"NOTHING", "stop answering"},
			command: "fly ips allocate-v6 -a legacy-api",
			reach: []string{"http://legacy-api.flycast",
				"http://legacy-api.fly.dev over IPv4 only", "https://legacy-api.fly.dev over IPv4 only"},
		},
		{
			name: "both", ips: []string{v4, v6},
			say: []string{`Custom hostnames stop answering: "api.legacy-shop.example"`,
				"It is reached at http://legacy-api.flycast"},
			silent: []string{"NOTHING", "allocate-v4", "address is left"},
			reach:  []string{"http://legacy-api.flycast"},
			hazard: true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{})
			s.ready("legacy-api", readyServices)
			arguments := map[string]any{"app": "legacy-api", "ips": anys(tt.ips)}
			arguments["dry_run"] = true
			planned := s.release(arguments)
			if got := slices.Contains(planned.Plan.Hazards, plan.CustomHostnameStops); got != tt.hazard {
				t.Errorf("hazards %q", planned.Plan.Hazards)
			}
			delete(arguments, "dry_run")
			out := s.release(arguments)
			if out.Status != plan.Applied {
				t.Fatalf("got %s: %s", out.Status, out.Summary)
			}
			for _, say := range tt.say {
				if !strings.Contains(out.Summary, say) {
					t.Errorf("summary %q, want %q", out.Summary, say)
				}
			}
			for _, silent := range tt.silent {
				if strings.Contains(out.Summary, silent) {
					t.Errorf("summary %q has %q", out.Summary, silent)
				}
			}
			named := slices.ContainsFunc(out.Next, func(n plan.Next) bool { return n.Command == tt.command })
			if tt.command != "" && !named {
				t.Errorf("next %+v, want %s", out.Next, tt.command)
			}
			slices.Sort(tt.reach)
			if slices.Sort(out.Reach); !slices.Equal(out.Reach, tt.reach) {
				t.Errorf("reach %q, want %q", out.Reach, tt.reach)
			}
		})
	}
}

// The question about the IPv4 alone says the same before anything is done.
func TestReleaseQuestionSaysWhoStillGetsIn(t *testing.T) {
	s := newReleaseServer(t, flysim.Options{})
	s.ready("legacy-api", readyServices)
	planned, err := s.a.releaser().Plan(t.Context(),
		address.ReleaseInput{App: "legacy-api", IPs: []string{"137.66.18.204"}})
	if err != nil {
		t.Fatal(err)
	}
	text := planned.Plan.Question().Text()
	for _, want := range []string{"no IPv4 address is left",
		`custom hostnames answer over IPv6 only: "api.legacy-shop.example"`} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q:\n%s", want, text)
		}
	}
}

// While nothing reaches the app, the answer says so and why, and names what to do
// next, in every state.
func TestUnreachableIsSaid(t *testing.T) {
	const asleep = `[{"protocol":"tcp","internal_port":8080,"autostart":false,"autostop":true,` +
		`"ports":[{"port":80,"handlers":["http"]}]}]`
	tests := []struct {
		name  string
		do    func(s *releaseServer)
		why   string
		tools []string // of next, in order; empty: a person's
	}{
		{"force_https", func(s *releaseServer) { s.ready("legacy-api", redirecting) },
			"force_https on port 80", []string{"patch_services", "deploy"}},
		{"no Flycast address", func(s *releaseServer) { s.services("legacy-api", readyServices) },
			"it has no address", []string{"allocate_flycast"}},
		{"no services", func(s *releaseServer) { s.ready("legacy-api", `[]`) }, "no Machine has a service", nil},
		{"no Machine", func(s *releaseServer) {
			s.ready("legacy-api", readyServices)
			for _, id := range s.MachineIDs("legacy-api") {
				s.DestroyMachine("legacy-api", id)
			}
		}, "it has no Machine", nil},
		{"all stopped, and nothing starts them", func(s *releaseServer) {
			s.ready("legacy-api", asleep)
			for _, id := range s.MachineIDs("legacy-api") {
				s.StopMachine("legacy-api", id)
			}
		}, "no request starts it (autostart is off)", []string{"patch_services", "deploy"}},
		{"TLS only", func(s *releaseServer) {
			s.ready("legacy-api",
				`[{"protocol":"tcp","internal_port":8080,"ports":[{"port":443,"handlers":["http","tls"]}]}]`)
		}, "only TLS on port 443", []string{"patch_services", "deploy"}},
		{"bound to loopback", func(s *releaseServer) {
			s.ready("legacy-api", readyServices)
			for _, id := range s.MachineIDs("legacy-api") {
				s.SetListen("legacy-api", id, []string{"127.0.0.1:8080"})
			}
		}, "open on loopback only", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{}, "app_unreachable")
			tt.do(s)
			out := s.release(map[string]any{"app": "legacy-api", "allow_unreachable": true})
			if out.Status != plan.Applied || len(out.Remaining) > 0 {
				t.Fatalf("got %s: %s", out.Status, out.Summary)
			}
			if !strings.Contains(out.Summary, "NOTHING REACHES IT NOW") ||
				!strings.Contains(out.Summary, tt.why) || strings.Contains(out.Summary, "private now") {
				t.Errorf("summary %q, want %q", out.Summary, tt.why)
			}
			if !slices.Equal(out.Reach, []string{rules.Nothing}) {
				t.Errorf("reach %q", out.Reach)
			}
			listed := s.list("legacy-api")
			for what, next := range map[string][]plan.Next{"release": out.Next, "list_ips": listed.Next} {
				if len(next) == 0 {
					if what == "list_ips" && tt.name == "bound to loopback" { // it does not look into Machines
						continue
					}
					t.Fatalf("%s: no next", what)
				}
				var tools []string
				for _, n := range next {
					if n.Tool != "" && n.Tool != private.MakeTool {
						tools = append(tools, n.Tool)
					}
				}
				if !slices.Equal(tools, tt.tools) {
					t.Errorf("%s: next %+v, want %q", what, next, tt.tools)
				}
			}
		})
	}
}

// services gives the Machines of an app these services.
func (s *releaseServer) services(app, services string) {
	s.t.Helper()
	for _, id := range s.MachineIDs(app) {
		config, err := s.MachineConfig(app, id).With("services", json.RawMessage(services))
		if err != nil {
			s.t.Fatal(err)
		}
		s.SetMachineConfig(app, id, config)
	}
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}
