package rollout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// twoGroups is a deployment of two groups: a Machine that runs and one that does
// not in the first, a cordoned one in the second.
func twoGroups(strategy Strategy) Work {
	config, _ := machine.ParseConfig([]byte(`{"image":"a:1","metadata":{"fly_process_group":"api"}}`))
	after, _ := machine.ParseConfig(
		[]byte(`{"image":"a:2","metadata":{"fly_process_group":"api"},"checks":{"up":{"type":"tcp"}}}`))
	change := func(group, id, state string, cordoned bool) Change {
		return Change{Group: group, Before: fly.Machine{ID: id, State: state, Region: "iad", Config: config,
			Cordoned: cordoned}, After: after}
	}
	return Work{
		App: "app", Strategy: strategy, OnFailure: PutAllBack, Wake: true, StartWithin: 1, HealthyWithin: 1,
		Updates: []Change{change("api", "2", "stopped", false), change("api", "1", "started", false),
			change("web", "3", "started", true)},
	}
}

// TestStrategySteps: what a grant must hold, with hashes left out; a new Machine
// is its region. What is harmless to say twice may be said twice.
func TestStrategySteps(t *testing.T) {
	tests := []struct {
		strategy  Strategy
		onFailure OnFailure
		want      map[string]string // Machine to its steps
	}{
		{Canary, Stop, map[string]string{
			"": "create_machine iad, lease_machine iad, 2 destroy_machine iad, create_machine iad, lease_machine " +
				"iad, 2 destroy_machine iad",
			"1": "lease_machine 1, update_machine 1",
			"2": "lease_machine 2, update_machine 2, start_machine 2, stop_machine 2",
			"3": "lease_machine 3, update_machine 3",
		}},
		{BlueGreen, Stop, map[string]string{
			"": "create_machine iad, 2 uncordon_machine iad, 2 cordon_machine iad, lease_machine iad, 2 destroy_machine iad, " +
				"create_machine iad, start_machine iad, stop_machine iad, 2 uncordon_machine iad, 2 cordon_machine iad, " +
				"lease_machine iad, 2 destroy_machine iad, " +
				"create_machine iad, lease_machine iad, 2 destroy_machine iad",
			"1": "lease_machine 1, 2 set_metadata 1/fly_bluegreen_deployment_tag=safe_to_destroy, 2 cordon_machine " +
				"1, 2 stop_machine 1, 2 destroy_machine 1",
			"2": "lease_machine 2, 2 set_metadata 2/fly_bluegreen_deployment_tag=safe_to_destroy, 2 cordon_machine " +
				"2, 2 stop_machine 2, 2 destroy_machine 2",
			"3": "lease_machine 3, 2 set_metadata 3/fly_bluegreen_deployment_tag=safe_to_destroy, 2 stop_machine 3, " +
				"2 destroy_machine 3",
		}},
		{BlueGreen, PutAllBack, map[string]string{
			"1": "lease_machine 1, 2 set_metadata 1/fly_bluegreen_deployment_tag=safe_to_destroy, 2 cordon_machine " +
				"1, 2 stop_machine 1, 2 destroy_machine 1, " +
				"lease_machine 1, 2 start_machine 1, 2 uncordon_machine 1, 2 set_metadata 1/fly_bluegreen_deployment_tag=",
			"3": "lease_machine 3, 2 set_metadata 3/fly_bluegreen_deployment_tag=safe_to_destroy, 2 stop_machine 3, " +
				"2 destroy_machine 3, " +
				"lease_machine 3, 2 start_machine 3, 2 set_metadata 3/fly_bluegreen_deployment_tag=",
		}},
	}
	for _, test := range tests {
		w := twoGroups(test.strategy)
		w.OnFailure = test.onFailure
		if err := w.Check(); err != nil {
			t.Error(err)
		}
		got := make(map[string][]string)
		for _, s := range w.Steps() {
			target, _, _ := strings.Cut(s.Target, "@")
			text, all := string(s.Verb)+" "+target, got[s.Machine]
			if n := len(all); n > 0 && all[n-1] == text {
				all[n-1] = "2 " + text
				continue
			}
			got[s.Machine] = append(all, text)
		}
		for id, want := range test.want {
			if got := strings.Join(got[id], ", "); got != want {
				t.Errorf("%s, %s, Machine %q:\ngot  %s\nwant %s", test.strategy, test.onFailure, id, got, want)
			}
		}
	}
}

func TestStrategyOrder(t *testing.T) {
	for strategy, want := range map[Strategy]string{
		Canary: `[api canary create=true [""] 8] [web canary create=true [""] 8]
[api  create=false ["1"] 1] [api  create=false ["2"] 30] [web  create=false ["3"] 1]
`,
		BlueGreen: `[ green create=true ["" "" ""] 1]
[ blue create=false ["1" "2" "3"] 8]
`,
	} {
		var b strings.Builder
		for _, stage := range twoGroups(strategy).Order() {
			for i, p := range stage {
				if i > 0 {
					b.WriteString(" ")
				}
				fmt.Fprintf(&b, "[%s %s create=%t %q %d]", p.Group, p.Role, p.Create, p.Machines, p.Width)
			}
			b.WriteString("\n")
		}
		if got := b.String(); got != want {
			t.Errorf("%s: got\n%swant\n%s", strategy, got, want)
		}
	}
	var gone []string
	for _, c := range twoGroups(BlueGreen).Destroyed() {
		gone = append(gone, c.Before.ID)
	}
	if want := []string{"1", "2", "3"}; !slices.Equal(gone, want) || twoGroups(Canary).Destroyed() != nil {
		t.Errorf("got %q destroyed, want %q", gone, want)
	}
}

// TestBlueGreenParts: what an earlier run left half done is told from what the
// Machines say of themselves.
func TestBlueGreenParts(t *testing.T) {
	type machineOf struct {
		id, tag, replaces string
		cordoned, same    bool
	}
	tests := []struct {
		name     string
		machines []machineOf
		want     string
	}{
		{"all of one set", []machineOf{{id: "1", tag: "100"}, {id: "2", tag: "100", cordoned: true}},
			"1 blue routed, 2 blue"},
		{"one more by fly scale", []machineOf{{id: "1", tag: "100", replaces: "9"}, {id: "2"}},
			"1 blue routed, 2 blue routed"},
		{"greens never routed", []machineOf{{id: "1"}, {id: "2"}, {id: "3", tag: "200", replaces: "1",
			cordoned: true, same: true}},
			"1 blue routed, 2 blue routed, 3 leftover"},
		{"some greens routed", []machineOf{{id: "1"}, {id: "2"}, {id: "3", tag: "200", replaces: "1", same: true},
			{id: "4", tag: "200", replaces: "2", cordoned: true, same: true}},
			"1 leftover, 2 leftover, 3  routed, 4  routed"},
		{"and one of them for a cordoned one", []machineOf{{id: "1"}, {id: "2", cordoned: true},
			{id: "3", tag: "200", replaces: "1", same: true}, {id: "4", tag: "200", replaces: "2", cordoned: true, same: true}},
			"1 leftover, 2 leftover, 3  routed, 4 "},
		{"blues marked and cordoned", []machineOf{{id: "1", tag: machine.SafeToDestroy, cordoned: true},
			{id: "3", tag: "200", replaces: "1", same: true}},
			"1 leftover, 3  routed"},
		{"and the file has changed since", []machineOf{{id: "1", tag: machine.SafeToDestroy},
			{id: "3", tag: "200", replaces: "1"}},
			"1 leftover, 3 blue routed"},
		{"marked by flyctl", []machineOf{{id: "1", tag: machine.SafeToDestroy}, {id: "3", tag: "200"}},
			"1 leftover, 3 blue routed"},
		{"marked, and alone", []machineOf{{id: "1", tag: machine.SafeToDestroy},
			{id: "3", tag: "200", cordoned: true}}, "1 blue routed, 3 blue"},
		{"names itself", []machineOf{{id: "1", tag: "200", replaces: "1", cordoned: true}}, "1 blue"},
	}
	for _, test := range tests {
		w := Work{Strategy: BlueGreen}
		for _, m := range test.machines {
			metadata := map[string]string{machine.MetadataProcessGroup: "api"}
			for key, value := range map[string]string{machine.MetadataBlueGreenTag: m.tag, ReplacesKey: m.replaces} {
				if value != "" {
					metadata[key] = value
				}
			}
			config, err := withLabels(machine.Config{}, metadata)
			if err != nil {
				t.Fatal(err)
			}
			c := Change{Before: fly.Machine{ID: m.id, Config: config, Cordoned: m.cordoned}, Group: "api", After: config}
			if !m.same {
				if c.After, err = config.With("image", "a:2"); err != nil {
					t.Fatal(err)
				}
			}
			w.Updates = append(w.Updates, c)
		}
		var got []string
		for id, p := range w.assignments() {
			text := id + " " + string(p.role)
			if p.routed {
				text += " routed"
			}
			got = append(got, text)
		}
		slices.Sort(got)
		if got := strings.Join(got, ", "); got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// TestGreensAreToldApart: two greens of the same configuration have targets of
// their own, which do not depend on when they are made.
func TestGreensAreToldApart(t *testing.T) {
	greens := twoGroups(BlueGreen).greens()
	if greens[0].machine().Target() == greens[1].machine().Target() {
		t.Error("two green Machines have the same target")
	}
	tagged, err := withLabels(greens[0].Config, map[string]string{machine.MetadataBlueGreenTag: "1795349400",
		machine.MetadataReleaseID: "rel_1"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := (fly.NewMachine{Region: "iad", Config: tagged}).Target(), greens[0].machine().Target(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestBlueGreenWithNewGroup: a Machine of a new group goes with the rest: away
// again while everything can be undone, and not after that.
func TestBlueGreenWithNewGroup(t *testing.T) {
	for after, want := range map[int]State{0: Removed, 1: Healthy} {
		bubble(t, fmt.Sprint(after), func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
			w := b.upgradeWith(BlueGreen)
			w.Creates = []Create{{Group: "work", Region: "iad", Config: fleetGroup{name: "work", worker: true}.config(t)}}
			b.Inject(flysim.Fault{Operation: "machine.destroy", Status: 422, After: after})
			report := b.do(w)
			b.truth(report)
			for _, m := range report.Machines {
				if m.Group == "work" && m.State != want {
					t.Errorf("got %s, want %s", m.State, want)
				}
			}
		})
	}
}

// TestBlueGreenPanics: no lease survives, whatever happens.
func TestBlueGreenPanics(t *testing.T) {
	for _, doing := range []string{"creating it", "taking it out of routing",
		"giving Fly Proxy time to learn the new routing"} {
		platformtest.InBubble(t, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
			w := b.upgradeWith(BlueGreen)
			grant := b.grantFor(w)
			var cause any
			func() {
				defer func() { cause = recover() }()
				b.engine.Run(t.Context(), grant, w, func(p Phase) {
					if p.Doing == doing {
						panic("as told")
					}
				})
			}()
			if cause != "as told" {
				t.Errorf("%s: got %v", doing, cause)
			}
			b.noLeases()
		})
	}
}

// TestBlueGreenNeedsItsGrant: without the right to destroy, nothing is destroyed,
// and everything is as it was.
func TestBlueGreenNeedsItsGrant(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, checks: true})
		w := b.upgradeWith(BlueGreen)
		var steps []gate.Step
		for _, s := range w.Steps() {
			if s.Verb != gate.DestroyMachine || s.Machine == "" {
				steps = append(steps, gate.Step{Verb: s.Verb, App: w.App, Target: s.Target})
			}
		}
		report := b.carryOut(t.Context(), b.granted(w, steps), w)
		b.states(report, Removed, PutBack)
		b.asBefore(w.Updates)
		b.truth(report)
	})
}

// TestBlueGreenLimit: the organization's limit is found out before anything is
// recorded.
func TestBlueGreenLimit(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		b.settle()
		b.ForbidBlueGreen("shop-api")
		report := b.do(b.with(BlueGreen, b.changes()))
		if fly.CodeOf(report.Err) != gate.Precondition || !strings.Contains(report.Err.Error(), "org limits") {
			t.Errorf("got %v", report.Err)
		}
		b.states(report, NotStarted, NotStarted, NotStarted, NotStarted)
		for _, c := range b.Calls() {
			if c.Write {
				t.Errorf("got %s", c.Operation)
			}
		}
	})
}
