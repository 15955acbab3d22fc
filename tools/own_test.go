package tools

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// What a run leaves behind is handed out as copies that nobody can change for
// anybody else.
func TestAnswersAreCopies(t *testing.T) {
	w := newWorkshop(t, newRunClock(), t.TempDir(), deployByItself)
	w.Hold = 0
	release := make(chan struct{})
	w.onApply = func() { <-release }
	tool := w.tool("deploy", Restarts)
	expect(t, serve(t.Context(), tool, shopAPI()), plan.Running, "")
	at := w.runs.busy("shop-api")
	close(release)
	if err := w.runs.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(at.result)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		answer := at.answer()
		if got, err := json.Marshal(answer); err != nil || string(got) != string(before) {
			t.Fatalf("got %s, %v, want %s", got, err, before)
		}
		answer.EnsureResultMeta().SetServerInfo(mcp.Implementation{Name: "changed"})
		answer.SetResultType(mcp.ResultTypeComplete)
		answer.Content[0] = mcp.NewTextContent("changed")
		clear(answer.StructuredContent.(json.RawMessage))
	}
	if after, err := json.Marshal(at.result); err != nil || string(after) != string(before) {
		t.Errorf("the result became %s", after)
	}
}

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
