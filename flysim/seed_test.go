package flysim_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// dump returns everything that the API shows.
func dump(t *testing.T, p *flysim.Platform) string {
	t.Helper()
	var out strings.Builder
	for _, app := range p.AppNames() {
		for _, path := range []string{"", "/machines", "/ip_assignments", "/certificates"} {
			out.WriteString(indent(t, ask(t, p, "GET", "/v1/apps/"+app+path, "").body))
		}
		const everything = `query($a: String!) { app(name: $a) { id internalNumericId createdAt organization { id ` +
			`internalNumericId } ` +
			`ipAddresses { nodes { id createdAt network { id } } } egressIpAddresses { nodes { id updatedAt } } ` +
			`certificates { nodes { id } } releasesUnprocessed { nodes { id version createdAt updatedAt ` +
			`configDefinition imageRef status } } } }`
		out.WriteString(indent(t, graphQuery(t, p, everything, map[string]any{"a": app}).body))
	}
	return out.String()
}

func TestSeedIsDeterministic(t *testing.T) {
	first := seeded(t, flysim.Options{})
	second := seeded(t, flysim.Options{
		Token: "sandbox-other", StartDelay: 3 * time.Second, RateLimits: true,
		Clock: flysim.NewClock(func() time.Time { return startTime.Add(time.Hour) }),
	})
	second = seeded(t, flysim.Options{StartDelay: 3 * time.Second, Clock: second.Clock()})
	a, b := dump(t, first), dump(t, second)
	shifted := regexp.MustCompile(`("updated_at"|"timestamp"): .*`) // what a start delay changes
	if a != dump(t, seeded(t, flysim.Options{})) || shifted.ReplaceAllString(a, "") != shifted.ReplaceAllString(b, "") {
		t.Error("two platforms differ after Seed")
	}
	if strings.Contains(a, "2025-1") || strings.Contains(a, "2026-11") {
		t.Error("the API shows times that are not in the fixture")
	}
	if err := first.Seed(t.Context()); err == nil {
		t.Error("a second Seed on the same platform succeeds")
	}
}

func TestFixture(t *testing.T) {
	p := seeded(t, flysim.Options{})
	if got, want := p.AppNames(), []string{"game-server", "inner-circle", "legacy-api", "shop-api",
		"tenant-7"}; !slices.Equal(got, want) {
		t.Fatalf("apps %v, want %v", got, want)
	}
	for app, want := range map[string]string{
		"shop-api": "v6 2a09:8280:1::2d:1111, shared_v4 66.241.124.11",
		"legacy-api": "v4 137.66.18.204, v6 2a09:8280:1::3a:7c20, egress_v4 209.71.80.45, egress_v6 " +
			"2605:4c40:9a:1f2e:0:3b:7c20:1",
		"inner-circle": "private_v6 fdaa:2:1c4f:0:1::2",
		"game-server":  "v4 137.66.43.9, v6 2a09:8280:1::47:e6b1",
		"tenant-7":     "v6 2a09:8280:1::52:90d4, shared_v4 66.241.125.87",
	} {
		var rows []string
		for _, a := range p.Addresses(app) {
			rows = append(rows, a.Kind+" "+a.IP)
		}
		if got := strings.Join(rows, ", "); got != want {
			t.Errorf("%s: %s, want %s", app, got, want)
		}
	}
	machineID, instanceID := regexp.MustCompile(`^[0-9a-f]{14}$`), regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{26}$`)
	for _, app := range p.AppNames() {
		file, _ := p.FlyToml(app)
		var config struct {
			App    string `toml:"app"`
			Region string `toml:"primary_region"`
		}
		if err := toml.Unmarshal(file, &config); err != nil || config.App != app {
			t.Errorf("%s: fly.toml of %q, %v", app, config.App, err)
		}
		for _, id := range p.MachineIDs(app) {
			m := p.Machine(app, id)
			env, _ := m.Config.Env()
			metadata, _ := m.Config.Metadata()
			switch {
			case !machineID.MatchString(id) || !instanceID.MatchString(m.InstanceID):
				t.Errorf("%s: ids %s and %s", app, id, m.InstanceID)
			case metadata["fly_platform_version"] != "v2" || m.Config.Validate() != nil:
				t.Errorf("%s: Machine %s is not one of `fly deploy`", app, id)
			case env["FLY_PROCESS_GROUP"] != m.Config.ProcessGroup() || env["PRIMARY_REGION"] != config.Region ||
				m.Region != config.Region:
				t.Errorf("%s: Machine %s in %s has environment %v", app, id, m.Region, env)
			case metadata[spec.ReleaseIDKey] == "" || metadata["fly_flyctl_version"] == "":
				t.Errorf("%s: Machine %s has metadata %v", app, id, metadata)
			case !strings.Contains(m.Config.Image(), "registry.fly.io/"+app+":deployment-") ||
				!strings.Contains(m.Config.Image(), "@sha256:"):
				t.Errorf("%s: image %s", app, m.Config.Image())
			case m.State == "started" && !m.ChecksPassing:
				t.Errorf("%s: Machine %s is not healthy", app, id)
			}
		}
	}
	if got := p.Machine("tenant-7", p.MachineIDs("tenant-7")[0]).PrivateIP; !strings.HasPrefix(got, "fdaa:9:77e0:a7b:") {
		t.Errorf("tenant-7's Machine is at %s", got)
	}
	ids := p.MachineIDs("inner-circle")
	if a, b := p.Machine("inner-circle", ids[0]).State, p.Machine("inner-circle",
		ids[1]).State; a != "started" || b != "stopped" {
		t.Errorf("inner-circle: %s, %s", a, b)
	}
}

func TestWriteConfigs(t *testing.T) {
	p, dir := seeded(t, flysim.Options{}), t.TempDir()
	if err := p.WriteConfigs(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "shop-api", "fly.toml"))
	if want, ok := p.FlyToml("shop-api"); err != nil || !ok || string(got) != string(want) {
		t.Errorf("shop-api/fly.toml: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "game-server")); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteConfigs(dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "game-server")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused WriteConfigs wrote something")
	}
	if _, ok := p.FlyToml("no-such"); ok {
		t.Error("an unknown app has a fly.toml")
	}
}

func TestListen(t *testing.T) {
	p := seeded(t, flysim.Options{})
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", "192.0.2.1:80", "localhost:0", ":0", "127.0.0.1", ""} {
		if s, err := p.Listen(addr); err == nil {
			t.Errorf("listens on %q as %s", addr, s.URL)
		}
	}
	server := listening(t, p)
	exports := server.Exports(p.Token())
	for _, want := range []string{
		"export FLY_API_BASE_URL='" + server.URL + "'\n", "export FLY_FLAPS_BASE_URL='" + server.URL + "'\n",
		"export FLY_UIEX_BASE_URL='" + server.URL + "'\n", "export FLY_METRICS_BASE_URL='" + server.URL + "'\n",
		"export FLY_SYNTHETICS_BASE_URL='" + server.URL + "'\n", "export FLY_ACCESS_TOKEN='" + p.Token() + "'\n",
		"export HTTPS_PROXY='http://127.0.0.1:9'\n", "export NO_PROXY='127.0.0.1,::1'\n", "export FLY_SEND_METRICS='0'\n",
	} {
		if !strings.Contains(exports, want) {
			t.Errorf("exports lack %q", want)
		}
	}
	if got := server.Exports("it's"); !strings.Contains(got, `FLY_API_TOKEN='it'\''s'`) {
		t.Errorf("quoting: %s", got)
	}
	if status, _, err := sendOverSocket(t, p, server, "GET", shop, ""); status != 200 || err != nil {
		t.Errorf("%d, %v", status, err)
	}
}
