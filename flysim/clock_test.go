package flysim_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestClock(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	clock.Advance(time.Hour)
	clock.Advance(-time.Hour) // does nothing
	if got, want := clock.Now(), startTime.Add(time.Hour); !got.Equal(want) {
		t.Errorf("now %s, want %s", got, want)
	}
	if err := clock.Wait(t.Context(), startTime, nil); err != nil {
		t.Errorf("waiting for a past time: %v", err)
	}
	done := make(chan error)
	later := clock.Now().Add(time.Hour)
	go func() { done <- clock.Wait(t.Context(), later, nil) }()
	clock.Advance(30 * time.Minute)
	select {
	case err := <-done:
		t.Fatalf("woke half-way: %v", err)
	default:
	}
	clock.Advance(30 * time.Minute)
	if err := <-done; err != nil {
		t.Error(err)
	}

	wake := make(chan struct{})
	go func() { done <- clock.Wait(t.Context(), later.Add(time.Hour), wake) }()
	close(wake)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- clock.Wait(ctx, later.Add(time.Hour), nil) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait: %v", err)
	}

	running := flysim.NewClock(time.Now)
	if err := running.Wait(t.Context(), running.Now().Add(time.Millisecond), nil); err != nil {
		t.Errorf("real time: %v", err)
	}
}

func TestClockSpeed(t *testing.T) {
	var mu sync.Mutex
	real := startTime
	pass := func(d time.Duration) { mu.Lock(); real = real.Add(d); mu.Unlock() }
	clock := flysim.NewClock(func() time.Time { mu.Lock(); defer mu.Unlock(); return real })
	want := startTime
	for _, tt := range []struct {
		speed           float64
		passed, counted time.Duration
	}{
		{1, time.Second, time.Second},
		{60, time.Second, time.Minute},
		{0, time.Hour, 0},
		{-1, time.Hour, 0},
		{0.5, time.Minute, 30 * time.Second},
	} {
		clock.SetSpeed(tt.speed)
		if got := clock.Speed(); got != max(tt.speed, 0) {
			t.Errorf("speed %v, want %v", got, tt.speed)
		}
		pass(tt.passed)
		if want = want.Add(tt.counted); !clock.Now().Equal(want) {
			t.Errorf("at speed %v: now %s, want %s", tt.speed, clock.Now(), want)
		}
	}
	clock.SetSpeed(0)
	done := make(chan error)
	go func() { done <- clock.Wait(t.Context(), want.Add(time.Hour), nil) }()
	clock.SetSpeed(1)
	pass(time.Hour)
	clock.SetSpeed(2) // makes Wait look at the source again
	if err := <-done; err != nil {
		t.Error(err)
	}
	fast := flysim.NewClock(time.Now)
	fast.SetSpeed(1e6)
	if err := fast.Wait(t.Context(), fast.Now().Add(time.Hour), nil); err != nil {
		t.Error(err)
	}
}

// TestClockFar makes a fast clock pass more time than a [time.Duration] can hold. The clock does
// not go back, and it stops before dates can no longer be written.
func TestClockFar(t *testing.T) {
	real := startTime
	clock := flysim.NewClock(func() time.Time { return real })
	clock.SetSpeed(1e6)
	before := clock.Now()
	for range 10 * 24 {
		real = real.Add(time.Hour)
		now := clock.Now()
		if now.Before(before) {
			t.Fatalf("%s after %s", now, before)
		}
		before = now
	}
	if _, err := before.MarshalJSON(); err != nil || before.Year() != 9000 {
		t.Errorf("it stopped at %s: %v", before, err)
	}
	clock.Advance(time.Hour)
	clock.SetSpeed(1)
	if now := clock.Now(); !now.Equal(before) {
		t.Errorf("it went on to %s", now)
	}

	real = startTime
	clock = flysim.NewClock(func() time.Time { return real })
	clock.SetSpeed(1e6)
	real = real.Add(3 * time.Hour)
	if got, want := clock.Now(), startTime.AddDate(0, 0, 125_000); got.Sub(want).Abs() > time.Second {
		t.Errorf("three hours at 1e6 are %s, want %s", got, want)
	}
}
