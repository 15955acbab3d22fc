package proxy

import (
	"io"
	"sync"
)

// replayLimit is how much of a request's body is kept, so that the request can
// go to another Machine after all (Fly docs, "Error codes", PA01), and
// flyReplayLimit how large a body may be that fly-replay sends on (Fly docs,
// "Dynamic request routing").
const (
	replayLimit    = 10 << 20
	flyReplayLimit = 1 << 20
)

// replayBody is a request's body that can be read again from the start while no
// more than replayLimit of it was read.
type replayBody struct {
	mu     sync.Mutex
	source io.Reader
	kept   []byte
	read   int64 // from source
	err    error // of source
	spent  bool  // more was read than is kept
}

// open gives the body from its start. The error is a *Failure: that is gone.
func (b *replayBody) open() (io.ReadCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent {
		return nil, failTooLarge()
	}
	return &replayReader{body: b}, nil
}

// size is how much of the body was read.
func (b *replayBody) size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// replayReader is one reading of the body. An earlier one may be under way
// still when the next begins; what it reads is kept for both.
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
		if b.spent {
			return 0, io.ErrClosedPipe // another reading has taken it
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
	case b.spent:
	case b.read > replayLimit:
		b.spent, b.kept = true, nil
	default:
		b.kept = append(b.kept, p[:n]...)
	}
	return n, err
}

// Close implements [io.Closer]. It does not wait for a Read under way.
func (r *replayReader) Close() error {
	if r.body.mu.TryLock() {
		r.closed = true
		r.body.mu.Unlock()
	}
	return nil
}
