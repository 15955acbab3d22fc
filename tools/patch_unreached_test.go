package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestPatchNothingToEdit: where there is nothing to edit and private callers do
// not reach the app all the same, the answer goes on to what helps.
func TestPatchNothingToEdit(t *testing.T) {
	tests := []struct {
		name, toml  string
		create      string
		port        int
		plain       []int
		person      string // or what a person is asked
		deploysFile bool   // or the file, as it is
	}{
		{name: "no ports", toml: web(serviceTOML(8080)), create: plan.CreateHTTP, port: 8080},
		{name: "a port that is none",
			toml:   web(serviceTOML(8080, "  [[services.ports]]\n    handlers = [\"http\"]\n")),
			create: plan.CreateHTTP, port: 8080},
		{name: "no ports of a database", toml: web(serviceTOML(6379)), create: plan.CreateTCP, port: 6379},
		{name: "no ports of two programs", toml: web(serviceTOML(8080) + serviceTOML(9090)),
			person: "which port the app listens on"},
		{name: "UDP alone", toml: web(udpService), person: "53/udp"},
		{name: "raw TLS of a database", toml: web(serviceTOML(5432, entry(5432, pgTLS))), plain: []int{5433}},
		{name: "ready",
			toml: web(readyService +
				"  force_https = false\n  auto_stop_machines = \"stop\"\n  auto_start_machines = true\n  " +
				"min_machines_running = 0\n"),
			deploysFile: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onFile(t, test.toml, `["flycast"]`, func(s *caseServer) {
				for _, arguments := range []map[string]any{{"app": s.app}, {"content": s.toml}} {
					out := s.ask("patch_services", arguments)
					if out.Status != plan.NothingToDo || strings.Contains(out.Summary, "already") != test.deploysFile {
						s.t.Fatalf("%v: got %s: %s", arguments, out.Status, out.Summary)
					}
					switch {
					case test.deploysFile && arguments["content"] == nil:
						if len(out.Next) != 0 {
							s.t.Errorf("next %+v", out.Next)
						}
						continue
					case len(out.Next) != 1:
						s.t.Fatalf("%v: next %+v", arguments, out.Next)
					}
					next := out.Next[0]
					switch {
					case test.deploysFile:
						if next.Tool != "deploy" {
							s.t.Errorf("next %+v", next)
						}
					case test.person != "":
						if next.Who != "person" || !strings.Contains(next.Why, test.person) {
							s.t.Errorf("next %+v", next)
						}
					case next.Tool != "patch_services" || next.Arguments.Create != test.create ||
						next.Arguments.InternalPort != test.port || !slices.Equal(next.Arguments.PlainPorts, test.plain):
						s.t.Errorf("next %+v, %+v", next, next.Arguments)
					}
				}
			})
		})
	}
}

// TestStrangers: Machines that the Machines API made, and that serve another
// program than the deployed configuration, are not adopted into it.
func TestStrangers(t *testing.T) {
	const database = `[{"protocol":"tcp","internal_port":5432,"ports":[{"port":5432,"handlers":["pg_tls"]}]}]`
	byHand := func(next []plan.Next, id string) bool {
		return slices.ContainsFunc(next, func(n plan.Next) bool {
			return n.Who == "person" && strings.HasPrefix(n.Command, "fly machine update "+id)
		})
	}
	t.Run("all of them", func(t *testing.T) {
		deploys(t, "shop-api", flysim.Options{}, func(b *appServer) {
			t := b.t
			ids := b.MachineIDs(b.app)
			b.MakeByAPI(b.app, redirecting, ids[0])
			b.MakeByAPI(b.app, database, ids[1:]...)
			_, err := b.toolset.editor().Plan(t.Context(), patch.Input{App: b.app})
			p, ok := err.(*plan.Problem)
			if !ok || p.Code != gate.Precondition || !strings.Contains(p.Message, "different programs") ||
				!strings.Contains(p.Message, ids[1]) {
				t.Fatalf("got %v", err)
			}
			if !byHand(p.Next, ids[0]) || !byHand(p.Next, ids[1]) {
				t.Errorf("next %+v", p.Next)
			}
			if writes := b.Writes(); len(writes) != 0 {
				t.Errorf("%v was sent", writes)
			}
		})
	})
	t.Run("one of them", func(t *testing.T) {
		deploys(t, "shop-api", flysim.Options{}, func(b *appServer) {
			t := b.t
			id := b.MachineIDs(b.app)[0]
			b.MakeByAPI(b.app, database, id)
			_, patched := b.patch()
			if patched.Next[0].Arguments.Adopt || !slices.ContainsFunc(patched.Remarks,
				func(r patch.Remark) bool { return r.Code == "other_program" && strings.Contains(r.What, id) }) {
				t.Errorf("next %+v, remarks %+v", patched.Next, patched.Remarks)
			}
			// A caller who adopts it all the same sees what that does.
			planned := b.planOf(deployInput{App: b.app, Content: b.draft(patched.Draft), Adopt: true})
			if !slices.Contains(planned.Plan.Hazards, plan.AppUnreachable) ||
				!strings.Contains(strings.Join(planned.Out.Remarks, "\n"),
					id+", which fly deploy did not make, no longer serves internal port 5432") {
				t.Errorf("got %v, %q", planned.Plan.Hazards, planned.Out.Remarks)
			}
		})
	})
}

// TestCreateAsksForWhatIsMissing: what a new service lacks is named, also for an
// app that is not there yet.
func TestCreateAsksForWhatIsMissing(t *testing.T) {
	tests := []struct{ name, content, says, hint string }{
		{"the port", "app = \"not-made-yet\"\n", "create needs internal_port", "ask the user which port the app listens on"},
		{"the process group", "app = \"not-made-yet\"\n[processes]\n  db = \"postgres\"\n  web = \"serve\"\n",
			"the file has db, web", "process_groups"},
	}
	for _, test := range tests {
		onFile(t, web(readyService), `["flycast"]`, func(s *caseServer) {
			arguments := map[string]any{"content": test.content, "create": "http"}
			if test.name != "the port" {
				arguments["internal_port"] = 8080
			}
			out := s.ask("patch_services", arguments)
			if out.Status != plan.Refused || !strings.Contains(out.Summary, test.says) || len(out.Next) != 1 ||
				!strings.Contains(out.Next[0].Why, test.hint) {
				s.t.Errorf("%s: got %s: %s, next %+v", test.name, out.Status, out.Summary, out.Next)
			}
		})
	}
}
