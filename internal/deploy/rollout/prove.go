package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

const (
	// waitStep is the longest wait for a state before the Machine is looked at.
	waitStep = 15 * time.Second
	// SmokeTime is how long every program must live (flyctl's smoke checks: 10 s):
	// checks that pass do not rule out a crash just after.
	SmokeTime = 10 * time.Second
	// pollStep is the first pause between two readings; each is twice the one
	// before, up to maxPollStep.
	pollStep    = 500 * time.Millisecond
	maxPollStep = 4 * time.Second
)

// errStoppedMeanwhile is no failure: Fly Proxy or a person stopped the Machine.
var errStoppedMeanwhile = errors.New("it was stopped before it was tested")

// prove waits until a Machine runs what was sent, and works: its program lives for
// SmokeTime, and all its health checks pass. A program with checks may crash
// once, as with fly deploy, if it then lives for SmokeTime. The Machine as it was
// read last is returned, which is the reading back.
func (r *run) prove(ctx context.Context, j *job) (fly.Machine, error) {
	r.say(j, "waiting for it to start")
	if err := r.waitStarted(ctx, j, j.instance); err != nil {
		return fly.Machine{}, err
	}
	deadline := r.Clock.Now().Add(max(r.work.HealthyWithin, 2*SmokeTime))
	watched, crashes := false, 0
	for pause := pollStep; ; pause = min(2*pause, maxPollStep) {
		if !watched {
			r.repeat(j, "watching that it stays up")
			var err error
			if watched, err = r.smoke(ctx, j); err != nil {
				return fly.Machine{}, err
			}
		}
		live, err := r.Client.Machine(ctx, r.work.App, j.out.ID)
		if err != nil && !isTransient(err) {
			return live, fmt.Errorf("read its state: %w", err)
		}
		// Another instance is an answer from before the update.
		if err == nil && live.InstanceID == j.instance {
			if n, _ := j.crashesSince(live); n > crashes {
				watched, crashes = false, n
			}
			if done, err := r.verdict(j, live, watched); done {
				return live, err
			}
		}
		switch {
		case r.Clock.Now().Before(deadline):
		case !watched:
			return live, fmt.Errorf("it did not stay up for %v", SmokeTime)
		default:
			return live, fmt.Errorf("its health checks did not pass within %v: %s%s",
				r.work.HealthyWithin, failingChecks(live), r.unreachablePorts(ctx, j))
		}
		if watched {
			r.repeat(j, "waiting for its health checks")
		}
		if err := r.pause(ctx, pause); err != nil {
			return live, err
		}
	}
}

// waitStarted waits until an instance of a Machine has started. It uses the platform's own
// wait: one request, unless the start takes long or the wait fails.
func (r *run) waitStarted(ctx context.Context, j *job, instance string) error {
	deadline := r.Clock.Now().Add(r.work.StartWithin)
	for pause := pollStep; ; pause = min(2*pause, maxPollStep) {
		over, err := r.wait(ctx, j, instance, "started", max(min(waitStep, deadline.Sub(r.Clock.Now())), time.Second))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		live, readErr := r.Client.Machine(ctx, r.work.App, j.out.ID)
		if readErr == nil && live.InstanceID == instance {
			if live.State == "started" || isFinished(live, j.config) {
				return nil
			}
			if err := j.crashError(live); err != nil {
				return err
			}
			if n, last := j.crashesSince(live); n > 1 {
				return exitError(last)
			}
		}
		// What can be read is not judged by a wait that was refused; and a Machine
		// just created may not be known everywhere.
		lost := readErr != nil && !isTransient(readErr) && !(j.out.Created &&
			fly.CodeOf(readErr) == gate.NotFound && fly.Missing(readErr) != fly.AnApp)
		switch {
		case lost:
			return fmt.Errorf("it did not start: %w", err)
		case r.Clock.Now().Before(deadline):
		case readErr == nil && live.InstanceID == instance:
			return fmt.Errorf("it did not start within %v: it is %.20q", r.work.StartWithin, live.State)
		default:
			return fmt.Errorf("it did not start: %w", err)
		}
		if !over {
			if err := r.pause(ctx, pause); err != nil {
				return err
			}
		}
	}
}

// smoke lets a program live for SmokeTime, and reports whether it was watched so
// long: it ends early if the Machine stops. Whether it has crashed is seen in its
// history, by the reading that follows.
func (r *run) smoke(ctx context.Context, j *job) (watched bool, err error) {
	until := r.Clock.Now().Add(SmokeTime)
	for left := SmokeTime; left > 0; left = until.Sub(r.Clock.Now()) {
		over, err := r.wait(ctx, j, j.instance, "stopped", left)
		switch {
		case err == nil:
			return false, nil
		case over:
			return true, nil
		}
		if err := r.pause(ctx, min(pollStep, until.Sub(r.Clock.Now()))); err != nil {
			return false, err
		}
	}
	return true, nil
}

// waitSlack is how much later than asked for the platform may answer a wait.
const waitSlack = 5 * time.Second

// wait has the platform wait for a state of an instance; over reports whether
// it did not come in that time.
func (r *run) wait(ctx context.Context, j *job, instance, state string, d time.Duration) (over bool, err error) {
	until := r.Clock.Now().Add(d)
	bounded, cancel := r.withTimeout(ctx, d+waitSlack)
	defer cancel()
	err = r.Client.Wait(bounded, r.work.App, j.out.ID, instance, state, d)
	return err != nil && ctx.Err() == nil && !r.Clock.Now().Before(until), err
}

// withTimeout returns a context that ends when d has passed on the engine's clock.
func (r *run) withTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	passed := r.Clock.After(d)
	go func() {
		select {
		case <-passed:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// verdict reports whether waiting is over, and with what error. watched means that the
// program has run long enough.
func (r *run) verdict(j *job, m fly.Machine, watched bool) (done bool, err error) {
	out := &j.out
	if isFinished(m, j.config) {
		out.Proof = "its program did its work and ended with exit code 0"
		return true, nil
	}
	if err := j.crashError(m); err != nil {
		return true, err
	}
	if crashes, last := j.crashesSince(m); crashes > 1 || crashes == 1 && out.Checks == 0 {
		return true, exitError(last)
	}
	switch m.State {
	case "started":
	case "stopped", "suspended":
		if m.Exit != nil && m.Exit.Requested && !m.Started.IsZero() {
			return true, errStoppedMeanwhile
		}
		return false, nil
	default:
		return false, nil
	}
	if !watched || len(m.Checks) < out.Checks {
		return false, nil
	}
	for _, c := range m.Checks {
		if c.Status != "passing" {
			return false, nil
		}
	}
	if out.Proof = fmt.Sprintf("started, up for %v, and %d of %d health checks pass",
		SmokeTime, len(m.Checks), len(m.Checks)); out.Checks == 0 {
		out.Proof = fmt.Sprintf("started, and up for %v; it has no health checks", SmokeTime)
	}
	return true, nil
}

// isFinished reports whether a program without services ended as it should, and is not to
// be started again.
func isFinished(m fly.Machine, config machine.Config) bool {
	services, err := config.Services()
	return err == nil && len(services) == 0 && countChecks(config) == 0 &&
		m.State == "stopped" && m.Exit != nil && !m.Exit.Requested && !m.Exit.OOMKilled && m.Exit.Code == 0
}

// crashError returns the error of a Machine that ended by itself and is not started again.
func (j *job) crashError(m fly.Machine) error {
	if m.State != "stopped" && m.State != "failed" {
		return nil
	}
	crashes, last := j.crashesSince(m)
	switch {
	// The exit may be that of the instance before, which the update ended.
	case m.Exit != nil && !m.Exit.Requested:
		return exitError(*m.Exit)
	case m.State == "failed":
		return errors.New("the Machine failed to start")
	case crashes > 0:
		return exitError(last)
	}
	return nil
}

// crashesSince counts how often the program has ended by itself, with an error, since
// the Machine got its configuration or, if it had it before, since its turn came;
// last is the newest such end.
func (j *job) crashesSince(m fly.Machine) (n int, last fly.Exit) {
	n, last = countCrashes(m)
	return max(n-j.crashes, 0), last
}

func countCrashes(m fly.Machine) (n int, last fly.Exit) {
	for _, event := range m.Events {
		if event.Type == "update" || event.Type == "launch" {
			break
		}
		if e := event.Exit; e != nil && !e.Requested && (e.Code != 0 || e.OOMKilled) {
			if n++; n == 1 {
				last = *e
			}
		}
	}
	return n, last
}

func exitError(e fly.Exit) error {
	again := ""
	if e.Restarting {
		again = ", and is started again and again"
	}
	if e.OOMKilled {
		return errors.New("its program was killed for lack of memory" + again)
	}
	return fmt.Errorf("its program ended with exit code %d%s", e.Code, again)
}

// isTransient reports whether an error says nothing about the Machine, only that
// Fly did not answer this once: no reason to take a configuration back.
func isTransient(err error) bool {
	code := fly.CodeOf(err)
	return code == gate.RateLimited || code == gate.PlatformError
}

func failingChecks(m fly.Machine) string {
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
