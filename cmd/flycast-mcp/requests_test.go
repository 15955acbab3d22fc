package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

const requestsGolden = "testdata/requests.golden"

// TestRequests counts the requests that each tool, resource, prompt and
// completion sends to Fly in its common cases. A change may lower a count, and
// then renews the golden file; it must not raise one.
func TestRequests(t *testing.T) {
	var table strings.Builder
	for _, app := range []string{"shop-api", "legacy-api", "tenant-7"} {
		synctest.Test(t, func(t *testing.T) { countRequests(t, app, &table) })
	}
	synctest.Test(t, func(t *testing.T) { countWhileRunning(t, "shop-api", &table) })
	if *update {
		if err := os.WriteFile(requestsGolden, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(requestsGolden)
	if err != nil {
		t.Fatal(err)
	}
	if changes := diff.Diff(requestsGolden, want, "now", []byte(table.String())); changes != nil {
		t.Errorf("%s", changes)
	}
}

func countRequests(t *testing.T, app string, table *strings.Builder) {
	s := startInBubble(t, policyFor(app))
	s.platform.AddApp("partner-app", "personal", "partners")
	c := counter{s, app, table}
	definition := s.definition(app)
	c.count("app-status", "resources/read", map[string]any{"uri": "flycast://apps/" + app + "/status"})
	c.count("app-fly-toml", "resources/read", map[string]any{"uri": "flycast://apps/" + app + "/fly.toml"})
	for _, prompt := range []string{"audit_exposure", "make_private"} {
		c.count(prompt, "prompts/get", map[string]any{"name": prompt, "arguments": map[string]any{"app": app}})
	}
	c.count("completion", "completion/complete", map[string]any{
		"ref": map[string]any{
			"type": "ref/prompt",
			"name": "audit_exposure",
		}, "argument": map[string]any{"name": "app", "value": ""},
	})
	c.call("", "list_ips", map[string]any{})
	c.call("", "audit", map[string]any{})
	c.call("", "why_awake", map[string]any{})
	c.call(" dry_run", "allocate_flycast", map[string]any{"dry_run": true})
	c.call("", "allocate_flycast", map[string]any{})
	c.call(" again", "allocate_flycast", map[string]any{})
	c.call(" network dry_run", "allocate_flycast", map[string]any{"network": "partners", "dry_run": true})
	c.call(" network", "allocate_flycast", map[string]any{"network": "partners"})
	c.call(" before deploy", "release_public_ips", map[string]any{})
	c.call(" content", "patch_services", map[string]any{"content": definition})
	draft, _ := c.call(" deployed", "patch_services", map[string]any{})["draft"].(string)
	if draft != "" {
		c.call(" draft dry_run", "deploy", map[string]any{"draft": draft, "dry_run": true})
		c.call(" draft", "deploy", map[string]any{"draft": draft})
		c.call(" draft again", "deploy", map[string]any{"draft": draft})
	}
	c.call("", "deploy_status", map[string]any{})
	c.call("", "deploy_stop", map[string]any{})
	c.call(" dry_run", "release_public_ips", map[string]any{"dry_run": true})
	c.call("", "release_public_ips", map[string]any{})
	c.call(" again", "release_public_ips", map[string]any{})
	c.call(" after", "list_ips", map[string]any{})
	deploys := []map[string]any{
		{}, {"scope": "services"}, {"strategy": "immediate"}, {"wake": false}, {"image": "registry.fly.io/" + app + ":next"},
	}
	if app != "legacy-api" { // its two groups race for the same reads
		deploys = append(deploys, map[string]any{"strategy": "canary"}, map[string]any{"strategy": "bluegreen"})
	}
	for _, more := range deploys {
		name := " content"
		for _, key := range slices.Sorted(maps.Keys(more)) {
			name += fmt.Sprintf(" %s %v", key, strings.TrimPrefix(fmt.Sprint(more[key]), "registry.fly.io/"+app))
		}
		more["content"] = strings.Replace(definition, "[env]", fmt.Sprintf("[env]\n  COUNTED = %q", name), 1)
		dry := maps.Clone(more)
		dry["dry_run"] = true
		c.call(name+" dry_run", "deploy", dry)
		c.call(name, "deploy", more)
	}
}

// countWhileRunning counts what a deploy under way sends until it is stopped.
func countWhileRunning(t *testing.T, app string, table *strings.Builder) {
	s := startInBubble(t, policyFor(app), "--hold", "1s")
	c := counter{s, app, table}
	c.call(
		" running",
		"deploy",
		map[string]any{"content": strings.Replace(s.definition(app), "[env]", "[env]\n  COUNTED = 'yes'", 1)},
	)
	s.platform.ResetCalls()
	for _, tool := range []string{"deploy_status", "deploy_stop", "deploy_status"} {
		s.request("tools/call", map[string]any{"name": tool, "arguments": map[string]any{"app": app}})
	}
	time.Sleep(time.Hour)
	c.note("deploy stopped", "", s.platform.Calls())
	c.call(" stopped", "deploy_status", map[string]any{})
}

// counter writes a table of how many requests the calls about an app send.
type counter struct {
	*bubbleServer
	app   string
	table *strings.Builder
}

func (c counter) note(name, outcome string, calls []flysim.Call) {
	line := fmt.Sprintf("%-11s %-48s %-15s %s", c.app, name, outcome, tally(calls))
	fmt.Fprintln(c.table, strings.TrimRight(line, " "))
}

func (c counter) count(name, method string, params map[string]any) map[string]any {
	c.t.Helper()
	time.Sleep(time.Minute) // reads are shared for a second
	c.platform.ResetCalls()
	result := c.request(method, params)
	if result["error"] != nil {
		c.t.Errorf("%s: %v", name, result)
	}
	structured, _ := result["structuredContent"].(map[string]any)
	outcome, _ := structured["status"].(string)
	c.note(name, outcome, c.platform.Calls())
	return structured
}

func (c counter) call(name, tool string, arguments map[string]any) map[string]any {
	c.t.Helper()
	arguments["app"] = c.app
	return c.count(tool+name, "tools/call", map[string]any{"name": tool, "arguments": arguments})
}

// tally is how many requests there were, and of what.
func tally(calls []flysim.Call) string {
	counts := make(map[string]int)
	for _, c := range calls {
		counts[c.Operation]++
	}
	words := []string{fmt.Sprintf("%3d", len(calls))}
	for _, operation := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s=%d", operation, counts[operation]))
	}
	return strings.Join(words, " ")
}

// policyFor approves everything on one app.
func policyFor(app string) string {
	var hazards []string
	for _, hazard := range vocabulary().Hazards {
		hazards = append(hazards, fmt.Sprintf("%q", hazard.Name))
	}
	return fmt.Sprintf(
		"[[rule]]\ntools = ['allocate_flycast', 'deploy', 'release_public_ips']\napps = [%q]\n"+
			"decision = 'auto'\naccept = [%s]\nlimit_per_hour = 100\n",
		app,
		strings.Join(hazards, ", "),
	)
}

// bubbleServer is the program in a bubble of testing/synctest, serving one client
// over stdio, on a seeded platform in memory.
type bubbleServer struct {
	t        *testing.T
	platform *flysim.Platform
	in       io.Writer
	out      *bufio.Scanner
	requests int
}

// startInBubble starts the program with the flags after the policy's.
func startInBubble(t *testing.T, policy string, flags ...string) *bubbleServer {
	t.Helper()
	time.Sleep(time.Until(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))) // the seeded apps are from 2026
	s := &bubbleServer{t: t, platform: flysim.New(flysim.Options{})}
	if err := s.platform.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"FLY_API_TOKEN": s.platform.Token()}
	for _, name := range []string{"FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"} {
		environment[name] = "http://127.0.0.1:9" // nothing is sent there
	}
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(context.Background(), program{
			args: append([]string{
				"stdio", "--policy", file, "--root", t.TempDir(), "--state-dir", t.TempDir(), "--log-level", "error",
			}, flags...),
			lookup: func(name string) (string, bool) { value, ok := environment[name]; return value, ok },
			stdin:  stdin, stdout: stdout, stderr: io.Discard, clock: wallClock{},
			tune: func(o *fly.Options) { o.HTTP = s.platform.Transport() },
		})
		stdout.Close()
	}()
	s.in, s.out = in, bufio.NewScanner(out)
	s.out.Buffer(nil, 1<<20)
	t.Cleanup(func() {
		in.Close()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d", code)
		}
	})
	s.request(
		"initialize",
		map[string]any{
			"protocolVersion": "2025-06-18",
			"capabilities":    map[string]any{},
			"clientInfo":      map[string]any{"name": "test", "version": "1"},
		},
	)
	s.write(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"})
	return s
}

// definition is the fly.toml of a seeded app.
func (s *bubbleServer) definition(app string) string {
	s.t.Helper()
	file, ok := s.platform.FlyToml(app)
	if !ok {
		s.t.Fatalf("%s has no fly.toml", app)
	}
	return string(file)
}

func (s *bubbleServer) write(message map[string]any) {
	s.t.Helper()
	line, err := json.Marshal(message)
	if err == nil {
		_, err = s.in.Write(append(line, '\n'))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// request sends a request and gives its result; an error is in it under "error".
func (s *bubbleServer) request(method string, params map[string]any) map[string]any {
	s.t.Helper()
	s.requests++
	s.write(map[string]any{"jsonrpc": "2.0", "id": s.requests, "method": method, "params": params})
	for s.out.Scan() {
		var reply struct {
			ID     int            `json:"id"`
			Result map[string]any `json:"result"`
			Error  map[string]any `json:"error"`
		}
		if err := json.Unmarshal(s.out.Bytes(), &reply); err != nil {
			s.t.Fatal(err)
		}
		switch {
		case reply.ID != s.requests:
		case reply.Error != nil:
			return map[string]any{"error": reply.Error}
		default:
			return reply.Result
		}
	}
	s.t.Fatalf("%s: the server ended: %v", method, s.out.Err())
	return nil
}
