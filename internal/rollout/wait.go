package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// prove waits until the Machine runs its new instance and all its checks pass.
func (e single) prove(ctx context.Context, app string, m fly.Machine, want machine.Config, hold *held, say func(string)) error {
	say("waiting for it to start")
	if err := e.started(ctx, app, m, hold); err != nil {
		return err
	}
	checks := countChecks(want)
	if checks > 0 {
		say("waiting for its health checks")
	}
	deadline := e.Clock.Now().Add(e.HealthyWithin)
	for {
		live, err := e.Client.Machine(ctx, app, m.ID)
		if err != nil && !passing(err) {
			return fmt.Errorf("read its state: %w", err)
		}
		// Another instance is an answer from before the update.
		if err == nil && live.InstanceID == m.InstanceID {
			if done, err := healthy(live, checks); done {
				return err
			}
		}
		if e.Clock.Now().After(deadline) {
			return fmt.Errorf("its health checks did not pass within %v: %s", e.HealthyWithin, failing(live))
		}
		if err := hold.refresh(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.Clock.After(pollStep):
		}
	}
}

func (e single) started(ctx context.Context, app string, m fly.Machine, hold *held) error {
	deadline := e.Clock.Now().Add(e.StartWithin)
	for {
		step, cancel := context.WithTimeout(ctx, waitStep)
		err := e.Client.Wait(step, app, m.ID, m.InstanceID, "started")
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if live, readErr := e.Client.Machine(ctx, app, m.ID); readErr == nil && live.InstanceID == m.InstanceID {
			if crashed := crash(live); crashed != nil {
				return crashed
			}
		}
		if !passing(err) || e.Clock.Now().After(deadline) {
			return fmt.Errorf("it did not start: %w", err)
		}
		if err := hold.refresh(ctx); err != nil {
			return err
		}
		if errors.Is(err, context.DeadlineExceeded) {
			continue // waitStep has passed
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-e.Clock.After(pollStep):
		}
	}
}

// passing reports whether an error says nothing about the Machine, only that
// Fly did not answer this once: no reason to take a configuration back.
func passing(err error) bool {
	code := fly.CodeOf(err)
	return code == gate.RateLimited || code == gate.PlatformError
}

// healthy tells whether waiting is over, and with what.
func healthy(m fly.Machine, checks int) (done bool, err error) {
	if err := crash(m); err != nil {
		return true, err
	}
	if m.State != "started" || len(m.Checks) < checks {
		return false, nil
	}
	for _, c := range m.Checks {
		if c.Status != "passing" {
			return false, nil
		}
	}
	return true, nil
}

// crash is the error of a Machine that ended by itself.
func crash(m fly.Machine) error {
	if m.State != "stopped" && m.State != "failed" {
		return nil
	}
	// The exit may be that of the instance before, which the update ended.
	own := m.Exit != nil && !m.Exit.Requested
	switch {
	case own && m.Exit.OOMKilled:
		return errors.New("its program was killed for lack of memory")
	case own:
		return fmt.Errorf("its program ended with exit code %d", m.Exit.Code)
	case m.State == "failed":
		return errors.New("the Machine failed to start")
	}
	return nil
}

func failing(m fly.Machine) string {
	var names []string
	for _, c := range m.Checks {
		if c.Status != "passing" {
			names = append(names, fmt.Sprintf("%.60q is %.20q", c.Name, c.Status))
		}
	}
	if len(names) == 0 {
		return "not all of them have reported"
	}
	return strings.Join(names, ", ")
}

// held is a lease that is refreshed while the work goes on.
type held struct {
	lease *fly.Lease
	clock Clock
	since time.Time
}

func (h *held) refresh(ctx context.Context) error {
	if h.clock.Now().Sub(h.since) < leaseTTL/3 {
		return nil
	}
	if err := h.lease.Refresh(ctx, leaseTTL); err != nil {
		if passing(err) && h.clock.Now().Sub(h.since) < leaseTTL*3/4 {
			return nil // it still holds: the next step tries again
		}
		return fmt.Errorf("keep the lease: %w", err)
	}
	h.since = h.clock.Now()
	return nil
}
