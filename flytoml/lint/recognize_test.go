package lint

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRecognizeRealFiles: every recorded fly.toml is one, those that flyctl
// refuses and those that are broken among them, and under a name of its own.
func TestRecognizeRealFiles(t *testing.T) {
	n := 0
	for _, pattern := range []string{"../testdata/realworld/*.toml", "../testdata/oracle/cases/*.toml",
		"testdata/lint/*.toml", "../render/testdata/reverse/*.toml", "../render/testdata/render/*.toml",
		"../edit/testdata/edit/*.toml", "../edit/testdata/edit/*.json", "../edit/testdata/edit/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n++
			if name := "fly" + filepath.Ext(path); !Recognize(name, data) {
				t.Errorf("%s is not recognized as %s", path, name)
			}
		}
	}
	if n < 60 {
		t.Errorf("%d files, want more", n)
	}
}

func TestRecognize(t *testing.T) {
	const service = "[http_service]\ninternal_port = 8080\n"
	for _, tt := range []struct {
		name, text string
		want       bool
	}{
		// Minimal, odd and half-edited files of the person's own.
		{"fly.toml", "", true},
		{"fly.toml", "# nothing yet\n", true},
		{"fly.toml", "app = 'x'", true},
		{"anything.toml", "app = 'x'", true},
		{"fly.json", `{"app": "x"}`, true},
		{"staging.toml", "app = 'x'\nprimary_region = 'ams'\n[env]\nA = 'b'\n", true},
		{"fly.worker.toml", "app = 'x'\n[env]\nA = 'b'\n", true},
		{"fly.yaml", "app: x\n", true},
		{"fly.toml", "primary_region = 'iad'\n", true},
		{"fly.toml", "[env]\nA = 'b'\n", true},
		{"fly.toml", "app = 'x'\nprimary_regoin = 'iad'\n", true},
		{"fly.toml", "app = 'x'\ninternal_port = 8080\n", true},
		{"fly.toml", "app = 'x'\n[[redis]]\n", true},
		{"fly.toml", "x = 1\n" + service, true},
		{"config.toml", "app = 'x'\na = 1\nb = 2\n" + service, true},
		{"fly.toml", "app = 'x'\n[http_service\ninternal_port = 8080\n", true},
		{"fly.toml", "app = 'x'\n[env]\nA = oops\n", true},
		{"fly.toml", "\xef\xbb\xbfapp = 'x'\n" + service, true},
		{"fly.toml", service + "internal_port = 8081\n", true},
		{"fly.json", `{"app": "x", "http_service": {"internal_port": 80,}`, true},
		{"fly.json", "{\n  \"app\": \"x\",\n  \"env\": {\n    \"A\": \"b\n", true},
		{"fly.yaml", "app: x\nhttp_service:\n\tinternal_port: 80\n", true},
		{"fly.toml", "APP = 'x'\n" + service, true},

		// Other programs' files, under their own names and under flyctl's.
		{".mcp.json", `{"mcpServers": {"flycast": {"command": "flycast-mcp", "env": {"FLY_API_TOKEN": "SECRET"}}}}`, false},
		{"fly.json", `{"mcpServers": {"flycast": {"command": "flycast-mcp", "env": {"FLY_API_TOKEN": "SECRET"}}}}`, false},
		{"mcp.json", `{"servers": {"a": {"type": "stdio", "command": "x"}}, "inputs": []}`, false},
		{"fly.json", `{"servers": {"a": {"type": "stdio", "command": "x"}}}`, false},
		{"settings.json", `{"env": {"ANTHROPIC_API_KEY": "SECRET"}}`, false},
		{"settings.json", `{"env": {"A": "SECRET"}, "permissions": {"allow": []}}`, false},
		{"fly.json", `{"env": {"A": "SECRET"}, "permissions": {"allow": []}}`, false},
		{"config.toml", "model = 'o3'\n[mcp_servers.fly]\ncommand = 'x'\n[mcp_servers.fly.env]\n" +
			"FLY_API_TOKEN = 'SECRET'\n", false},
		{"fly.toml", "model = 'o3'\n[mcp_servers.fly]\ncommand = 'x'\n", false},
		{"sa.json", `{"type": "service_account", "project_id": "x", "private_key": "SECRET"}`, false},
		{"fly.json", `{"type": "service_account", "project_id": "x", "private_key": "SECRET"}`, false},
		{"fly.toml", `{"type": "service_account", "project_id": "x", "private_key": "SECRET=="}`, false},
		{"fly.yaml", "type: service_account\nprivate_key: SECRET\n", false},
		{"package.json", `{"name": "x", "version": "1.0.0", "scripts": {"build": "x"}, "dependencies": {}}`, false},
		{"fly.json", `{"name": "x", "version": "1.0.0", "scripts": {"build": "x"}}`, false},
		{"docker-compose.yaml", "services:\n  web:\n    image: x\n    environment: {A: SECRET}\n", false},
		{"fly.yaml", "services:\n  web:\n    image: x\n", false},
		{"fly.yaml", "version: '3'\nservices:\n  web:\n    image: x\nvolumes: {}\n", false},
		{"deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n", false},
		{"fly.yaml", "apiVersion: v1\nkind: Secret\ndata: {token: SECRET}\n---\napp: x\n", false},
		{"Cargo.toml", "[package]\nname = 'x'\n[dependencies]\n", false},
		{"fly.toml", "[package]\nname = 'x'\nbuild = 'build.rs'\n[dependencies]\n", false},
		{"pyproject.toml", "[project]\nname = 'x'\n[build-system]\nrequires = []\n", false},
		{"fly.toml", "[project]\nname = 'x'\n", false},
		{"netlify.toml", "[build]\ncommand = 'x'\npublish = 'y'\n[build.environment]\nTOKEN = 'SECRET'\n", false},
		{"fly.toml", "[build]\ncommand = 'x'\npublish = 'y'\nbase = 'z'\n", false},
		{"wrangler.toml", "name = 'x'\nmain = 'y'\n[vars]\nTOKEN = 'SECRET'\n[env.production]\nname = 'x'\n", false},
		{"fly.toml", "name = 'x'\nmain = 'y'\n[env.production.vars]\nTOKEN = 'SECRET'\n", false},
		{"fly.toml", "[env.production.vars]\nTOKEN = 'SECRET'\n", false},
		{"railway.toml", "[build]\nbuilder = 'NIXPACKS'\n[deploy]\nstartCommand = 'x'\nhealthcheckPath = '/'\n", false},
		{"fly.toml", "[build]\nbuilder = 'NIXPACKS'\n[deploy]\nstartCommand = 'x'\nhealthcheckPath = '/'\n", false},
		{"render.yaml", "services:\n- type: web\n  name: x\n  envVars: [{key: A, value: SECRET}]\n", false},
		{"fly.yaml", "services:\n- type: web\n  name: x\n  plan: y\n  envVars: [{key: A, value: SECRET}]\n", false},
		{"vercel.json", `{"builds": [], "routes": [], "env": {"A": "SECRET"}}`, false},
		{"app.json", `{"name": "x", "env": {"A": {"value": "SECRET"}}}`, false},
		{"fly.json", `{"env": {"A": {"value": "SECRET"}}}`, false},
		{"values.yaml", "image: {repository: x}\nenv: [{name: A, value: SECRET}]\n", false},
		{"values.yaml", "app: billing\nenv: {PASSWORD: SECRET}\n", false},
		{"config.json", `{"app": "billing", "env": {"PASSWORD": "SECRET"}, "build": {}}`, false},
		{"secrets.toml", "app = 'billing'\n[env]\nPASSWORD = 'SECRET'\n", false},
		{"fly.yaml", "name: ci\non: [push]\nenv: {TOKEN: SECRET}\njobs: {}\n", false},
		{"secrets.toml", "token = 'SECRET'\n", false},
		{"fly.toml", "token = 'SECRET'\n", false},
		{"fly.toml", "access_token: FlyV1 SECRET\n", false},
		{"config.yaml", "access_token: FlyV1 SECRET\nmetrics_token: x\n", false},
		{"fly.toml", "FLY_API_TOKEN=SECRET\n", false},
		{"config.json", `{"app": "billing", "token": "SECRET"}`, false},
		{"config.yaml", "app: billing\ndatabase: {password: SECRET}\n", false},
		{"config.yaml", "app: billing\nenv: production\n", false},
		{"config.toml", "[app]\nname = 'x'\n" + service, false},
		{"traefik.toml", service, false},
		{"keys.json", `{"keys": [{"kty": "RSA", "d": "SECRET"}]}`, false},
		{"fly.json", `[{"app": "x"}]`, false},
		{"fly.json", `"SECRET"`, false},
		{"fly.yaml", "SECRET\n", false},
		{"fly.toml", "SECRET\n", false},
		{"fly.toml", "-----BEGIN PRIVATE KEY-----\nSECRET==\n", false},

		// The same with a syntax error.
		{".mcp.json", `{"mcpServers": {"flycast": {"env": {"FLY_API_TOKEN": "SECRET"}},}}`, false},
		{"fly.json", `{"mcpServers": {"flycast": {"env": {"app": "x", "http_service": "SECRET"}},}}`, false},
		{"fly.json", `{"token": "SECRET", "app": "x",}`, false},
		{"fly.toml", "[package]\nname = 'x\n[dependencies]\n", false},
		{"fly.yaml", "services:\n  web:\n\timage: SECRET\nvolumes:\n", false},
	} {
		if got := Recognize(tt.name, []byte(tt.text)); got != tt.want {
			t.Errorf("%s, %q: got %t", tt.name, tt.text, got)
		}
	}
}
