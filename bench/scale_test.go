package bench

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

const (
	latency    = 50 * time.Millisecond // of each request, there and back
	startDelay = 2 * time.Second       // of a Machine
	checkDelay = time.Second           // of its health check, from then on
	smokeTime  = 10 * time.Second      // that every program is watched, as with fly deploy
	// flyctlRequests is what flyctl sends for a running Machine with a service
	// check, as recorded in the sandbox.
	flyctlRequests = 15
)

// fleet is an app of many Machines in six regions, all of them running, with a
// health check, under Fly's rate limits.
type fleet struct {
	platform *flysim.Platform
	client   *fly.Client
	work     rollout.Work
	grant    *gate.Grant
	wire     *wire
}

// wire counts requests, and takes its time with each.
type wire struct {
	next     http.RoundTripper
	requests atomic.Int64
	limited  atomic.Int64 // answered with 429
}

// RoundTrip implements [http.RoundTripper].
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.requests.Add(1)
	time.Sleep(latency / 2)
	response, err := w.next.RoundTrip(r)
	time.Sleep(latency / 2)
	if err == nil && response.StatusCode == http.StatusTooManyRequests {
		w.limited.Add(1)
	}
	return response, err
}

// newFleet plans a new environment value for n Machines. connect gives the way
// to the platform, with the URL of its APIs.
func newFleet(tb testing.TB, n int, connect func(*flysim.Platform) (http.RoundTripper, string)) *fleet {
	tb.Helper()
	const app = "fleet"
	p := flysim.New(flysim.Options{StartDelay: startDelay, CheckDelay: checkDelay, RateLimits: true})
	p.AddApp(app, "personal", "")
	config, err := machine.ParseConfig([]byte(`{"image":"registry.fly.io/fleet:1","env":{"FLY_PROCESS_GROUP":"app"},` +
		`"metadata":{"fly_platform_version":"v2","fly_process_group":"app"},` +
		`"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256},` +
		`"services":[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}],` +
		`"checks":[{"type":"http","port":8080,"path":"/","interval":"2s"}]}]}`))
	if err != nil {
		tb.Fatal(err)
	}
	regions := []string{"ams", "fra", "gru", "iad", "nrt", "syd"}
	for i := range n {
		p.AddMachine(app, regions[i%len(regions)], config)
	}
	p.Clock().Advance(time.Hour)

	next, url := connect(p)
	f := &fleet{platform: p, wire: &wire{next: next}}
	f.client, err = fly.New(fly.Options{
		Endpoints: fly.Endpoints{API: url, Flaps: url, UIEX: url}, Token: fly.NewToken(p.Token()),
		UserAgent: "flycast-mcp/bench", HTTP: f.wire,
	})
	if err != nil {
		tb.Fatal(err)
	}
	machines, err := f.client.Machines(tb.Context(), app)
	if err != nil {
		tb.Fatal(err)
	}
	f.work = rollout.Work{
		App: app, Strategy: rollout.Rolling, OnFailure: rollout.PutAllBack,
		StartWithin: time.Minute, HealthyWithin: time.Minute,
		Release: &fly.NewRelease{
			Definition: []byte(`{"app":"fleet"}`),
			Image:      "registry.fly.io/fleet:1",
			Strategy:   "rolling",
		},
	}
	for _, m := range machines {
		after, err := m.Config.With("env", map[string]string{"FLY_PROCESS_GROUP": "app", "LOG_LEVEL": "debug"})
		if err != nil {
			tb.Fatal(err)
		}
		f.work.Updates = append(f.work.Updates, rollout.Change{Before: m, Group: "app", After: after})
	}
	request := gate.Request{Tool: "deploy", App: app}
	for _, step := range f.work.Steps() {
		request.Steps = append(request.Steps, gate.Step{Verb: step.Verb, App: app, Target: step.Target})
	}
	outcome := gate.New(gate.Options{Now: time.Now}).Decide(request, nil)
	if f.grant, err = outcome.Commit(); err != nil {
		tb.Fatal(err)
	}
	p.ResetCalls()
	return f
}

// outcome is what a rollout of a fleet took.
type stateResult struct {
	requests   float64 // for each Machine
	limited    int64
	took       time.Duration
	floor      time.Duration
	goroutines int     // the most at once, of the run
	heap       float64 // bytes for each Machine, at the end
	halfway    float64 // and when half of them were done
}

// run carries the rollout out. The heap holds the sandbox too.
func (f *fleet) run(tb testing.TB) stateResult {
	tb.Helper()
	n := len(f.work.Updates)
	var o stateResult
	idle, empty := runtime.NumGoroutine(), f.heap()
	done := 0
	engine := rollout.Engine{Client: f.client, Clock: flytest.WallClock{}, Record: func(rollout.Outcome) {
		if done++; done == n/2 {
			o.halfway = f.heap() - empty
		}
		o.goroutines = max(o.goroutines, runtime.NumGoroutine()-idle)
	}}
	before := f.wire.requests.Load()
	report := engine.Run(context.Background(), f.grant, f.work, func(rollout.Phase) {})
	if report.Err != nil || report.Count(rollout.Healthy) != n {
		failed, _ := report.Failed()
		tb.Fatalf("%d of %d Machines are healthy: %v, %v", report.Count(rollout.Healthy), n, report.Err, failed.Err)
	}
	o.requests = float64(f.wire.requests.Load()-before) / float64(n)
	o.limited, o.took = f.wire.limited.Load(), report.Took
	o.heap, o.halfway = (f.heap()-empty)/float64(n), o.halfway/float64(n/2)
	width := f.work.Order()[0][0].Width
	o.floor = floor(n, width)
	return o
}

func (f *fleet) heap() float64 {
	f.platform.ResetCalls()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// floor is the shortest time for n Machines, width at a time after the first:
// for each the lease, the update, a wait while it starts, the watch, which its
// check passes in, a reading, and the lease given back; and three requests for
// the release. Fly's limits are for each action on each Machine, and hold none of
// these up.
func floor(n, width int) time.Duration {
	one := 5*latency + startDelay + max(smokeTime, checkDelay)
	waves := 1 + time.Duration(math.Ceil(float64(n-1)/float64(width)))
	return 3*latency + waves*one
}

// TestScale holds what a rollout asks, and takes, to bounds.
func TestScale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		f := newFleet(t, n, func(p *flysim.Platform) (http.RoundTripper, string) {
			return p.Transport(), "http://127.0.0.1:9"
		})
		width := f.work.Order()[0][0].Width
		o := f.run(t)
		t.Logf(
			"%d Machines, %d at a time: %.2f requests a Machine (flyctl: %d), %v, %.2f times the floor of %v; "+
				"%d goroutines, %.0f bytes a Machine",
			n, width, o.requests, flyctlRequests, o.took, float64(o.took)/float64(o.floor), o.floor, o.goroutines, o.heap)
		if o.requests > 7.5 {
			t.Errorf("%.2f requests for each Machine, want at most 7.5", o.requests)
		}
		if o.limited != 0 {
			t.Errorf("%d requests came too fast", o.limited)
		}
		if o.took > o.floor*11/10 {
			t.Errorf("it took %v, want at most 1.1 times the floor of %v", o.took, o.floor)
		}
		if most := 5 + 3*width; o.goroutines > most {
			t.Errorf("%d goroutines for %d Machines at a time, want at most %d", o.goroutines, width, most)
		}
		if o.heap > 64<<10 {
			t.Errorf("the heap grew by %.0f bytes for each Machine, want at most 64 KiB", o.heap)
		}
	})
}

// BenchmarkRollout is a rollout to 200 and to 1,000 Machines over HTTP, in real
// time. Wanted: fewer requests a Machine than flyctl's 15, and at most 1.5 times
// the floor.
func BenchmarkRollout(b *testing.B) {
	for _, n := range []int{200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var o stateResult
			for b.Loop() {
				f := newFleet(b, n, func(p *flysim.Platform) (http.RoundTripper, string) {
					listening, err := p.Listen("127.0.0.1:0")
					if err != nil {
						b.Fatal(err)
					}
					b.Cleanup(func() { _ = listening.Close() })
					return &http.Transport{MaxIdleConnsPerHost: n}, listening.URL
				})
				o = f.run(b)
			}
			b.ReportMetric(o.requests, "requests/machine")
			b.ReportMetric(o.took.Seconds(), "s")
			b.ReportMetric(o.floor.Seconds(), "s-floor")
			b.ReportMetric(float64(o.took)/float64(o.floor), "ratio")
			b.ReportMetric(float64(o.limited), "429s")
			b.ReportMetric(float64(o.goroutines), "goroutines")
			b.ReportMetric(o.halfway/1024, "KiB-halfway/machine")
			b.ReportMetric(o.heap/1024, "KiB/machine")
		})
	}
}
