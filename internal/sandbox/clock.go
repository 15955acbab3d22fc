package sandbox

import (
	"context"
	"sync"
	"time"
)

// Clock is virtual time: a source plus an offset that only grows. It is safe
// for concurrent use.
type Clock struct {
	source func() time.Time

	mu       sync.Mutex
	offset   time.Duration
	advanced chan struct{} // closed and replaced by Advance
}

// NewClock returns a clock that reads source: time.Now for one that runs, a
// constant function for one that moves by Advance alone.
func NewClock(source func() time.Time) *Clock {
	return &Clock{source: source, advanced: make(chan struct{})}
}

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source().Add(c.offset)
}

// Advance moves the clock forward and wakes those who wait on it. A negative
// duration does nothing.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += max(d, 0)
	close(c.advanced)
	c.advanced = make(chan struct{})
}

// Wait returns nil when the clock has reached until or wake is closed, else
// the context's error. A nil wake is never closed.
func (c *Clock) Wait(ctx context.Context, until time.Time, wake <-chan struct{}) error {
	for {
		c.mu.Lock()
		left, advanced := until.Sub(c.source().Add(c.offset)), c.advanced
		c.mu.Unlock()
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(left)
		select {
		case <-wake:
			timer.Stop()
			return nil
		case <-advanced:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}
