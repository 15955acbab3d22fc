package fly

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// leaseNonce is the header that proves a lease.
const leaseNonce = "fly-machine-lease-nonce"

// Lease is the right to change one Machine for a time. Only LeaseMachine and
// CreateMachine return one, so its two methods need no grant.
type Lease struct {
	App       string
	MachineID string
	Owner     string
	nonce     string
	refresh   func(ctx context.Context, ttl time.Duration) error
	release   func(ctx context.Context) error
}

// Holder is who has the lease of a Machine, and until when. The owner is text
// from outside.
type Holder struct {
	Owner     string
	ExpiresAt time.Time
}

// Refresh makes the lease end ttl from now.
func (l *Lease) Refresh(ctx context.Context, ttl time.Duration) error {
	if l == nil || l.refresh == nil {
		return fmt.Errorf("%w: lease: none is held", gate.ErrNotGranted)
	}
	return l.refresh(ctx, ttl)
}

// Release gives the lease back. Releasing a lease that is gone is no error.
func (l *Lease) Release(ctx context.Context) error {
	if l == nil || l.release == nil {
		return fmt.Errorf("%w: lease: none is held", gate.ErrNotGranted)
	}
	return l.release(ctx)
}

// isOf reports whether the lease is of this Machine.
func (l *Lease) isOf(app, id string) bool {
	return l != nil && l.nonce != "" && l.App == app && l.MachineID == id
}

func (l *Lease) header() http.Header {
	if l == nil {
		return nil
	}
	return http.Header{leaseNonce: {l.nonce}}
}

// LeaseMachine takes the lease of a Machine for ttl. It spends lease_machine with
// the id as target. Code busy if somebody else holds the lease; the message names
// the owner as Fly does. If again is not nil, it is called after such a refusal,
// after one for too many requests and after a lost answer: if it returns nil, the
// lease is asked for once more under the same step; otherwise its error is the
// result.
//
// After a lost answer Fly may hold a lease without an owner here, which ends after
// ttl. It is safe that one step covers every attempt: Fly gives no lease while one
// is held, so at most one comes of them.
func (c *Client) LeaseMachine(
	ctx context.Context, grant *gate.Grant, app, id string, ttl time.Duration, again func(error) error,
) (*Lease, error) {
	if err := grant.Spend(gate.LeaseMachine, app, id); err != nil {
		return nil, err
	}
	for {
		lease, err := c.tryLease(ctx, app, id, ttl)
		if err == nil || again == nil {
			return lease, err
		}
		var ambiguous *Ambiguous
		if code := CodeOf(err); code != gate.Busy && code != gate.RateLimited && !errors.As(err, &ambiguous) {
			return nil, err
		}
		if err := again(err); err != nil {
			return nil, err
		}
	}
}

func (c *Client) tryLease(ctx context.Context, app, id string, ttl time.Duration) (*Lease, error) {
	op := c.writing("lease").onMachine(app, id)
	answer, err := c.call(ctx, op, http.MethodPost, leasePath(app, id, ttl), nil, nil)
	wire, err := decode(op, answer, err, decodeLease)
	if err != nil {
		return nil, err
	}
	if wire.Nonce == "" {
		return nil, op.unreadable(errors.New("the answer holds no lease"))
	}
	return c.lease(app, id, wire.Owner, wire.Nonce), nil
}

// LeaseHolder returns who holds the lease of a Machine, without taking it. The
// Holder is zero if nobody does, or if there is no such Machine.
func (c *Client) LeaseHolder(ctx context.Context, app, id string) (Holder, error) {
	op := c.reading("lease_holder", calm()).onMachine(app, id)
	answer, err := c.get(ctx, op, machinePath(app, id)+"/lease")
	if CodeOf(err) == gate.NotFound && Missing(err) != AnApp { // Fly's answer where no lease is held
		return Holder{}, nil
	}
	wire, err := decode(op, answer, err, decodeLease)
	if err != nil {
		return Holder{}, err
	}
	holder := Holder{Owner: plain(wire.Owner, maxOwner)}
	if wire.ExpiresAt > 0 {
		holder.ExpiresAt = time.Unix(wire.ExpiresAt, 0).UTC()
	}
	return holder, nil
}

// maxOwner bounds what is kept of a lease's owner.
const maxOwner = 128

type wireLease struct {
	Nonce     string `json:"nonce"`
	Owner     string `json:"owner"`
	ExpiresAt int64  `json:"expires_at"` // seconds
}

// decodeLease reads a lease: Fly wraps it in {"status", "data"}.
func decodeLease(body []byte) (wireLease, error) {
	var wire struct {
		Data *wireLease `json:"data"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return wireLease{}, err
	}
	if wire.Data == nil {
		return wireLease{}, errors.New("the answer holds no lease")
	}
	return *wire.Data, nil
}

// lease returns a lease that Fly gave this client.
func (c *Client) lease(app, id, owner, nonce string) *Lease {
	lease := &Lease{App: app, MachineID: id, Owner: plain(owner, maxOwner), nonce: nonce}
	lease.refresh = func(ctx context.Context, ttl time.Duration) error {
		op := c.writing("lease").onMachine(app, id)
		op.secrets = append(op.secrets, nonce)
		_, err := c.call(ctx, op, http.MethodPost, leasePath(app, id, ttl), nil, lease.header())
		return err
	}
	lease.release = func(ctx context.Context) error {
		op := c.writing("release_lease").onMachine(app, id)
		op.secrets = append(op.secrets, nonce)
		_, err := c.call(ctx, op, http.MethodDelete, machinePath(app, id)+"/lease", nil, lease.header())
		switch CodeOf(err) {
		case gate.NotFound, gate.Busy: // it has ended, or somebody else holds one now
			return nil
		}
		return err
	}
	return lease
}

func leasePath(app, id string, ttl time.Duration) string {
	return machinePath(app, id) + "/lease?ttl=" + strconv.Itoa(leaseSeconds(ttl))
}

// leaseSeconds returns a lease's length as Fly takes it.
func leaseSeconds(ttl time.Duration) int { return max(int(ttl.Seconds()), 1) }
