// Package attack tries to make the server do or say what it must not. It holds
// tests only. One puts text that passes for the program's own into everything
// that comes from outside. The other drives two servers at random, with two
// callers in both eras of the protocol, a person in the client and in a
// terminal, and a policy, and compares every write on the platform with what was
// approved:
//
//	go test ./internal/attack -attack.steps=300000 -attack.seed=7   # as long as wanted
//	go test ./internal/attack -attack.mutants                       # breaks the gate in known ways: each is found
//
// A failure names its seed and the latest moves.
package attack

import (
	"context"
	"flag"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
)

var (
	stepsFlag = flag.Int("attack.steps", 4000/share, "how many moves are made")
	seedFlag  = flag.Uint64("attack.seed", 1, "the seed of the moves")
)

// stepsPerPlatform bounds how much a platform remembers.
const stepsPerPlatform = 1000

func TestAttack(t *testing.T) {
	total := make(map[string]int)
	for made := 0; made < *stepsFlag && !t.Failed(); made += stepsPerPlatform {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			counts := run(ctx, t, *seedFlag+uint64(made/stepsPerPlatform), min(stepsPerPlatform, *stepsFlag-made))
			for name, n := range counts {
				total[name] += n
			}
		})
	}
	for _, name := range slices.Sorted(maps.Keys(total)) {
		t.Logf("%6d %s", total[name], name)
	}
	for _, name := range []string{"approved by form", "approved by terminal", "approved by policy",
		"result refused declined", "result refused replayed", "result refused blocked", "error"} {
		if total[name] == 0 && *stepsFlag >= 3*stepsPerPlatform {
			t.Errorf("the moves never led to %q: they prove nothing about it", name)
		}
	}
}
