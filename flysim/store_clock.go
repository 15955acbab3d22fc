package flysim

import "time"

// store reads the clock and its source at one moment.
func (c *Clock) store() ClockRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ClockRecord{Virtual: c.now().UTC(), Real: c.source().UTC(), Speed: c.speed}
}

// restore sets the clock to where it would be had it continued while the program was off. It then
// ran at most as fast as its source, so that a night at speed 60 is one night; a stopped clock did
// not run. The clock must not have been read before.
func (c *Clock) restore(stored ClockRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := c.source()
	off := max(from.Sub(stored.Real), 0)
	c.from, c.speed = from, max(stored.Speed, 0)
	c.at = stored.Virtual.Add(time.Duration(float64(off) * min(c.speed, 1)))
	c.wake()
}
