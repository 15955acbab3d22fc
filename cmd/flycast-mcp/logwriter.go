package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// logBacklog is how many writes may wait for a stderr that nobody reads.
	logBacklog = 1024
	// logFlush is how long they may take when the program ends.
	logFlush = time.Second
)

// logWriter writes to a stderr whose reader may have gone or stopped reading:
// it never blocks and never fails. What does not fit into its backlog is
// dropped, and counted in the log itself.
type logWriter struct {
	out   io.Writer
	lines chan []byte
	done  chan struct{}

	mu      sync.Mutex
	closed  bool
	dropped int
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out, lines: make(chan []byte, logBacklog), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *logWriter) run() {
	defer close(w.done)
	for line := range w.lines {
		_, _ = w.out.Write(line) // a log that cannot be written has nowhere to say so
		w.mu.Lock()
		dropped := w.dropped
		w.dropped = 0
		w.mu.Unlock()
		if dropped > 0 {
			_, _ = fmt.Fprintf(w.out, "%d lines of the log were dropped: stderr was not read\n", dropped)
		}
	}
}

func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(line), nil
	}
	select {
	case w.lines <- bytes.Clone(line):
	default:
		w.dropped++
	}
	return len(line), nil
}

// Close waits for what is queued, but not for a reader that does not read.
func (w *logWriter) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.lines)
	}
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-time.After(logFlush):
	}
	return nil
}
