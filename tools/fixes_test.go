package tools

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// follower follows the fixes of blockers, as an agent does that takes them by
// their word.
type follower struct {
	*caseServer
	draft string
	seen  map[string]bool // blockers that were met
	calls []string
}

var (
	callText = regexp.MustCompile(`\b(allocate_flycast|patch_services|deploy|release_public_ips|list_ips) (\{[^}]*\})`)
	keyText  = regexp.MustCompile(`([{ ])(\w+): `)
)

// mostCalls is how many calls one goal may take.
const mostCalls = 12

// reach calls a tool until it is not refused, following the fix of the first
// blocker each time. A fix that is a person's ends it: reach gives its blocker.
func (f *follower) reach(tool string, arguments map[string]any, depth int) (end string) {
	f.t.Helper()
	for {
		body, err := json.Marshal(arguments)
		if err != nil {
			f.t.Fatal(err)
		}
		f.calls = append(f.calls, tool+" "+string(body))
		if len(f.calls) > mostCalls || depth > 5 {
			f.t.Fatalf("following the fixes does not end:\n%s", strings.Join(f.calls, "\n"))
		}
		out := f.ask(tool, arguments)
		if out.Draft != "" {
			f.draft = out.Draft
		}
		if len(out.Blockers) == 0 {
			if out.Status != plan.Applied && out.Status != plan.NothingToDo {
				return string(out.Status) + ": " + out.Summary
			}
			return ""
		}
		f.calls[len(f.calls)-1] += " → " + strings.Join(out.blockers(), ", ")
		for _, b := range out.Blockers {
			f.seen[b.ID] = true
		}
		fix := out.Blockers[0].Fix
		steps := callText.FindAllStringSubmatch(fix, -1)
		if len(steps) == 0 || strings.HasPrefix(fix, "fly ") || strings.Contains(fix, "internal_port: …") {
			return out.Blockers[0].ID // a person's turn
		}
		for _, step := range steps {
			sent := make(map[string]any)
			text := keyText.ReplaceAllString(strings.ReplaceAll(step[2], "…", `"`+f.draft+`"`), `$1"$2": `)
			if err := json.Unmarshal([]byte(text), &sent); err != nil {
				f.t.Fatalf("%s: %v in the fix %q", text, err, fix)
			}
			if end := f.reach(step[1], sent, depth+1); end != "" {
				return end
			}
		}
	}
}

// web is a fly.toml with these services.
func web(services string) string {
	return "app = \"demo\"\nprimary_region = \"fra\"\n" + services
}

// serviceTOML is a service in TOML.
func serviceTOML(internal int, ports ...string) string {
	return fmt.Sprintf("[[services]]\n  protocol = \"tcp\"\n  internal_port = %d\n", internal) + strings.Join(ports, "")
}

func entry(port int, more string) string {
	return fmt.Sprintf("  [[services.ports]]\n    port = %d\n%s", port, more)
}

const (
	plainHandlers      = "    handlers = [\"http\"]\n"
	tlsHandlers        = "    handlers = [\"tls\", \"http\"]\n"
	rawTLS             = "    handlers = [\"tls\"]\n"
	pgTLS              = "    handlers = [\"pg_tls\"]\n"
	redirectingService = "[http_service]\n  internal_port = 8080\n  force_https = true\n"
	readyService       = "[http_service]\n  internal_port = 8080\n"
)

func stopAll(s *caseServer) {
	for _, id := range s.MachineIDs(s.app) {
		s.StopMachine(s.app, id)
	}
}

// TestFixesEnd: no two blockers send each other the agent. From every blocker that
// names a tool, following the fixes by their word comes to an end: the call goes
// through, or it is a person's turn.
func TestFixesEnd(t *testing.T) {
	udp := "[[services]]\n  protocol = \"udp\"\n  internal_port = 53\n" + entry(53, "")
	two := redirectingService + serviceTOML(8081, entry(80, plainHandlers+"    force_https = true\n"),
		entry(443, tlsHandlers))
	tests := []struct {
		name      string
		toml      string
		addresses string // [] by default public and Flycast
		deploys   string // goal: this file is deployed; empty: the public addresses are released
		before    func(s *caseServer)
		end       string // the blocker at which a person's turn comes; empty: the goal is reached
		most      int    // calls
	}{
		{name: "ready", toml: web(readyService), most: 1},
		{name: "no Flycast address", toml: web(readyService), addresses: `["public"]`, most: 3},
		{name: "a redirect", toml: web(redirectingService), most: 4},
		{name: "a redirect, and no Flycast address", toml: web(redirectingService), addresses: `["public"]`, most: 6},
		{name: "a new port", toml: web(readyService), deploys: web(readyService + serviceTOML(9090,
			entry(9090, ""))), most: 3},
		{name: "a new port and a redirect", toml: web(redirectingService), deploys: web(redirectingService +
			serviceTOML(9090, entry(9090, ""))), most: 6},
		{name: "another program", toml: web(readyService), deploys: web(strings.Replace(readyService, "8080",
			"9090", 1)), most: 3},
		{name: "another program and a redirect", toml: web(redirectingService),
			deploys: web(strings.Replace(redirectingService, "8080", "9090", 1)), most: 6},
		{name: "two services on one port", toml: web(two), most: 4},
		{name: "two services on one port, the redirect taken off", toml: web(two),
			deploys: web(strings.ReplaceAll(two, "true", "false")), most: 1},
		{name: "no ports", toml: web(serviceTOML(8080)), most: 4},
		{name: "no ports, and no Flycast address", toml: web(serviceTOML(8080)), addresses: `["public"]`, most: 6},
		{name: "no ports, and a file with some", toml: web(serviceTOML(8080)), deploys: web(readyService), most: 1},
		{name: "no ports, and a file with some for another program", toml: web(serviceTOML(8080)),
			deploys: web(strings.Replace(readyService, "8080", "9090", 1)), most: 1},
		{name: "no ports of several programs", toml: web(serviceTOML(8080) + serviceTOML(9090)), end: plan.NoPorts, most: 1},
		{name: "a database without ports", toml: web(serviceTOML(6379)), most: 4},
		{name: "no service", toml: web(""), most: 1},
		{name: "no service, and a file with one", toml: web(""), deploys: web(readyService), most: 3},
		{name: "TLS alone", toml: web(serviceTOML(8080, entry(443, tlsHandlers))), most: 4},
		{name: "TLS alone, and a file with another port", toml: web(serviceTOML(8080, entry(443, tlsHandlers))),
			deploys: web(serviceTOML(8080, entry(443, tlsHandlers), entry(80, plainHandlers)) + serviceTOML(9090,
				entry(9090, ""))), most: 6},
		{name: "raw TLS alone", toml: web(serviceTOML(1883, entry(8883, rawTLS))), most: 4},
		{name: "pg_tls alone", toml: web(serviceTOML(5432, entry(5432, pgTLS))), most: 4},
		{name: "TLS alone twice", toml: web(serviceTOML(8080, entry(443, tlsHandlers)) + serviceTOML(1883,
			entry(8883, rawTLS))), most: 4},
		{name: "UDP", toml: web(readyService + udp), end: plan.UDPService, most: 1},
		{name: "UDP, and a file with a new port", toml: web(readyService + udp), deploys: web(readyService + udp +
			serviceTOML(9090, entry(9090, ""))), end: plan.UDPService, most: 2},
		{name: "loopback", toml: web(readyService), end: plan.BindLoopback, most: 1, before: func(s *caseServer) {
			for _, id := range s.MachineIDs(s.app) {
				s.SetListen(s.app, id, []string{"127.0.0.1:8080"})
			}
		}},
		{name: "loopback, and a file for another program", toml: web(readyService),
			deploys: web(strings.Replace(readyService, "8080", "9090", 1)), end: plan.BindLoopback, most: 2,
			before: func(s *caseServer) {
				for _, id := range s.MachineIDs(s.app) {
					s.SetListen(s.app, id, []string{"127.0.0.1:8080"})
				}
			}},
		{name: "Flycast for another network", toml: web(readyService), addresses: `["public"]`, most: 3,
			before: func(s *caseServer) {
				s.AddApp("other", "personal", "tenant-7")
				s.AddAddress(s.app, "private_v6", "", "tenant-7")
			}},
		{name: "Machines that cannot be listed", toml: web(readyService), end: plan.NoServices, most: 1,
			before: func(s *caseServer) {
				s.Inject(flysim.Fault{Operation: "machine.list", Status: http.StatusForbidden, Times: -1})
			}},
		{name: "Machines that cannot be read", toml: web(readyService), end: plan.MachineUnread, most: 1,
			before: func(s *caseServer) {
				s.OnAnswer = func(_ string, body []byte) []byte {
					return []byte(strings.Replace(string(body), `"config":{`, `"incomplete_config":{`, 1))
				}
			}},

		{name: "stopped for good", toml: web(readyService + "  auto_start_machines = false\n"), most: 4, before: stopAll},
		{name: "a database, stopped for good", toml: web(strings.Replace(serviceTOML(6379, entry(6379, "")),
			"internal_port", "auto_start_machines = false\n  internal_port", 1)), most: 4, before: stopAll},
		{name: "a Machine on a host that is down",
			toml:    web(readyService + "[mounts]\n  source = \"data\"\n  destination = \"/data\"\n"),
			deploys: web(redirectingService + "[mounts]\n  source = \"data\"\n  destination = \"/data\"\n"),
			end:     target.HostDown, most: 1, before: func(s *caseServer) {
				for _, id := range s.MachineIDs(s.app) {
					s.SetHost(s.app, id, "unreachable")
				}
			}},
		{name: "no Machine", toml: web(readyService), deploys: web(readyService), end: target.NoMachines, most: 1,
			before: func(s *caseServer) {
				for _, id := range s.MachineIDs(s.app) {
					s.DestroyMachine(s.app, id)
				}
			}},
		{name: "a volume that is not there", toml: web(readyService),
			deploys: web(readyService + "[mounts]\n  source = \"data\"\n  destination = \"/data\"\n"),
			end:     target.ReplacementNeeded, most: 1},
		{name: "a strategy that cannot be", toml: web(readyService), deploys: web(redirectingService +
			"[deploy]\n  strategy = \"bluegreen\"\n  [[http_service.checks]]\n  path = \"/\"\n"),
			end: target.StrategyNotPossible, most: 1, before: func(s *caseServer) { s.ForbidBlueGreen(s.app) }},
		{name: "half a configuration", toml: web(readyService), deploys: web(redirectingService),
			end: target.IncompleteConfiguration, most: 1, before: func(s *caseServer) {
				s.OnAnswer = func(_ string, body []byte) []byte {
					return []byte(strings.Replace(string(body), `"config":{`, `"incomplete_config":{`, 1))
				}
			}},
	}
	var mu sync.Mutex
	seen := make(map[string]bool)
	follow := func(t *testing.T) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				addresses := test.addresses
				if addresses == "" {
					addresses = `["public", "flycast"]`
				}
				onFile(t, test.toml, addresses, func(s *caseServer) {
					if test.before != nil {
						test.before(s)
					}
					f := &follower{caseServer: s, seen: make(map[string]bool)}
					tool, arguments := "release_public_ips", map[string]any{"app": s.app}
					if test.deploys != "" {
						tool, arguments = "deploy", map[string]any{"app": s.app, "content": test.deploys}
					}
					end := f.reach(tool, arguments, 0)
					mu.Lock()
					maps.Copy(seen, f.seen)
					mu.Unlock()
					if end != test.end || len(f.calls) > test.most {
						s.t.Errorf("%d calls, ended at %q; want at most %d, and %q:\n%s", len(f.calls), end, test.most,
							test.end, strings.Join(f.calls, "\n"))
					}
				})
			})
		}
	}
	t.Run("all", follow) // it returns when all of them have
	// Every blocker is among them, but for those whose fix names no tool.
	elsewhere := map[string]string{
		target.NoRegion: "a key of the file", deploy.CreationUnconfirmed: "waiting",
		target.GroupUnknown: "a person names the group",
	}
	for _, id := range blockerIDsInSource(t) {
		if !seen[id] && elsewhere[id] == "" {
			t.Errorf("no test follows the fix of the blocker %s", id)
		}
	}
}

// blockerIDsInSource are the ids of the blockers that the code makes.
func blockerIDsInSource(t *testing.T) []string {
	t.Helper()
	made := regexp.MustCompile(`(?:Blocker\{+\s*ID:\s*|add\(|[^.]block\()(?:string\()?(?:plan\.)?(\w+)`)
	value := regexp.MustCompile(`(?m)^\s*(?:const )?(\w+)\s+(?:Hazard\s+)?= "(\w+)"$`)
	words := make(map[string]string)
	var names []string
	for _, dir := range []string{".", "../internal/rules", "../internal/plan", "../internal/deploy",
		"../internal/deploy/target", "../internal/deploy/exposure"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range value.FindAllStringSubmatch(string(text), -1) {
				words[m[1]] = m[2]
			}
			if dir != "../internal/plan" {
				for _, m := range made.FindAllStringSubmatch(string(text), -1) {
					names = append(names, m[1])
				}
			}
		}
	}
	var ids []string
	for _, name := range names {
		if id := words[name]; id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) < 15 {
		t.Fatalf("found only %q", ids)
	}
	return ids
}
