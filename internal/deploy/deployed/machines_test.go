package deployed

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// head is the comment at the top of a file, as one line for each thing.
func head(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	return strings.ReplaceAll(text, "\n#     ", " ")
}

// liveConfig is a Machine that fly deploy made, with more fields in JSON.
func liveConfig(t *testing.T, id, group, fields string) fly.Machine {
	t.Helper()
	return fly.Machine{ID: id, State: "started", Config: launchedConfig(t, group, fields)}
}

// TestChangedByHand: the file is the release's, and its comments say what
// Machines have instead, by path and without values.
func TestChangedByHand(t *testing.T) {
	p, client := platform(t)
	agree, _ := read(t, client, "shop-api")
	if strings.Contains(head(agree), "differ") {
		t.Fatalf("nothing was changed:\n%s", agree)
	}
	id := p.MachineIDs("shop-api")[0]
	config := p.MachineConfig("shop-api", id)
	env, err := config.Env()
	if err != nil {
		t.Fatal(err)
	}
	env["BY_HAND"], env["LOG_LEVEL"] = "canary-1", "canary-2"
	services, err := config.Services()
	if err != nil {
		t.Fatal(err)
	}
	stop := machine.AutostopSuspend
	services[0].Autostop = &stop
	for key, value := range map[string]any{"env": env, "services": services} {
		if config, err = config.With(key, value); err != nil {
			t.Fatal(err)
		}
	}
	p.SetMachineConfig("shop-api", id, config)

	shown, masked := read(t, client, "shop-api")
	want := fmt.Sprintf("#   Machine %s of \"app\": env.BY_HAND, env.LOG_LEVEL, services[0].autostop\n#", id)
	for _, text := range []string{shown, masked} {
		if !strings.Contains(head(text), want) {
			t.Errorf("got\n%s\nwant\n%s", head(text), want)
		}
		if strings.Contains(text, "canary") {
			t.Errorf("a value that only a Machine has:\n%s", text)
		}
		_, was, _ := strings.Cut(agree, "\n\n")
		if _, is, _ := strings.Cut(text, "\n\n"); text == shown && is != was {
			t.Errorf("the file is not the release's:\n%s", text)
		}
	}
}

// TestMachinesUnreadable: the release's file is given all the same, and says
// that nobody compared.
func TestMachinesUnreadable(t *testing.T) {
	p, client := platform(t)
	p.Inject(flysim.Fault{Operation: "machine.list", Times: -1, Status: http.StatusForbidden})
	shown, _ := read(t, client, "shop-api")
	if !strings.Contains(head(shown), "The Machines could not be read (unauthorized)") ||
		parse(t, shown).App() != "shop-api" {
		t.Errorf("got\n%s", shown)
	}
}

// TestGroupsWithoutMachines, and Machines of a group that is gone.
func TestGroupsWithoutMachines(t *testing.T) {
	p, client := platform(t)
	id := p.AddMachine("shop-api", "iad", launchedConfig(t, "old", `"env":{"A":"b"}`))
	for _, other := range p.MachineIDs("shop-api") {
		if other != id {
			p.DestroyMachine("shop-api", other)
		}
	}
	shown, _ := read(t, client, "shop-api")
	for _, want := range []string{
		fmt.Sprintf("#   Machine %s of \"old\": cannot be compared: the file has no process group 'old'; it has app\n", id),
		"# Process groups without a Machine:\n#   \"app\"\n",
	} {
		if !strings.Contains(head(shown), want) {
			t.Errorf("got\n%s\nwant\n%s", head(shown), want)
		}
	}
}

// TestSorted: which Machines count, and why the others do not.
func TestSorted(t *testing.T) {
	state := func(m fly.Machine, state string) fly.Machine { m.State = state; return m }
	own := liveConfig(t, "7", "app", `"env":{}`)
	own.Config = own.Config.Without("metadata")
	old := liveConfig(t, "8", "", `"env":{}`)
	var err error
	if old.Config, err = old.Config.With("metadata", map[string]string{"fly_platform_version": "v2",
		"process_group": "release_command"}); err != nil {
		t.Fatal(err)
	}
	incomplete := liveConfig(t, "9", "app", `"env":{}`)
	incomplete.Incomplete = true
	got, notes := deployedMachines([]fly.Machine{
		liveConfig(t, "2", "worker", `"env":{}`),
		liveConfig(t, "1", "app", `"env":{}`),
		state(liveConfig(t, "3", "app", `"env":{}`), "destroyed"),
		state(liveConfig(t, "4", "app", `"env":{}`), "destroying"),
		liveConfig(t, "5", "fly_app_console", `"env":{}`),
		liveConfig(t, "6", "fly_app_test_machine_command", `"env":{}`),
		own, old, incomplete,
	})
	if len(got) != 2 || got[0].ID != "1" || got[1].ID != "2" {
		t.Errorf("got %v", got)
	}
	want := []string{
		"2 Machines (3, 4): destroyed",
		"3 Machines (5, 6, 8): made for one command (a release command, a console, a test)",
		"Machine 7: not made by fly deploy (no metadata fly_platform_version = v2)",
		"Machine 9: the platform did not send the whole configuration",
	}
	if len(notes) != 1 || !slices.Equal(slices.Sorted(slices.Values(notes[0].Lines)), want) {
		t.Errorf("got %q, want %q", notes, want)
	}
	if _, notes := deployedMachines(got); notes != nil {
		t.Errorf("nothing is left out: %q", notes)
	}
}

// TestTypical: the configuration that is taken for a group.
func TestTypical(t *testing.T) {
	env := func(value string) string { return fmt.Sprintf(`"env":{"WHICH":%q}`, value) }
	released := func(id, value string, version int) fly.Machine {
		m := liveConfig(t, id, "app", env(value))
		metadata, err := m.Config.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		metadata[machine.MetadataReleaseVersion] = fmt.Sprint(version)
		if m.Config, err = m.Config.With("metadata", metadata); err != nil {
			t.Fatal(err)
		}
		return m
	}
	tests := []struct {
		name     string
		machines []fly.Machine
		want     string // of WHICH in group app
		notes    []string
	}{
		{name: "the most common", want: "b", machines: []fly.Machine{liveConfig(t, "1", "app", env("a")),
			liveConfig(t, "2", "app", env("b")), liveConfig(t, "3", "app", env("b"))},
			notes: []string{`Machine 1 of "app": env.WHICH`}},
		{name: "of two the newer release's", want: "b", machines: []fly.Machine{released("1", "a", 9),
			released("2", "b", 10)},
			notes: []string{`Machine 1 of "app": env.WHICH`}},
		{name: "of two the first", want: "a", machines: []fly.Machine{liveConfig(t, "1", "app", env("a")),
			liveConfig(t, "2", "app", env("b"))},
			notes: []string{`Machine 2 of "app": env.WHICH`}},
		{name: "volumes, images and releases are each Machine's own", want: "a", machines: []fly.Machine{
			liveConfig(t, "1", "app", env("a")+`,"mounts":[{"name":"d","path":"/d","volume":"vol_1","size_gb":1}]`),
			liveConfig(t, "2", "app",
				env("a")+`,"image":"other","mounts":[{"name":"d","path":"/d","volume":"vol_2","size_gb":5}]`),
		}},
		{name: "standbys and scheduled Machines are not asked", want: "a", machines: []fly.Machine{
			liveConfig(t, "1", "app", env("b")+`,"standbys":["3"]`), liveConfig(t, "2", "app", env("b")+`,"schedule":"daily"`),
			liveConfig(t, "3", "app", env("a")), liveConfig(t, "4", "app", env("b")+`,"auto_destroy":true`),
		}, notes: []string{"Machine 4: destroyed when it stops", "Machine 2: scheduled", "Machine 1: standby"}},
		{name: "unless there is no other", want: "a", machines: []fly.Machine{
			liveConfig(t, "1", "app", env("a")+`,"schedule":"daily"`)}, notes: []string{`"app"`}},
		{name: "no group is app", want: "a", machines: []fly.Machine{liveConfig(t, "1", "", env("a")),
			liveConfig(t, "2", "worker", env("b"))}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			groups, notes := typical(test.machines)
			got, err := groups["app"].Env()
			if err != nil || got["WHICH"] != test.want {
				t.Errorf("got %q, %v, want %q", got["WHICH"], err, test.want)
			}
			var lines []string
			for _, note := range notes {
				lines = append(lines, note.Lines...)
			}
			if !slices.Equal(lines, test.notes) {
				t.Errorf("notes %q, want %q", lines, test.notes)
			}
		})
	}
}

// A name on the platform cannot leave the comment.
func TestHostileNames(t *testing.T) {
	p, client := platform(t)
	p.AddApp("demo", "personal", "")
	const evil = "x\n[[services]]\ninternal_port = 1\n#"
	name, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		p.AddMachine("demo", "iad", launchedConfig(t, evil,
			fmt.Sprintf(`"env":{%s:"%d"},"services":[{"internal_port":2,"force_instance_key":%s}]`, name, i, name)))
	}
	shown, masked := read(t, client, "demo")
	for _, text := range []string{shown, masked} {
		if definition, err := parse(t, text).Definition(); err != nil || len(definition.Services) != 1 ||
			definition.Services[0].InternalPort != 2 {
			t.Errorf("%v: got\n%s", err, text)
		}
	}
}

// BenchmarkMachines makes a file of Machines that are all a bit different.
func BenchmarkMachines(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		machines := make([]fly.Machine, n)
		for i := range machines {
			config, err := machine.ParseConfig(fmt.Appendf(nil, `{"image":"x","env":{"A":"%d","PRIMARY_REGION":"ams"},
				"metadata":{"fly_platform_version":"v2","fly_process_group":"%s"},"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512},
				"services":[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]},{"port":443,"handlers":["http","tls"]}]}]}`,
				i/2, []string{"app", "web", "worker"}[i%3]))
			if err != nil {
				b.Fatal(err)
			}
			machines[i] = fly.Machine{ID: fmt.Sprintf("%014x", i), State: "started", Config: config}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				launched, _ := deployedMachines(machines)
				groups, notes := typical(launched)
				data, err := render.FromMachines("demo", "", groups, render.Masked, notes...)
				if err != nil {
					b.Fatal(err)
				}
				file, err := flytoml.Parse("fly.toml", data)
				if err != nil {
					b.Fatal(err)
				}
				if notes := differences(file, launched); len(notes) != 1 {
					b.Fatal(notes)
				}
			}
		})
	}
}
