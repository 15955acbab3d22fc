package flysim_test

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestTraffic(t *testing.T) {
	var traffic flysim.Traffic
	end := traffic.Begin("m1")
	second := traffic.Begin("m1")
	if got := traffic.Load("m1"); got != 2 {
		t.Errorf("load %d, want 2", got)
	}
	end()
	end() // a second call does nothing
	if got := traffic.Load("m1"); got != 1 {
		t.Errorf("load %d, want 1", got)
	}
	second()
	changed := traffic.Changed()
	for range 2000 {
		traffic.Add(flysim.Visit{App: "shop-api", Machine: "m1", At: startTime, Woke: true})
	}
	select {
	case <-changed:
	default:
		t.Error("no one was notified")
	}
	recent := traffic.Recent(1995)
	if len(recent) != 5 || recent[0].Number != 1996 || traffic.Count() != 2000 {
		t.Errorf("%d visits after 1995 of %d: %+v", len(recent), traffic.Count(), recent)
	}
	if all := traffic.Recent(0); len(all) < 400 || len(all) > 512 || all[len(all)-1].Number != 2000 {
		t.Errorf("%d visits are kept", len(all))
	}
	if traffic.LastWake("m1") != startTime || !traffic.LastWake("m2").IsZero() {
		t.Errorf("last wakes %s, %s", traffic.LastWake("m1"), traffic.LastWake("m2"))
	}
}
