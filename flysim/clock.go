package flysim

import (
	"context"
	"sync"
	"time"
)

// lastYear is the last year that every date format can write.
const lastYear = 9000

// Clock is virtual time: the time of a source, which may run at another speed, plus what was added
// by Advance. It never goes back, and it stops at the end of the year 9000. It is safe for
// concurrent use.
type Clock struct {
	source func() time.Time

	mu      sync.Mutex
	from    time.Time // the source's time when speed was set
	at      time.Time // the virtual time at from
	speed   float64
	changed chan struct{} // closed and replaced by Advance and SetSpeed
}

// NewClock returns a clock that reads source. Use time.Now for a clock that runs, and a constant
// function for one that moves only by Advance.
func NewClock(source func() time.Time) *Clock {
	now := source()
	return &Clock{source: source, from: now, at: now, speed: 1, changed: make(chan struct{})}
}

// Now returns the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	passed := max(c.source().Sub(c.from), 0)
	if c.speed == 1 {
		return clampToLastMoment(c.at.Add(passed))
	}
	fast, at := float64(passed)*c.speed, c.at
	const longest = float64(1 << 62) // nanoseconds: a time.Duration holds at most 292 years
	for ; fast > longest && at.Year() <= lastYear; fast -= longest {
		at = at.Add(1 << 62)
	}
	return clampToLastMoment(at.Add(time.Duration(min(fast, longest))))
}

// lastMoment returns the latest time that a clock can show.
func lastMoment() time.Time { return time.Date(lastYear+1, 1, 1, 0, 0, 0, -1, time.UTC) }

func clampToLastMoment(at time.Time) time.Time {
	if at.Year() > lastYear {
		return lastMoment()
	}
	return at
}

// Advance moves the clock forward and wakes those who wait on it. A negative duration does nothing.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = clampToLastMoment(c.at.Add(max(d, 0)))
	c.wake()
}

// Speed returns how many virtual seconds pass in one second of the source.
func (c *Clock) Speed() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.speed
}

// SetSpeed makes the clock run speed times as fast as its source from now on. At speed 0 the clock
// moves only by Advance; a negative speed means 0.
func (c *Clock) SetSpeed(speed float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.from, c.at, c.speed = c.source(), now, max(speed, 0)
	c.wake()
}

// wake makes those who wait look at the clock again. The caller holds mu.
func (c *Clock) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Wait returns nil once the clock has reached until or wake is closed, or the context's error. A
// nil wake is never closed.
func (c *Clock) Wait(ctx context.Context, until time.Time, wake <-chan struct{}) error {
	for {
		c.mu.Lock()
		now, speed, changed := c.now(), c.speed, c.changed
		c.mu.Unlock()
		left := until.Sub(now)
		if !now.Before(lastMoment()) {
			speed = 0 // the clock does not go further
		}
		if left <= 0 {
			return nil
		}
		timer := time.NewTimer(elapsed(left, speed))
		select {
		case <-wake:
			timer.Stop()
			return nil
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

// elapsed returns how much time of the source a virtual duration takes at a speed, rounded up. At
// speed 0 it is practically forever.
func elapsed(d time.Duration, speed float64) time.Duration {
	if speed == 1 {
		return d
	}
	return time.Duration(min(float64(d)/speed, float64(1000*time.Hour))) + 1
}
