package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

func newClock() *flytest.Clock {
	return flytest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
}

// A call carries the time at which its bytes were read, however long it then waits
// for a slot, and whatever else came in the same read.
func TestArrivalBeforeTheSlot(t *testing.T) {
	f, clock := newTestServer(), newClock()
	f.AddTool(mcp.NewTool("arrived"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(call.Arrived(ctx).Format(time.TimeOnly)), nil
	})
	answers := make(chan string, toolSlots+2)
	p := newPeer(f.MCPServer, f.logger(), func(message []byte, _ func(time.Time)) error {
		answers <- string(message)
		return nil
	}, true)
	for i := range toolSlots {
		p.receive(t.Context(), []byte(toolCall(fmt.Sprint(i), "hold", modernMeta, "")), clock.Now())
		<-f.started
	}
	p.receive(t.Context(), []byte(toolCall(`"late"`, "arrived", modernMeta, "")), clock.Now())
	clock.Advance(time.Hour)
	for range toolSlots {
		f.release <- struct{}{}
	}
	for range toolSlots + 1 {
		if answer := <-answers; strings.Contains(answer, `"late"`) {
			if !strings.Contains(answer, "12:00:00") {
				t.Errorf("got %s", answer)
			}
		}
	}
	p.running.Wait()
}

// pieces is an input that is read in pieces, each after the clock has moved on.
type pieces struct {
	clock *flytest.Clock
	left  []string
}

func (p *pieces) Read(b []byte) (int, error) {
	p.clock.Advance(time.Minute)
	n := copy(b, p.left[0])
	p.left = p.left[1:]
	return n, nil
}

// A line arrives with the read that ends it, though its turn comes later.
func TestLinesArriveWhenTheyAreRead(t *testing.T) {
	clock := newClock()
	in := &timedReader{in: &pieces{clock, []string{"one\ntwo\nth", "ree\n", "four\n"}}, now: clock.Now}
	lines := make(chan inputLine)
	ctx, stop := context.WithCancel(t.Context())
	go readLines(ctx, in, lines)
	for _, want := range []struct{ text, at string }{{"one\n", "12:01:00"}, {"two\n", "12:01:00"},
		{"three\n", "12:02:00"}} {
		got := <-lines
		clock.Advance(time.Second) // the reader of the lines is slow; that time is not counted
		clock.Advance(-time.Second)
		if string(got.text) != want.text || got.arrived.Format(time.TimeOnly) != want.at {
			t.Errorf("got %q at %v, want %q at %s", got.text, got.arrived, want.text, want.at)
		}
	}
	stop()
}

// A message that waits behind another was written when it was written.
func TestOutboxTellsWhenAMessageIsWritten(t *testing.T) {
	clock := newClock()
	ended := make(chan struct{})
	defer close(ended)
	out := &stuckWriter{letGo: make(chan struct{})}
	box := newOutbox(t.Context(), ended, out, clock.Now, func(time.Duration) <-chan time.Time { return nil })
	written := make(chan time.Time, 1)
	if err := box.put([]byte("first"), nil); err != nil {
		t.Fatal(err)
	}
	if err := box.put([]byte("question"), func(at time.Time) { written <- at }); err != nil {
		t.Fatal(err)
	}
	clock.Advance(10 * time.Second) // the client does not read
	out.letGo <- struct{}{}
	out.letGo <- struct{}{}
	if at := <-written; at.Before(clock.Now()) || at.After(clock.Now().Add(time.Second)) {
		t.Errorf("written at %v, want about %v", at, clock.Now())
	}
}
