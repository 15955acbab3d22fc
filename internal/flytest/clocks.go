package flytest

import "time"

// WallClock is real time; in a bubble of testing/synctest, the bubble's.
type WallClock struct{}

// Now returns the time.
func (WallClock) Now() time.Time { return time.Now() }

// After waits as [time.After] does.
func (WallClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// SkippingClock moves the clock that it has over waits shorter than Below. Longer waits,
// such as the limits of a call, never end.
type SkippingClock struct {
	Movable
	Below time.Duration
}

// Movable is a clock that can be moved.
type Movable interface {
	Now() time.Time
	Advance(d time.Duration)
}

// StillClock returns a clock that stands at a time, and on which no wait ends.
func StillClock(at time.Time) SkippingClock { return SkippingClock{Movable: NewClock(at)} }

// After moves the clock over a short wait.
func (c SkippingClock) After(d time.Duration) <-chan time.Time {
	if d >= c.Below {
		return nil
	}
	passed := make(chan time.Time, 1)
	c.Advance(d)
	passed <- c.Now()
	return passed
}
