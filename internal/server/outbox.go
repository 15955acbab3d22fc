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
	// outboxSize is how many messages may wait for a client that reads slowly.
	outboxSize = 1024
	// stallTime is how long a client may accept nothing while that many wait.
	// After that it counts as gone.
	stallTime = 30 * time.Second
	// flushTime is how long the last messages may take when a connection ends.
	flushTime = 5 * time.Second
)

var (
	errNotReading = errors.New("the client stopped reading")
	errStopping   = errors.New("the server is stopping")
)

// outbox writes messages to a client, in the order they are put in, from a
// goroutine of its own. A client that stops reading holds up that goroutine
// and nothing else.
type outbox struct {
	out     io.Writer
	now     func() time.Time
	after   func(time.Duration) <-chan time.Time
	stopped <-chan struct{} // nobody waits for a slow client anymore
	queue   chan outgoing

	fail   sync.Once
	failed chan struct{} // closed when the client cannot be written to
	err    error         // why; set before failed is closed
}

// outgoing is a message to write or, without one, a mark in the queue.
type outgoing struct {
	message []byte
	written func(at time.Time) // called once the message is written; may be nil
	reached chan<- struct{}    // closed when everything before the mark is written
}

// newOutbox starts to write to out. The goroutine ends when ended is closed,
// unless out blocks it: a blocked write cannot be taken back.
func newOutbox(ctx context.Context, ended <-chan struct{}, out io.Writer, now func() time.Time, after func(time.Duration) <-chan time.Time) *outbox {
	o := &outbox{out: out, now: now, after: after, stopped: ctx.Done(), queue: make(chan outgoing, outboxSize), failed: make(chan struct{})}
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

// put queues one message; written, if not nil, is told when it was written. It
// waits only for a client that is outboxSize messages behind, and gives that
// client up after stallTime.
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

// flush waits until what was put before is written, within flushTime. It
// reports whether it is.
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

// isClientGone reports whether an error of a connection only says that the
// client has left. That is how a session ends, not a failure of the server.
func isClientGone(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, fs.ErrClosed) || errors.Is(err, errNotReading)
}
