package rollout

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// withStandbys lets a standby stand by for the green Machines instead of the blue.
func withStandbys(config machine.Config, instead map[string]string) (machine.Config, error) {
	if !config.IsStandby() {
		return config, nil
	}
	var ids []string
	if err := json.Unmarshal(config.Raw("standbys"), &ids); err != nil {
		return machine.Config{}, fmt.Errorf("standbys: %w", err)
	}
	for i, id := range ids {
		if green, ok := instead[id]; ok {
			ids[i] = green
		}
	}
	config, err := config.With("standbys", ids)
	if err != nil {
		return machine.Config{}, err
	}
	env, err := config.Env()
	if green, ok := instead[env[machine.EnvStandbyFor]]; ok && err == nil {
		return config.Merge("env", map[string]any{machine.EnvStandbyFor: green})
	}
	return config, nil
}

// write is one of the client's writes that have no parameters.
type write func(ctx context.Context, grant *gate.Grant, app, id string, lease *fly.Lease) error

// send sends one write to a Machine and notes it. done reports from the Machine, if the
// answer is lost, whether it took effect.
func (x *exchange) send(ctx context.Context, j *job, verb gate.Verb, do write, done func(fly.Machine) bool) error {
	return x.sendTwice(ctx, j, verb, func() error {
		return do(ctx, x.grant, x.work.App, j.out.ID,
			j.hold.orNil())
	}, done)
}

// sendTwice sends something that is harmless to repeat, and once more if Fly did not answer
// and reading shows no effect. It is noted as done unless every answer was a refusal.
func (x *exchange) sendTwice(ctx context.Context, j *job, verb gate.Verb, do func() error,
	done func(fly.Machine) bool) error {
	var err error
	for range undoTries {
		if err = do(); err == nil || fly.CodeOf(err) == gate.PlatformError {
			j.done[verb] = true
		}
		if err == nil || !isTransient(err) {
			break
		}
		if x.hasBecome(ctx, j, done) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	return nil
}

// hasBecome reads the Machine and reports whether it has become what was asked for.
func (x *exchange) hasBecome(ctx context.Context, j *job, done func(fly.Machine) bool) bool {
	for range settleReads {
		live, err := x.Client.Machine(ctx, x.work.App, j.out.ID)
		if err == nil && done(live) {
			return true
		}
		if x.pause(ctx, pollStep) != nil {
			return false
		}
	}
	return false
}

func isCordoned(m fly.Machine) bool { return m.Cordoned }
func isRouted(m fly.Machine) bool   { return !m.Cordoned }

// route puts a Machine into Fly Proxy's routing.
func (x *exchange) route(ctx context.Context, j *job) error {
	x.say(j, "putting it into routing")
	return x.send(ctx, j, gate.UncordonMachine, x.Client.UncordonMachine, isRouted)
}

// tag marks a blue Machine as safe to destroy: its successor serves. If this run does not
// finish, a later one sees the mark.
func (x *exchange) tag(ctx context.Context, j *job) error {
	if safeToDestroy(j.change) {
		return nil
	}
	x.say(j, "marking it as safe to destroy")
	return x.setTag(ctx, j, machine.SafeToDestroy)
}

func (x *exchange) setTag(ctx context.Context, j *job, value string) error {
	return x.sendTwice(ctx, j, gate.SetMetadata, func() error {
		return x.Client.SetMachineMetadata(ctx, x.grant, x.work.App, j.out.ID, machine.MetadataBlueGreenTag, value)
	}, func(m fly.Machine) bool { return m.Config.Label(machine.MetadataBlueGreenTag) == value })
}

// unroute takes a blue Machine out of routing.
func (x *exchange) unroute(ctx context.Context, j *job) error {
	if j.change.Before.Cordoned {
		return nil
	}
	x.say(j, "taking it out of routing")
	return x.send(ctx, j, gate.CordonMachine, x.Client.CordonMachine, isCordoned)
}

// stop stops a blue Machine. Its program can end by itself, in the time that its
// configuration gives it.
func (x *exchange) stop(ctx context.Context, j *job) error {
	if j.change.Before.Config.AutoDestroy() {
		return nil // to stop it is to destroy it
	}
	if !j.wasRunning { // Fly Proxy may have woken it until it was out of routing
		live, err := x.readFresh(ctx, j.out.ID)
		if err != nil {
			return fmt.Errorf("read its state: %w", err)
		}
		if !isRunning(live.State) {
			return nil
		}
	}
	x.say(j, "stopping it")
	stopped := func(m fly.Machine) bool { return !isRunning(m.State) }
	if err := x.send(ctx, j, gate.StopMachine, x.Client.StopMachine, stopped); err != nil {
		return err
	}
	if _, err := x.wait(ctx, j, j.change.Before.InstanceID, "stopped", x.work.StartWithin); err != nil {
		return fmt.Errorf("it did not stop: %w", err)
	}
	return nil
}

// destroyBlue destroys a blue Machine.
func (x *exchange) destroyBlue(ctx context.Context, j *job) error {
	x.say(j, "destroying it")
	if err := x.destroy(ctx, j); err != nil && !x.isGone(ctx, j) {
		j.out.State = Broken
		return fmt.Errorf("destroy: %w", err)
	}
	j.out.State = Replaced
	return nil
}
