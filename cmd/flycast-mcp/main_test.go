package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// TestMain lets scripts run the program as a process of its own: the same run
// as main's, with a clock that the script can advance.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"flycast-mcp": func() {
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			code := run(ctx, program{
				args: os.Args[1:], lookup: os.LookupEnv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
				clock: fileClock(os.Getenv("TEST_CLOCK")), tune: hurry, workFactor: 2,
			})
			stop()
			os.Exit(code)
		},
	})
}

// hurry makes the Fly client keep to Fly's rate limits fifty times as fast.
// The scripts' platform has none.
func hurry(o *fly.Options) {
	const speed = 50
	start := time.Now()
	o.Now = func() time.Time { return start.Add(time.Since(start) * speed) }
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		select {
		case <-time.After(d / speed):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fileClock is real time plus the duration that a file holds; without a file it
// is real time.
type fileClock string

func (c fileClock) offset() time.Duration {
	data, err := os.ReadFile(string(c))
	if err != nil {
		return 0
	}
	d, err := time.ParseDuration(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return d
}

func (c fileClock) Now() time.Time { return time.Now().Add(c.offset()) }

// After fires once the clock has come that far, by itself or because the file
// was advanced.
func (c fileClock) After(d time.Duration) <-chan time.Time {
	if c == "" {
		return time.After(d)
	}
	if d <= 10*time.Second {
		d /= 20 // the pauses between two readings, and what a program must live through
	}
	until, fired := c.Now().Add(d), make(chan time.Time, 1)
	go func() {
		for {
			now := c.Now()
			if !now.Before(until) {
				fired <- now
				return
			}
			time.Sleep(min(until.Sub(now), 5*time.Millisecond))
		}
	}()
	return fired
}
