package scenario

import (
	"fmt"
	"testing"
)

// TestRequestsOfMakePrivate counts what the whole job on two Machines sends, its proof included.
func TestRequestsOfMakePrivate(t *testing.T) {
	w := newWorld(t, setup{})
	w.exampleFile("shop-api")
	w.begin("shop-api")
	w.call("make_private", args{"app": "shop-api", "path": "fly.toml", "sleep": "stop"})
	counts := map[string]int{}
	for _, c := range w.CallsAfter(w.from) {
		counts[c.Operation]++
	}
	t.Log(fmt.Sprint(counts), w.requests())
}
