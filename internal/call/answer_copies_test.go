package call_test

import (
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/call/calltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// What a run leaves behind is handed out as copies that nobody can change for
// anybody else.
func TestAnswersAreCopies(t *testing.T) {
	w := calltest.NewServer(t, calltest.NewClock(), t.TempDir(), calltest.DeployByItself)
	w.Hold = 0
	release := make(chan struct{})
	w.OnApply = func() { <-release }
	tool := w.Tool("deploy", call.Restarts)
	calltest.Expect(t, calltest.Serve(t.Context(), tool, calltest.ShopAPI()), plan.Running, "")
	at := w.Runs.Holder("shop-api")
	close(release)
	if err := w.Runs.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(at.Result)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		answer := at.Answer()
		if got, err := json.Marshal(answer); err != nil || string(got) != string(before) {
			t.Fatalf("got %s, %v, want %s", got, err, before)
		}
		answer.EnsureResultMeta().SetServerInfo(mcp.Implementation{Name: "changed"})
		answer.SetResultType(mcp.ResultTypeComplete)
		answer.Content[0] = mcp.NewTextContent("changed")
		clear(answer.StructuredContent.(json.RawMessage))
	}
	if after, err := json.Marshal(at.Result); err != nil || string(after) != string(before) {
		t.Errorf("the result became %s", after)
	}
}
