// Package flytest has what the tests of several packages share. It imports no
// package of this module, so that the tests of each can use it; production code must
// not import it.
package flytest

import (
	"sync"
	"time"
)

// Clock is a clock that moves only when a test moves it. It is safe for concurrent
// use; the zero value stands at the zero time.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that stands at a time.
func NewClock(at time.Time) *Clock { return &Clock{at: at} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock; backwards, if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
