package program

import (
	"runtime"
	"testing"
	"time"
)

// TestClosedPairsAreFree checks that a connection whose server waits with a deadline uses no memory
// after either side closed it.
func TestClosedPairsAreFree(t *testing.T) {
	heap := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap()
	const pairs = 4000
	for i := range pairs {
		dialed, accepted := newPair("caller", "callee")
		if err := accepted.SetDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		first, second := dialed, accepted
		if i%2 == 0 {
			first, second = accepted, dialed
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if err := second.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if kept := (heap() - before) / pairs; kept > 100 {
		t.Errorf("%d bytes are kept of each connection", kept)
	}
}
