package sandbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

func TestClock(t *testing.T) {
	clock := sandbox.NewClock(func() time.Time { return start })
	clock.Advance(time.Hour)
	clock.Advance(-time.Hour) // time does not go back
	if got, want := clock.Now(), start.Add(time.Hour); !got.Equal(want) {
		t.Errorf("now %s, want %s", got, want)
	}
	if err := clock.Wait(t.Context(), start, nil); err != nil {
		t.Errorf("waiting for the past: %v", err)
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

	running := sandbox.NewClock(time.Now)
	if err := running.Wait(t.Context(), running.Now().Add(time.Millisecond), nil); err != nil {
		t.Errorf("real time: %v", err)
	}
}
