package undo

import (
	"errors"
	"io/fs"
	"net/netip"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Run is a run that changed something and whose snapshot was recorded.
type Run struct {
	ID, Tool, App string
	Began         time.Time
	Status        string // empty if it did not end
	Snapshot      string // hash
	Allocated     []netip.Addr
	Released      []netip.Addr
	Deployed      bool      // a Machine or a release was changed
	Undone        time.Time // zero if it was not
	Partly        bool      // something of it can still be undone
}

// Runs returns the runs in entries of the journal that can be undone, oldest first.
func Runs(entries []journal.Entry) []Run {
	var out []Run
	open := map[string]int{} // by app: the run that its steps belong to
	at := map[string]int{}   // by id
	for _, e := range entries {
		switch e.Event {
		case journal.Saved:
			if e.Run == "" {
				continue
			}
			at[e.Run] = len(out)
			if e.Tool != patch.Tool { // an edit of a file has no steps, and may run beside a deploy
				open[e.App] = len(out)
			}
			out = append(out, Run{ID: e.Run, Tool: e.Tool, App: e.App, Began: e.Time, Snapshot: e.Config})
		case journal.Started:
			if e.Tool != patch.Tool {
				delete(open, e.App)
			}
		case journal.Finished:
			if i, ok := at[e.Run]; ok {
				out[i].Status = e.Status
			}
			if i, ok := open[e.App]; ok && out[i].ID == e.Run {
				delete(open, e.App)
			}
		case journal.Step:
			if i, ok := at[e.Target]; ok && e.Tool == Tool {
				out[i].Undone, out[i].Partly = e.Time, e.Status == string(plan.Partial)
			}
			if i, ok := open[e.App]; ok {
				out[i].add(e)
			}
		}
	}
	return out
}

// add takes a step of the run into account.
func (r *Run) add(e journal.Entry) {
	ip, err := netip.ParseAddr(e.Target)
	switch gate.Verb(e.Verb) {
	case gate.AllocateAddress:
		if err == nil && e.Code == "" {
			r.Allocated = append(r.Allocated, ip)
		}
	case gate.ReleaseAddress:
		if err == nil && e.Code == "" {
			r.Released = append(r.Released, ip)
		}
	case gate.UpdateMachine, gate.CreateMachine, gate.CreateRelease, gate.DestroyMachine:
		r.Deployed = true
	}
}

// find returns the run with an id and its snapshot.
func (u *Undoer) find(app, id string) (Run, plan.Snapshot, error) {
	none := &plan.Problem{Code: gate.NotFound, Message: "the journal has no run of that id that can be undone",
		Hint: "flycast-mcp undo without an id lists them"}
	if u.Journal == nil {
		return Run{}, plan.Snapshot{}, none
	}
	entries, err := u.Journal.Entries()
	if err != nil {
		return Run{}, plan.Snapshot{}, err
	}
	for _, r := range Runs(entries) {
		if r.ID != id || r.App != app {
			continue
		}
		snapshot, err := u.Store.Get(r.Snapshot)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Run{}, plan.Snapshot{}, &plan.Problem{Code: gate.NotFound,
				Message: "what this run found before its changes is no longer kept", Hint: "snapshots are kept for 90 days"}
		case errors.Is(err, ErrChanged):
			return Run{}, plan.Snapshot{}, &plan.Problem{Code: gate.Precondition,
				Message: "what was kept for this run is not what it found: " + err.Error(),
				Hint:    "flycast-mcp journal show has what the run did; nothing can be undone from here"}
		}
		return r, snapshot, err
	}
	return Run{}, plan.Snapshot{}, none
}
