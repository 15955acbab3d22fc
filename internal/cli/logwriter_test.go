package cli

import (
	"fmt"
	"strings"
	"testing"
)

// stuckLog is a stderr whose reader starts to read late.
type stuckLog struct {
	letGo chan struct{}
	strings.Builder
}

func (w *stuckLog) Write(p []byte) (int, error) {
	<-w.letGo
	return w.Builder.Write(p)
}

func TestLogWriter(t *testing.T) {
	out := &stuckLog{letGo: make(chan struct{})}
	w := NewLogWriter(out)
	for i := range 3 * logBacklog {
		if n, err := fmt.Fprintf(w, "line %d\n", i); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	}
	close(out.letGo)
	_ = w.Close()
	_, _ = fmt.Fprintln(w, "after the end")
	<-w.done
	text := out.String()
	if !strings.HasPrefix(text, "line 0\n") || !strings.Contains(text, "lines of the log were dropped") ||
		strings.Contains(text, "after the end") {
		t.Errorf("got %.200q", text)
	}
	if n := strings.Count(text, "\n"); n > logBacklog+2 {
		t.Errorf("%d lines were kept", n)
	}
}
