package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// longestPause is the longest that the program pauses between two readings.
// What waits for longer goes by the clock beside other work, and must not move
// it: heartbeats, leases, holds, limits.
const longestPause = 4 * time.Second

// sharedClock stands still but for jumps: over pauses of the program (see
// After), to the end of what a platform is asked to wait for
// ([sharedClock.platform]), and by what a test lets pass. So it makes no
// difference how fast the machine is.
//
// Processes share it through a file, with a line for each time that it jumped
// to. The latest counts: the clock never goes back, and two jumps to the same
// time are one. It is safe for concurrent use.
type sharedClock struct {
	file string

	mu     sync.Mutex
	alarms map[chan time.Time]time.Time // when each is due; while there are some, watch runs
}

func newSharedClock(t *testing.T) *sharedClock {
	c := &sharedClock{file: filepath.Join(t.TempDir(), "clock")}
	c.jump(time.Now())
	return c
}

// platform gives the options their clock: this one, which jumps to the end of
// each wait for a Machine's state.
func (c *sharedClock) platform(o flysim.Options) flysim.Options {
	o.Clock, o.OnWait = flysim.NewClock(c.Now), c.jump
	return o
}

// tune gives a Fly client this clock: it keeps to Fly's rate limits, and jumps
// over the time that takes.
func (c *sharedClock) tune(o *fly.Options) {
	o.Now = c.Now
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		c.pass(d)
		return ctx.Err()
	}
}

// Now implements the program's clock.
func (c *sharedClock) Now() (latest time.Time) {
	data, err := os.ReadFile(c.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	for line := range strings.Lines(string(data)) {
		text, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break // it is being written
		}
		at, err := time.ParseInLocation(time.RFC3339Nano, text, time.Local)
		if err != nil {
			panic(err)
		}
		if at.After(latest) {
			latest = at
		}
	}
	return latest
}

// jump moves the clock forward to a time, unless it has come that far.
func (c *sharedClock) jump(to time.Time) {
	if !to.After(c.Now()) {
		return
	}
	file, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(file, to.Format(time.RFC3339Nano))
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		panic(err)
	}
}

// pass lets so much time pass at once.
func (c *sharedClock) pass(d time.Duration) { c.jump(c.Now().Add(d)) }

// After implements the program's clock. A pause is jumped over; anything longer
// fires once somebody's jump has brought the clock that far.
func (c *sharedClock) After(d time.Duration) <-chan time.Time {
	due, fired := c.Now().Add(d), make(chan time.Time, 1)
	if d <= longestPause {
		c.jump(due)
		fired <- c.Now()
		return fired
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.alarms) == 0 {
		c.alarms = make(map[chan time.Time]time.Time)
		go c.watch()
	}
	c.alarms[fired] = due
	return fired
}

// watch fires alarms until there are none.
func (c *sharedClock) watch() {
	for c.fire() {
		time.Sleep(2 * time.Millisecond)
	}
}

// fire fires the alarms that are due, and reports whether others are left.
func (c *sharedClock) fire() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	for fired, due := range c.alarms {
		if !now.Before(due) {
			fired <- now
			delete(c.alarms, fired)
		}
	}
	return len(c.alarms) > 0
}

func TestSharedClock(t *testing.T) {
	ours := newSharedClock(t)
	theirs := &sharedClock{file: ours.file} // of another process
	start := ours.Now()
	hour := theirs.After(time.Hour)
	ours.jump(start.Add(time.Minute))
	ours.jump(start.Add(time.Second)) // no way back
	<-ours.After(longestPause)
	if got, want := theirs.Now().Sub(start), time.Minute+longestPause; got != want {
		t.Errorf("the other clock moved by %v, want %v", got, want)
	}
	select {
	case <-hour:
		t.Error("an hour is over after a minute")
	default:
	}
	ours.pass(time.Hour)
	if got, want := (<-hour).Sub(start), time.Hour+time.Minute+longestPause; got != want {
		t.Errorf("an hour is over after %v, want %v", got, want)
	}
}
