// Package rollout puts new configurations onto existing Machines, one Machine
// at a time: lease, update, wait for started and healthy, read back. A Machine
// that fails gets its exact earlier configuration back, and the rollout stops.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// Clock is how the rollout tells and waits for time.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Engine carries rollouts out.
type Engine struct {
	Client fly.Client
	// Clock's After must block: while a Machine is waited for, heartbeats and
	// leases go by it.
	Clock Clock
	// Record, if not nil, gets the outcome of each Machine whose turn came, as
	// soon as it is known.
	Record func(Outcome)
}

const (
	leaseTTL = 60 * time.Second
	// waitStep is how long one wait for a state lasts before the lease is refreshed.
	waitStep = 5 * time.Second
	pollStep = 500 * time.Millisecond
)

// Run carries the work out and returns when nothing of it is under way any more.
// The grant must hold [Work.Steps]. When ctx ends, the Machines at work come to
// their end, and no other is begun. progress is called by one goroutine at a time.
func (e Engine) Run(ctx context.Context, grant *gate.Grant, w Work, progress func(Phase)) Report {
	report := Report{first: -1}
	changes := w.sortedUpdates()
	for i, change := range changes {
		if ctx.Err() != nil {
			report.Interrupted = true
		}
		if report.first >= 0 || report.Interrupted {
			report.Machines = append(report.Machines, Outcome{ID: change.Before.ID, Group: change.Group, State: NotStarted})
			continue
		}
		say := func(doing string) {
			progress(Phase{Group: change.Group, Machine: change.Before.ID, Doing: doing, N: i + 1, Of: len(changes)})
		}
		outcome := single{e, w.StartWithin, w.HealthyWithin}.roll(context.WithoutCancel(ctx), grant, w.App, change, say)
		report.Machines = append(report.Machines, outcome)
		if e.Record != nil {
			e.Record(outcome)
		}
		if outcome.Err != nil {
			report.first = i
		}
	}
	return report
}

// single is the engine for one Machine after the other.
type single struct {
	Engine
	StartWithin   time.Duration
	HealthyWithin time.Duration
}

func (e single) roll(ctx context.Context, grant *gate.Grant, app string, change Change, say func(string)) Outcome {
	out := Outcome{ID: change.Before.ID, Group: change.Group, State: Unchanged}
	say("taking the lease")
	lease, err := e.Client.LeaseMachine(ctx, grant, app, change.Before.ID, leaseTTL)
	if err != nil {
		out.Err = fmt.Errorf("take the lease: %w", err)
		return out
	}
	hold := &held{lease: lease, clock: e.Clock, since: e.Clock.Now()}
	// A lease that cannot be given back runs out by itself.
	defer func() { _ = lease.Release(context.WithoutCancel(ctx)) }()

	live, err := e.planned(ctx, app, change.Before)
	if err != nil {
		out.Err = fmt.Errorf("update: %w", err)
		return out
	}
	// Fly Proxy may have woken or stopped it since the plan: what runs now is
	// what must run afterwards.
	change.Before.State = live.State
	out.Launched, out.Checks = change.Launch(), countChecks(change.After)

	say("updating")
	updated, err := e.update(ctx, grant, app, fly.Update{
		ID: change.Before.ID, Config: change.After, CurrentInstance: change.Before.InstanceID, Lease: lease, SkipLaunch: !change.Launch(),
	}, change.Before.InstanceID)
	if err != nil {
		out.Err = fmt.Errorf("update: %w", err)
		if !errors.Is(err, errTookEffect) && !errors.Is(err, errUnsettled) {
			return out
		}
		return e.putBack(ctx, grant, app, change, updated.InstanceID, hold, out, say)
	}
	if change.Launch() {
		if err := e.prove(ctx, app, updated, change.After, hold, say); err != nil {
			out.Err = err
			return e.putBack(ctx, grant, app, change, updated.InstanceID, hold, out, say)
		}
	}
	if live, err = e.Client.Machine(ctx, app, change.Before.ID); err != nil {
		out.State, out.Err = Unproven, fmt.Errorf("read back: %w", err)
		return out
	}
	out.Mismatch = mismatch(change.After, live.Config, change.Before.Config)
	out.State = Healthy
	if !change.Launch() {
		out.State = Unproven
	}
	return out
}

// planned reads a Machine under its lease: it must still be the one that the
// plan saw.
func (e Engine) planned(ctx context.Context, app string, before fly.Machine) (fly.Machine, error) {
	live, err := e.Client.Machine(ctx, app, before.ID)
	if err != nil {
		return fly.Machine{}, fmt.Errorf("read it under the lease: %w", err)
	}
	if live.InstanceID != before.InstanceID {
		return fly.Machine{}, &fly.Error{Code: gate.Stale, Message: "Machine " + before.ID + " has changed meanwhile"}
	}
	return live, nil
}

// putBack gives a failed Machine its earlier configuration. at is the instance
// that failed; it is read if it is not known.
func (e single) putBack(ctx context.Context, grant *gate.Grant, app string, change Change, at string, hold *held, out Outcome, say func(string)) Outcome {
	say("putting the earlier configuration back")
	out.State = Broken
	if at == "" {
		live, err := e.Client.Machine(ctx, app, change.Before.ID)
		if err != nil {
			out.Err = errors.Join(out.Err, fmt.Errorf("put back: %w", err))
			return out
		}
		if at = live.InstanceID; at == change.Before.InstanceID || foreign(out.Err) && !machine.Equal(live.Config, change.After) {
			out.State = Unchanged // the update never arrived, or what is there is somebody else's
			return out
		}
	}
	// Without a fresh lease the update itself is refused, and says so.
	_ = hold.refresh(ctx)
	restored, err := e.update(ctx, grant, app, fly.Update{
		ID: change.Before.ID, Config: change.Before.Config, CurrentInstance: at, Lease: hold.lease, SkipLaunch: !change.Launch(), PutBack: true,
	}, at)
	if err != nil {
		out.Err = errors.Join(out.Err, fmt.Errorf("put back: %w", err))
		return out
	}
	if change.Launch() {
		say("waiting for it to start with the earlier configuration")
		if err := e.started(ctx, app, restored, hold); err != nil {
			out.Err = errors.Join(out.Err, fmt.Errorf("put back: %w", err))
			return out
		}
	}
	out.State = PutBack
	return out
}
