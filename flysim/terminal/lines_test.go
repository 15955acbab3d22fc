package terminal

import (
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

func TestEventLine(t *testing.T) {
	m := &watch.Machine{ID: shopA, Region: "iad"}
	tests := []struct {
		event watch.Event
		want  string
	}{
		{watch.Event{App: firstApp, From: "stopped", To: "starting", Cause: "request", Machine: m},
			"12:00:00 shop-api " + shopA + " iad stopped -> starting (request)"},
		{watch.Event{App: firstApp, To: "created", Machine: m}, "12:00:00 shop-api " + shopA + " iad new -> created"},
		{watch.Event{App: firstApp, To: "released", Address: &watch.Address{IP: "66.241.124.11",
			Kind: "shared_v4"}}, "12:00:00 shop-api address released shared_v4 66.241.124.11"},
		{watch.Event{App: "new", To: "created"}, "12:00:00 new app created"},
		{
			watch.Event{App: firstApp, Visit: &flysim.Visit{Door: flysim.DoorFlycast, Machine: shopA, Method: "GET",
				Path: "/a", Status: 200, Held: 1200 * time.Millisecond, Woke: true}},
			"12:00:00 shop-api flycast GET /a 200 held 1.2 s woke " + shopA,
		},
		{watch.Event{Visit: &flysim.Visit{Door: flysim.DoorPublic, Method: "GET", Path: "/\x1b[2J\r\n",
			Status: 502, Code: "PP02"}}, `12:00:00 no app public GET /\u001b[2J\r\n 502 PP02`},
		{watch.Event{App: firstApp, Visit: &flysim.Visit{Door: flysim.DoorFlycast, Method: "GET", Path: "/",
			Status: 503, Code: "PM03", Woke: true}}, "12:00:00 shop-api flycast GET / 503 PM03 woke"},
		{watch.Event{App: firstApp, Visit: &flysim.Visit{Door: flysim.DoorInternal,
			Held: 300 * time.Microsecond}}, "12:00:00 shop-api internal raw connection closed"},
	}
	for _, tt := range tests {
		tt.event.At = noon
		if got := eventLine(tt.event); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
