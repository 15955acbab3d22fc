package tools

import (
	"testing"
	"time"
)

// Nothing that a draft is made of is shared with who put it there or got it.
func TestDraftsAreCopies(t *testing.T) {
	d := newDrafts(newRunClock())
	base, data := []byte("before"), []byte("after")
	handle := d.put(draft{caller: "local", app: "shop-api", base: base, data: data})
	clear(base)
	clear(data)
	for range 2 {
		got, p := d.get(handle, "local", "shop-api")
		if p != nil || string(got.base) != "before" || string(got.data) != "after" {
			t.Fatalf("got %q, %q, %v", got.base, got.data, p)
		}
		clear(got.base)
		clear(got.data)
	}
}

// A draft lasts as long as the question that names it, and is not pushed out by others.
func TestDraftThatIsAskedAbout(t *testing.T) {
	clock := newRunClock()
	d := newDrafts(clock)
	asked := d.put(draft{caller: "local", app: "shop-api", data: []byte("asked")})
	plain := d.put(draft{caller: "local", app: "shop-api", data: []byte("plain")})
	d.keep(asked, clock.Now().Add(4*time.Hour))
	d.keep("draft_unknown", clock.Now().Add(4*time.Hour))
	for range 3 * maxDrafts {
		d.put(draft{caller: "local", app: "shop-api"})
	}
	has := func(handle string) bool {
		_, p := d.get(handle, "local", "shop-api")
		return p == nil
	}
	if !has(asked) || has(plain) {
		t.Errorf("after %d others: asked about %v, plain %v", 3*maxDrafts, has(asked), has(plain))
	}
	d.keep(asked, clock.Now().Add(time.Minute)) // a later question that ends sooner
	clock.pass(4 * time.Hour)
	if !has(asked) {
		t.Error("gone before its question ends")
	}
	clock.pass(time.Second)
	if has(asked) {
		t.Error("there after its question ended")
	}
}
