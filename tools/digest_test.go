package tools

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestRecordedDigests compares the digests of plans for the example apps with recorded ones.
// A digest is what a person approves and what a policy's use is counted by: it must not
// depend on how the code is arranged. There is no flag that records them again.
func TestRecordedDigests(t *testing.T) {
	data, err := os.ReadFile("testdata/digests.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		digest, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		want[name] = digest
	}
	for _, c := range digestCases() {
		deploys(t, c.app, flysim.Options{}, func(b *appServer) {
			if c.arrange != nil {
				c.arrange(b)
			}
			name := fmt.Sprintf("%s of %s: %s", c.tool, c.app, c.name)
			if got := b.digest(c); got != want[name] {
				t.Errorf("got  %s %s\nwant %s", got, name, want[name])
			}
			delete(want, name)
		})
	}
	for name := range want {
		t.Errorf("%s is recorded and was not planned", name)
	}
}

type digestCase struct {
	tool, app, name string
	arguments       map[string]any
	arrange         func(b *appServer)                 // may be nil
	content         func(b *appServer) (edited string) // of the file; nil: none is sent
}

func digestCases() []digestCase {
	const allocate, release, patch, deploy = "allocate_flycast", "release_public_ips", "patch_services", "deploy"
	flycast := func(b *appServer) { b.AddAddress(b.app, "private_v6", "", "") }
	limit := func(b *appServer) string { return b.file("soft_limit = 200", "soft_limit = 20") }
	file := func(b *appServer) string { return b.file("", "") }
	adoptable := func(b *appServer) { b.MakeByAPI(b.app, redirecting, b.MachineIDs(b.app)...) }
	cases := []digestCase{
		{tool: allocate, app: "shop-api", name: "own network"},
		{tool: allocate, app: "shop-api", name: "another network", arguments: map[string]any{"network": "blue"}},
		{tool: allocate, app: "tenant-7", name: "own network"},
		{tool: release, app: "shop-api", name: "all, not ready",
			arguments: map[string]any{"allow_unreachable": true}},
		{tool: release, app: "shop-api", name: "shared IPv4", arrange: flycast,
			arguments: map[string]any{"ips": []string{"66.241.124.11"}, "allow_unreachable": true}},
		{tool: release, app: "legacy-api", name: "dedicated IPv4",
			arguments: map[string]any{"ips": []string{"137.66.18.204"}, "allow_unreachable": true}},
		{tool: release, app: "legacy-api", name: "dedicated IPv6",
			arguments: map[string]any{"ips": []string{"2a09:8280:1::3a:7c20"}, "allow_unreachable": true}},
		{tool: release, app: "legacy-api", name: "all, ready", arrange: func(b *appServer) {
			flycast(b)
			b.MakeByAPI(b.app, readyServices, b.MachineIDs(b.app)...)
		}},
		{tool: release, app: "game-server", name: "UDP", arrange: flycast,
			arguments: map[string]any{"allow_unreachable": true}},
		{tool: patch, app: "shop-api", name: "draft of the deployed configuration"},
		{tool: patch, app: "legacy-api", name: "draft of a text", content: file},
		{tool: patch, app: "inner-circle", name: "adopt", arrange: adoptable},
		{tool: deploy, app: "shop-api", name: "services only",
			arguments: map[string]any{"scope": "services"}, content: limit},
		{tool: deploy, app: "shop-api", name: "image",
			arguments: map[string]any{"image": "registry.fly.io/shop-api:deployment-2"}, content: file},
		{tool: deploy, app: "shop-api", name: "without waking",
			arguments: map[string]any{"wake": false, "max_unavailable": 2, "wait_timeout": "90s"}, content: limit},
		{tool: deploy, app: "shop-api", name: "drift", content: limit, arrange: func(b *appServer) {
			b.SetMachineConfig(b.app, b.MachineIDs(b.app)[0],
				platformtest.WithField(b.t, b.MachineConfig(b.app, b.MachineIDs(b.app)[0]), "env",
					map[string]any{"SECRET_KEY": "x"}))
		}},
		{tool: deploy, app: "inner-circle", name: "adopt", arrange: adoptable,
			arguments: map[string]any{"adopt": true}, content: file},
		{tool: deploy, app: "inner-circle", name: "more becomes public",
			content: func(b *appServer) string { return b.FileWithoutChecks(b.app) }, arrange: func(b *appServer) {
				b.AddAddress(b.app, "shared_v4", "", "")
			}},
		{tool: deploy, app: "shop-api", name: "new group", content: func(b *appServer) string {
			return b.file("[http_service]",
				"[processes]\napp = \"\"\nworker = \"work\"\n\n[mounts]\nsource = \"data\"\ndestination = "+
					"\"/data\"\nprocesses = [\"worker\"]\n\n[http_service]\nprocesses = [\"app\"]")
		}},
	}
	for _, strategy := range []string{"rolling", "immediate", "canary", "bluegreen"} {
		for _, failure := range []string{"put_back", "stop", "continue"} {
			arguments := map[string]any{"strategy": strategy, "on_failure": failure}
			cases = append(cases, digestCase{tool: deploy, app: "shop-api", name: strategy + ", " +
				failure, arguments: arguments, content: limit})
		}
	}
	return cases
}

// digest is the digest of the plan that a dry run of a case shows. A patch has no dry run.
func (b *appServer) digest(c digestCase) string {
	b.t.Helper()
	arguments := map[string]any{"app": b.app, "dry_run": true}
	for name, value := range c.arguments {
		arguments[name] = value
	}
	if c.content != nil {
		arguments["content"] = c.content(b)
	}
	if c.tool == "patch_services" {
		content, _ := arguments["content"].(string)
		planned, err := b.toolset.editor().Plan(b.t.Context(), patch.Input{App: b.app, Content: content})
		if err != nil || planned.Plan.Empty() {
			b.t.Fatalf("%s: %q, %v", c.name, planned.Nothing, err)
		}
		return planned.Plan.Digest()
	}
	body, err := json.Marshal(arguments)
	if err != nil {
		b.t.Fatal(err)
	}
	var sent map[string]any // as JSON has it
	if err := json.Unmarshal(body, &sent); err != nil {
		b.t.Fatal(err)
	}
	for _, tool := range b.toolset.all() {
		if tool.Spec().Name != c.tool {
			continue
		}
		result, err := tool.Call(b.t.Context(),
			mcp.CallToolRequest{Params: mcp.CallToolParams{Name: c.tool, Arguments: sent}})
		if err != nil {
			b.t.Fatal(err)
		}
		var out plan.Result
		if body, err = json.Marshal(result.StructuredContent); err == nil {
			err = json.Unmarshal(body, &out)
		}
		if err != nil || out.Status != plan.WouldApply {
			b.t.Fatalf("%s: %s %s, %v", c.name, out.Status, out.Summary, err)
		}
		return out.Plan.Digest
	}
	b.t.Fatalf("there is no tool %s", c.tool)
	return ""
}
