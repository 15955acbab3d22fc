package tools

import (
	"bytes"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// drafts holds edited fly.toml files between patch_services and deploy, in
// memory only: a draft of a deployed configuration has environment values in it.
type drafts struct {
	clock call.Clock
	mu    sync.Mutex
	byID  map[string]draft
}

// draft is a fly.toml by value, for one caller and one app.
type draft struct {
	caller string
	app    string
	path   string // the file it was written to, if it was
	name   string // as it was read: it tells the format
	base   []byte // before the edit
	data   []byte
	until  time.Time
	asked  bool // a question about a plan names it
}

const (
	draftLife = 30 * time.Minute
	maxDrafts = 100
	maxAsked  = 300 // beside them, of those that a question names
)

func newDrafts(clock call.Clock) *drafts {
	return &drafts{clock: clock, byID: make(map[string]draft)}
}

// put keeps a draft and gives its handle, which is a name and no capability.
func (d *drafts) put(keep draft) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	if len(d.byID) >= maxDrafts {
		d.pushOut()
	}
	handle := "draft_" + call.RandomID()
	keep.until = d.clock.Now().Add(draftLife)
	keep.base, keep.data = bytes.Clone(keep.base), bytes.Clone(keep.data)
	d.byID[handle] = keep
	return handle
}

// pushOut makes room: the draft goes that ends first, and one that a question
// names only where there are more of them than questions can be open.
func (d *drafts) pushOut() {
	first := ""
	for id, have := range d.byID {
		if have.asked && len(d.byID) < maxDrafts+maxAsked {
			continue
		}
		if first == "" || have.until.Before(d.byID[first].until) {
			first = id
		}
	}
	delete(d.byID, first)
}

// keep has a draft last as long as the question that names it.
func (d *drafts) keep(handle string, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	have, ok := d.byID[handle]
	if !ok {
		return
	}
	have.asked = true
	if until.After(have.until) {
		have.until = until
	}
	d.byID[handle] = have
}

// get finds a draft for its caller and app.
func (d *drafts) get(handle, caller, app string) (draft, *plan.Problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	have, ok := d.byID[handle]
	switch {
	case !ok || have.caller != caller:
		return draft{}, &plan.Problem{Code: gate.Expired, Message: "there is no such draft; drafts last 30 minutes, or as long as a question about them is open", Hint: "call patch_services again"}
	case have.app != "" && have.app != app:
		return draft{}, plan.Invalid("the draft is for the app %s", have.app)
	}
	have.base, have.data = bytes.Clone(have.base), bytes.Clone(have.data)
	return have, nil
}

func (d *drafts) sweep() {
	for id, have := range d.byID {
		if d.clock.Now().After(have.until) {
			delete(d.byID, id)
		}
	}
}
