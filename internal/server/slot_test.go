package server

import (
	"context"
	"fmt"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/slot"
)

// Calls that wait for a rate limit hold no place that others need; calls that are
// at work do.
func TestStdioWaitingHoldsNoSlot(t *testing.T) {
	f := newTestServer()
	f.AddTool(mcp.NewTool("wait"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		err := slot.Wait(ctx, func() error {
			f.started <- r.Params.Name
			<-f.release
			return nil
		})
		return mcp.NewToolResultText("waited"), err
	})
	p := startStdio(t, f)
	const waiting = 2 * toolSlots
	for i := range waiting {
		p.send(toolCall(fmt.Sprint(i), "wait", "", ""))
	}
	for range waiting {
		<-f.started // all of them: more than there are places
	}
	p.send(toolCall(`"other"`, "echo", "", `"text":"at once"`))
	if m := p.receive(); string(m.ID) != `"other"` || m.text(t) != "at once" {
		t.Errorf("got %s", m.ID)
	}
	for range waiting {
		f.release <- struct{}{}
		if m := p.receive(); m.text(t) != "waited" {
			t.Errorf("got %s", m.Result)
		}
	}
}
