package address

import (
	"sync"
	"time"
)

// unsettledFor is how long an allocation that no list has shown keeps another one from being
// sent. Fly does not deduplicate, and its lists lag.
const unsettledFor = 10 * time.Minute

// unsettled remembers the allocations that were sent and that no list has shown since: a
// repeated call must not send another one because a list is slow. It is in memory only. The
// key is the app and the network's target.
type unsettled struct {
	clock Clock
	mu    sync.Mutex
	sent  map[string]time.Time
}

func newUnsettled(clock Clock) *unsettled {
	return &unsettled{clock: clock, sent: make(map[string]time.Time)}
}

// wait returns how long to wait for an allocation that was sent; 0 if there is none.
func (u *unsettled) wait(key string) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.remaining(key)
}

// begin remembers an allocation that is about to be sent. If one was sent before, it changes
// nothing and returns how long to wait for that.
func (u *unsettled) begin(key string) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if wait := u.remaining(key); wait > 0 {
		return wait
	}
	u.sent[key] = u.clock.Now()
	return 0
}

// settle forgets an allocation whose outcome is known.
func (u *unsettled) settle(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.sent, key)
}

func (u *unsettled) remaining(key string) time.Duration {
	for k, at := range u.sent {
		if u.clock.Now().Sub(at) >= unsettledFor {
			delete(u.sent, k)
		}
	}
	at, ok := u.sent[key]
	if !ok {
		return 0
	}
	return unsettledFor - u.clock.Now().Sub(at)
}
