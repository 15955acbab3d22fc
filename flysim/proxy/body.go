package proxy

import (
	"io"
	"sync"
)

// replayLimit is how many bytes of a request's body are kept, so that the request can be sent to
// another Machine (Fly docs, "Error codes", PA01). flyReplayLimit is the largest body of a request
// that fly-replay can send on (Fly docs, "Dynamic request routing").
const (
	replayLimit    = 10 << 20
	flyReplayLimit = 1 << 20
)

// replayBody is a request's body that can be read again from the start until more than replayLimit
// bytes of it were read.
type replayBody struct {
	mu         sync.Mutex
	source     io.Reader
	kept       []byte
	read       int64 // from source
	err        error // of source
	overflowed bool  // more was read than can be kept
}

// open returns the body from its start. If that is no longer possible, the error is a *Failure.
func (b *replayBody) open() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.overflowed {
		return nil, failTooLarge()
	}
	return &replayReader{body: b}, nil
}

// size returns how many bytes of the body were read.
func (b *replayBody) size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// replayReader is one reading of the body. The previous reading may still be in progress when the
// next begins; the body keeps for both what either reads.
type replayReader struct {
	body   *replayBody
	offset int64
	closed bool // guarded by body.mu
}

// Read implements [io.Reader].
func (r *replayReader) Read(p []byte) (int, error) {
	b := r.body
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.closed:
		return 0, io.ErrClosedPipe
	case r.offset < b.read:
		if b.overflowed {
			return 0, io.ErrClosedPipe // another reading consumed the body
		}
		n := copy(p, b.kept[r.offset:])
		r.offset += int64(n)
		return n, nil
	case b.err != nil:
		return 0, b.err
	}
	n, err := b.source.Read(p)
	b.read += int64(n)
	r.offset = b.read
	b.err = err
	switch {
	case b.overflowed:
	case b.read > replayLimit:
		b.overflowed, b.kept = true, nil
	default:
		b.kept = append(b.kept, p[:n]...)
	}
	return n, err
}

// Close implements [io.Closer]. It does not wait for a Read in progress.
func (r *replayReader) Close() error {
	if r.body.mu.TryLock() {
		r.closed = true
		r.body.mu.Unlock()
	}
	return nil
}
