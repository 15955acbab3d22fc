// Package target decides what each Machine of an app becomes when a fly.toml is
// deployed: updated, left alone, or created. It follows fly deploy, but never destroys
// or replaces a Machine of its own accord.
package target

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Ids of blockers.
const (
	HostDown                = "host_down"
	NoMachines              = "no_machines"
	NoRegion                = "no_region"
	ReplacementNeeded       = "replacement_needed"
	IncompleteConfiguration = "incomplete_configuration"
	StrategyNotPossible     = "strategy_not_possible"
	GroupUnknown            = "group_unknown"
)

// Source is the file to deploy, and how.
type Source struct {
	App          string
	File         *flytoml.File
	Definition   *flytoml.Definition
	Image        string // for all Machines; empty: each keeps its own
	ServicesOnly bool   // change services and checks only
	Strategy     rollout.Strategy
	Adopt        bool   // also update Machines that fly deploy did not make
	FlyDeploy    string // the command that builds and deploys new code, for a person
}

// State is what there is of the app.
type State struct {
	Machines []fly.Machine
	// Interrupted reports whether an earlier deploy began with a Machine and did not end it.
	Interrupted func(id string) bool
	// Volumes lists the app's volumes. It is called at most once, and only if a decision
	// depends on them.
	Volumes func(context.Context) ([]fly.Volume, error)
}

// Targets are what the Machines are to become, with what was found about them.
type Targets struct {
	plan.Findings
	Updates   []rollout.Change // in the order of the rollout
	Creates   []rollout.Create
	Unchanged int                 // Machines that have their configuration already
	Left      int                 // Machines that are left alone
	Vanished  map[string][]string // group that the file lacks → ids of its Machines
	Adopted   map[string][]string // group → ids of the Machines that it gets by adopt
	Detached  []string            // ids of the Machines that adopt would update, left alone without it
}

// Empty reports whether no Machine is to become anything else.
func (t Targets) Empty() bool { return len(t.Updates)+len(t.Creates) == 0 }

// fate is what becomes of one Machine.
type fate int

const (
	updated   fate = iota // or tested only: its configuration may be what it has
	unchanged             // it has its configuration already
	left                  // it is left alone
	vanished              // it is left alone: the file lacks its group
	detached              // it is left alone: only adopt updates it
	groupless             // it is left alone: it may be of several groups
	waiting               // its host has to be waited for
	unread                // its configuration is not known as a whole
)

// decision is what is decided about one Machine.
type decision struct {
	fate    fate
	group   string         // the group has this Machine; empty if no group of the file is sure to
	change  rollout.Change // if it is updated
	adopted bool           // it is updated, and fly deploy did not make it
	unnamed bool           // its group cannot be read
	why     string         // the reason, in words; empty for one that is updated
	replace string         // why the change needs another Machine; empty if it does not
	notes   []string       // remarks on a Machine that keeps its place
}

// computation is a source and a state, with what is derived from them once.
type computation struct {
	Source
	state     State
	exchanged map[string]bool // groups that an earlier bluegreen deploy did not finish
	volumes   *[]fly.Volume   // nil until they are read
}

// Compute decides about every Machine, and creates one for each group that has none.
func Compute(ctx context.Context, source Source, state State) (Targets, error) {
	c := &computation{Source: source, state: state}
	out := Targets{Vanished: make(map[string][]string), Adopted: make(map[string][]string)}
	c.halfExchanged(&out)
	served := make(map[string]bool)
	var unnamed, undecided []string
	var remarks, notes, unreadable, hosts, replacements sentences
	for _, m := range state.Machines {
		if err := ctx.Err(); err != nil {
			return Targets{}, err
		}
		d, err := c.decide(ctx, m)
		if err != nil {
			return Targets{}, err
		}
		served[d.group] = true
		for _, note := range d.notes {
			notes.add(note, m.ID)
		}
		if d.unnamed {
			unnamed = append(unnamed, m.ID)
		}
		if d.adopted {
			out.Adopted[d.group] = append(out.Adopted[d.group], m.ID)
		}
		if d.replace != "" {
			replacements.add(d.replace, m.ID)
		}
		switch d.fate {
		case updated:
			out.Updates = append(out.Updates, d.change)
			continue
		case unchanged:
			out.Unchanged++
			continue
		case unread:
			unreadable.add(d.why, m.ID)
			continue
		case waiting:
			hosts.add(d.why, m.ID)
			continue
		case vanished:
			group := c.groupOf(m)
			out.Vanished[group] = append(out.Vanished[group], m.ID)
		case detached:
			out.Detached = append(out.Detached, m.ID)
			remarks.add(d.why, m.ID)
		case groupless:
			undecided = append(undecided, m.ID)
			remarks.add(d.why, m.ID)
		case left:
			remarks.add(d.why, m.ID)
		}
		out.Left++
	}
	remarks.each(func(what, machines string) { out.Remark("left alone: %s: %s", machines, what) })
	notes.each(func(what, machines string) { out.Remark("%s: %s", machines, what) })
	block := func(id, fix string) func(what, machines string) {
		return func(what, machines string) {
			out.Block(plan.Blocker{ID: id, What: machines + ": " + what, Fix: fix})
		}
	}
	unreadable.each(block(IncompleteConfiguration, ""))
	hosts.each(block(HostDown, "wait for the host, or restore the volume from a snapshot and replace the "+
		"Machine with flyctl"))
	replacements.each(block(ReplacementNeeded, "that needs a new Machine: make the file match the current "+
		"Machine, or use fly deploy, which destroys the Machine and creates another"))
	c.checkAdopt(&out, undecided)
	for _, group := range slices.Sorted(maps.Keys(out.Vanished)) {
		ids := out.Vanished[group]
		out.Remark("group %s is not in the file: its %s (%s) are not changed; fly deploy would destroy them",
			plan.Quote(group), plan.Machines(len(ids)), plan.Few(ids))
	}
	rollout.Sort(out.Updates)
	missing := slices.DeleteFunc(slices.Clone(c.File.Groups()), func(group string) bool { return served[group] })
	err := c.create(ctx, &out, missing, unnamed)
	return out, err
}

// groupOf returns the process group of a Machine, the file's default one if it names none.
func (c *computation) groupOf(m fly.Machine) string {
	return cmp.Or(m.Config.ProcessGroup(), c.File.DefaultGroup())
}

// decide decides about one Machine.
func (c *computation) decide(ctx context.Context, m fly.Machine) (decision, error) {
	group := c.groupOf(m)
	switch {
	case !m.Whole() && m.HostDown():
		d, err := c.onLostHost(ctx, m)
		d.group, d.unnamed = group, m.Config.ProcessGroup() == ""
		return d, err
	case !m.Whole(): // its group cannot be read either
		return decision{fate: unread, why: "the platform does not return its whole configuration: an update " +
			"would lose the rest"}, nil
	case !m.Config.IsFlyLaunch():
		return c.adopt(ctx, m)
	case m.Config.Label(machine.MetadataCanary) == "true" && c.Strategy == rollout.Canary:
		return decision{change: rollout.Change{Before: m, Group: group, After: m.Config}}, nil // the strategy destroys it
	case m.Config.Label(machine.MetadataCanary) == "true":
		return decision{fate: left, why: "left over from an earlier canary deploy (fly machine destroy removes it)"}, nil
	case !slices.Contains(c.File.Groups(), group):
		return decision{fate: vanished}, nil
	}
	return c.update(ctx, group, m)
}

// update decides about a Machine that is of a group of the file.
func (c *computation) update(ctx context.Context, group string, m fly.Machine) (decision, error) {
	after, err := c.config(group, m)
	if err != nil {
		return decision{}, plan.Invalid("group %s: %s", plan.Quote(group), outside.Error(err, 300))
	}
	d := decision{group: group, change: rollout.Change{Before: m, Group: group, After: m.Config}}
	if machine.Equal(m.Config, after) {
		if c.state.Interrupted(m.ID) || c.exchanged[group] {
			return d, nil // to be tested
		}
		d.fate = unchanged
		if m.State == "failed" {
			d.notes = append(d.notes, "it already has this configuration but is in state failed")
		}
		return d, nil
	}
	if m.HostDown() {
		d, err := c.onLostHost(ctx, m)
		d.group = group
		return d, err
	}
	if d.replace, err = c.replaces(group, m.Config, after); err != nil {
		return decision{}, err
	}
	if m.Config.IsStandby() && !after.IsStandby() {
		d.notes = append(d.notes, "no longer a standby, because its group has services (as with fly deploy)")
	}
	if m.Cordoned && after.HasPort() {
		d.notes = append(d.notes, "cordoned: Fly Proxy sends it no requests, before or after the deploy")
	}
	var note string
	if d.change.After, note, err = c.pin(m, after); err != nil {
		return decision{}, err
	}
	if note != "" {
		d.notes = append(d.notes, note)
	}
	return d, nil
}

// onLostHost decides about a Machine that would have to be updated and whose host is
// down: one with a volume has to be waited for.
func (c *computation) onLostHost(ctx context.Context, m fly.Machine) (decision, error) {
	attached, err := c.hasVolume(ctx, m)
	if err != nil {
		return decision{}, err
	}
	if attached {
		return decision{fate: waiting, why: fmt.Sprintf("its host is %s and has its volume", plan.Quote(m.HostStatus))}, nil
	}
	return decision{fate: left, why: fmt.Sprintf("on a host that is %s (fly deploy would replace it)",
		plan.Quote(m.HostStatus))}, nil
}

// halfExchanged finds the groups in which an earlier bluegreen deploy did not finish.
// Such a deploy, made again, is given all their Machines, also those that have their
// configuration already: it knows which of them are to go. With another strategy they
// are only named.
func (c *computation) halfExchanged(out *Targets) {
	groups, there := make(map[string]bool), make(map[string]bool)
	for _, m := range c.state.Machines {
		there[m.ID] = true
	}
	var ids []string
	for _, m := range c.state.Machines {
		if m.Config.Label(machine.MetadataBlueGreenTag) == machine.SafeToDestroy ||
			there[m.Config.Label(rollout.ReplacesKey)] {
			groups[c.groupOf(m)] = true
			ids = append(ids, m.ID)
		}
	}
	switch {
	case c.Strategy == rollout.BlueGreen:
		c.exchanged = groups
	case len(ids) > 0:
		out.Remark("an earlier bluegreen deploy did not finish, and left two sets of Machines (%s): strategy "+
			"bluegreen finishes it, this strategy keeps both", plan.Few(ids))
	}
}

// sentences collects sentences about Machines, each once for all of its Machines.
type sentences struct {
	order []string // in which they first came up
	ids   map[string][]string
}

func (s *sentences) add(sentence, id string) {
	if s.ids == nil {
		s.ids = make(map[string][]string)
	}
	if s.ids[sentence] == nil {
		s.order = append(s.order, sentence)
	}
	s.ids[sentence] = append(s.ids[sentence], id)
}

// each calls do with every sentence and its Machines: Machine 148e1, Machines 148e1, 148e2.
func (s *sentences) each(do func(sentence, machines string)) {
	for _, sentence := range s.order {
		word := "Machine "
		if len(s.ids[sentence]) > 1 {
			word = "Machines "
		}
		do(sentence, word+plan.Few(s.ids[sentence]))
	}
}
