package bench

import (
	"runtime"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestLoadHeld bounds what the whole emulated platform holds for each Machine
// after a deploy of every app: 10,000 Machines are to fit into 500 MB many times,
// and none has a goroutine of its own.
func TestLoadHeld(t *testing.T) {
	const apps = 100
	began := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	before, goroutines := live(), runtime.NumGoroutine()
	c := newLoadedPlatform(t, apps, flysim.Options{Clock: flysim.NewClock(func() time.Time { return began })}, false)
	for _, app := range c.names {
		c.deploy(t, app, 1)
	}
	c.loop.Pass()
	if n := runtime.NumGoroutine() - goroutines; n > 60 {
		t.Errorf("%d goroutines for %d Machines", n, apps*loadMachines)
	}
	held := (live() - before) / (apps * loadMachines) * 10_000
	t.Logf("%.0f MB for 10,000 Machines", held)
	if held > 250 {
		t.Errorf("%.0f MB for 10,000 Machines, want at most 250", held)
	}
	c.sleep()
	for _, app := range c.names[:3] { // a request finds what was stopped, whatever the clock does
		if err := c.visit(t.Context(), app); err != nil {
			t.Errorf("%s: %v", app, err)
		}
	}
}
