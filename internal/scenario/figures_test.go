package scenario

import (
	"fmt"
	"testing"
)

// TestRequestsOfMakePrivate bounds what the whole job on two Machines sends, its proof and its
// question included. Leases that are extended while a Machine is watched are not counted: how often
// depends on how long that takes.
func TestRequestsOfMakePrivate(t *testing.T) {
	const most = 52 // as many as a person needs with fly
	w := newWorld(t, setup{})
	w.exampleFile("shop-api")
	w.begin("shop-api")
	w.call("make_private", args{"app": "shop-api", "path": "fly.toml", "sleep": "stop"})
	counts, total := map[string]int{}, 0
	for _, c := range w.CallsAfter(w.from) {
		if c.Operation == "lease.acquire" && counts[c.Operation] == 2 {
			continue // one for each Machine
		}
		counts[c.Operation]++
		total++
	}
	t.Logf("%d requests: %v", total, fmt.Sprint(counts))
	if total > most {
		t.Errorf("%d requests, want at most %d: %v", total, most, counts)
	}
}
