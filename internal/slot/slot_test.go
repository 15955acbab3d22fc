package slot

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func take(t *testing.T, p *Pool) (context.Context, func()) {
	t.Helper()
	ctx, give, err := p.Take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ctx, give
}

// While one work waits, another has its place.
func TestWaitGivesThePlace(t *testing.T) {
	p := NewPool(1)
	ctx, give := take(t, p)
	err := Wait(ctx, func() error {
		_, other := take(t, p) // would block for ever
		other()
		return nil
	})
	if err != nil || p.InUse() != 1 {
		t.Errorf("got %v, %d places in use, want 1", err, p.InUse())
	}
	give()
	if p.InUse() != 0 {
		t.Errorf("%d places in use in the end", p.InUse())
	}
}

func TestWaitWithoutAPlace(t *testing.T) {
	want := errors.New("why")
	if err := Wait(t.Context(), func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}

// Work that ended while a part of it waited takes no place again.
func TestWaitAfterTheEnd(t *testing.T) {
	p := NewPool(1)
	ctx, give := take(t, p)
	if err := Wait(ctx, func() error { give(); return nil }); err != nil || p.InUse() != 0 {
		t.Errorf("got %v, %d places in use", err, p.InUse())
	}
	if err := Wait(ctx, func() error { return nil }); err != nil || p.InUse() != 0 {
		t.Errorf("later: got %v, %d places in use", err, p.InUse())
	}
}

// Work whose context ends before there is a place again says so, and holds none.
func TestWaitCancelled(t *testing.T) {
	p := NewPool(1)
	parent, cancel := context.WithCancel(t.Context())
	ctx, give, err := p.Take(parent)
	if err != nil {
		t.Fatal(err)
	}
	var other func()
	err = Wait(ctx, func() error {
		_, other = take(t, p)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	give()
	if p.InUse() != 1 {
		t.Errorf("%d places in use, want the other's", p.InUse())
	}
	other()
	if _, _, err := p.Take(parent); !errors.Is(err, context.Canceled) && p.InUse() != 1 {
		t.Errorf("a cancelled take: %v", err)
	}
}

// Parts of many works wait at the same time; no more work than there are places,
// and none is lost.
func TestManyWait(t *testing.T) {
	p := NewPool(3)
	var works sync.WaitGroup
	for range 50 {
		works.Go(func() {
			ctx, give := take(t, p)
			defer give()
			var parts sync.WaitGroup
			for range 4 {
				parts.Go(func() {
					for range 20 {
						if err := Wait(ctx, func() error { return nil }); err != nil {
							t.Error(err)
						}
					}
				})
			}
			parts.Wait()
		})
	}
	works.Wait()
	if p.InUse() != 0 {
		t.Errorf("%d places in use in the end", p.InUse())
	}
}
