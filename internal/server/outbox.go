package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"syscall"
	"time"
)

const (
	// outboxSize is how many messages may wait for a slow client.
	outboxSize = 1024
	// stallTime is how long a client may read nothing while that many wait, before it
	// counts as gone.
	stallTime = 30 * time.Second
	// flushTime is how long the last messages may take when a connection ends.
	flushTime = 5 * time.Second
)

var (
	errNotReading = errors.New("the client stopped reading")
	errStopping   = errors.New("the server is stopping")
)

// outbox writes messages to a client, in order, from its own goroutine. A client that
// stops reading blocks only that goroutine.
type outbox struct {
	out     io.Writer
	now     func() time.Time
	after   func(time.Duration) <-chan time.Time
	stopped <-chan struct{} // closed when nothing waits for a slow client anymore
	queue   chan outgoing

	fail   sync.Once
	failed chan struct{} // closed when a write has failed
	err    error         // why; set before failed is closed
}

// outgoing is a message to write or, without one, a mark in the queue.
type outgoing struct {
	message []byte
	written func(at time.Time) // called when the message is written; may be nil
	reached chan<- struct{}    // closed when everything before the mark is written
}

// newOutbox starts to write to out. The goroutine ends when ended is closed, unless a
// write blocks: it cannot be interrupted.
func newOutbox(ctx context.Context, ended <-chan struct{}, out io.Writer, now func() time.Time,
	after func(time.Duration) <-chan time.Time,
) *outbox {
	o := &outbox{
		out: out, now: now, after: after, stopped: ctx.Done(),
		queue: make(chan outgoing, outboxSize), failed: make(chan struct{}),
	}
	go o.run(ended)
	return o
}

func (o *outbox) run(ended <-chan struct{}) {
	for {
		select {
		case next := <-o.queue:
			if next.reached != nil {
				close(next.reached)
				continue
			}
			done := stopwatch(o.now)
			if _, err := o.out.Write(next.message); err != nil {
				o.giveUp(err)
				return
			}
			if next.written != nil {
				next.written(done())
			}
		case <-ended:
			return
		}
	}
}

func (o *outbox) giveUp(err error) {
	o.fail.Do(func() {
		o.err = err
		close(o.failed)
	})
}

// put queues a message. When it is written, written is called, if not nil. put waits
// only if outboxSize messages are waiting, and gives up the client after stallTime.
func (o *outbox) put(message []byte, written func(at time.Time)) error {
	select {
	case <-o.failed:
		return o.err
	default:
	}
	next := outgoing{message: message, written: written}
	select {
	case o.queue <- next:
		return nil
	default:
	}
	select {
	case o.queue <- next:
		return nil
	case <-o.failed:
		return o.err
	case <-o.stopped:
		return errStopping
	case <-o.after(stallTime):
		o.giveUp(errNotReading)
		return errNotReading
	}
}

// flush waits until all earlier messages are written, at most flushTime. It reports
// whether they are.
func (o *outbox) flush() bool {
	limit, reached := o.after(flushTime), make(chan struct{})
	select {
	case o.queue <- outgoing{reached: reached}:
	case <-o.failed:
		return false
	case <-limit:
		return false
	}
	select {
	case <-reached:
		return true
	case <-o.failed:
		return false
	case <-limit:
		return false
	}
}

// isClientGone reports whether an error of a connection means that the client left.
// That is how a session ends, not a failure.
func isClientGone(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, fs.ErrClosed) || errors.Is(err, errNotReading)
}
