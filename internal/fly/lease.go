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
// CreateMachine give one, so its two methods need no grant of their own.
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

// Refresh prolongs the lease to ttl from now.
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

// of reports whether the lease is one of this Machine.
func (l *Lease) of(app, id string) bool {
	return l != nil && l.nonce != "" && l.App == app && l.MachineID == id
}

func (l *Lease) header() http.Header {
	if l == nil {
		return nil
	}
	return http.Header{leaseNonce: {l.nonce}}
}

// LeaseMachine implements [Client]. A lost answer leaves a lease that nobody
// holds; it ends by itself after ttl. That one spent step covers every try is
// safe: Fly gives no lease while one is held, so no more than one comes of them.
func (c *FlyGo) LeaseMachine(ctx context.Context, grant *gate.Grant, app, id string, ttl time.Duration, again func(refusal error) error) (*Lease, error) {
	if err := grant.Spend(gate.LeaseMachine, app, id); err != nil {
		return nil, err
	}
	if err := checkMachine(app, id); err != nil {
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

func (c *FlyGo) tryLease(ctx context.Context, app, id string, ttl time.Duration) (*Lease, error) {
	op := c.writing("lease", app, id)
	answer, err := c.call(ctx, op, http.MethodPost, leasePath(app, id, ttl), nil, nil)
	if err != nil {
		return nil, err
	}
	wire, err := decodeLease(answer)
	if err != nil {
		return nil, op.unreadable(err)
	}
	if wire.Nonce == "" {
		return nil, op.unreadable(errors.New("the answer holds no lease"))
	}
	return c.lease(app, id, wire.Owner, wire.Nonce), nil
}

// LeaseHolder implements [Client].
func (c *FlyGo) LeaseHolder(ctx context.Context, app, id string) (Holder, error) {
	if err := checkMachine(app, id); err != nil {
		return Holder{}, err
	}
	op := c.reading("lease_holder", app, id, calm())
	answer, err := c.call(ctx, op, http.MethodGet, machinePath(app, id)+"/lease", nil, nil)
	if CodeOf(err) == gate.NotFound && Missing(err) != AnApp { // Fly's answer where no lease is held
		return Holder{}, nil
	}
	if err != nil {
		return Holder{}, err
	}
	wire, err := decodeLease(answer)
	if err != nil {
		return Holder{}, op.unreadable(err)
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
		return wireLease{}, errors.New("the answer tells of no lease")
	}
	return *wire.Data, nil
}

// lease is a lease that this client was given.
func (c *FlyGo) lease(app, id, owner, nonce string) *Lease {
	lease := &Lease{App: app, MachineID: id, Owner: plain(owner, maxOwner), nonce: nonce}
	lease.refresh = func(ctx context.Context, ttl time.Duration) error {
		op := c.writing("lease", app, id)
		op.secrets = append(op.secrets, nonce)
		_, err := c.call(ctx, op, http.MethodPost, leasePath(app, id, ttl), nil, lease.header())
		return err
	}
	lease.release = func(ctx context.Context) error {
		op := c.writing("release_lease", app, id)
		op.secrets = append(op.secrets, nonce)
		_, err := c.call(ctx, op, http.MethodDelete, machinePath(app, id)+"/lease", nil, lease.header())
		switch CodeOf(err) {
		case gate.NotFound, gate.Busy: // it has ended, or somebody else has one since
			return nil
		}
		return err
	}
	return lease
}

func leasePath(app, id string, ttl time.Duration) string {
	return machinePath(app, id) + "/lease?ttl=" + strconv.Itoa(leaseSeconds(ttl))
}

// leaseSeconds is a lease's length as Fly takes it.
func leaseSeconds(ttl time.Duration) int { return max(int(ttl.Seconds()), 1) }
