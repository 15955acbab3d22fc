package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestPortlessWorker: patching the app of the case puts the web group to sleep and
// leaves the worker, which nothing could wake.
func TestPortlessWorker(t *testing.T) {
	onCase(t, "portless-worker", func(s *caseServer) {
		out := s.ask("patch_services", map[string]any{"content": s.toml, "autostop": "stop", "min_machines_running": 0})
		if strings.Count(out.Content, `auto_stop_machines = "stop"`) != 1 ||
			strings.Count(out.Content, "min_machines_running = 2") != 1 {
			s.t.Errorf("got\n%s", out.Content)
		}
		if !strings.Contains(out.says(), "'worker' keeps its autostop and its minimum") ||
			!strings.Contains(out.text, "remark no_ports") {
			s.t.Errorf("remarks %s", out.says())
		}
		// The file that an earlier version made of it is told for what it is.
		put := strings.Replace(s.toml, "processes = [\"worker\"]", "processes = [\"worker\"] # all of it", 1)
		put = strings.ReplaceAll(strings.ReplaceAll(put, `"off"`, `"stop"`), "min_machines_running = 2",
			"min_machines_running = 0")
		planned := s.ask("deploy", map[string]any{"app": s.app, "content": put, "dry_run": true})
		if planned.Plan == nil || !slices.Contains(planned.Plan.Hazards, plan.StaysStopped) ||
			!strings.Contains(planned.says(),
				`group "worker" stops when idle, and no request starts it again (none of its services has a port)`) {
			s.t.Errorf("got %+v, remarks %s", planned.Plan, planned.says())
		}
		planned = s.ask("deploy", map[string]any{"app": s.app, "content": out.Content, "dry_run": true})
		if planned.Plan == nil || slices.Contains(planned.Plan.Hazards, plan.StaysStopped) ||
			!slices.Contains(planned.Plan.Hazards, plan.InternalCallersUnserved) {
			s.t.Errorf("got %+v", planned.Plan)
		}
		if writes := s.Writes(); len(writes) != 0 {
			s.t.Errorf("%v was sent", writes)
		}
	})
}

// TestNestedHTTPService: an app whose only service has no ports is not ready, and
// the release says so in place of "none for current users".
func TestNestedHTTPService(t *testing.T) {
	onCase(t, "nested-http-service", func(s *caseServer) {
		list := s.ask("list_ips", map[string]any{"app": s.app})
		if !slices.Equal(list.blockers(), []string{plan.NoPorts}) || len(list.Next) != 2 ||
			list.Next[0].Tool != "patch_services" || list.Next[0].Arguments.Create != plan.CreateHTTP ||
			list.Next[0].Arguments.InternalPort != 8080 {
			s.t.Errorf("got %v, next %+v", list.Blockers, list.Next)
		}
		if slices.Contains(list.Unknown, plan.FlycastUnproven.Sentence()) {
			s.t.Error("whether it answers over Flycast is known: it does not")
		}
		for _, ips := range [][]string{nil, {s.Addresses(s.app)[0].IP}} {
			out := s.ask("release_public_ips", map[string]any{"app": s.app, "ips": ips})
			if out.Status != plan.Refused || !slices.Equal(out.blockers(), []string{plan.NoPorts}) {
				s.t.Errorf("got %s: %s", out.Status, out.Summary)
			}
		}
		patched := s.ask("patch_services", map[string]any{"content": s.toml})
		if patched.Status != plan.NothingToDo || !strings.Contains(patched.says(), "none of its services has a port") {
			s.t.Errorf("got %s: %s, %s", patched.Status, patched.Summary, patched.says())
		}
		if writes := s.Writes(); len(writes) != 0 {
			s.t.Fatalf("%v was sent", writes)
		}
		// What next says leads to an app that is private and answers.
		made := s.ask("patch_services", map[string]any{"app": s.app, "create": "http", "internal_port": 8080})
		planned := s.ask("deploy", map[string]any{"app": s.app, "draft": made.Draft, "dry_run": true})
		if planned.Plan == nil || !slices.Contains(planned.Plan.Hazards, plan.NewPublicService) {
			s.t.Errorf("got %s: %s, %+v", planned.Status, planned.Summary, planned.Plan)
		}
		if out := s.ask("deploy", map[string]any{"app": s.app, "draft": made.Draft}); out.Status != plan.Applied {
			s.t.Fatalf("got %s: %s", out.Status, out.Summary)
		}
		if out := s.ask("release_public_ips", map[string]any{"app": s.app}); out.Status != plan.Applied {
			s.t.Errorf("got %s: %s", out.Status, out.Summary)
		}
	})
}

// TestDeployNothingCanWake: a deploy after which a group sleeps for good states it,
// also where the deploy does not change that group.
func TestDeployNothingCanWake(t *testing.T) {
	udp := "[[services]]\n  protocol = \"udp\"\n  internal_port = 5000\n" + entry(5000, "")
	const stops = "  auto_stop_machines = \"stop\"\n"
	after := func(services, key string) string { // with a key at its end
		return strings.Replace(services, "internal_port", strings.TrimSpace(key)+"\n  internal_port", 1)
	}
	tests := []struct {
		name, before, deploys string
		want                  bool
	}{
		{"no ports", web(serviceTOML(8080)), web(after(serviceTOML(8080), stops)), true},
		{"port 0", web(serviceTOML(8080, entry(0, ""))), web(after(serviceTOML(8080, entry(0, "")), stops)), true},
		{"UDP", web(udp), web(after(udp, stops)), true},
		{"suspend", web(serviceTOML(8080)), web(after(serviceTOML(8080), "auto_stop_machines = \"suspend\"")), true},
		{"as it was, and something else", web(after(serviceTOML(8080), stops)),
			web(after(serviceTOML(8080), stops) + "[env]\n  A = \"b\"\n"), true},
		{"kept running by another service", web(serviceTOML(8080)), web(after(serviceTOML(8080), stops) +
			serviceTOML(9090)), false},
		{"woken by another service", web(serviceTOML(8080) + serviceTOML(9090, entry(9090, ""))),
			web(after(serviceTOML(8080), stops) + after(serviceTOML(9090, entry(9090, "")), stops)), false},
		{"turned off", web(after(serviceTOML(8080), stops)), web(serviceTOML(8080)), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onFile(t, test.before, `["flycast"]`, func(s *caseServer) {
				out := s.ask("deploy", map[string]any{"app": s.app, "content": test.deploys, "dry_run": true})
				if out.Plan == nil {
					s.t.Fatalf("got %s: %s %+v", out.Status, out.Summary, out.Blockers)
				}
				if got := slices.Contains(out.Plan.Hazards, plan.StaysStopped); got != test.want ||
					got != strings.Contains(out.says(), "no request starts it again") {
					s.t.Errorf("got %v, %s", out.Plan.Hazards, out.says())
				}
			})
		})
	}
}

// TestDeployInternalCallers: what lets a group sleep that could not before leaves
// those without an answer who call it past Fly Proxy.
func TestDeployInternalCallers(t *testing.T) {
	onCase(t, "internal-callers", func(s *caseServer) {
		patched := s.ask("patch_services", map[string]any{"app": s.app, "autostop": "stop"})
		if !strings.Contains(patched.says(), "queue-api.internal") ||
			!slices.Contains(patched.Unknown, plan.InternalCallers.Sentence()) {
			s.t.Errorf("remarks %s, unknown %q", patched.says(), patched.Unknown)
		}
		out := s.ask("deploy", map[string]any{"app": s.app, "draft": patched.Draft, "dry_run": true})
		if out.Plan == nil || !slices.Contains(out.Plan.Hazards, plan.InternalCallersUnserved) ||
			!slices.Contains(out.Unknown, plan.InternalCallers.Sentence()) {
			s.t.Errorf("got %+v, unknown %q", out.Plan, out.Unknown)
		}
	})
	service := func(keys string) string { return web(readyService + keys) }
	tests := []struct {
		name, before, deploys string
		want                  bool
	}{
		{"from unset to stop", service(""), service("  auto_stop_machines = \"stop\"\n"), true},
		{"from off to suspend", service("  auto_stop_machines = \"off\"\n"),
			service("  auto_stop_machines = \"suspend\"\n"), true},
		{"the last one", service("  auto_stop_machines = \"stop\"\n  min_machines_running = 1\n"),
			service("  auto_stop_machines = \"stop\"\n"), true},
		{"from stop to suspend", service("  auto_stop_machines = \"stop\"\n"),
			service("  auto_stop_machines = \"suspend\"\n"), false},
		{"one stays", service("  auto_stop_machines = \"stop\"\n  min_machines_running = 2\n"),
			service("  auto_stop_machines = \"stop\"\n  min_machines_running = 1\n"), false},
		{"to off", service("  auto_stop_machines = \"stop\"\n"), service(""), false},
		{"autostop on, and one stays", service(""),
			service("  auto_stop_machines = \"stop\"\n  min_machines_running = 1\n"), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			onFile(t, test.before, `["flycast"]`, func(s *caseServer) {
				out := s.ask("deploy", map[string]any{"app": s.app, "content": test.deploys, "dry_run": true})
				if out.Plan == nil {
					s.t.Fatalf("got %s: %s", out.Status, out.Summary)
				}
				got := slices.Contains(out.Plan.Hazards, plan.InternalCallersUnserved)
				if got != test.want || slices.Contains(out.Unknown, plan.InternalCallers.Sentence()) != test.want {
					s.t.Errorf("got %v, unknown %q", out.Plan.Hazards, out.Unknown)
				}
			})
		})
	}
}

// TestTwoServicesOnePort: the app of the case is patched, deployed and released; no
// port of it is new.
func TestTwoServicesOnePort(t *testing.T) {
	onCase(t, "two-services-one-port", func(s *caseServer) {
		patched := s.ask("patch_services", map[string]any{"app": s.app})
		planned := s.ask("deploy", map[string]any{"app": s.app, "draft": patched.Draft, "dry_run": true})
		if planned.Plan == nil || slices.Contains(planned.Plan.Hazards, plan.NewPublicService) ||
			!slices.Contains(planned.Plan.Hazards, plan.PublicPlainHTTP) {
			s.t.Errorf("got %s: %+v, %+v", planned.Summary, planned.Plan, planned.Blockers)
		}
		if out := s.ask("deploy", map[string]any{"app": s.app, "draft": patched.Draft}); out.Status != plan.Applied {
			s.t.Fatalf("got %s: %s", out.Status, out.Summary)
		}
		if out := s.ask("release_public_ips", map[string]any{"app": s.app}); out.Status != plan.Applied {
			s.t.Errorf("got %s: %s", out.Status, out.Summary)
		}
	})
}

// TestCreateTCP: a database gets a TCP service, never an http_service; true and
// "true" mean http.
func TestCreateTCP(t *testing.T) {
	redis, err := os.ReadFile(filepath.Join("..", "testdata", "cases", "tcp-create", "fly.toml"))
	if err != nil {
		t.Fatal(err)
	}
	onFile(t, web(""), `["flycast"]`, func(s *caseServer) {
		out := s.ask("patch_services", map[string]any{"content": string(redis), "create": "http", "internal_port": 6379})
		if out.Status != plan.Refused || len(out.Next) != 1 || out.Next[0].Arguments == nil ||
			out.Next[0].Arguments.Create != plan.CreateTCP || out.Next[0].Arguments.InternalPort != 6379 ||
			!strings.Contains(out.text, `create: "tcp"`) {
			s.t.Errorf("got %s: %s, next %+v", out.Status, out.Summary, out.Next)
		}
		out = s.ask("patch_services", map[string]any{"content": string(redis), "create": "tcp", "internal_port": 6379})
		want := "\n[[services]]\n  protocol = \"tcp\"\n  internal_port = 6379\n  auto_stop_machines = \"off\"\n  " +
			"auto_start_machines = true\n\n  [[services.ports]]\n    port = 6379\n"
		if out.Status != plan.Applied || !strings.HasSuffix(out.Content, want) ||
			!strings.Contains(out.text, "remark "+edit.RemarkDatabase) {
			s.t.Errorf("got %s: %s\n%s", out.Status, out.Summary, out.Content)
		}
		for format, text := range map[string]string{
			`"port": 6379`: "{\n  \"app\": \"cache\"\n}\n", "- port: 6379": "app: cache\n",
		} {
			out := s.ask("patch_services", map[string]any{"content": text, "create": "tcp", "internal_port": 6379})
			if !strings.Contains(out.Content, format) || strings.Contains(out.Content, "handlers") {
				s.t.Errorf("got %s\n%s", out.Summary, out.Content)
			}
		}
		for _, create := range []any{true, "true"} {
			out := s.ask("patch_services", map[string]any{"content": "app = \"bare\"\n", "create": create,
				"internal_port": 3000})
			if !strings.Contains(out.Content, "[http_service]") {
				s.t.Errorf("%v: got %s\n%s", create, out.Summary, out.Content)
			}
		}
		if out := s.ask("patch_services", map[string]any{"content": "app = \"bare\"\n",
			"create": false}); out.Status != plan.NothingToDo {
			s.t.Errorf("got %s: %s", out.Status, out.Summary)
		}
		for _, refused := range []map[string]any{{"create": "udp", "internal_port": 53}, {"create": 1},
			{"plain_ports": []any{"x"}}, {"plain_ports": []any{0}}, {"plain_ports": 80}} {
			refused["content"] = "app = \"bare\"\n"
			if out := s.ask("patch_services", refused); out.Status != plan.Refused {
				s.t.Errorf("%v: got %s", refused, out.Status)
			}
		}
	})
}

// TestPatchDeployedDatabase: the file names no image, and the Machines tell that a
// database runs there.
func TestPatchDeployedDatabase(t *testing.T) {
	onFile(t, web(serviceTOML(7000, entry(7000, ""))), "[\"flycast\"]\nimage = \"docker.io/library/redis:8\"",
		func(s *caseServer) {
			out := s.ask("patch_services", map[string]any{"app": s.app})
			if out.Status != plan.NothingToDo || !strings.Contains(out.says(), "it runs Redis") {
				s.t.Errorf("got %s: %s, %s", out.Status, out.Summary, out.says())
			}
			// Its group is named, and autostop given: then it is on purpose.
			out = s.ask("patch_services", map[string]any{"app": s.app, "process_groups": []any{"app"}, "autostop": "stop"})
			if out.Status != plan.Applied || !strings.Contains(out.Diff, `+  auto_stop_machines = "stop"`) {
				s.t.Errorf("got %s: %s\n%s", out.Status, out.Summary, out.Diff)
			}
			planned := s.ask("deploy", map[string]any{"app": s.app, "draft": out.Draft, "dry_run": true})
			if planned.Plan == nil || !slices.Contains(planned.Plan.Hazards, plan.FilesLostOnStop) {
				s.t.Errorf("got %+v", planned.Plan)
			}
		})
}
