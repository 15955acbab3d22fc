package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Drifted is a value that a deploy would change although patch_services did not edit it.
// Values are not in it: changes has them, secrets masked.
type Drifted struct {
	Group    string       `json:"group"`
	Path     string       `json:"path"`
	Origin   drift.Origin `json:"origin" jsonschema:"since the last release: file (edited), live (Machines changed, undone by deploy), both, behind (Machines that did not get the release) or unknown"`
	Machines int          `json:"machines"`
}

// origins says where the changes of a deploy come from.
type origins struct {
	plan.Findings
	report   drift.Report
	entries  []drift.Entry // of the report, with the Machines of which the deploy makes them equal
	edited   bool          // the file was compared with itself before the edit of its services
	released *flytoml.File // the last release; nil if it was not read
}

// trace finds where the changes come from: the edit of the services, the file, or the
// Machines. The last release is read only if there is a change beside the edit. If it
// cannot be read the plan stands, and says that the origins are unknown.
func trace(ctx context.Context, in Input, updates []rollout.Change,
	lastRelease func() (fly.Release, error)) (origins, error) {
	var none origins
	if len(updates) == 0 {
		return none, nil
	}
	compared := drift.Input{File: in.File}
	if in.Base != nil {
		compared.Base = in.Base
	}
	for _, c := range updates {
		compared.Machines = append(compared.Machines,
			drift.Machine{ID: c.Before.ID, Group: c.Group, Config: c.Before.Config})
	}
	o, err := compare(compared, updates)
	if err != nil || len(o.drifted()) == 0 {
		return o, err
	}
	const unknown = "the origin of the changes is unknown: "
	release, err := lastRelease()
	switch {
	case ctx.Err() != nil:
		return none, ctx.Err()
	case fly.Missing(err) == fly.ARelease:
		o.Remark(unknown + "the app has no release with a stored configuration to compare with")
		return o, nil
	case err != nil:
		o.Remark(unknown+"the last release could not be read (%s)", fly.CodeOf(err))
		return o, nil
	}
	released, err := flytoml.FromDefinition("last release", release.Definition)
	if err != nil {
		o.Remark(unknown+"version %d does not contain a configuration", release.Version)
		return o, nil
	}
	compared.Release, compared.Version = released, release.Version
	if o, err = compare(compared, updates); err != nil {
		return none, err
	}
	o.released = released
	o.remarkUndone()
	return o, nil
}

func compare(in drift.Input, updates []rollout.Change) (origins, error) {
	report, err := drift.Compare(in)
	if err != nil {
		return origins{}, plan.Invalid("%s", outside.Error(err, 300))
	}
	return origins{report: report, entries: madeEqual(report.Entries(), updates), edited: in.Base != nil}, nil
}

// place is one value of one Machine.
type place struct{ machine, path string }

// madeEqual returns the differences that the updates make equal, with the Machines of which
// that is so: with scope services the file may differ in more.
func madeEqual(entries []drift.Entry, updates []rollout.Change) []drift.Entry {
	changed := make(map[place]bool)
	for _, c := range updates {
		for _, change := range machine.Diff(c.Before.Config, c.After) {
			changed[place{c.Before.ID, change.Path}] = true
		}
	}
	var out []drift.Entry
	for _, e := range entries {
		e.Machines = slices.DeleteFunc(slices.Clone(e.Machines), func(id string) bool {
			return !changed[place{id, e.Path}]
		})
		if len(e.Machines) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// remarkUndone says what the deploy would undo, and what could not be compared.
func (o *origins) remarkUndone() {
	var undone []string
	for _, e := range o.entries {
		if e.Origin.Undoes() {
			undone = append(undone, plan.Line(e.Group+" "+e.Path))
		}
	}
	if len(undone) > 0 {
		o.Remark("this undoes values that were %s: %s", o.report.Why(drift.FromLive), plan.Few(undone))
	}
	for _, group := range o.report.Groups {
		for _, doubt := range o.report.Doubts(group) {
			o.Remarks = append(o.Remarks, plan.Message(doubt))
		}
	}
}

// counts returns how many values differ for each reason, for the person who is asked. Without
// an edit to compare with, an edited file is what a deploy is for, and a missing release
// says nothing; neither counts then.
func (o origins) counts() map[drift.Origin]int {
	n := make(map[drift.Origin]int)
	for _, e := range o.entries {
		switch {
		case e.Origin == drift.FromEdit:
		case !o.edited && (e.Origin == drift.FromFile || e.Origin == drift.Unknown):
		default:
			n[e.Origin]++
		}
	}
	return n
}

// drifted returns the changes that are not the edit's, bounded.
func (o origins) drifted() []Drifted {
	var out []Drifted
	for _, e := range o.entries {
		if e.Origin != drift.FromEdit && len(out) < plan.MaxLines {
			out = append(out, Drifted{plan.Clean(e.Group), plan.Line(e.Path), e.Origin, len(e.Machines)})
		}
	}
	return out
}

// changeLines says by group what differs and, where the last release shows it, who made
// the difference; bounded.
func (o origins) changeLines(updates []rollout.Change) []string {
	from := make(map[place]drift.Origin)
	for _, e := range o.report.Entries() {
		for _, id := range e.Machines {
			from[place{id, e.Path}] = e.Origin
		}
	}
	var out []string
	seen := make(map[string]bool)
	for _, c := range updates {
		for _, change := range machine.Diff(c.Before.Config, c.After) {
			line := c.Group + ": " + change.String()
			if sameBuild(c, change.Path) {
				line += fmt.Sprintf(" (%s)", sameBuildNote)
			}
			line = plan.Message(line)
			switch origin := from[place{c.Before.ID, change.Path}]; origin {
			case drift.FromFile, drift.FromLive, drift.FromBoth, drift.Behind:
				line += " (" + o.report.Why(origin) + ")"
			}
			if seen[line] {
				continue
			}
			seen[line] = true
			if len(out) == plan.MaxLines {
				return append(out, "and more")
			}
			out = append(out, line)
		}
	}
	return out
}
