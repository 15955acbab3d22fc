package tools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/deployed"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// What a deployed configuration is shown as must not come back as one.
func TestMasksAreNotDeployed(t *testing.T) {
	w := newSeededServer(t, "[[rule]]\ntools = ['deploy']\ndecision = 'auto'\naccept = ['restart']\n", flysim.Options{})
	config, err := deployed.Read(t.Context(), w.toolset.fly, "shop-api")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := config(render.Masked)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(w.dir, "fly.toml")
	if err := os.WriteFile(path, shown, 0o644); err != nil {
		t.Fatal(err)
	}
	handle := w.toolset.drafts.Put(source.Draft{Caller: call.CallerFrom(t.Context()).ID, App: "shop-api", Data: shown})
	w.ResetCalls()
	for _, tt := range []struct {
		tool      string
		arguments map[string]any
	}{
		{"deploy", map[string]any{"app": "shop-api", "content": string(shown)}},
		{"deploy", map[string]any{"app": "shop-api", "path": path}},
		{"deploy", map[string]any{"app": "shop-api", "draft": handle}},
		{"patch_services", map[string]any{"content": string(shown)}},
		{"patch_services", map[string]any{"path": path}},
	} {
		var out plan.Result
		w.call(tt.tool, tt.arguments, &out)
		if out.Code != gate.InvalidInput || !strings.Contains(out.Summary, `"env.DATABASE_URL" (row 15)`) ||
			!strings.Contains(out.Next[0].Why, "patch_services {app}") {
			t.Errorf("%s %v: got %s: %s, next %+v", tt.tool, tt.arguments["path"], out.Code, out.Summary, out.Next)
		}
	}
	if back, err := os.ReadFile(path); err != nil || string(back) != string(shown) {
		t.Errorf("the file was changed (%v):\n%s", err, back)
	}
	if writes := w.Writes(); len(writes) != 0 {
		t.Errorf("the platform was written to: %v", writes)
	}
	// The way that the hint names.
	var out patch.Result
	w.call("patch_services", map[string]any{"app": "shop-api"}, &out)
	if out.Status != plan.Applied || out.Draft == "" || strings.Contains(out.Diff, "sw0rdfish") {
		t.Errorf("got %s: %s, draft %q, diff:\n%s", out.Status, out.Summary, out.Draft, out.Diff)
	}
}

// A file of another program is neither edited nor deployed.
func TestForeignFiles(t *testing.T) {
	const service = "[http_service]\ninternal_port = 8080\nforce_https = true\n"
	const cargo = "[package]\nname = \"x\"\n\n[dependencies]\n"
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"Cargo.toml", cargo, false},
		{"pyproject.toml", "[project]\nname = \"x\"\n", false},
		{"netlify.toml", "", false},
		{"netlify.toml", "[build]\n", false},
		{"services.toml", "[[services]]\nname = \"billing\"\nurl = \"http://x\"\n", false},
		{"traefik.toml", service, false},
		{"myfly.toml", service, false},
		{"fly.toml", cargo, false},
		{"fly.toml", service, true},
		{"fly.toml", "", true},
		{"fly.staging.toml", service, true},
		{"staging.fly.toml", service, true},
		{"config.toml", "app = \"shop-api\"\n" + service, true},
		{"fly.toml", "app = \"shop-api\"\nx = 1\ny = 2\nz = 3\n" + service, true},
		{"fly.toml", "x = 1\n" + service, true},
		{"fly.json", `{"http_service": {"internal_port": 8080}}`, true},
		{"fly.staging.yaml", "http_service: {internal_port: 8080}\n", true},
		{"config.json", `{"app": "shop-api", "http_service": {"internal_port": 8080}}`, true},
		{"package.json", `{"name": "shop-api"}`, false},
		{"docker-compose.yaml", "services: {web: {image: x}}\n", false},
		{"config.toml", "[app]\nname = \"x\"\n" + service, false},
		{"config.toml", "app = 7\n" + service, false},
		{"config.json", `{"app": "shop-api", "token": "S3CR3T"}`, false},
		{".mcp.json", `{"mcpServers": {"fly": {"env": {"FLY_API_TOKEN": "S3CR3T"}}}}`, false},
		{"fly.json", `{"mcpServers": {"fly": {"env": {"FLY_API_TOKEN": "S3CR3T"}}`, false},
	} {
		w := newSeededServer(t, "", flysim.Options{})
		path := filepath.Join(w.dir, tt.name)
		if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		for tool, arguments := range map[string]map[string]any{
			"patch_services": {"path": path, "app": "shop-api", "create": true, "internal_port": 8080},
			"deploy":         {"path": path, "app": "shop-api", "dry_run": true},
		} {
			var out plan.Result
			w.call(tool, arguments, &out)
			refused := out.Code == gate.InvalidInput && strings.Contains(out.Summary, "is not a fly.toml")
			if refused == tt.ok {
				t.Errorf("%s of %s, %q: got %s %s: %s", tool, tt.name, tt.text, out.Status, out.Code, out.Summary)
			}
			if strings.Contains(out.Summary, "S3CR3T") {
				t.Errorf("%s of %s tells what is in it: %s", tool, tt.name, out.Summary)
			}
			if back, err := os.ReadFile(path); !tt.ok && (err != nil || string(back) != tt.text) {
				t.Errorf("%s of %s: the file was changed to %q (%v)", tool, tt.name, back, err)
			}
		}
	}
}
