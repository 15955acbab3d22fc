package cli

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// logBacklog is how many lines may wait for a stderr that nobody reads.
	logBacklog = 1024
	// logFlush is how long they may take when the program ends.
	logFlush = time.Second
)

// LogWriter writes to a stderr whose reader may have gone or stopped reading:
// it never blocks and never fails. Lines that do not fit into its backlog are
// dropped, and the log says how many. It is safe for concurrent use.
type LogWriter struct {
	out   io.Writer
	lines chan []byte
	done  chan struct{}

	mu      sync.Mutex
	closed  bool
	dropped int
}

// NewLogWriter returns a writer to out. The caller closes it.
func NewLogWriter(out io.Writer) *LogWriter {
	w := &LogWriter{out: out, lines: make(chan []byte, logBacklog), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *LogWriter) run() {
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

// Write queues a line.
func (w *LogWriter) Write(line []byte) (int, error) {
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

// Close waits for queued lines to be written, at most a second.
func (w *LogWriter) Close() error {
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
