package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// canaries returns one extra Machine for each group in which something changes, like
// its first Machine by id, whether it runs or not: Machines stop and are woken
// while a person reads, and the canary is part of what is approved. As with fly deploy it stays out of the DNS. It
// stays out of Fly Proxy's routing as well: no request reaches a program that
// is not proved, or is cut off when the canary is destroyed. The first deployment of an
// app has none.
func (w Work) canaries() []Create {
	changes := w.withRole("")
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Before.ID, b.Before.ID))
	})
	wanted := make(map[string]bool) // groups
	for _, c := range changes {
		wanted[c.Group] = wanted[c.Group] || !c.Same()
	}
	var canaries []Create
	for _, c := range changes {
		if !wanted[c.Group] || c.After.IsStandby() {
			continue
		}
		config, err := canaryConfig(c.After)
		if err != nil {
			continue // Check refuses it
		}
		wanted[c.Group] = false
		canaries = append(canaries, Create{Group: c.Group, Region: c.Before.Region, Config: config,
			role: RoleCanary, unrouted: true})
	}
	return canaries
}

func canaryConfig(config machine.Config) (machine.Config, error) {
	config, err := withLabels(config, map[string]string{machine.MetadataCanary: "true"})
	if err != nil {
		return machine.Config{}, err
	}
	return config.Merge("dns", map[string]any{"skip_registration": true})
}

// checkCanary refuses what flyctl refuses.
func (w Work) checkCanary() error {
	for _, c := range w.withRole("") {
		if hasMounts(c.After) || hasMounts(c.Before.Config) {
			return &plan.Problem{
				Code: gate.Precondition,
				Message: "error canary deployment strategy is not supported when using mounted volumes: group " +
					c.Group + " has one",
				Hint: `a canary would need a volume of its own: use strategy "rolling"`,
			}
		}
		if _, err := canaryConfig(c.After); err != nil {
			return &plan.Problem{
				Code: gate.InvalidInput, Err: err,
				Message: "the configuration of Machine " + c.Before.ID + " cannot be given to a canary",
			}
		}
	}
	return nil
}

func hasMounts(config machine.Config) bool {
	mounts, err := config.Mounts()
	return err != nil || len(mounts) > 0
}

// canary creates a canary, proves it, and destroys it whether or not the proof succeeded.
func (r *run) canary(ctx context.Context, j *job) {
	r.turn(ctx, j)
	ctx = context.WithoutCancel(ctx)
	if j.out.Err == nil && j.out.State == Unproven {
		j.out.Err = errors.New("the canary was not proved: " + j.out.Proof)
		r.handleFailure(ctx, j)
	}
	if j.out.State == Healthy {
		r.discard(ctx, j)
	}
	if j.out.Err != nil {
		r.halt(j)
	}
}

// clear destroys a Machine that an earlier deployment left behind.
func (r *run) clear(ctx context.Context, j *job) {
	j.out.State = Unchanged
	hold, err := r.lease(ctx, j, j.out.ID)
	switch {
	case err != nil && ctx.Err() != nil:
		j.out.State = NotStarted
		return
	case err != nil:
		j.out.Err = fmt.Errorf("take the lease: %w", err)
		r.halt(j)
		return
	}
	j.hold = hold
	ctx = context.WithoutCancel(ctx)
	if _, err = r.readPlanned(ctx, j.change.Before); err != nil {
		j.out.Err = fmt.Errorf("destroy: %w", err)
		r.halt(j)
		return
	}
	r.discard(ctx, j)
	if j.out.Err != nil {
		r.halt(j)
	}
}

// discard destroys a Machine that is not, or not yet, one of the app's.
func (r *run) discard(ctx context.Context, j *job) {
	j.out.State = Broken
	r.remove(ctx, j)
}

// noteFailure notes that a Machine has failed.
func (r *run) noteFailure(j *job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.first < 0 {
		r.first = j.place
	}
}

// halt ends the run because a Machine failed, also if OnFailure is Continue.
func (r *run) halt(j *job) {
	r.noteFailure(j)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.halted = true
}
