package tools

import (
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// unsettledFor is how long an allocation that no list has shown keeps another
// one from being sent. Fly does not deduplicate, and its lists lag.
const unsettledFor = 10 * time.Minute

// unsettled remembers the allocations that were sent and not seen since: a
// repeated call must not send another one because a list is slow. In memory
// only. The key is the app and the network's target.
type unsettled struct {
	clock call.Clock
	mu    sync.Mutex
	sent  map[string]time.Time
}

func newUnsettled(clock call.Clock) *unsettled {
	return &unsettled{clock: clock, sent: make(map[string]time.Time)}
}

// left is how long an allocation is still to be waited for; 0 if there is none.
func (u *unsettled) left(key string) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.remaining(key)
}

// begin remembers an allocation that is about to be sent. If another one is
// waited for, it only says how long.
func (u *unsettled) begin(key string) time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if left := u.remaining(key); left > 0 {
		return left
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
