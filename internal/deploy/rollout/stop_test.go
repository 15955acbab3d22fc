package rollout

import (
	"context"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// stopAt runs work that somebody stops when the nth Machine is updated.
func (b *deployedApp) stopAt(w Work, nth int) Report {
	b.t.Helper()
	stop, updating := make(chan struct{}), 0
	b.engine.Stop = stop
	return b.engine.Run(b.t.Context(), b.grantFor(w), w, func(p Phase) {
		if p.Doing == "updating" || p.Doing == "creating it" {
			if updating++; updating == nth {
				close(stop)
			}
		}
	})
}

// TestStop: the Machine at work comes to its end, no other is begun, and what
// was changed is put back if that is what the work wants after a failure.
func TestStop(t *testing.T) {
	for on, want := range map[OnFailure]map[State]int{
		PutAllBack: {PutBack: 2, NotStarted: 2},
		Stop:       {Healthy: 2, NotStarted: 2},
		Continue:   {Healthy: 2, NotStarted: 2},
	} {
		bubble(t, string(on), func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 4, checks: true})
			w := b.upgrade()
			w.OnFailure, w.MaxUnavailable, w.Release = on, 1, newRelease()
			report := b.stopAt(w, 2)
			b.counts(report, want)
			if _, failed := report.Failed(); failed || !report.Stopped || !report.Interrupted {
				t.Errorf("got failed %v, stopped %v, interrupted %v", failed, report.Stopped, report.Interrupted)
			}
			for i := range 4 {
				c := w.member("api", i)
				want := c.Before.Config
				if i < 2 && on != PutAllBack {
					var err error
					if want, err = withRelease(c.After, report.Release.Release); err != nil {
						t.Fatal(err)
					}
				}
				b.has(c.Before.ID, want)
			}
			b.releaseIs(report, fly.ReleaseInterrupted)
			b.noLeases()
		})
	}
	bubble(t, "too late", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		w := b.upgrade()
		w.MaxUnavailable, w.Release = 1, newRelease()
		report := b.stopAt(w, 2)
		b.counts(report, map[State]int{Healthy: 2})
		if !report.Stopped || report.Interrupted {
			t.Errorf("stopped %v, interrupted %v", report.Stopped, report.Interrupted)
		}
		b.releaseIs(report, fly.ReleaseComplete)
	})
	for _, strategy := range []Strategy{Canary, BlueGreen} {
		bubble(t, string(strategy), func(t *testing.T) {
			b := newFleet(t, flysim.Options{StartDelay: time.Second}, fleetGroup{name: "api", running: 2, checks: true})
			w := b.upgradeWith(strategy)
			report := b.stopAt(w, 1)
			if !report.Interrupted {
				t.Errorf("got %+v", report)
			}
			b.truth(report)
			for _, c := range w.Updates {
				b.has(c.Before.ID, c.Before.Config)
			}
			if ids := b.MachineIDs(fleet); len(ids) != 2 {
				t.Errorf("there are %q", ids)
			}
			b.noLeases()
		})
	}
	bubble(t, "the program ends as well", func(t *testing.T) { // nothing is put back
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		w := b.upgrade()
		w.MaxUnavailable = 1
		stop := make(chan struct{})
		b.engine.Stop = stop
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		report := b.engine.Run(ctx, b.grantFor(w), w, func(p Phase) {
			if p.Doing == "updating" && ctx.Err() == nil {
				close(stop)
				cancel()
			}
		})
		b.counts(report, map[State]int{Healthy: 1, NotStarted: 1})
	})
}

// TestAbandoned: a release that a killed run left behind is closed, whatever
// becomes of the run that does it; one that cannot be stops nothing.
func TestAbandoned(t *testing.T) {
	for name, lost := range map[string]bool{"closed": false, "cannot be closed": true} {
		bubble(t, name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
			w := b.upgrade()
			w.Release = newRelease()
			mortal := &dying{next: b.Transport()}
			mortal.left.Store(6) // the release is made, and running
			b.engine.Client = b.Client(func(o *fly.Options) { o.HTTP = mortal })
			b.do(w)
			b.engine.Client = b.client
			left, err := b.client.Releases(t.Context(), fleet, 1)
			if err != nil || len(left) != 1 || left[0].Status != fly.ReleaseRunning {
				t.Fatalf("got %+v, %v", left, err)
			}
			b.Clock().Advance(leaseTTL)

			w = b.upgrade()
			w.Release, w.Abandoned = newRelease(), left
			statuses := make(map[string]fly.ReleaseStatus)
			b.engine.RecordRelease = func(r fly.Release, status fly.ReleaseStatus) { statuses[r.ID] = status }
			want := fly.ReleaseInterrupted
			if lost {
				b.Inject(flysim.Fault{Operation: "release.update", Status: 422})
				want = fly.ReleaseRunning
			}
			report := b.do(w)
			b.releaseIs(report, fly.ReleaseComplete)
			if len(report.Abandoned) != 1 || report.Abandoned[0].Status != want || (report.Abandoned[0].Err != nil) != lost {
				t.Errorf("got %+v", report.Abandoned)
			}
			for _, have := range b.Releases(fleet) {
				if have.ID == left[0].ID && have.Status != string(want) {
					t.Errorf("the platform has it as %s, want %s", have.Status, want)
				}
			}
			if !lost && statuses[left[0].ID] != want || statuses[report.Release.Release.ID] != fly.ReleaseComplete {
				t.Errorf("told %v", statuses)
			}
		})
	}
}
