package flysim

import (
	"maps"
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are Fly's rate limits of the Machines API: for each action on each
// Machine or app 1 request a second with burst 3, for reading one Machine 5
// with burst 10, for deleting apps 100 a minute (Machines API, "Rate limits").
// GraphQL and the uiex API have none here.
//
// flyctl takes a 429 for the end, and creates five Machines at a time and lists
// them in every command. On Fly that works, presumably as its requests take a
// while to arrive; here it would not. So its calls are never refused for
// coming too soon but held until their time, as far as that is no more than
// [maxHeld] away. All other clients are refused at once.
type limits struct {
	mu      sync.Mutex
	buckets map[limitKey]*rate.Limiter
	sweepAt int // so many buckets are looked through for full ones
}

// minSweep is how many buckets are never too many.
const minSweep = 1024

type limitKey struct{ action, id string }

// limitOf names the limit that a call counts against.
func limitOf(rt route, call *Call) limitKey {
	switch {
	case deletesApp(rt.operation): // of one person, whichever apps
		return limitKey{action: rt.operation}
	case rt.perMachine:
		return limitKey{rt.operation, call.App + "/" + call.Target}
	}
	return limitKey{rt.operation, call.App}
}

func deletesApp(operation string) bool {
	return operation == "app.delete" || operation == "app.destroy"
}

// newBucket is the limit of an action: tokens a second and burst.
func newBucket(action string) *rate.Limiter {
	switch {
	case action == "machine.get":
		return rate.NewLimiter(5, 10)
	case deletesApp(action):
		return rate.NewLimiter(rate.Limit(100.0/60), 100)
	}
	return rate.NewLimiter(1, 3)
}

// limited reports whether calls of a path are counted.
func limited(path string) bool { return strings.HasPrefix(path, "/v1/") }

// maxHeld is the longest time, by the platform's clock, that a call is held.
const maxHeld = 30 * time.Second

// isFlyctl reports whether the client is flyctl, by what it calls itself.
func isFlyctl(userAgent string) bool { return strings.HasPrefix(userAgent, "flyctl/") }

// take returns how long the caller must wait before it asks again; 0 if it may
// go ahead.
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

// queue takes the caller's place behind those who wait already and returns how
// long it has to wait there. One that would wait longer than maxHeld has no
// place; ok is false.
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

// bucket is the limit of the key. The caller holds mu.
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

// sweep drops the buckets that are full again: a new one is the same. The caller
// holds mu.
func (l *limits) sweep(now time.Time) {
	maps.DeleteFunc(l.buckets, func(_ limitKey, b *rate.Limiter) bool { return b.TokensAt(now) >= float64(b.Burst()) })
	l.sweepAt = 2 * len(l.buckets)
}
