package deploy

import (
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Drifted is a value that a deploy would change although patch_services did not
// edit it. Values are not in it: changes has them, secrets masked.
type Drifted struct {
	Group    string       `json:"group"`
	Path     string       `json:"path"`
	Origin   drift.Origin `json:"origin" jsonschema:"since the last release: file (edited), live (Machines changed, undone by deploy), both, behind (Machines that did not get the release) or unknown"`
	Machines int          `json:"machines"`
}

// trace finds where the changes come from: the edit of the services (base is
// the file before it), the file, or the Machines. The last release is read only
// if there is a change beside the edit; that is one more request. If it cannot
// be read the plan stands, and says that it does not know.
func (a *Deployer) trace(ctx context.Context, d *deployment, base *flytoml.File) error {
	if len(d.changes) == 0 {
		return nil
	}
	in := drift.Input{File: d.file}
	if base != nil {
		in.Base, d.edited = base, true
	}
	for _, c := range d.changes {
		in.Machines = append(in.Machines, drift.Machine{ID: c.Before.ID, Group: c.Group, Config: c.Before.Config})
	}
	if err := d.compare(in); err != nil {
		return err
	}
	if len(d.drifted()) == 0 {
		return nil
	}
	const unknown = "the origin of the changes is unknown: "
	release, err := a.Client.Release(ctx, d.in.App)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case fly.Missing(err) == fly.ARelease:
		d.remarks = append(d.remarks, unknown+"the app has no release with a stored configuration to compare with")
		return nil
	case err != nil:
		d.remarks = append(d.remarks, fmt.Sprintf(unknown+"the last release could not be read (%s)", fly.CodeOf(err)))
		return nil
	}
	released, err := flytoml.FromDefinition("last release", release.Definition)
	if err != nil {
		d.remarks = append(d.remarks, fmt.Sprintf(unknown+"version %d does not contain a configuration", release.Version))
		return nil
	}
	in.Release, in.Version, d.released = released, release.Version, released
	if err := d.compare(in); err != nil {
		return err
	}
	d.remarkOrigins()
	return nil
}

func (d *deployment) compare(in drift.Input) error {
	report, err := drift.Compare(in)
	if err != nil {
		return plan.Invalid("%s", outside.Error(err, 300))
	}
	d.report = report
	return nil
}

// remarkOrigins says what a deploy would undo, and what could not be compared.
func (d *deployment) remarkOrigins() {
	var undone []string
	for _, e := range d.entries() {
		if e.Origin.Undoes() {
			undone = append(undone, plan.Line(e.Group+" "+e.Path))
		}
	}
	if len(undone) > 0 {
		d.remarks = append(d.remarks, fmt.Sprintf("this undoes values that were %s: %s", d.report.Why(drift.FromLive), plan.Few(undone)))
	}
	for _, group := range d.report.Groups {
		for _, doubt := range d.report.Doubts(group) {
			d.remarks = append(d.remarks, plan.Message(doubt))
		}
	}
}

// entries are the differences that this deploy makes equal, with the Machines of
// which that is so: with scope services the file may differ in more.
func (d *deployment) entries() []drift.Entry {
	type place struct{ machine, path string }
	made := make(map[place]bool)
	for _, c := range d.changes {
		for _, change := range machine.Diff(c.Before.Config, c.After) {
			made[place{c.Before.ID, change.Path}] = true
		}
	}
	var out []drift.Entry
	for _, e := range d.report.Entries() {
		e.Machines = slices.DeleteFunc(slices.Clone(e.Machines), func(id string) bool { return !made[place{id, e.Path}] })
		if len(e.Machines) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// origins counts the values that differ, by where that comes from, for the person
// who is asked. Without an edit to compare with a file that was edited is what a
// deploy is for, and a missing release is no news; neither counts then.
func (d *deployment) origins() map[drift.Origin]int {
	n := make(map[drift.Origin]int)
	for _, e := range d.entries() {
		switch {
		case e.Origin == drift.FromEdit:
		case !d.edited && (e.Origin == drift.FromFile || e.Origin == drift.Unknown):
		default:
			n[e.Origin]++
		}
	}
	return n
}

// drifted are the changes that are not the edit's, bounded.
func (d *deployment) drifted() []Drifted {
	var out []Drifted
	for _, e := range d.entries() {
		if e.Origin != drift.FromEdit && len(out) < plan.MaxLines {
			out = append(out, Drifted{plan.Clean(e.Group), plan.Line(e.Path), e.Origin, len(e.Machines)})
		}
	}
	return out
}

// changeLines tells by group what differs and, where the last release tells it,
// who made the difference; at most twenty lines.
func (d *deployment) changeLines() []string {
	type place struct{ machine, path string }
	origins := make(map[place]drift.Origin)
	for _, e := range d.report.Entries() {
		for _, id := range e.Machines {
			origins[place{id, e.Path}] = e.Origin
		}
	}
	var out []string
	seen := make(map[string]bool)
	for _, c := range d.changes {
		for _, change := range machine.Diff(c.Before.Config, c.After) {
			line := plan.Message(c.Group + ": " + changeText(c, change))
			switch origin := origins[place{c.Before.ID, change.Path}]; origin {
			case drift.FromFile, drift.FromLive, drift.FromBoth, drift.Behind:
				line += " (" + d.report.Why(origin) + ")"
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
