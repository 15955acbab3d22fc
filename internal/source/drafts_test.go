package source

import (
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

// A draft shares no memory with the callers that put or got it.
func TestDraftsAreCopies(t *testing.T) {
	drafts := NewDrafts(&flytest.Clock{})
	base, data := []byte("before"), []byte("after")
	handle := drafts.Put(Draft{Caller: "local", App: "shop-api", Base: base, Data: data})
	clear(base)
	clear(data)
	for range 2 {
		got, p := drafts.Get(handle, "local", "shop-api")
		if p != nil || string(got.Base) != "before" || string(got.Data) != "after" {
			t.Fatalf("got %q, %q, %v", got.Base, got.Data, p)
		}
		clear(got.Base)
		clear(got.Data)
	}
}

// A draft lasts as long as the question that names it, and is not evicted for others.
func TestDraftOfQuestion(t *testing.T) {
	clock := flytest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	drafts := NewDrafts(clock)
	asked := drafts.Put(Draft{Caller: "local", App: "shop-api", Data: []byte("asked")})
	plain := drafts.Put(Draft{Caller: "local", App: "shop-api", Data: []byte("plain")})
	drafts.Keep(asked, clock.Now().Add(4*time.Hour))
	drafts.Keep("draft_unknown", clock.Now().Add(4*time.Hour))
	for range 3 * maxDrafts {
		drafts.Put(Draft{Caller: "local", App: "shop-api"})
	}
	has := func(handle string) bool {
		_, p := drafts.Get(handle, "local", "shop-api")
		return p == nil
	}
	if !has(asked) || has(plain) {
		t.Errorf("after %d others: asked about %v, plain %v", 3*maxDrafts, has(asked), has(plain))
	}
	drafts.Keep(asked, clock.Now().Add(time.Minute)) // a later question that ends sooner
	clock.Advance(4 * time.Hour)
	if !has(asked) {
		t.Error("gone before its question ends")
	}
	clock.Advance(time.Second)
	if has(asked) {
		t.Error("there after its question ended")
	}
}
