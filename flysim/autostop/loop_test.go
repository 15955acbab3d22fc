package autostop_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

var start = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// stoppingApp is a platform with one app, and the loop that stops its Machines.
type stoppingApp struct {
	*autostop.Loop
	t     *testing.T
	clock *flysim.Clock
	ids   []string
}

const app = "quiet"

func newStoppingApp(t *testing.T, clock *flysim.Clock) *stoppingApp {
	p := flysim.New(flysim.Options{Clock: clock})
	p.AddApp(app, "personal", "")
	return &stoppingApp{Loop: &autostop.Loop{Platform: p, Traffic: new(flysim.Traffic)}, t: t, clock: clock}
}

// stoppedClock returns a clock that moves only by Advance.
func stoppedClock(at time.Time) *flysim.Clock { return flysim.NewClock(func() time.Time { return at }) }

// testPlatform describes a Machine to create, which has been running for an hour when the loop
// looks at it.
type testPlatform struct {
	region string // empty: iad
	group  string // empty: app
	load   int
	config string // fields of its configuration that replace the usual ones, as JSON
	do     func(b *stoppingApp, id string)
}

func (b *stoppingApp) add(boxes ...testPlatform) {
	b.t.Helper()
	for _, box := range boxes {
		region, group := box.region, box.group
		if region == "" {
			region = "iad"
		}
		if group == "" {
			group = "app"
		}
		text := fmt.Sprintf(
			`{"image": "nginx", "metadata": {"fly_process_group": %q}, "services": [{"internal_port": 80, "autostop": true}]}`,
			group)
		var usual, own map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &usual); err != nil {
			b.t.Fatal(err)
		}
		if err := json.Unmarshal([]byte("{"+box.config+"}"), &own); err != nil {
			b.t.Fatal(err)
		}
		for key, value := range own {
			usual[key] = value
		}
		merged, err := json.Marshal(usual)
		if err != nil {
			b.t.Fatal(err)
		}
		config, err := spec.Parse(merged)
		if err != nil {
			b.t.Fatal(err)
		}
		id := b.Platform.AddMachine(app, region, config)
		b.ids = append(b.ids, id)
		for range box.load {
			b.Traffic.Begin(id)
		}
	}
	b.clock.Advance(time.Hour)
	for i, box := range boxes {
		if box.do != nil {
			box.do(b, b.ids[i])
		}
	}
}

// TestRule has a row for every line of the documented rule.
func TestRule(t *testing.T) {
	const (
		limit2 = `"services": [{"internal_port": 80, "autostop": true, "concurrency": {"type": "requests", ` +
			`"soft_limit": 2}}]`
		suspend  = `"services": [{"internal_port": 80, "autostop": "suspend"}]`
		minimum1 = `"services": [{"internal_port": 80, "autostop": true, "min_machines_running": 1}], "env": ` +
			`{"PRIMARY_REGION": "iad"}`
	)
	tests := []struct {
		name  string
		boxes []testPlatform
		at    time.Time
		want  []string // state of each Machine afterwards; empty: started
		why   map[int]string
	}{
		{name: "the last one, idle", boxes: []testPlatform{{}}, want: []string{"stopped"}, why: map[int]string{
			0: "the last one that runs in iad, and its load is 0"}},
		{name: "the last one, with load", boxes: []testPlatform{{load: 1}}, want: []string{"started"},
			why: map[int]string{0: "its load is 1"}},
		{name: "two idle: one a pass", boxes: []testPlatform{{}, {}}, want: []string{"started", "stopped"},
			why: map[int]string{0: "another one is stopped first", 1: "2 run in iad and 0 are over the soft limit: 1 too many"}},
		{name: "three idle: one a pass", boxes: []testPlatform{{}, {}, {}}, want: []string{"started", "started", "stopped"}},
		{name: "one of two below its soft limit goes, with its requests", boxes: []testPlatform{{load: 3},
			{load: 2}}, want: []string{"started", "stopped"}},
		{name: "the least loaded goes", boxes: []testPlatform{{load: 1}, {load: 2}}, want: []string{"stopped", "started"}},
		{name: "at the soft limit is not over it", boxes: []testPlatform{{load: 2, config: limit2},
			{load: 2, config: limit2}}, want: []string{"started", "stopped"}},
		{name: "one of two over its soft limit", boxes: []testPlatform{{load: 3, config: limit2},
			{config: limit2}}, want: []string{"started", "started"},
			why: map[int]string{1: "2 run in iad and 1 are over the soft limit: none too many"}},
		{name: "one of three over its soft limit", boxes: []testPlatform{{load: 3, config: limit2},
			{config: limit2}, {config: limit2}}, want: []string{"started", "started", "stopped"}},
		{name: "the soft limit is 20 if none is set", boxes: []testPlatform{{load: 21}, {}},
			want: []string{"started", "started"}},
		{name: "20 is not over it", boxes: []testPlatform{{load: 20}, {}}, want: []string{"started", "stopped"}},
		{name: "one in each region", boxes: []testPlatform{{}, {region: "fra"}, {}, {region: "fra"}},
			want: []string{"started", "started", "stopped", "stopped"}},
		{name: "one in each group", boxes: []testPlatform{{group: "web"}, {group: "api"}},
			want: []string{"stopped", "stopped"}},

		{name: "the minimum in the primary region", boxes: []testPlatform{{config: minimum1}}, want: []string{"started"},
			why: map[int]string{0: "min_machines_running is 1 in the primary region iad, where 1 run"}},
		{name: "above the minimum", boxes: []testPlatform{{config: minimum1}, {config: minimum1}},
			want: []string{"started", "stopped"}},
		{name: "the minimum means nothing in another region", boxes: []testPlatform{
			{region: "fra", config: minimum1}}, want: []string{"stopped"}},
		{name: "nor without a primary region", boxes: []testPlatform{
			{config: `"services": [{"autostop": true, "min_machines_running": 1}]`}}, want: []string{"stopped"}},

		{name: "autostop off", boxes: []testPlatform{{config: `"services": [{"autostop": false}]`}},
			want: []string{"started"}, why: map[int]string{0: "autostop is off in its service"}},
		{name: "autostop unset", boxes: []testPlatform{{config: `"services": [{"internal_port": 80}]`}},
			want: []string{"started"}},
		{name: "off in one of two services", boxes: []testPlatform{
			{config: `"services": [{"autostop": true}, {"autostop": "off"}]`}}, want: []string{"started"},
			why: map[int]string{0: "autostop is off in one of its services"}},
		{name: "suspend in one, stop in another", boxes: []testPlatform{
			{config: `"services": [{"autostop": "suspend"}, {"autostop": "stop"}]`}}, want: []string{"stopped"}},
		{name: "no services", boxes: []testPlatform{{config: `"services": []`}}, want: []string{"started"},
			why: map[int]string{0: "it has no services"}},
		{name: "a standby", boxes: []testPlatform{{config: `"standbys": ["x"]`}}, want: []string{"started"},
			why: map[int]string{0: "it is a standby"}},
		{name: "no list of standbys", boxes: []testPlatform{{config: `"standbys": []`}}, want: []string{"stopped"}},
		{name: "one that stays counts as running", boxes: []testPlatform{
			{config: `"services": [{"autostop": false}]`}, {load: 1}}, want: []string{"started", "stopped"}},

		{name: "just started", boxes: []testPlatform{
			{do: func(b *stoppingApp, id string) { b.Platform.StopMachine(app, id); b.Platform.StartMachine(app, id) }}},
			want: []string{"started"},
			why:  map[int]string{0: "it was started 0s ago, and is not stopped for the first 5m0s"}},
		{name: "just started, and counted", boxes: []testPlatform{{load: 1},
			{do: func(b *stoppingApp, id string) { b.Platform.StopMachine(app, id); b.Platform.StartMachine(app, id) }}},
			want: []string{"stopped", "started"}},
		{name: "already stopped", boxes: []testPlatform{
			{do: func(b *stoppingApp, id string) { b.Platform.StopMachine(app, id) }}, {load: 1}},
			want: []string{"stopped", "started"},
			why:  map[int]string{0: "it is not started: it is stopped"}},
		{name: "an unreachable host", boxes: []testPlatform{
			{do: func(b *stoppingApp, id string) { b.Platform.SetHost(app, id, "unreachable") }}, {load: 1}},
			want: []string{"started", "started"},
			why:  map[int]string{0: "its host is unreachable"}},
		{name: "cordoned", boxes: []testPlatform{{do: cordon}, {load: 1}}, want: []string{"started", "started"},
			why: map[int]string{0: "it is cordoned"}},

		{name: "suspend", boxes: []testPlatform{{config: suspend}}, want: []string{"suspended"}},
		{name: "suspend at 2 GB", boxes: []testPlatform{{config: suspend + `, "guest": {"memory_mb": 2048}`}},
			want: []string{"suspended"}},
		{name: "suspend above 2 GB", boxes: []testPlatform{{config: suspend + `, "guest": {"memory_mb": 2049}`}},
			want: []string{"stopped (it has more than 2 GB of memory)"}},
		{name: "suspend with swap", boxes: []testPlatform{{config: suspend + `, "init": {"swap_size_mb": 512}`}},
			want: []string{"stopped (it has swap)"}},
		{name: "suspend with a schedule", boxes: []testPlatform{{config: suspend + `, "schedule": "daily"`}},
			want: []string{"stopped (it has a schedule)"}},
		{name: "suspend with a GPU", boxes: []testPlatform{{config: suspend + `, "guest": {"gpu_kind": "a10"}`}},
			want: []string{"stopped (it has a GPU)"}},
		{name: "suspend of an old Machine", boxes: []testPlatform{{config: suspend}}, at: suspendableSince.Add(-time.Second),
			want: []string{"stopped (it was last updated before June 20, 2024)"}},
		{name: "suspend of one that is not so old", boxes: []testPlatform{{config: suspend}},
			at: suspendableSince, want: []string{"suspended"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := tt.at
			if at.IsZero() {
				at = start
			}
			b := newStoppingApp(t, stoppedClock(at))
			b.add(tt.boxes...)
			reasons, err := b.Explain(app)
			if err != nil || len(reasons) != len(b.ids) {
				t.Fatalf("%d reasons, %v", len(reasons), err)
			}
			for i, why := range tt.why {
				if !strings.Contains(reasons[i].Why, why) {
					t.Errorf("Machine %d: %q does not say %q", i, reasons[i].Why, why)
				}
			}
			stopped := b.Pass()
			for i, id := range b.ids {
				got := b.Platform.Machine(app, id).State
				j := slices.IndexFunc(stopped, func(s autostop.Stopped) bool { return s.Machine == id })
				if reasons[i].Stops != (j >= 0) {
					t.Errorf("Machine %d: explained as %+v, stopped: %t", i, reasons[i], j >= 0)
				}
				if j >= 0 {
					if stopped[j].State != got || stopped[j].Why != reasons[i].Why || stopped[j].App != app {
						t.Errorf("Machine %d is %s, and was reported as %+v", i, got, stopped[j])
					}
					if stopped[j].Fallback != "" {
						got += " (" + stopped[j].Fallback + ")"
					}
				}
				if got != tt.want[i] {
					t.Errorf("Machine %d is %s, want %s: %s", i, got, tt.want[i], reasons[i].Why)
				}
			}
		})
	}
}

var suspendableSince = time.Date(2024, 6, 20, 20, 0, 0, 0, time.UTC)

func cordon(b *stoppingApp, id string) {
	b.t.Helper()
	server, err := b.Platform.Listen("127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	defer server.Close()
	post(b.t, server.URL+"/v1/apps/"+app+"/machines/"+id+"/cordon", b.Platform.Token())
}

// TestRun runs the loop on a clock that jumps and on a very fast one.
func TestRun(t *testing.T) {
	states := func(b *stoppingApp) string {
		site, err := b.Platform.Site(app)
		if err != nil {
			b.t.Fatal(err)
		}
		var list []string
		for _, m := range site.Machines {
			list = append(list, m.State)
		}
		return strings.Join(list, " ")
	}
	await := func(b *stoppingApp, want string) {
		b.t.Helper()
		for {
			changed := b.Platform.Changed()
			if states(b) == want {
				return
			}
			<-changed
		}
	}
	run := func(b *stoppingApp) (stop func() error) {
		ctx, cancel := context.WithCancel(b.t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		return func() error { cancel(); return <-done }
	}

	t.Run("jumps", func(t *testing.T) {
		read := make(chan struct{}, 1) // receives a value when the clock was read
		clock := flysim.NewClock(func() time.Time {
			select {
			case read <- struct{}{}:
			default:
			}
			return start
		})
		b := newStoppingApp(t, clock)
		b.add(testPlatform{}, testPlatform{}, testPlatform{})
		<-read
		stop := run(b)
		<-read // the time of the first pass is set
		b.clock.Advance(time.Hour)
		await(b, "stopped stopped stopped")
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Run("races", func(t *testing.T) {
		b := newStoppingApp(t, flysim.NewClock(time.Now))
		b.add(testPlatform{}, testPlatform{})
		b.clock.SetSpeed(100_000) // one pass every 3 ms
		stop := run(b)
		await(b, "stopped stopped")
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
}

// TestPasses follows two Machines, pass by pass, until both are stopped, with a wake in between.
func TestPasses(t *testing.T) {
	b := newStoppingApp(t, stoppedClock(start))
	b.add(testPlatform{}, testPlatform{})
	pass := func(want ...string) {
		t.Helper()
		var got []string
		for _, s := range b.Pass() {
			got = append(got, s.Machine)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: stopped %v, want %v", b.clock.Now().Sub(start), got, want)
		}
		b.clock.Advance(autostop.DefaultEvery)
	}
	pass(b.ids[1])
	end := b.Traffic.Begin(b.ids[0])
	pass()
	end()
	pass(b.ids[0])
	pass()
	if err := b.Platform.Wake(app, b.ids[1]); err != nil {
		t.Fatal(err)
	}
	pass() // no stop: it was just woken
	b.Platform.SetMachineConfig(app, b.ids[1], parseConfig(t, `{"image": "nginx", "services": [{"autostop": false}]}`))
	b.clock.Advance(time.Hour)
	pass() // its setting has changed
	b.Platform.DestroyMachine(app, b.ids[1])
	pass()
	if _, err := b.Explain("none"); !errors.Is(err, flysim.ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

func parseConfig(t *testing.T, text string) spec.Config {
	t.Helper()
	c, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkPass is a pass over 1,000 apps with 10 started, busy Machines each.
func BenchmarkPass(b *testing.B) {
	clock := flysim.NewClock(func() time.Time { return start })
	p := flysim.New(flysim.Options{Clock: clock})
	traffic := new(flysim.Traffic)
	c, err := spec.Parse(
		[]byte(`{"image": "nginx", "services": [{"internal_port": 80, "autostop": true, "concurrency": {"soft_limit": 1}}]}`))
	if err != nil {
		b.Fatal(err)
	}
	for i := range 1000 {
		name := fmt.Sprintf("app-%d", i)
		p.AddApp(name, "personal", "")
		for range 10 {
			id := p.AddMachine(name, "iad", c)
			traffic.Begin(id)
			traffic.Begin(id)
		}
	}
	clock.Advance(time.Hour)
	loop := &autostop.Loop{Platform: p, Traffic: traffic}
	for b.Loop() {
		if stopped := loop.Pass(); len(stopped) > 0 {
			b.Fatal(stopped)
		}
	}
}
