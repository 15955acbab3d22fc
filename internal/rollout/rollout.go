// Package rollout puts new configurations onto existing Machines, one Machine
// at a time: lease, update, wait for started and healthy, read back. A Machine
// that fails gets its exact earlier configuration back, and the rollout stops.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// Change is the new configuration of one Machine. Before is the Machine as the
// plan saw it; the platform refuses the update if it has changed since.
type Change struct {
	Before fly.Machine
	Group  string
	After  machine.Config
}

// Launch reports whether the Machine runs the new configuration at once. As
// with fly deploy, only Machines that run (or try to) are started again; a
// stopped or suspended one is updated and stays as it is.
func (c Change) Launch() bool {
	switch c.Before.State {
	case "started", "starting", "failed":
		return true
	}
	return false
}

// Sort brings changes into the order of the rollout: by group, running Machines
// first so that the first update is one that proves something, then by id.
func Sort(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		if c := strings.Compare(a.Group, b.Group); c != 0 {
			return c
		}
		if a.Launch() != b.Launch() {
			if a.Launch() {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Before.ID, b.Before.ID)
	})
}

// State is how far a Machine got.
type State string

// The states. Broken means that neither the new nor the earlier configuration
// could be brought up: the Machine needs a person.
const (
	Healthy    State = "healthy"     // updated, started, checks passing, read back
	Unproven   State = "unproven"    // updated while stopped: not started, not proved
	PutBack    State = "put_back"    // failed, and has its earlier configuration again
	Broken     State = "broken"      // failed, and could not be put back
	Unchanged  State = "unchanged"   // refused before anything was sent to it
	NotStarted State = "not_started" // the rollout ended before its turn
)

// Outcome is what became of one Machine.
type Outcome struct {
	ID       string
	Group    string
	State    State
	Err      error    // why it failed, nil otherwise
	Mismatch []string // read back, and not what was sent: one line a field

	Launched bool // it ran when its turn came, so the update started it anew
	Checks   int  // health checks of the new configuration
}

// Report lists every Machine of the rollout, in its order.
type Report struct {
	Machines []Outcome
}

// Count tells how many Machines ended in a state.
func (r Report) Count(state State) int {
	n := 0
	for _, m := range r.Machines {
		if m.State == state {
			n++
		}
	}
	return n
}

// Failed is the Machine that ended the rollout, if one did.
func (r Report) Failed() (Outcome, bool) {
	i := slices.IndexFunc(r.Machines, func(o Outcome) bool { return o.Err != nil })
	if i < 0 {
		return Outcome{}, false
	}
	return r.Machines[i], true
}

// Phase is a moment in the work on one Machine.
type Phase struct {
	Group   string
	Machine string
	Doing   string // such as "updating"
	N, Of   int    // this Machine, all Machines
}

// Clock is how the rollout tells and waits for time.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Engine carries rollouts out.
type Engine struct {
	Client        fly.Client
	Clock         Clock
	StartWithin   time.Duration // for a Machine to be started
	HealthyWithin time.Duration // for its checks to pass, from then on
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

// Run carries the changes out in the order given. The grant must hold, for each
// Machine, lease_machine, update_machine for After and put_back_machine for
// Before. Run does not stop in the middle of a Machine: give it a context that
// outlives the caller. A Machine that was started or stopped since the plan is
// treated as what it is when its turn comes; one that was changed is refused.
func (e Engine) Run(ctx context.Context, grant *gate.Grant, app string, changes []Change, progress func(Phase)) Report {
	var report Report
	for i, change := range changes {
		say := func(doing string) {
			progress(Phase{Group: change.Group, Machine: change.Before.ID, Doing: doing, N: i + 1, Of: len(changes)})
		}
		outcome := e.roll(ctx, grant, app, change, say)
		report.Machines = append(report.Machines, outcome)
		if e.Record != nil {
			e.Record(outcome)
		}
		if outcome.Err != nil {
			for _, rest := range changes[i+1:] {
				report.Machines = append(report.Machines, Outcome{ID: rest.Before.ID, Group: rest.Group, State: NotStarted})
			}
			break
		}
	}
	return report
}

func (e Engine) roll(ctx context.Context, grant *gate.Grant, app string, change Change, say func(string)) Outcome {
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
func (e Engine) putBack(ctx context.Context, grant *gate.Grant, app string, change Change, at string, hold *held, out Outcome, say func(string)) Outcome {
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
