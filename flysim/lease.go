package flysim

import (
	"fmt"
	"net/http"
	"time"
)

// machineLease is the exclusive right to change a Machine, until it expires.
type machineLease struct {
	nonce, owner, description string
	expires                   time.Time
}

// activeLease returns the lease in force, or nil if there is none.
func (m *vm) activeLease(now time.Time) *machineLease {
	if m.lease == nil || !now.Before(m.lease.expires) {
		return nil
	}
	return m.lease
}

// permit checks the nonce of a change against the lease in force. The error is a refusal.
func (m *vm) permit(nonce string, now time.Time) error {
	l := m.activeLease(now)
	switch {
	case l != nil && l.nonce != nonce:
		return &apiError{http.StatusConflict, "conflict",
			fmt.Sprintf("machine ID %s lease currently held by %s, expires at %s", m.id, l.owner,
				l.expires.UTC().Format(time.RFC3339))}
	case l == nil && nonce != "":
		return &apiError{http.StatusConflict, "conflict",
			fmt.Sprintf("machine ID %s lease nonce does not match: no lease is held", m.id)}
	}
	return nil
}

// acquire takes the lease, or extends it if nonce is that of the lease in force.
func (m *vm) acquire(s *platformState, nonce, owner, description string, ttl time.Duration, now time.Time) (
	*machineLease, error) {
	if err := m.permit(nonce, now); err != nil {
		return nil, err
	}
	if nonce == "" {
		m.lease = &machineLease{nonce: s.ids.opaque("nonce", "", 12), owner: owner, description: description}
	}
	m.lease.expires = now.Add(ttl)
	return m.lease, nil
}
