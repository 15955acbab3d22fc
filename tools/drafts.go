package tools

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// drafts holds edited fly.toml files between patch_services and deploy, in
// memory only: a draft of a deployed configuration has environment values in it.
type drafts struct {
	clock Clock
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
	made   time.Time
}

const (
	draftLife = 30 * time.Minute
	maxDrafts = 100
)

func newDrafts(clock Clock) *drafts {
	return &drafts{clock: clock, byID: make(map[string]draft)}
}

// put keeps a draft and gives its handle, which is a name and no capability.
func (d *drafts) put(keep draft) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	if len(d.byID) >= maxDrafts {
		oldest := ""
		for id, have := range d.byID {
			if oldest == "" || have.made.Before(d.byID[oldest].made) {
				oldest = id
			}
		}
		delete(d.byID, oldest)
	}
	handle := "draft_" + randomID()
	keep.made = d.clock.Now()
	d.byID[handle] = keep
	return handle
}

// get finds a draft for its caller and app.
func (d *drafts) get(handle, caller, app string) (draft, *Problem) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	have, ok := d.byID[handle]
	switch {
	case !ok || have.caller != caller:
		return draft{}, &Problem{Code: gate.Expired, Message: "there is no such draft; drafts last 30 minutes", Hint: "call patch_services again"}
	case have.app != "" && have.app != app:
		return draft{}, invalid("the draft is for the app %s", have.app)
	}
	return have, nil
}

func (d *drafts) sweep() {
	for id, have := range d.byID {
		if d.clock.Now().Sub(have.made) > draftLife {
			delete(d.byID, id)
		}
	}
}

// randomID is eight random bytes in hex, for names of drafts and lines of the log.
func randomID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
