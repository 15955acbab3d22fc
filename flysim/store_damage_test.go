package flysim

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// TestStateDamage checks that damage never makes Open panic. Bytes changed at random cause an
// error, or are in unused places.
func TestStateDamage(t *testing.T) {
	path := seededState(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := snap(t, openForTest(t, path))
	random := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 80 {
		raw := bytes.Clone(good)
		for range 1 + random.IntN(8) {
			raw[random.IntN(len(raw))] ^= byte(1 + random.IntN(255))
		}
		path := stateAt(t)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := openFile(path, storeOptions())
		if err != nil {
			refused++
			continue
		}
		if !p.Empty() { // the previous commit, which counts if the head of the last is unreadable
			wantSame(t, snap(t, p), want)
		}
		if err := p.Close(); err != nil && !strings.Contains(err.Error(), "damaged") {
			t.Error(err)
		}
	}
	if refused == 0 {
		t.Error("no damage was found")
	}
}
