package flysim

import (
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are the rate limits of Fly's Machines API: for each action on each Machine or app 1
// request a second with burst 3, for reading one Machine 5 with burst 10, for deleting apps 100 a
// minute (Machines API, "Rate limits"). GraphQL and the uiex API have no limits here.
//
// flyctl fails on a 429, yet it creates five Machines at a time and lists them in every command. On
// Fly that works, presumably because its requests take a while to arrive; here they arrive at once.
// So its calls are not refused but held until they may go ahead, unless that takes longer than
// [maxHeld]. All other clients are refused at once.
type limits struct {
	mu      sync.Mutex
	buckets map[limitKey]*rate.Limiter
	sweepAt int // how many buckets cause the next sweep
}

// minSweep is how many buckets never cause a sweep.
const minSweep = 1024

type limitKey struct{ action, id string }

// limitOf returns the limit that a call counts against.
func limitOf(rt route, call *Call) limitKey {
	switch {
	case deletesApp(rt.operation): // one limit per person, whatever the app
		return limitKey{action: rt.operation}
	case rt.perMachine:
		return limitKey{rt.operation, call.App + "/" + call.Target}
	}
	return limitKey{rt.operation, call.App}
}

func deletesApp(operation string) bool {
	return operation == "app.delete" || operation == "app.destroy"
}

// newBucket returns a bucket with an action's rate and burst.
func newBucket(action string) *rate.Limiter {
	switch {
	case action == "machine.get":
		return rate.NewLimiter(5, 10)
	case deletesApp(action):
		return rate.NewLimiter(rate.Limit(100.0/60), 100)
	}
	return rate.NewLimiter(1, 3)
}

// isLimited reports whether calls of a path are limited.
func isLimited(path string) bool { return strings.HasPrefix(path, "/v1/") }

// maxHeld is the longest time, on the platform's clock, that a call is held.
const maxHeld = 30 * time.Second

// isFlyctl reports whether a User-Agent is that of flyctl.
func isFlyctl(userAgent string) bool { return strings.HasPrefix(userAgent, "flyctl/") }

// take returns how long the caller must wait before it asks again, or 0 if it may go ahead.
func (l *limits) take(key limitKey, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.bucket(key, now)
	if limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - limiter.TokensAt(now)
	return time.Duration(math.Ceil(missing / float64(limiter.Limit()) * float64(time.Second)))
}

// queue reserves the caller's place behind those who already wait, and returns how long it has to
// wait. ok is false, and no place is reserved, if that is longer than maxHeld.
func (l *limits) queue(key limitKey, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := l.bucket(key, now).ReserveN(now, 1)
	if wait = place.DelayFrom(now); wait > maxHeld {
		place.CancelAt(now)
		return wait, false
	}
	return wait, true
}

// bucket returns the bucket of the key. The caller holds mu.
func (l *limits) bucket(key limitKey, now time.Time) *rate.Limiter {
	limiter := l.buckets[key]
	if limiter == nil {
		limiter = newBucket(key.action)
		if l.buckets == nil {
			l.buckets = make(map[limitKey]*rate.Limiter)
		}
		if len(l.buckets) >= max(l.sweepAt, minSweep) {
			l.sweep(now)
		}
		l.buckets[key] = limiter
	}
	return limiter
}

// sweep drops the buckets that are full again, because a new one would be the same. The caller
// holds mu.
func (l *limits) sweep(now time.Time) {
	maps.DeleteFunc(l.buckets, func(_ limitKey, b *rate.Limiter) bool { return b.TokensAt(now) >= float64(b.Burst()) })
	l.sweepAt = 2 * len(l.buckets)
}
