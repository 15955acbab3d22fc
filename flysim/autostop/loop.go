// Package autostop stops the idle Machines of the emulated platform as Fly Proxy does (Fly docs,
// "Autostop/autostart Machines").
//
// Every few minutes a pass looks at the Machines of each app, process group and region, and stops
// at most one of them:
//
//   - If several are started, one is excess if started − (over the soft limit + 1) is at least 1. Of
//     those that may be stopped the least loaded one is stopped, even if requests are in progress on it.
//   - If only one is started, it is stopped if its load is 0.
//   - In the primary region (PRIMARY_REGION in the Machines' environment) at least
//     min_machines_running Machines stay started. In other regions that setting has no effect.
//   - A Machine is never stopped if one of its services has autostop off or unset, if it has no
//     services, or if it is a standby.
//   - Suspend falls back to stop for a Machine that has more than 2 GB of memory, swap, a schedule or a
//     GPU, or that was not updated since June 20, 2024 20:00 UTC.
//
// Load is what goes through Fly Proxy, as [flysim.Traffic] counts it. What a program does by
// itself, or for callers of .internal, does not count.
//
// Where Fly's documentation says nothing, this package decides:
//
//   - The services of one Machine count together: the lowest soft limit, the highest minimum, and stop
//     if one of them says stop.
//   - A Machine that was started within Settle is not stopped, so that the last one stops five to ten
//     minutes after the request that woke it, as observed on Fly.
//   - A Machine that is cordoned, or whose host is not reachable, is neither stopped nor counted.
//   - Among equally loaded Machines the newest is stopped.
package autostop

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// DefaultEvery is the time between two passes. Fly says "every few minutes".
const DefaultEvery = 5 * time.Minute

// Loop stops idle Machines. Platform and Traffic must be set. It is safe for concurrent use.
type Loop struct {
	Platform *flysim.Platform
	Traffic  *flysim.Traffic

	// Every is the time from one pass to the next, on the platform's clock; zero:
	// DefaultEvery.
	Every time.Duration

	// Settle is how long a Machine is not stopped after its start; zero: Every, negative: 0.
	Settle time.Duration

	mu       sync.Mutex
	settings map[string]cachedSetting // by Machine
}

// cachedSetting is the cached setting of one version of a Machine.
type cachedSetting struct {
	instance string
	setting  autostopSetting
}

// Stopped describes a Machine that a pass stopped.
type Stopped struct {
	App, Machine, Region, Group string

	At       time.Time
	State    string // stopped or suspended
	Why      string
	Fallback string // why it was stopped instead of suspended; empty: it was not
}

// minRealInterval is the shortest real time between two passes.
const minRealInterval = 10 * time.Millisecond

// Run makes a pass after each Every until the context ends, and returns the context's error. If the
// clock jumps over several passes, they are made one after another, all at the clock's current
// time.
func (l *Loop) Run(ctx context.Context) error {
	clock := l.Platform.Clock()
	next := clock.Now().Add(l.every())
	rest := time.NewTicker(minRealInterval)
	defer rest.Stop()
	for {
		if err := clock.Wait(ctx, next, nil); err != nil {
			return err
		}
		select { // a fast clock would leave no time for anything else
		case <-rest.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		for now := clock.Now(); !next.After(now); next = next.Add(l.every()) {
			if len(l.Pass()) == 0 { // other overdue passes would stop nothing either
				next = next.Add(now.Sub(next).Truncate(l.every()))
			}
		}
	}
}

func (l *Loop) every() time.Duration {
	if l.Every <= 0 {
		return DefaultEvery
	}
	return l.Every
}

// Pass makes one pass over all apps and returns the Machines that it stopped, ordered by app.
func (l *Loop) Pass() []Stopped {
	var stopped []Stopped
	seen := make(map[string]bool)
	for _, app := range l.Platform.AppNames() {
		site, err := l.Platform.Site(app)
		if err != nil {
			continue // the app was deleted meanwhile
		}
		for _, b := range site.Machines {
			seen[b.ID] = true
		}
		for _, region := range l.regions(site) {
			if c := region.machineToStop(); c != nil {
				if s, ok := l.stop(app, region, c); ok {
					stopped = append(stopped, s)
				}
			}
		}
	}
	l.forget(seen)
	return stopped
}

// stop stops a Machine. ok is false if it must no longer be stopped.
func (l *Loop) stop(app string, r regionLoad, c *candidate) (s Stopped, ok bool) {
	s = Stopped{
		App: app, Machine: c.ID, Region: r.name, Group: r.group,
		At: l.Platform.Clock().Now(), State: "stopped", Why: r.why(),
	}
	suspend := c.setting.mode == spec.AutostopSuspend
	if suspend {
		s.Fallback = c.Unsuspendable
		suspend = s.Fallback == ""
	}
	if suspend {
		s.State = "suspended"
	}
	return s, l.Platform.Park(app, c.ID, suspend) == nil
}

// forget drops the cached settings of Machines that no longer exist.
func (l *Loop) forget(seen map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.settings {
		if !seen[id] {
			delete(l.settings, id)
		}
	}
}

// setting returns the autostop setting in the Machine's configuration.
func (l *Loop) setting(b flysim.Backend) autostopSetting {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k, ok := l.settings[b.ID]; ok && k.instance == b.InstanceID {
		return k.setting
	}
	if l.settings == nil {
		l.settings = make(map[string]cachedSetting)
	}
	s := read(b.Config)
	l.settings[b.ID] = cachedSetting{b.InstanceID, s}
	return s
}

// Reason says why a Machine would or would not be stopped at the next pass.
type Reason struct {
	Machine, Region, Group, State string

	Stops bool
	Why   string
}

// Explain returns a Reason for each Machine of an app, in the order of creation. If there is no
// such app, the error is [flysim.ErrGone].
func (l *Loop) Explain(app string) ([]Reason, error) {
	site, err := l.Platform.Site(app)
	if err != nil {
		return nil, err
	}
	verdicts := make(map[string]Reason)
	for _, r := range l.regions(site) {
		chosen := r.machineToStop()
		for i := range r.candidates {
			c := &r.candidates[i]
			verdicts[c.ID] = Reason{Stops: c == chosen, Why: cmp.Or(c.keep, r.verdict(c == chosen))}
		}
	}
	var reasons []Reason
	for _, b := range site.Machines {
		reason, ok := verdicts[b.ID]
		if !ok {
			reason.Why = l.whyUncounted(b)
		}
		reason.Machine, reason.Region, reason.Group, reason.State = b.ID, b.Region, b.Group, b.State
		reasons = append(reasons, reason)
	}
	return reasons, nil
}
