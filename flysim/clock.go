package flysim

import (
	"context"
	"sync"
	"time"
)

// lastYear is one that every date format can still write.
const lastYear = 9000

// Clock is virtual time: a source that may run at another speed, plus what was
// advanced. It never goes back, and stands still at the end of the year 9000.
// It is safe for concurrent use.
type Clock struct {
	source func() time.Time

	mu      sync.Mutex
	from    time.Time // the source's time since which speed holds
	at      time.Time // the virtual time then
	speed   float64
	changed chan struct{} // closed and replaced by Advance and SetSpeed
}

// NewClock returns a clock that reads source: time.Now for one that runs, a
// constant function for one that moves by Advance alone.
func NewClock(source func() time.Time) *Clock {
	now := source()
	return &Clock{source: source, from: now, at: now, speed: 1, changed: make(chan struct{})}
}

// Now is the virtual time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time {
	passed := max(c.source().Sub(c.from), 0)
	if c.speed == 1 {
		return bounded(c.at.Add(passed))
	}
	fast, at := float64(passed)*c.speed, c.at
	const longest = float64(1 << 62) // nanoseconds: a duration ends after 292 years
	for ; fast > longest && at.Year() <= lastYear; fast -= longest {
		at = at.Add(1 << 62)
	}
	return bounded(at.Add(time.Duration(min(fast, longest))))
}

// lastMoment is the last moment of a clock.
func lastMoment() time.Time { return time.Date(lastYear+1, 1, 1, 0, 0, 0, -1, time.UTC) }

func bounded(at time.Time) time.Time {
	if at.Year() > lastYear {
		return lastMoment()
	}
	return at
}

// Advance moves the clock forward and wakes those who wait on it. A negative
// duration does nothing.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = bounded(c.at.Add(max(d, 0)))
	c.wake()
}

// Speed is how many virtual seconds pass in one of the source.
func (c *Clock) Speed() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.speed
}

// SetSpeed lets the clock run that many times as fast as its source from now
// on; 0 stops it, so that it moves by Advance alone. A negative speed is 0.
func (c *Clock) SetSpeed(speed float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.from, c.at, c.speed = c.source(), now, max(speed, 0)
	c.wake()
}

// wake tells those who wait to look again. The caller holds mu.
func (c *Clock) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Wait returns nil when the clock has reached until or wake is closed, else
// the context's error. A nil wake is never closed.
func (c *Clock) Wait(ctx context.Context, until time.Time, wake <-chan struct{}) error {
	for {
		c.mu.Lock()
		now, speed, changed := c.now(), c.speed, c.changed
		c.mu.Unlock()
		left := until.Sub(now)
		if !now.Before(lastMoment()) {
			speed = 0 // it goes no further
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

// elapsed is how long a virtual duration takes at a speed, rounded up; as good
// as forever at speed 0.
func elapsed(d time.Duration, speed float64) time.Duration {
	if speed == 1 {
		return d
	}
	return time.Duration(min(float64(d)/speed, float64(1000*time.Hour))) + 1
}
