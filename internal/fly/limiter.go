package fly

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/flycast-mcp/flycast-mcp/internal/slot"
)

// timeSource tells the time and waits.
type timeSource struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error // the context's error if that ends first
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pace is how often one action may be taken on one app or Machine.
type pace struct {
	perSecond rate.Limit
	burst     int
}

// calm stays below what Fly allows for each action on each Machine or app:
// 1 request a second, burst 3 (Machines API, "Rate limits").
func calm() pace { return pace{0.95, 3} }

// brisk stays below what Fly allows for reading one Machine: 5 a second, burst
// 10. GraphQL queries, for which nothing is published, are held to it too.
func brisk() pace { return pace{4.75, 10} }

// maxBuckets is the number of buckets from which on full ones are dropped: they limit
// nothing.
const maxBuckets = 1024

type bucketKey struct{ action, app, machine string }

// limiter keeps one token bucket for each action on each app or Machine.
type limiter struct {
	clock timeSource

	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
}

// wait returns when op may be sent. It fails at once, with how long it would
// have taken, if the context ends earlier than that.
func (l *limiter) wait(ctx context.Context, op *operation) error {
	now := l.clock.now()
	reservation := l.bucket(op, now).ReserveN(now, 1)
	delay := reservation.DelayFrom(now)
	if delay <= 0 {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
		reservation.CancelAt(now)
		return &failure{limited: true, retryAfter: delay}
	}
	if err := slot.Wait(ctx, func() error { return l.clock.sleep(ctx, delay) }); err != nil {
		reservation.CancelAt(l.clock.now())
		return &failure{cause: err}
	}
	return nil
}

func (l *limiter) bucket(op *operation, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := bucketKey{op.action, op.app, op.machine}
	bucket := l.buckets[key]
	if bucket != nil {
		return bucket
	}
	if len(l.buckets) >= maxBuckets {
		for key, bucket := range l.buckets {
			if bucket.TokensAt(now) >= float64(bucket.Burst()) {
				delete(l.buckets, key)
			}
		}
	}
	bucket = rate.NewLimiter(op.pace.perSecond, op.pace.burst)
	l.buckets[key] = bucket
	return bucket
}
