package call

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// reports runs a handler with a progress token, or without, and gives back the
// parameters of the notifications it sent.
func reports(t *testing.T, meta string, handler func(context.Context, *Progress)) []map[string]any {
	t.Helper()
	session := newAskedSession()
	callHandler(t.Context(), t, session, meta,
		func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			handler(ctx, NewProgress(ctx, request))
			return mcp.NewToolResultText(""), nil
		})
	close(session.notifications)
	var sent []map[string]any
	for n := range session.notifications {
		if n.Method != "notifications/progress" {
			t.Errorf("sent %s", n.Method)
		}
		sent = append(sent, n.Params.AdditionalFields)
	}
	return sent
}

const withToken = `{"progressToken":"t1"}`

func TestProgress(t *testing.T) {
	got := reports(t, withToken, func(_ context.Context, p *Progress) {
		p.Step(0, 2, "lease")
		p.Step(1, 2, "machine 1")
		p.Step(1, 2, "machine 1, health") // the same step again is still an increase
		p.Step(2, 2, "")
		p.Done()
		p.Step(3, 3, "after the end")
	})
	want := []map[string]any{
		{"progressToken": "t1", "progress": 0.0, "total": 2, "message": "lease"},
		{"progressToken": "t1", "progress": 1.0, "total": 2, "message": "machine 1"},
		{"progressToken": "t1", "progress": 1.5, "total": 2, "message": "machine 1, health"},
		{"progressToken": "t1", "progress": 2.0, "total": 2},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestProgressWithoutToken(t *testing.T) {
	got := reports(t, `{}`, func(_ context.Context, p *Progress) {
		p.Step(1, 2, "silent")
		stop := p.Heartbeat(make(chan time.Time), func() string { return "" })
		stop()
	})
	if got != nil {
		t.Errorf("sent %v without a token", got)
	}
}

func TestProgressEndsWithTheCall(t *testing.T) {
	session := newAskedSession()
	ctx, cancel := context.WithCancel(t.Context())
	callHandler(ctx, t, session, withToken,
		func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			p := NewProgress(ctx, request)
			cancel()
			p.Step(1, 2, "cancelled")
			return mcp.NewToolResultText(""), nil
		})
	if n := len(session.notifications); n != 0 {
		t.Errorf("%d notifications for a cancelled call", n)
	}
}

func TestHeartbeat(t *testing.T) {
	ticks := make(chan time.Time)
	beats := 0
	got := reports(t, withToken, func(_ context.Context, p *Progress) {
		p.Step(1, 0, "asked")
		stop := p.Heartbeat(ticks, func() string {
			beats++
			return fmt.Sprint("waiting ", beats)
		})
		ticks <- time.Time{}
		ticks <- time.Time{}
		ticks <- time.Time{}
		stop()
		stop()
		p.Step(2, 0, "answered")
	})
	want := []string{"asked", "waiting 1", "waiting 2", "waiting 3", "answered"}
	last := -1.0
	for i, n := range got {
		value := n["progress"].(float64)
		if value <= last {
			t.Errorf("progress %v after %v: it must increase", value, last)
		}
		last = value
		if i < len(want) && n["message"] != want[i] {
			t.Errorf("message %d: got %q, want %q", i, n["message"], want[i])
		}
		if _, ok := n["total"]; ok {
			t.Errorf("an unknown total: %v", n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d notifications, want %d", len(got), len(want))
	}
}

// A call that leaves takes no progress from those that still wait.
func TestEveryWatcherIsTold(t *testing.T) {
	at := &Run{watchers: make(map[*Progress]struct{})}
	gone, here, too := &Progress{done: true}, &Progress{done: true}, &Progress{done: true}
	for _, p := range []*Progress{here, too, gone} {
		at.watch(p)
	}
	at.unwatch(gone)
	at.report(plan.Progress{Done: 3, Of: 5, Doing: "working"})
	if gone.step != 0 || here.step != 3 || too.step != 3 {
		t.Errorf("told %v, %v and %v", gone.step, here.step, too.step)
	}
}
