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

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// longestPause is the longest that the program pauses between two readings.
// What waits for longer goes by the clock beside other work, and must not move
// it: heartbeats, leases, holds, limits.
const longestPause = 4 * time.Second

// sharedClock is real time plus what was jumped over: pauses of the program
// (see After), what a platform is asked to wait for ([sharedClock.platform]),
// and what a test lets pass. Everything in between takes the time it takes.
//
// Processes share it through a file, with a line for each jump: how far the
// clock is ahead of real time from then on. The largest counts, so that the
// clock never goes back and two jumps to the same time are one. It is safe
// for concurrent use.
type sharedClock struct {
	file string

	mu     sync.Mutex
	alarms map[chan time.Time]time.Time // when each is due; while there are some, watch runs
}

func newSharedClock(t *testing.T) *sharedClock {
	return &sharedClock{file: filepath.Join(t.TempDir(), "clock")}
}

// platform gives the options their clock: this one, which jumps to the end of
// each wait for a Machine's state.
func (c *sharedClock) platform(o sandbox.Options) sandbox.Options {
	o.Clock, o.OnWait = sandbox.NewClock(c.Now), c.jump
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
func (c *sharedClock) Now() time.Time { return time.Now().Add(c.ahead()) }

// ahead is how far the clock is ahead of real time.
func (c *sharedClock) ahead() (most time.Duration) {
	data, err := os.ReadFile(c.file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	for line := range strings.Lines(string(data)) {
		text, whole := strings.CutSuffix(line, "\n")
		if !whole {
			break // it is being written
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			panic(err)
		}
		most = max(most, d)
	}
	return most
}

// jump moves the clock forward to a time, unless it has come that far.
func (c *sharedClock) jump(to time.Time) {
	ahead := time.Until(to)
	if ahead <= c.ahead() {
		return
	}
	file, err := os.OpenFile(c.file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(file, ahead)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		panic(err)
	}
}

// pass lets so much time pass at once.
func (c *sharedClock) pass(d time.Duration) { c.jump(c.Now().Add(d)) }

// After implements the program's clock. A pause is jumped over; anything longer
// fires once the clock has come that far, by itself or by somebody's jump.
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
	if d := start.Sub(time.Now()); d > 0 {
		t.Errorf("the clock begins %v ahead", d)
	}
	hour := theirs.After(time.Hour)
	ours.jump(start.Add(time.Minute))
	ours.jump(start.Add(time.Second)) // no way back
	<-ours.After(longestPause)
	if got, least := theirs.Now().Sub(start), time.Minute+longestPause; got < least || got > time.Hour {
		t.Errorf("the other clock moved by %v, want %v and what the test took", got, least)
	}
	select {
	case <-hour:
		t.Error("an hour is over after a minute")
	default:
	}
	ours.pass(time.Hour)
	if got := (<-hour).Sub(start); got < time.Hour {
		t.Errorf("an hour is over after %v", got)
	}
}
