package flysim

import "time"

// storedClock is where a clock was when.
type storedClock struct {
	Virtual time.Time `json:"virtual"`
	Real    time.Time `json:"real"` // of its source
	Speed   float64   `json:"speed"`
}

// store reads the clock and its source at one moment.
func (c *Clock) store() storedClock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return storedClock{Virtual: c.now().UTC(), Real: c.source().UTC(), Speed: c.speed}
}

// restore sets the clock to where it would be now had it run on while the
// program was off: no faster than its source, so that a night at speed 60 is
// one night, and not at all if it stood still. It is for a clock that nobody
// has read yet.
func (c *Clock) restore(stored storedClock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.source()
	off := max(from.Sub(stored.Real), 0)
	c.from, c.speed = from, max(stored.Speed, 0)
	c.at = stored.Virtual.Add(time.Duration(float64(off) * min(c.speed, 1)))
	c.wake()
}

// moved reports whether the clock was advanced or its speed was set since an
// earlier reading of it.
func (s storedClock) moved(earlier storedClock) bool {
	const slack = time.Millisecond // of one rounding and the other
	passed := time.Duration(float64(s.Real.Sub(earlier.Real)) * earlier.Speed)
	return s.Speed != earlier.Speed || s.Virtual.Sub(earlier.Virtual.Add(passed)).Abs() > slack
}
