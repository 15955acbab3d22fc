package flysim

import (
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestJumpOverCrashes makes the clock jump ten years over a Machine whose program crashes again and
// again. That is ten million restarts, of which only the last fifty can be seen.
func TestJumpOverCrashes(t *testing.T) {
	for _, tt := range []struct {
		restart string
		state   string // ten years later; empty: any state of a crash loop
		counted int    // restarts; 0: many
	}{
		{`{"policy": "always"}`, "", 0},
		{`{"policy": "on-failure", "max_retries": 1000000}`, "stopped", 1_000_000},
		{`{"policy": "on-failure", "max_retries": 2000000000}`, "", 0},
		{`{"policy": "on-failure"}`, "stopped", 10},
	} {
		t.Run(tt.restart, func(t *testing.T) {
			at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
			clock := NewClock(func() time.Time { return at })
			p := New(Options{Clock: clock, CrashAfter: time.Second})
			p.AddApp("loop", "personal", "")
			config, err := spec.Parse([]byte(`{"image": "nginx", "restart": ` + tt.restart + `}`))
			if err != nil {
				t.Fatal(err)
			}
			id := p.AddMachine("loop", "iad", config)
			p.FailMachine("loop", id, FailCrash)
			p.StopMachine("loop", id)
			p.StartMachine("loop", id)
			clock.Advance(10 * 365 * 24 * time.Hour)
			got := p.Machine("loop", id)
			if tt.state != "" && got.State != tt.state {
				t.Errorf("state %s, want %s", got.State, tt.state)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			m := p.state.apps["loop"].machine(id)
			if n := m.events[0].restarted + m.events[1].restarted; tt.counted > 0 && m.events[0].restarted != tt.counted {
				t.Errorf("restarts %d, want %d", m.events[0].restarted, tt.counted)
			} else if tt.counted == 0 && n < 10_000_000 {
				t.Errorf("restarts %d, want at least ten million", n)
			}
			if p.state.ids.count["event"] > 10_000 {
				t.Errorf("%d events were created", p.state.ids.count["event"])
			}
			if at, ok := m.due(); tt.counted == 0 && (!ok || at.Before(clock.Now()) || at.Sub(clock.Now()) > time.Minute) {
				t.Errorf("the next change is at %s, and it is now %s", at, clock.Now())
			}
			for i, e := range m.events[:len(m.events)-1] {
				if e.at.Before(m.events[i+1].at) {
					t.Errorf("event %d is before the one before it", i)
				}
			}
		})
	}
}
