package watch_test

import (
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 ms", 40 * time.Millisecond: "40 ms", 1250 * time.Millisecond: "1.2 s", 59 * time.Second: "59 s",
		90 * time.Second: "1 min", 3 * time.Hour: "3 h", 50 * time.Hour: "2 d",
	} {
		if got := watch.Span(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}
