package resources

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// read reads a URI as the server would: through the template that matches.
func read(t *testing.T, r Resources, uri string) (string, error) {
	t.Helper()
	for _, template := range r.Templates() {
		match := template.Template.URITemplate.Match(uri)
		if match == nil {
			continue
		}
		request := mcp.ReadResourceRequest{Params: mcp.ReadResourceParams{URI: uri, Arguments: map[string]any{}}}
		for name, value := range match {
			request.Params.Arguments[name] = value.V
		}
		contents, err := template.Handler(context.Background(), request)
		if err != nil {
			return "", err
		}
		return contents[0].(mcp.TextResourceContents).Text, nil
	}
	t.Fatalf("no template matches %s", uri)
	return "", nil
}

func TestStatus(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	r := Resources{Fly: platform.Client()}
	tests := []struct {
		app      string
		verdict  rules.Verdict
		exposed  rules.Answer
		awake    int
		blockers []string
	}{
		{"shop-api", rules.Public, rules.Yes, 2, []string{"no_flycast", "force_https"}},
		{"inner-circle", rules.Private, rules.No, 1, nil},
		{"game-server", rules.Public, rules.Yes, 1, []string{"no_flycast", "udp_service"}},
	}
	for _, test := range tests {
		t.Run(test.app, func(t *testing.T) {
			body, err := read(t, r, "flycast://apps/"+test.app+"/status")
			if err != nil {
				t.Fatal(err)
			}
			var got Status
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, b := range got.Blockers {
				ids = append(ids, b.ID)
			}
			if got.Verdict != test.verdict || got.Exposed != test.exposed || got.Awake != test.awake ||
				!slices.Equal(ids, test.blockers) {
				t.Errorf("got %s %s awake %d %v, want %s %s awake %d %v", got.Verdict, got.Exposed, got.Awake, ids,
					test.verdict, test.exposed, test.awake, test.blockers)
			}
			if len(got.Machines) != len(platform.MachineIDs(test.app)) ||
				len(got.Addresses) != len(platform.Addresses(test.app)) {
				t.Errorf("got %d Machines and %d addresses", len(got.Machines), len(got.Addresses))
			}
			if strings.Contains(body, "null") {
				t.Errorf("a null in %s", body)
			}
		})
	}
	if n := len(platform.Writes()); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

func TestDeployedIsMasked(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	r := Resources{Fly: platform.Client()}
	body, err := read(t, r, "flycast://apps/shop-api/fly.toml")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(body, "sw0rdfish") || !strings.Contains(body, "DATABASE_URL") ||
		!strings.Contains(body, "hidden") ||
		!strings.HasPrefix(body, "# fly.toml app configuration file generated for shop-api from release ") {
		t.Errorf("got:\n%s", body)
	}
}

func TestFile(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	dir := t.TempDir()
	if err := platform.WriteConfigs(dir); err != nil {
		t.Fatal(err)
	}
	files, err := roots.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	r := Resources{Fly: platform.Client(), Roots: files}
	want, err := os.ReadFile(filepath.Join(dir, "shop-api", "fly.toml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(t, r, "fly-toml://"+dir+"/shop-api/fly.toml")
	if err != nil || got != string(want) {
		t.Errorf("got %q, %v", got, err)
	}
	for _, uri := range []string{
		"fly-toml:///etc/passwd", "fly-toml:///etc/hosts.toml", "fly-toml://" + dir + "/../outside.toml",
		"fly-toml://" + dir + "/%2e%2e/%2e%2e/etc/hosts.toml", "fly-toml://" + dir + "/shop-api/none.toml",
	} {
		if body, err := read(t, r, uri); err == nil {
			t.Errorf("%s: read %q, want an error", uri, body)
		}
	}
	if n := len(Resources{Fly: r.Fly}.Templates()); n != 3 {
		t.Errorf("%d templates without roots, want 3", n)
	}
}

// TestFileOfAnotherProgram: what is not a fly.toml is not read, whatever its
// name, and nothing of it is told.
func TestFileOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	files, err := roots.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	r := Resources{Roots: files}
	for name, body := range map[string]string{
		".mcp.json":           `{"mcpServers": {"flycast": {"env": {"FLY_API_TOKEN": "S3CR3T"}}}}`,
		"fly.json":            `{"type": "service_account", "private_key": "S3CR3T"}`,
		"docker-compose.yaml": "services:\n  web:\n    environment: {A: S3CR3T}\n",
		"secrets.toml":        "token = 'S3CR3T'\n",
		"fly.toml":            "S3CR3T = = oops\n",
		"broken.json":         `{"S3CR3T": `,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, r, "fly-toml://"+dir+"/"+name)
		if err == nil || got != "" || strings.Contains(err.Error(), "S3CR3T") ||
			!strings.Contains(err.Error(), "does not have the keys of a fly.toml") {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	// A broken one is the person's all the same.
	const broken = "app = 'shop-api'\n[http_service\n"
	if err := os.WriteFile(filepath.Join(dir, "fly.staging.toml"), []byte(broken), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, r, "fly-toml://"+dir+"/fly.staging.toml"); err != nil || got != broken {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAppsAreNarrowed(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	r := Resources{Fly: platform.Client(func(o *fly.Options) { o.Apps = fly.Apps{"shop-api"} })}
	for _, uri := range []string{"flycast://apps/legacy-api/status", "flycast://apps/legacy-api/fly.toml",
		"flycast://apps/Shop_API/status"} {
		if _, err := read(t, r, uri); err == nil {
			t.Errorf("%s was read", uri)
		}
	}
	if n := len(platform.Calls()); n != 0 {
		t.Errorf("%d calls, want none", n)
	}
}

func TestComplete(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	for _, test := range []struct {
		name, argument, typed string
		apps                  []string
		token                 string
		want                  []string
	}{
		{"all", "app", "", nil, platform.Token(), []string{"game-server", "inner-circle", "legacy-api",
			"shop-api", "tenant-7"}},
		{"prefix", "app", "sh", nil, platform.Token(), []string{"shop-api"}},
		{"nothing begins so", "app", "zz", nil, platform.Token(), []string{}},
		{"another argument", "path", "", nil, platform.Token(), []string{}},
		{"narrowed", "app", "", []string{"shop-api"}, platform.Token(), []string{"shop-api"}},
		{"a token that cannot list", "app", "", nil, platform.AppToken("shop-api"), []string{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Completer{Fly: platform.Client(func(o *fly.Options) { o.Token, o.Apps = fly.NewToken(test.token), test.apps })}
			got, err := c.CompleteResourceArgument(context.Background(), StatusTemplate, mcp.CompleteArgument{
				Name: test.argument, Value: test.typed}, mcp.CompleteContext{})
			if err != nil {
				t.Fatal(err)
			}
			if got.Values == nil || !slices.Equal(got.Values, test.want) {
				t.Errorf("got %v, want %v", got.Values, test.want)
			}
		})
	}
}

// TestStatusOfUnreadMachine: no services in the list does not mean that there
// are none.
func TestStatusOfUnreadMachine(t *testing.T) {
	platform := platformtest.New(t, flysim.Options{}).Seeded()
	id := platform.MachineIDs("shop-api")[0]
	config, err := platform.MachineConfig("shop-api", id).With("services", []map[string]int{{"protocol": 6}})
	if err != nil {
		t.Fatal(err)
	}
	platform.SetMachineConfig("shop-api", id, config)
	s, err := Resources{Fly: platform.Client()}.readStatus(context.Background(), "shop-api")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Machines {
		if m.Unread != (m.ID == id) {
			t.Errorf("Machine %s: unread %t", m.ID, m.Unread)
		}
	}
}
