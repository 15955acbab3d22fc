package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
)

// TestFullDisk: on a full disk nothing is recorded, the error says so, and the
// journal is what it was and goes on once there is room.
func TestFullDisk(t *testing.T) {
	dir, ok := flytest.SmallDisk(t, "64k")
	if !ok {
		return
	}
	p, c := filepath.Join(dir, "journal.jsonl"), newClock()
	j := open(t, p, c)
	burn(t, j, use(c, "first"), true)
	full := filepath.Join(dir, "full")
	for size := 64 << 10; size > 0; size -= 4 << 10 { // all that is left, to the page
		if os.WriteFile(full, make([]byte, size), 0o600) == nil {
			break
		}
	}
	n := 0
	for ; n < 200; n++ { // the journal's own page fills up
		before, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := j.Burn(use(c, fmt.Sprint("n", n)))
		if err == nil {
			continue
		}
		if fresh || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v, %v", fresh, err)
		}
		if after, err := os.ReadFile(p); err != nil || !bytes.Equal(after, before) && !bytes.HasPrefix(after, before) {
			t.Errorf("the journal was\n%s\nand is\n%s", before, after)
		}
		break
	}
	if n == 200 {
		t.Fatal("the disk did not fill up")
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	burn(t, j, use(c, "first"), false)
	burn(t, j, use(c, "after"), true)
	if again := open(t, p, c); again.Check() != nil || !again.IsBurnt("after") {
		t.Errorf("got %v", again.Check())
	}
}
