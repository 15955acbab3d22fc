// Package slot limits how much work runs at once, without counting work that only
// waits: while work waits for a rate limit, other work has its place.
package slot

import (
	"context"
	"sync"
)

// Pool is a fixed number of places.
type Pool struct{ places chan struct{} }

// NewPool returns a pool of n places.
func NewPool(n int) *Pool { return &Pool{make(chan struct{}, n)} }

// Take waits for a place. The context it returns carries the place for [Wait]. Call
// release once, when the work is done. If the context ends first, the error is the
// context's.
func (p *Pool) Take(ctx context.Context) (held context.Context, release func(), err error) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return ctx, func() {}, ctx.Err()
	}
	h := &holder{pool: p, held: true}
	return context.WithValue(ctx, key{}, h), h.release, nil
}

// InUse returns how many places are taken.
func (p *Pool) InUse() int { return len(p.places) }

type key struct{}

// holder is one piece of work and its place. Parts of the work may wait at the same
// time: others have the place while at least one does.
type holder struct {
	pool *Pool

	mu      sync.Mutex
	waiting int
	held    bool
	done    bool
	attempt chan struct{} // closed when the part that takes the place again has it or failed
}

func (h *holder) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done = true
	if h.held {
		h.held = false
		<-h.pool.places
	}
}

// Wait calls wait without the place that the context carries, and returns when the
// work has a place again. If the context carries none, it only calls wait. The error
// is that of wait, or the context's if it ends before there is a place.
func Wait(ctx context.Context, wait func() error) error {
	h, _ := ctx.Value(key{}).(*holder)
	if h == nil {
		return wait()
	}
	h.pause()
	err := wait()
	if resumeErr := h.resume(ctx); err == nil {
		err = resumeErr
	}
	return err
}

func (h *holder) pause() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting++; h.held {
		h.held = false
		<-h.pool.places
	}
}

// resume takes a place again when the last waiting part continues. Work that is done,
// such as a call that was answered, needs none. Only one part may take it: otherwise
// work could hold one place and wait for a second.
func (h *holder) resume(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting--
	for h.waiting == 0 && !h.done && !h.held {
		if other := h.attempt; other != nil {
			h.mu.Unlock()
			<-other
			h.mu.Lock()
			continue
		}
		own := make(chan struct{})
		h.attempt = own
		h.mu.Unlock()
		var err error
		select {
		case h.pool.places <- struct{}{}:
		case <-ctx.Done():
			err = ctx.Err()
		}
		h.mu.Lock()
		h.attempt = nil
		close(own)
		switch {
		case err != nil:
			return err
		case h.done || h.waiting > 0:
			<-h.pool.places // no longer needed
		default:
			h.held = true
		}
	}
	return nil
}
