package rollout

import (
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

func TestSort(t *testing.T) {
	change := func(group, id, state string) Change {
		return Change{Group: group, Before: fly.Machine{ID: id, State: state}}
	}
	changes := []Change{
		change("worker", "1", "started"),
		change("web", "6", "suspended"),
		change("web", "9", "started"),
		change("web", "2", "stopped"),
		change("web", "8", "failed"),
		change("app", "7", "stopped"),
	}
	Sort(changes)
	var got []string
	for _, c := range changes {
		got = append(got, c.Group+c.Before.ID)
	}
	if want := []string{"app7", "web8", "web9", "web2", "web6", "worker1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLaunch: what flyctl starts again (shouldSkipLaunch).
func TestLaunch(t *testing.T) {
	for state, want := range map[string]bool{
		"started": true, "starting": true, "failed": true,
		"stopped": false, "suspended": false, "created": false, "stopping": false, "": false,
	} {
		if got := (Change{Before: fly.Machine{State: state}}).Launch(); got != want {
			t.Errorf("%s: got %t, want %t", state, got, want)
		}
	}
}

// TestWakes: what is not started to be proved, and what has to be stopped again.
func TestWakes(t *testing.T) {
	tests := []struct {
		config           string
		wakes, autostops bool
	}{
		{`{}`, true, false},
		{`{"services":[{"autostop":"stop"}]}`, true, true},
		{`{"services":[{"autostop":true},{"autostop":"suspend"}]}`, true, true},
		{`{"services":[{"autostop":"stop"},{"autostop":"off"}]}`, true, false},
		{`{"services":[{"autostop":"stop"},{}]}`, true, false},
		{`{"standbys":["148e1"]}`, false, false},
		{`{"schedule":"daily"}`, false, false},
		{`{"schedule":""}`, true, false},
		{`{"auto_destroy":true}`, false, false},
	}
	for _, test := range tests {
		config, err := machine.ParseConfig([]byte(test.config))
		if err != nil {
			t.Fatal(err)
		}
		if got := (Work{Wake: true}).wakes(Change{After: config}); got != test.wakes {
			t.Errorf("%s: woken %t, want %t", test.config, got, test.wakes)
		}
		if got := autostops(config); got != test.autostops {
			t.Errorf("%s: stopped by Fly Proxy %t, want %t", test.config, got, test.autostops)
		}
	}
}

func TestKeepVolumes(t *testing.T) {
	tests := []struct {
		name      string
		existing  string
		converted string
		want      string
	}{
		{"none", `{}`, `{}`, `{}`},
		{"null", `{"mounts":null}`, `{"mounts":null}`, `{"mounts":null}`},
		{"empty", `{"mounts":[]}`, `{"mounts":[]}`, `{"mounts":[]}`},
		{"the Machine has none", `{}`, `{"mounts":[{"name":"data","path":"/data"}]}`, `{"mounts":[{"name":"data","path":"/data"}]}`},
		{"the file has none", `{"mounts":[{"name":"data","volume":"vol_1"}]}`, `{"image":"x"}`, `{"image":"x"}`},
		{"the volume", `{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`, `{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`},
		{"fields of the platform's and unknown ones", `{"mounts":[{"name":"data","path":"/data","volume":"vol_1","encrypted":true,"size_gb":10,"invented":{"a":[1.50]}}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1","encrypted":true,"size_gb":10,"invented":{"a":[1.50]}}]}`},
		{"what the file leaves out is gone", `{"mounts":[{"name":"data","path":"/data","volume":"vol_1","extend_threshold_percent":80,"add_size_gb":1,"size_gb_limit":9}]}`,
			`{"mounts":[{"name":"data","path":"/data"}]}`, `{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`},
		{"what the file says counts", `{"mounts":[{"name":"data","path":"/old","volume":"vol_1","add_size_gb":1,"size_gb":1}]}`,
			`{"mounts":[{"name":"data","path":"/new","add_size_gb":2,"size_gb":3}]}`,
			`{"mounts":[{"name":"data","path":"/new","add_size_gb":2,"size_gb":3,"volume":"vol_1"}]}`},
		{"another name", `{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`, `{"mounts":[{"name":"other","path":"/data"}]}`,
			`{"mounts":[{"name":"other","path":"/data"}]}`},
		{"a mount without a name", `{"mounts":[{"path":"/data","volume":"vol_1"}]}`, `{"mounts":[{"name":"data","path":"/data"}]}`,
			`{"mounts":[{"name":"data","path":"/data","volume":"vol_1"}]}`},
		{"unknown fields elsewhere", `{"mounts":[{"name":"data","volume":"vol_1"}],"invented":1}`, `{"mounts":[{"name":"data"}],"invented":12345678901234567890}`,
			`{"mounts":[{"name":"data","volume":"vol_1"}],"invented":12345678901234567890}`},
	}
	parse := func(t *testing.T, text string) machine.Config {
		c, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			existing := parse(t, test.existing)
			got, err := KeepVolumes(existing, parse(t, test.converted))
			if err != nil {
				t.Fatal(err)
			}
			if want := parse(t, test.want); !sameDocument(t, got, want) {
				t.Errorf("got %v, want %v", document(t, got), document(t, want))
			}
			if !sameDocument(t, existing, parse(t, test.existing)) {
				t.Error("the Machine's own configuration was changed")
			}
			again, err := KeepVolumes(existing, got)
			if err != nil || !sameDocument(t, again, got) {
				t.Errorf("a second time: %v, %v", document(t, again), err)
			}
		})
	}
	for _, bad := range []string{`{"mounts":{}}`, `{"mounts":"x"}`, `{"mounts":[1]}`} {
		good := parse(t, `{"mounts":[{"name":"data"}]}`)
		if _, err := KeepVolumes(parse(t, bad), good); err == nil {
			t.Errorf("%s of the Machine: no error", bad)
		}
		if _, err := KeepVolumes(good, parse(t, bad)); err == nil {
			t.Errorf("%s of the file: no error", bad)
		}
	}
}
