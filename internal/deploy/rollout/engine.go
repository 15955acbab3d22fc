// Package rollout carries deployments out: it puts new configurations onto existing Machines,
// and creates Machines where a group has none. Each Machine is leased, updated at the
// version that the plan saw, tested and read back. Groups are updated side by side, the
// first Machine of each alone. [Work.OnFailure] decides what happens after a failure.
package rollout

import (
	"context"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Clock reads the time and waits.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Engine carries rollouts out.
type Engine struct {
	Client Client
	// Clock's After must block until the time has come: heartbeats and leases go
	// by it while a Machine is waited for.
	Clock Clock
	// Record, if not nil, gets the outcome of each Machine as soon as it is known,
	// and once more when the Machine is put back because another one failed. It
	// is called by one goroutine at a time.
	Record func(Outcome)
	// RecordRelease, if not nil, gets a release when it is made, and each status of it
	// that the platform has taken; also of those that were abandoned. It is called
	// by one goroutine at a time.
	RecordRelease func(fly.Release, fly.ReleaseStatus)
	// Stop, if not nil, is closed to end the run early: as when the context ends, no
	// other Machine is started. Those that were changed then get their earlier
	// configuration back if OnFailure is PutAllBack.
	Stop <-chan struct{}
}

// Run carries the work out and returns when all of it has ended. The grant must hold
// [Work.Steps]. When ctx ends, the Machines that are being changed are finished, no other is
// started, and nothing is put back: a caller who cancels the context wants to stop soon. A
// Machine that was started or stopped since the plan is treated as what it is when its turn
// comes; one whose configuration was changed is refused. progress is called by one goroutine at a time.
//
// The release of the work is closed whatever happens, also when a callback panics: the
// panic ends the run and continues in the caller. Only a process that is killed leaves its
// release as running. A later Run closes it if it is among [Work.Abandoned]: Run itself
// could not tell it from the release of a deploy that still runs.
func (e Engine) Run(ctx context.Context, grant *gate.Grant, w Work, progress func(Phase)) Report {
	r := newRun(e, grant, w, progress)
	quiet := r.startHeartbeat()
	defer quiet()
	going, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-e.Stop:
			cancel()
		case <-over:
		}
	}()
	r.carryOut(ctx, going)
	return r.report(ctx)
}

// isStopped reports whether [Engine.Stop] is closed.
func (r *run) isStopped() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

// run is the state of one [Engine.Run].
type run struct {
	Engine
	work           Work
	grant          *gate.Grant
	progress       func(Phase)
	began          time.Time
	release        *ReleaseOutcome
	closedReleases []ReleaseOutcome // releases that were abandoned
	err            error            // why nothing was begun
	// final is how the run ended, if that does not follow from the Machines that failed;
	// nothing more is put back then.
	final     fly.ReleaseStatus
	reporting sync.Mutex

	mu       sync.Mutex // guards the rest
	jobs     []*job     // in the order of the report
	clerk    *job       // the work on the release, for those who watch
	changed  []*job     // those with something new, in the order in which they got it
	turns    int        // begun
	first    int        // of jobs, the one that failed first; -1 for none
	halted   bool       // nothing more is started, whatever OnFailure is
	seen     map[string]bool
	known    map[string]bool // Machines and volumes that this run did not make, or has found
	panicked any
}

// job is one Machine of a run.
type job struct {
	place  int
	change Change         // of an existing Machine
	create *Create        // of a new one
	config machine.Config // what is sent: with the labels of the release, without flyctl's version

	hold       *heldLease         // nil while no lease is held
	wasRunning bool               // it ran when its turn came
	sent       bool               // the platform may have something of this run
	instance   string             // the instance that was sent; empty if that is not known
	idle       bool               // it is known to stand still after an update that did not launch it
	crashes    int                // in its history, before its turn, if nothing is sent to it
	done       map[gate.Verb]bool // what an exchange of Machines did with it
	out        Outcome

	n     int // of the turns; guarded by run.mu, like the rest
	doing string
	since time.Time
	busy  bool
}

func newRun(e Engine, grant *gate.Grant, w Work, progress func(Phase)) *run {
	r := &run{
		Engine: e, work: w, grant: grant, progress: progress, began: e.Clock.Now(), first: -1,
		seen: make(map[string]bool), known: make(map[string]bool), clerk: new(job),
	}
	add := func(j *job) {
		j.place, j.out.State = len(r.jobs), NotStarted
		r.jobs = append(r.jobs, j)
	}
	created, _ := w.places()
	for _, create := range created {
		add(&job{create: &create, config: create.Config.WithoutFlyctlVersion(), out: Outcome{
			Group: create.Group, Region: create.Region, Role: create.role, For: create.replaces,
			Checks: countChecks(create.Config),
		}})
	}
	parts := w.assignments()
	for _, change := range w.sortedUpdates() {
		before := change.Before
		add(&job{change: change, config: change.After.WithoutFlyctlVersion(), out: Outcome{
			ID: before.ID, Group: change.Group, Region: before.Region, Role: parts[before.ID].role,
			Before: before.InstanceID, Checks: countChecks(change.After),
		}})
	}
	return r
}

// carryOut runs the work until ctx ends. outer, its parent, ends only with the program.
func (r *run) carryOut(outer, ctx context.Context) {
	whole := context.WithoutCancel(ctx)
	if err := r.work.Allowed(whole, r.Client); err != nil {
		r.err = err
		return
	}
	r.closeAbandoned(whole)
	closed := false
	defer func() {
		if !closed { // a panic goes on
			r.stopReporting()
			r.closeRelease(whole, fly.ReleaseInterrupted)
		}
	}()
	if err := r.openRelease(whole); err != nil {
		r.err = err
		r.closeRelease(whole, fly.ReleaseFailed)
		closed = true
		return
	}
	for _, stage := range r.work.Order() {
		switch role := stage[0].Role; {
		case r.work.Strategy == Immediate && !stage[0].Create:
			r.immediate(ctx, stage)
		case role == RoleCanary:
			r.stage(ctx, stage, r.canary)
		case role == RoleLeftover && r.work.Strategy == Canary:
			r.stage(ctx, stage, r.clear)
		case role == "":
			r.stage(ctx, stage, r.turn)
		}
	}
	if r.work.Strategy == BlueGreen {
		r.blueGreen(ctx)
	}
	r.rethrow()
	switch failed := r.hasFailed(); {
	case r.final != "":
		r.closeRelease(whole, r.final)
	case failed && r.work.OnFailure == PutAllBack:
		r.putAllBack(whole)
		r.closeRelease(whole, fly.ReleaseFailed)
	case failed:
		r.closeRelease(whole, fly.ReleaseFailed)
	case r.isUnfinished():
		if r.isStopped() && outer.Err() == nil && r.work.OnFailure == PutAllBack {
			r.putAllBack(whole)
		}
		r.closeRelease(whole, fly.ReleaseInterrupted)
	default:
		r.closeRelease(whole, fly.ReleaseComplete)
	}
	closed = true
}

// hasFailed reports whether some Machine has failed.
func (r *run) hasFailed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.first >= 0
}

// isUnfinished reports whether some Machine's turn did not come.
func (r *run) isUnfinished() bool {
	for _, j := range r.jobs {
		if j.out.State == NotStarted {
			return true
		}
	}
	return false
}

func (r *run) report(ctx context.Context) Report {
	report := Report{Release: r.release, Err: r.err, first: r.first + 1, Took: r.Clock.Now().Sub(r.began)}
	report.Abandoned = r.closedReleases
	report.Stopped = r.isStopped()
	report.Interrupted = (ctx.Err() != nil || report.Stopped) && r.isUnfinished()
	for _, j := range r.jobs {
		report.Machines = append(report.Machines, j.out)
	}
	return report
}

// pause waits on the injected clock.
func (r *run) pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.Clock.After(d):
		return nil
	}
}
