package sandbox

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limits are Fly's rate limits of the Machines API: for each action on each
// Machine or app 1 request a second with burst 3, for reading one Machine 5
// with burst 10 (Machines API, "Rate limits").
type limits struct {
	mu      sync.Mutex
	buckets map[limitKey]*rate.Limiter
}

type limitKey struct{ action, id string }

// take returns how long the caller must wait; 0 if it may go ahead.
func (l *limits) take(key limitKey, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket := l.buckets[key]
	if bucket == nil {
		bucket = rate.NewLimiter(1, 3)
		if key.action == "machine.get" {
			bucket = rate.NewLimiter(5, 10)
		}
		if l.buckets == nil {
			l.buckets = make(map[limitKey]*rate.Limiter)
		}
		l.buckets[key] = bucket
	}
	if bucket.AllowN(now, 1) {
		return 0
	}
	missing := 1 - bucket.TokensAt(now)
	return time.Duration(math.Ceil(missing / float64(bucket.Limit()) * float64(time.Second)))
}
