package sandbox

import (
	"strings"
	"testing"
)

// TestRecorderBytes holds that calls with much text do not fill the memory, and
// that the latest are those kept.
func TestRecorderBytes(t *testing.T) {
	var r recorder
	query := strings.Repeat("x", 1<<20)
	for range 2*maxCallBytes/len(query) + 1 {
		r.add(&Call{Query: query})
	}
	kept := 0
	for _, c := range r.calls {
		kept += c.size()
	}
	if kept > maxCallBytes || kept < maxCallBytes/2 || r.bytes != kept {
		t.Errorf("%d bytes are kept and %d counted, want at most %d", kept, r.bytes, maxCallBytes)
	}
	if last := r.calls[len(r.calls)-1]; last.Number != r.count {
		t.Errorf("the last one is number %d of %d", last.Number, r.count)
	}
}
