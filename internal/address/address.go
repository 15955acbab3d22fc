// Package address plans and applies changes of an app's addresses: it allocates a Flycast
// address ([Allocator]) and releases public ones ([Releaser]).
//
// Planning only reads. Applying does what the plan lists, then reads the list of addresses
// until it shows the result: Fly's lists lag behind what was written.
package address

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Clock returns the time and waits for it.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Lister reads the addresses of an app.
type Lister interface {
	Addresses(ctx context.Context, app string) (fly.Addresses, error)
}

const (
	// settleReads and settleStep bound how long a list is read again until it shows what
	// was written.
	settleReads = 8
	settleStep  = time.Second
)

// reread calls read up to n times, one settleStep apart, until it returns true or an error.
func reread(ctx context.Context, clock Clock, n int, read func() (done bool, err error)) (done bool, err error) {
	for i := range n {
		if i > 0 {
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-clock.After(settleStep):
			}
		}
		if done, err := read(); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// describe names an address with its kind.
func describe(addr fly.Address) string { return fmt.Sprintf("%s (%s)", addr.IP, kindName(addr)) }

func kindName(addr fly.Address) string { return plan.KindName(string(addr.Kind)) }

// contains reports whether a list has an address.
func contains(list []fly.Address, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(x fly.Address) bool { return x.IP == ip })
}

// without returns the addresses of a list that are not in the queue.
func without(list, queue []fly.Address) []fly.Address {
	return slices.DeleteFunc(slices.Clone(list), func(x fly.Address) bool { return contains(queue, x.IP) })
}
