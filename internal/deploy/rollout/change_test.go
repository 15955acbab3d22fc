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
		if got := hasAutostop(config); got != test.autostops {
			t.Errorf("%s: stopped by Fly Proxy %t, want %t", test.config, got, test.autostops)
		}
	}
}
