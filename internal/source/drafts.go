package source

import (
	"bytes"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Draft is an edited fly.toml by value, for one caller and one app.
type Draft struct {
	Caller string
	App    string
	Path   string // the file it was written to, if it was
	Name   string // of the file as it was read: its extension is the format
	Base   []byte // before the edit
	Data   []byte

	until time.Time
	asked bool // an open question names it
}

// Drafts keeps drafts between patch_services and deploy, in memory only, because a draft
// of a deployed configuration holds environment values. It is safe for concurrent use.
type Drafts struct {
	clock Clock
	mu    sync.Mutex
	byID  map[string]Draft
}

// Clock tells the time.
type Clock interface{ Now() time.Time }

const (
	draftLife = 30 * time.Minute
	maxDrafts = 100
	maxAsked  = 300 // further drafts that open questions name
)

// NewDrafts returns an empty store.
func NewDrafts(clock Clock) *Drafts {
	return &Drafts{clock: clock, byID: make(map[string]Draft)}
}

// Put keeps a copy of a draft and returns its handle, which is a name and no capability.
func (d *Drafts) Put(draft Draft) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	if len(d.byID) >= maxDrafts {
		d.evict()
	}
	handle := "draft_" + strings.ToLower(rand.Text()[:13])
	draft.until = d.clock.Now().Add(draftLife)
	d.byID[handle] = draft.clone()
	return handle
}

func (d Draft) clone() Draft {
	d.Base, d.Data = bytes.Clone(d.Base), bytes.Clone(d.Data)
	return d
}

// evict makes room: it removes the draft that ends first. A draft that a question names
// goes only if there are more of them than questions can be open.
func (d *Drafts) evict() {
	first := ""
	for id, draft := range d.byID {
		if draft.asked && len(d.byID) < maxDrafts+maxAsked {
			continue
		}
		if first == "" || draft.until.Before(d.byID[first].until) {
			first = id
		}
	}
	delete(d.byID, first)
}

// Keep makes a draft last as long as the question that names it.
func (d *Drafts) Keep(handle string, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	draft, ok := d.byID[handle]
	if !ok {
		return
	}
	draft.asked = true
	if until.After(draft.until) {
		draft.until = until
	}
	d.byID[handle] = draft
}

// Get returns a copy of the draft if it is of this caller and for this app.
func (d *Drafts) Get(handle, caller, app string) (Draft, *plan.Problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	draft, ok := d.byID[handle]
	switch {
	case !ok || draft.Caller != caller:
		return Draft{}, &plan.Problem{
			Code: gate.Expired, Message: "there is no such draft; drafts last 30 minutes, or as long as a " +
				"question about them is open",
			Hint: "call patch_services again",
		}
	case draft.App != "" && draft.App != app:
		return Draft{}, plan.Invalid("the draft is for the app %s", draft.App)
	}
	return draft.clone(), nil
}

func (d *Drafts) sweep() {
	for id, draft := range d.byID {
		if d.clock.Now().After(draft.until) {
			delete(d.byID, id)
		}
	}
}
