// Package slot bounds how much is done at once, without counting what only waits:
// work that waits for a rate limit gives its place to other work meanwhile.
package slot

import (
	"context"
	"sync"
)

// Pool is a bounded number of places.
type Pool struct{ places chan struct{} }

// NewPool makes a pool of n places.
func NewPool(n int) *Pool { return &Pool{make(chan struct{}, n)} }

// Take waits for a place. The context it returns carries the place for [Wait]; give
// must be called once, when the work is done. The error is the context's, if that
// ends first.
func (p *Pool) Take(ctx context.Context) (held context.Context, give func(), err error) {
	select {
	case p.places <- struct{}{}:
	case <-ctx.Done():
		return ctx, func() {}, ctx.Err()
	}
	place := &holder{pool: p, held: true}
	return context.WithValue(ctx, key{}, place), place.give, nil
}

// InUse is how many places are taken.
func (p *Pool) InUse() int { return len(p.places) }

type key struct{}

// place is one work's place. Parts of the work may wait at the same time: the place
// is given to others while at least one does.
type holder struct {
	pool *Pool

	mu      sync.Mutex
	waiting int
	held    bool
	done    bool
	taking  chan struct{} // closed when the part that takes a place again has it, or gave up
}

func (p *holder) give() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = true
	if p.held {
		p.held = false
		<-p.pool.places
	}
}

// Wait runs wait, which only waits, without the place that the context carries, and
// returns when there is a place again. Without a place it only runs wait. The
// error is that of wait, else the context's if that ends before there is a place.
func Wait(ctx context.Context, wait func() error) error {
	p, _ := ctx.Value(key{}).(*holder)
	if p == nil {
		return wait()
	}
	p.pause()
	err := wait()
	if again := p.resume(ctx); err == nil {
		err = again
	}
	return err
}

func (p *holder) pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting++; p.held {
		p.held = false
		<-p.pool.places
	}
}

// resume takes a place again when the last part that waited goes on. Work that is
// done, as that of a call that was answered, needs none. Only one part takes it:
// with two, works that have a place could wait for each other's.
func (p *holder) resume(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting--
	for p.waiting == 0 && !p.done && !p.held {
		if taking := p.taking; taking != nil {
			p.mu.Unlock()
			<-taking
			p.mu.Lock()
			continue
		}
		taken := make(chan struct{})
		p.taking = taken
		p.mu.Unlock()
		var err error
		select {
		case p.pool.places <- struct{}{}:
		case <-ctx.Done():
			err = ctx.Err()
		}
		p.mu.Lock()
		p.taking = nil
		close(taken)
		switch {
		case err != nil:
			return err
		case p.done || p.waiting > 0:
			<-p.pool.places // nobody needs it now
		default:
			p.held = true
		}
	}
	return nil
}
