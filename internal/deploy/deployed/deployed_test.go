package deployed

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// platform is the emulated platform with its example organization, and a client of it.
func platform(t *testing.T) (*platformtest.Platform, *fly.Client) {
	t.Helper()
	p := platformtest.New(t, flysim.Options{}).Seeded()
	return p, p.Client()
}

// withoutReleases makes the platform say that no app has a release.
func withoutReleases(p *platformtest.Platform) {
	p.Inject(flysim.Fault{Operation: "graphql.app", Times: -1, Status: http.StatusOK,
		Body: `{"data":{"app":{"currentReleaseUnprocessed":null}}}`})
}

// read is the file of an app, in the two forms.
func read(t *testing.T, client *fly.Client, app string) (shown, masked string) {
	t.Helper()
	config, err := Read(t.Context(), client, app)
	if err != nil {
		t.Fatal(err)
	}
	for values, into := range map[render.Values]*string{render.Shown: &shown, render.Masked: &masked} {
		data, err := config(values)
		if err != nil {
			t.Fatal(err)
		}
		*into = string(data)
	}
	return shown, masked
}

func parse(t *testing.T, text string) *flytoml.File {
	t.Helper()
	file, err := flytoml.Parse("fly.toml", []byte(text))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return file
}

// sources are the two places a configuration can come from.
func sources(t *testing.T, test func(t *testing.T, p *platformtest.Platform, client *fly.Client)) {
	for name, prepare := range map[string]func(*platformtest.Platform){"release": func(*platformtest.Platform) {},
		"machines": withoutReleases} {
		t.Run(name, func(t *testing.T) {
			p, client := platform(t)
			prepare(p)
			test(t, p, client)
			if writes := p.Writes(); len(writes) != 0 {
				t.Errorf("reading sent %d writes", len(writes))
			}
		})
	}
}

// TestRoundTrip: deploying what was read changes no Machine of any example app.
func TestRoundTrip(t *testing.T) {
	sources(t, func(t *testing.T, p *platformtest.Platform, client *fly.Client) {
		for _, app := range p.AppNames() {
			shown, masked := read(t, client, app)
			file := parse(t, shown)
			if file.App() != app || parse(t, masked).App() != app {
				t.Errorf("%s: the file is for %q", app, file.App())
			}
			if err := file.Validate(); err != nil {
				t.Errorf("%s: flyctl would refuse it: %v", app, err)
			}
			for _, id := range p.MachineIDs(app) {
				live := p.MachineConfig(app, id)
				got, err := file.Apply(live.ProcessGroup(), live)
				if err != nil {
					t.Fatalf("%s: %v in:\n%s", app, err, shown)
				}
				if changes := machine.Diff(live, got); len(changes) != 0 || !machine.Equal(live, got) {
					t.Errorf("%s, Machine %s: %v, by:\n%s", app, id, changes, shown)
				}
			}
		}
	})
}

// TestSource: the comment at the top tells where a file comes from.
func TestSource(t *testing.T) {
	sources(t, func(t *testing.T, _ *platformtest.Platform, client *fly.Client) {
		shown, _ := read(t, client, "shop-api")
		if got, want := strings.Contains(shown, "generated for shop-api from its Machines\n"),
			strings.HasSuffix(t.Name(), "machines"); got != want {
			t.Errorf("got %t, want %t:\n%s", got, want, shown)
		}
		// The release knows what no Machine does.
		if got, want := strings.Contains(shown, "deploy/Dockerfile"), strings.HasSuffix(t.Name(), "release"); got != want {
			t.Errorf("[build]: got %t, want %t", got, want)
		}
	})
}

// TestMasked: no environment value of any example app is in a masked file, and
// all are in a shown one.
func TestMasked(t *testing.T) {
	sources(t, func(t *testing.T, p *platformtest.Platform, client *fly.Client) {
		seen := 0
		for _, app := range p.AppNames() {
			shown, masked := read(t, client, app)
			truth := make(map[string]string)
			for _, id := range p.MachineIDs(app) {
				env, err := p.MachineConfig(app, id).Env()
				if err != nil {
					t.Fatal(err)
				}
				maps.Copy(truth, env)
			}
			delete(truth, "FLY_PROCESS_GROUP") // these two are Fly's
			delete(truth, "PRIMARY_REGION")
			open, hidden := environment(t, shown), environment(t, masked)
			masked = strings.ReplaceAll(masked, "for information about", "") // LOG_LEVEL is info
			if !maps.Equal(open, truth) {
				t.Errorf("%s: shown %d variables, the Machines have %d", app, len(open), len(truth))
			}
			for name, value := range truth {
				seen++
				if got, want := hidden[name], fmt.Sprintf("‹hidden, %d bytes›", len(value)); got != want {
					t.Errorf("%s: %s is %q, want %q", app, name, got, want)
				}
				if len(value) >= 4 && strings.Contains(masked, value) { // a shorter one is in any text
					t.Errorf("%s: the value of %s is in the masked file", app, name)
				}
			}
			if len(hidden) != len(truth) {
				t.Errorf("%s: %d variables are masked, want %d", app, len(hidden), len(truth))
			}
		}
		if seen < 5 {
			t.Errorf("the example apps have %d variables", seen)
		}
	})
}

// environment is the [env] of a file.
func environment(t *testing.T, text string) map[string]string {
	t.Helper()
	definition, err := parse(t, text).Definition()
	if err != nil {
		t.Fatal(err)
	}
	env := make(map[string]string)
	for name, value := range definition.Env {
		env[name] = fmt.Sprint(value)
	}
	return env
}

// launchedConfig is a configuration as fly deploy makes it, with more fields in JSON.
func launchedConfig(t *testing.T, group, fields string) machine.Config {
	t.Helper()
	text := fmt.Sprintf(
		`{"image":"registry.fly.io/demo:1","metadata":{"fly_platform_version":"v2","fly_process_group":%q},%s}`,
		group, fields)
	config, err := machine.ParseConfig([]byte(text))
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// TestMaskedEverywhere: values of env, check headers and files of Machines
// whose groups differ, so that there are notes about them too.
func TestMaskedEverywhere(t *testing.T) {
	p, client := platform(t)
	p.AddApp("demo", "personal", "")
	service := func(n int) string {
		return fmt.Sprintf(`"services":[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}],
			"checks":[{"type":"http","path":"/","headers":[{"name":"Authorization","values":["canary-header-%d"]}]}]}]`, n)
	}
	p.AddMachine("demo", "iad", launchedConfig(t, "app",
		`"env":{"ONE":"canary-env-1","TWO":"canary-env-2","PRIMARY_REGION":"iad"},
		"files":[{"guest_path":"/key","raw_value":"Y2FuYXJ5LWZpbGUtMQ=="}],`+service(1)))
	p.AddMachine("demo", "iad", launchedConfig(t, "worker",
		`"env":{"ONE":"canary-env-3","THREE":"canary-env-4","PRIMARY_REGION":"iad"},
		"checks":{"up":{"type":"http","port":8080,"headers":[{"name":"X-Key","values":["canary-header-3"]}]}},`+service(2)))
	shown, masked := read(t, client, "demo")
	if strings.Contains(masked, "canary") || strings.Contains(masked, "Y2FuYXJ5") {
		t.Errorf("a value is in the masked file:\n%s", masked)
	}
	for _, want := range []string{"canary-env-1", "canary-env-2", "canary-env-4", "canary-header-1",
		"canary-header-2", "canary-header-3", "canary-file-1"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%s is not in the shown file:\n%s", want, shown)
		}
	}
	file := parse(t, shown)
	if got, want := file.PrimaryRegion(), "iad"; got != want {
		t.Errorf("primary_region %q, want %q", got, want)
	}
	if got, want := file.Groups(), []string{"app", "worker"}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
}

// TestWhichMachines: those that fly deploy made, the most common configuration
// of a group, and not the first that comes.
func TestWhichMachines(t *testing.T) {
	p, client := platform(t)
	p.AddApp("demo", "personal", "")
	const common = `"env":{"WHICH":"common","PRIMARY_REGION":"ams"}`
	for range 3 {
		p.AddMachine("demo", "iad", launchedConfig(t, "app", common))
	}
	for _, group := range []string{"fly_app_release_command", "fly_app_console"} {
		p.AddMachine("demo", "iad", launchedConfig(t, group, `"env":{"WHICH":"temporary"}`))
	}
	own, err := machine.ParseConfig([]byte(`{"image":"x","env":{"WHICH":"own"},"metadata":{"fly_process_group":"other"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p.AddMachine("demo", "iad", own)
	first := slices.Min(p.MachineIDs("demo")[:3]) // lists come by id
	p.SetMachineConfig("demo", first, launchedConfig(t, "app", `"env":{"WHICH":"odd","PRIMARY_REGION":"ams"}`))

	shown, _ := read(t, client, "demo")
	if got := environment(t, shown)["WHICH"]; got != "common" {
		t.Errorf("got %q, want that of most Machines:\n%s", got, shown)
	}
	file := parse(t, shown)
	if got, want := file.Groups(), []string{"app"}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
	if got, want := file.PrimaryRegion(), "ams"; got != want {
		t.Errorf("primary_region %q, want %q", got, want)
	}
}

// TestNoGroup: a Machine without a process group is of the group app.
func TestNoGroup(t *testing.T) {
	p, client := platform(t)
	p.AddApp("demo", "personal", "")
	p.AddMachine("demo", "iad", launchedConfig(t, "", `"env":{"WHICH":"it"}`))
	shown, _ := read(t, client, "demo")
	if got := environment(t, shown)["WHICH"]; got != "it" {
		t.Errorf("got %q", got)
	}
	if got, want := parse(t, shown).Groups(), []string{"app"}; !slices.Equal(got, want) {
		t.Errorf("groups %q, want %q", got, want)
	}
}

// TestDetached: where fly deploy made none of the Machines, those that are there
// tell the configuration, and a comment says what they are.
func TestDetached(t *testing.T) {
	p, client := platform(t)
	p.AddApp("by-hand", "personal", "")
	config, err := machine.ParseConfig(
		[]byte(`{"image":"x","env":{"WHICH":"it"},"services":[{"protocol":"tcp","internal_port":8080,` +
			`"ports":[{"port":80,"handlers":["http"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	id := p.AddMachine("by-hand", "iad", config)
	shown, _ := read(t, client, "by-hand")
	if got := environment(t, shown)["WHICH"]; got != "it" || !parse(t, shown).HasService("app") {
		t.Errorf("got %q", shown)
	}
	if want := "Not made by fly deploy"; !strings.Contains(string(shown), want) || !strings.Contains(string(shown), id) {
		t.Errorf("got %q, want %q and %s", shown, want, id)
	}
	p.AddMachine("by-hand", "iad", launchedConfig(t, "app", `"env":{"WHICH":"other"}`))
	if shown, _ = read(t, client, "by-hand"); environment(t, shown)["WHICH"] != "other" {
		t.Errorf("beside one by fly deploy: got %q", shown)
	}
}

func TestNothingToRead(t *testing.T) {
	p, client := platform(t)
	p.AddApp("empty", "personal", "")
	p.AddApp("by-hand", "personal", "")
	config, err := machine.ParseConfig([]byte(`{"image":"x","env":{"SECRET":"canary"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p.AddMachine("by-hand", "iad", config)
	p.AddApp("console", "personal", "")
	console, err := machine.ParseConfig(
		[]byte(`{"image":"x","env":{"SECRET":"canary"},"metadata":{"fly_process_group":"fly_app_console"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p.AddMachine("console", "iad", console)
	tests := []struct {
		name  string
		app   string
		fault *flysim.Fault
		want  gate.Code
	}{
		{name: "no release and no Machine", app: "empty", want: gate.Precondition},
		{name: "no release and no Machine but a console", app: "console", want: gate.Precondition},
		{name: "a Machine of which the platform does not send all", app: "empty", want: gate.Precondition,
			fault: &flysim.Fault{
				Operation: "machine.list", Status: 200,
				Body: `[{"id":"148e21ea7d9d89","state":"started","instance_id":"01A","incomplete_config":` +
					encode(t, launchedConfig(t, "app", `"env":{"SECRET":"canary"}`)) + `}]`,
			}},
		{name: "no such app", app: "nowhere", want: gate.NotFound},
		{name: "the release cannot be read", app: "shop-api", want: gate.PlatformError, fault: &flysim.Fault{
			Operation: "graphql.app", Status: 500, Times: -1}},
		{name: "nor may it be", app: "shop-api", want: gate.Unauthorized, fault: &flysim.Fault{
			Operation: "graphql.app", Status: 403, Times: -1}},
		{name: "the Machines may not be read", app: "by-hand", want: gate.Unauthorized, fault: &flysim.Fault{
			Operation: "machine.list", Status: 403, Times: -1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer p.ClearFaults()
			if test.fault != nil {
				p.Inject(*test.fault)
			}
			config, err := Read(t.Context(), client, test.app)
			if fly.CodeOf(err) != test.want || config != nil {
				t.Fatalf("got %v, want code %s", err, test.want)
			}
			if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "sw0rdfish") {
				t.Errorf("a value is in the error %q", err)
			}
		})
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
