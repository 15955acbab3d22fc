package server

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stuckWriter blocks until the test lets a write go.
type stuckWriter struct {
	letGo chan struct{}
	wrote []string
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	<-w.letGo
	w.wrote = append(w.wrote, string(p))
	return len(p), nil
}

func TestOutbox(t *testing.T) {
	never := func(time.Duration) <-chan time.Time { return nil }
	at := func(when time.Duration) func(time.Duration) <-chan time.Time {
		return func(d time.Duration) <-chan time.Time {
			if d != when {
				return nil
			}
			passed := make(chan time.Time)
			close(passed)
			return passed
		}
	}
	t.Run("a client that does not read holds up nobody", func(t *testing.T) {
		ended := make(chan struct{})
		defer close(ended)
		out := &stuckWriter{letGo: make(chan struct{})}
		box := newOutbox(t.Context(), ended, out, time.Now, never)
		for i := range outboxSize { // one of them is being written, perhaps
			if err := box.put(fmt.Append(nil, i), nil); err != nil {
				t.Fatal(err)
			}
		}
		close(out.letGo)
		if !box.flush() {
			t.Error("not flushed")
		}
		for i, got := range out.wrote {
			if got != fmt.Sprint(i) {
				t.Fatalf("message %d is %s", i, got)
			}
		}
	})
	t.Run("and is given up when it is far behind", func(t *testing.T) {
		ended := make(chan struct{})
		defer close(ended)
		box := newOutbox(t.Context(), ended, &stuckWriter{}, time.Now, at(stallTime))
		var err error
		for range outboxSize + 2 {
			err = box.put(nil, nil)
		}
		if !errors.Is(err, errNotReading) || !isClientGone(err) {
			t.Errorf("got %v", err)
		}
		<-box.failed
	})
	t.Run("the end does not wait for it", func(t *testing.T) {
		ended := make(chan struct{})
		defer close(ended)
		box := newOutbox(t.Context(), ended, &stuckWriter{}, time.Now, at(flushTime))
		if err := box.put([]byte("unread"), nil); err != nil {
			t.Fatal(err)
		}
		if box.flush() {
			t.Error("flushed to a client that does not read")
		}
	})
	t.Run("a closed pipe", func(t *testing.T) {
		ended := make(chan struct{})
		defer close(ended)
		r, w := io.Pipe()
		_ = r.CloseWithError(syscall.EPIPE)
		box := newOutbox(t.Context(), ended, w, time.Now, never)
		_ = box.put(nil, nil)
		<-box.failed
		if err := box.put(nil, nil); !isClientGone(err) {
			t.Errorf("got %v", err)
		}
		if box.flush() {
			t.Error("flushed")
		}
	})
}

// TestStdioClientGone: a client that left is the end of a session, no failure.
func TestStdioClientGone(t *testing.T) {
	for _, gone := range []error{syscall.EPIPE, syscall.ECONNRESET, io.ErrClosedPipe} {
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		_ = outR.CloseWithError(gone)
		done := make(chan error)
		go func() { done <- ServeStdio(t.Context(), newTestServer().MCPServer, inR, outW, StdioOptions{}) }()
		if _, err := io.WriteString(inW, toolCall("1", "echo", "", "")+"\n"); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("%v: ended with %v", gone, err)
		}
		_ = inW.Close()
	}
}

// TestStdioUnread: a client that sends many requests and reads nothing is still read
// when it ends.
func TestStdioUnread(t *testing.T) {
	f := newTestServer()
	in := strings.NewReader(strings.Repeat(toolCall("1", "echo", "", "")+"\n", 500))
	out := &stuckWriter{letGo: make(chan struct{})}
	transport := stdio{server: f.MCPServer, log: f.logger(), now: time.Now, after: func(d time.Duration) <-chan time.Time {
		if d != flushTime {
			return nil
		}
		passed := make(chan time.Time)
		close(passed)
		return passed
	}}
	if err := transport.serve(t.Context(), in, out); err != nil {
		t.Errorf("ended with %v", err)
	}
}
