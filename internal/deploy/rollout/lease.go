package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const (
	leaseTTL = 60 * time.Second
	// leaseRefresh is how old a lease gets before it is prolonged.
	leaseRefresh = leaseTTL / 3
	// leaseWithin is how long another client's lease is waited for.
	leaseWithin = 2 * time.Minute
	// leaseStep is the longest time between two tries to get it.
	leaseStep = 5 * time.Second
	// leaseReleases is how often a lease is given back if the answer is lost.
	leaseReleases = 3
)

// heldLease is a lease that is renewed until it is released.
type heldLease struct {
	lease  *fly.Lease
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	since time.Time // when it was last prolonged
	gone  bool      // the platform says that it is no longer ours
}

// orNil returns the lease to send with a request, nil if none is held.
func (h *heldLease) orNil() *fly.Lease {
	if h == nil {
		return nil
	}
	return h.lease
}

// lease takes the lease of a Machine. If another client holds it, it is waited for until it
// is released, has expired, or leaseWithin is over; ctx ends only the wait. A lease of ours
// whose answer was lost counts as another client's.
func (r *run) lease(ctx context.Context, j *job, id string) (*heldLease, error) {
	r.say(j, "taking the lease")
	limit := r.Clock.Now().Add(leaseWithin)
	whole := context.WithoutCancel(ctx)
	asked, step := r.Clock.Now(), pollStep
	lease, err := r.Client.LeaseMachine(whole, r.grant, r.work.App, id, leaseTTL, func(refusal error) error {
		doing, wait := "waiting for the lease", step
		step = min(2*step, leaseStep)
		var coded *plan.Problem
		if errors.As(refusal, &coded) && coded.RetryAfter > 0 {
			wait = coded.RetryAfter
		}
		holder, err := r.Client.LeaseHolder(whole, r.work.App, id)
		switch {
		case err != nil:
			wait = max(wait, maxPollStep)
		case !holder.ExpiresAt.IsZero():
			doing = fmt.Sprintf("waiting for the lease, which %s holds until %s",
				holderName(holder), holder.ExpiresAt.Format(time.TimeOnly))
			wait = min(max(holder.ExpiresAt.Sub(r.Clock.Now()), time.Second), leaseStep)
			refusal = fmt.Errorf("%s holds it until %s: %w",
				holderName(holder), holder.ExpiresAt.Format(time.TimeOnly), refusal)
		}
		if !r.Clock.Now().Add(wait).Before(limit) {
			return refusal
		}
		r.repeat(j, doing)
		if err := r.pause(ctx, wait); err != nil {
			return err
		}
		asked = r.Clock.Now()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.keepLease(lease, asked), nil
}

func holderName(h fly.Holder) string {
	if h.Owner == "" {
		return "another client"
	}
	return h.Owner
}

// repeat reports what is being done, unless it was reported last.
func (r *run) repeat(j *job, doing string) {
	r.mu.Lock()
	same := j.doing == doing
	r.mu.Unlock()
	if !same {
		r.say(j, doing)
	}
}

// keepLease renews a lease until it is released.
func (r *run) keepLease(lease *fly.Lease, since time.Time) *heldLease {
	ctx, cancel := context.WithCancel(context.Background())
	h := &heldLease{lease: lease, cancel: cancel, done: make(chan struct{}), since: since}
	go func() {
		defer close(h.done)
		wait := leaseRefresh
		for r.pause(ctx, wait) == nil {
			wait = leaseRefresh
			if !h.prolong(ctx, r.Clock.Now) {
				wait = leaseTTL / 20
			}
		}
	}()
	return h
}

// prolong reports whether the lease was prolonged.
func (h *heldLease) prolong(ctx context.Context, now func() time.Time) bool {
	at := now()
	err := h.lease.Refresh(ctx, leaseTTL)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch code := fly.CodeOf(err); {
	case err == nil:
		h.since = at
	case code == gate.Busy || code == gate.NotFound:
		h.gone = true
	}
	return err == nil
}

// lapsed reports whether the lease is no longer ours, as far as is known.
func (h *heldLease) lapsed(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.gone || now.Sub(h.since) >= leaseTTL
}

// letGo releases the lease of a Machine, if one is held. A lease that cannot be
// released expires by itself.
func (r *run) letGo(ctx context.Context, j *job) {
	h := j.hold
	if h == nil {
		return
	}
	j.hold = nil
	h.cancel()
	<-h.done
	for range leaseReleases {
		if err := h.lease.Release(ctx); err == nil || !isTransient(err) {
			return
		}
		if r.pause(ctx, pollStep) != nil {
			return
		}
	}
}

// secure makes sure that the lease of a Machine is held: it takes the lease, again if it
// was lost.
func (r *run) secure(ctx context.Context, j *job) error {
	if j.hold != nil && !j.hold.lapsed(r.Clock.Now()) {
		return nil
	}
	r.letGo(ctx, j)
	hold, err := r.lease(ctx, j, j.out.ID)
	if err != nil {
		return fmt.Errorf("take the lease: %w", err)
	}
	j.hold = hold
	return nil
}
