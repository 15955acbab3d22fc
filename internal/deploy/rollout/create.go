package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Lists show a new Machine or volume late: a lost answer is settled by this many
// readings, one every createStep.
const (
	createReads = 8
	createStep  = 2 * time.Second
)

// create makes a Machine that a group lacks, with the volume that it mounts. It
// comes with its lease. If the group has a Machine by now, nothing is made: the
// plan was made from a list that was late.
func (r *run) create(ctx context.Context, j *job) {
	ctx = context.WithoutCancel(ctx)
	out := &j.out
	out.State = Unchanged
	if err := r.readExisting(ctx, j); err != nil {
		out.Err = fmt.Errorf("create: %w", err)
		return
	}
	if err := r.mount(ctx, j); err != nil {
		out.Err = err
		return
	}
	r.say(j, "creating it")
	asked := r.Clock.Now()
	planned := j.create.machine()
	planned.Config = j.config
	created, lease, err := r.Client.CreateMachine(ctx, r.grant, r.work.App, planned)
	if err != nil && !isRejected(err) && !errors.Is(err, fly.ErrNoCapacity) {
		created, err = r.lostMachine(ctx, j, err)
	}
	if err != nil {
		out.Err = fmt.Errorf("create: %w", err)
		if errors.Is(err, errUnsettled) {
			out.State = Broken
		}
		return
	}
	if lease != nil {
		j.hold = r.keepLease(lease, asked)
	}
	r.grant.Name(r.work.App, planned.Target(), created.ID)
	r.mu.Lock()
	r.known[created.ID] = true
	out.ID = created.ID
	r.mu.Unlock()
	out.State, out.Created, out.After, j.instance = Unproven, true, created.InstanceID, created.InstanceID
	r.noteSent(j)
}

// readExisting reads which Machines there are before the first is created, and before
// each that is to be the only one of its group.
func (r *run) readExisting(ctx context.Context, j *job) error {
	r.mu.Lock()
	learnt := r.known[""]
	r.mu.Unlock()
	sole := j.out.Role == ""
	if learnt && !sole {
		return nil
	}
	machines, err := r.Client.Machines(ctx, r.work.App)
	if err != nil {
		return fmt.Errorf("list the Machines before: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if sole {
		if i := slices.IndexFunc(machines, func(m fly.Machine) bool { return r.isRival(m, j) }); i >= 0 {
			return &plan.Problem{
				Code: gate.Stale, Message: "group " + j.out.Group + " has a Machine meanwhile: " + machines[i].ID,
			}
		}
	}
	if r.known[""] { // what is new since may be of this run
		return nil
	}
	r.known[""] = true
	for _, m := range machines {
		r.known[m.ID] = true
	}
	return nil
}

// isRival reports whether a Machine serves in the group of one that is to be
// created, and is none that the plan or this run knows. r.mu is held.
func (r *run) isRival(m fly.Machine, j *job) bool {
	return m.Config.IsFlyLaunch() && m.Config.ProcessGroup() == j.config.ProcessGroup() &&
		m.State != "destroyed" && m.State != "destroying" &&
		!slices.ContainsFunc(r.jobs, func(known *job) bool { return known.out.ID == m.ID })
}

// lostMachine finds the Machine of a creation whose answer was lost or is a refusal:
// a status says what the platform answered, not what it did. It is never created
// a second time: what is not found stays an error.
func (r *run) lostMachine(ctx context.Context, j *job, lost error) (fly.Machine, error) {
	r.say(j, "looking for it: its creation was not confirmed")
	for range createReads {
		machines, err := r.Client.Machines(ctx, r.work.App)
		if err == nil {
			i := slices.IndexFunc(machines, func(m fly.Machine) bool { return r.claim(m.ID, r.isCreatedBy(m, j)) })
			if i >= 0 {
				return machines[i], nil
			}
		}
		if err := r.pause(ctx, createStep); err != nil {
			return fly.Machine{}, err
		}
	}
	if !isTransient(lost) {
		return fly.Machine{}, lost
	}
	return fly.Machine{}, fmt.Errorf("%w: no such Machine is listed: %w", lost, errUnsettled)
}

// isCreatedBy reports whether a Machine is the one that a job created: of its group and
// region and, if a release is recorded, with its label.
func (r *run) isCreatedBy(m fly.Machine, j *job) bool {
	have, err := m.Config.Metadata()
	if err != nil || m.Config.ProcessGroup() != j.config.ProcessGroup() || m.Region != j.create.Region {
		return false
	}
	want, err := j.config.Metadata()
	if err != nil {
		return false
	}
	for _, key := range []string{machine.MetadataReleaseID, machine.MetadataCanary, ReplacesKey} {
		if have[key] != want[key] {
			return false
		}
	}
	return true
}

// claim records that the thing with this id is this run's. It reports false if the id is
// known already, or if the thing does not fit.
func (r *run) claim(id string, fits bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !fits || r.known[id] {
		return false
	}
	r.known[id] = true
	return true
}

// mount finds or makes the volume of a new Machine, and names it in what will be
// sent.
func (r *run) mount(ctx context.Context, j *job) error {
	id := j.create.Use
	if j.create.Volume != nil {
		volume, err := r.volume(ctx, j)
		if err != nil {
			return fmt.Errorf("create its volume: %w", err)
		}
		id = volume.ID
	}
	if id == "" {
		return nil
	}
	j.out.Volume = id
	var entries []map[string]json.RawMessage
	if err := json.Unmarshal(j.config.Raw("mounts"), &entries); err != nil || len(entries) == 0 {
		return &plan.Problem{
			Code: gate.InvalidInput, Message: "a new Machine has a volume, and no mount for it", Err: err,
		}
	}
	name, err := json.Marshal(id)
	if err != nil {
		return err
	}
	entries[0]["volume"] = name
	j.config, err = j.config.With("mounts", entries)
	return err
}

// volume makes the volume of a new Machine.
func (r *run) volume(ctx context.Context, j *job) (fly.Volume, error) {
	r.say(j, "creating its volume")
	before, err := r.Client.Volumes(ctx, r.work.App)
	if err != nil {
		return fly.Volume{}, err
	}
	want := *j.create.Volume
	made, err := r.Client.CreateVolume(ctx, r.grant, r.work.App, want)
	if err == nil || isRejected(err) || errors.Is(err, fly.ErrNoCapacity) {
		r.claim(made.ID, err == nil)
		return made, err
	}
	for range createReads {
		after, readErr := r.Client.Volumes(ctx, r.work.App)
		if readErr == nil {
			i := slices.IndexFunc(after, func(v fly.Volume) bool {
				old := slices.ContainsFunc(before, func(b fly.Volume) bool { return b.ID == v.ID })
				return r.claim(v.ID, !old && v.Name == want.Name && v.Region == want.Region && v.AttachedMachine == "")
			})
			if i >= 0 {
				return after[i], nil
			}
		}
		if err := r.pause(ctx, createStep); err != nil {
			return fly.Volume{}, err
		}
	}
	return fly.Volume{}, fmt.Errorf("%w; no such volume is listed", err)
}
