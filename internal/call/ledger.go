package call

import (
	"errors"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// Ledger keeps the gate's used approvals in a journal. Without a journal nothing can be
// recorded, and so nothing gated happens.
type Ledger struct{ Journal *journal.Journal }

var errNoJournal = errors.New("there is no writable journal")

// Burn implements [gate.Ledger]. An approval from a terminal that may be older than the
// journal counts as used: the entry may have been lost with an earlier journal.
func (l Ledger) Burn(u gate.Use) error {
	if l.Journal == nil {
		return errNoJournal
	}
	if born := l.Journal.Began(); u.Approval.Channel == gate.ChannelTerminal && !born.IsZero() &&
		u.Expires.Before(born.Add(gate.RequestLife).Truncate(time.Second)) {
		return gate.ErrReplayed
	}
	conditions := []journal.Condition{journal.NotDeclinedSince(u.Asked)}
	if u.Limit > 0 {
		conditions = append(conditions, journal.AtMost(u.Limit, time.Hour))
	}
	fresh, err := l.Journal.Burn(journal.Entry{
		Nonce: u.Nonce, Expires: u.Expires, Tool: u.Tool, App: u.App, Caller: u.Caller, Digest: u.Digest,
		Channel: string(u.Approval.Channel), By: u.Approval.By,
	}, conditions...)
	switch {
	case errors.Is(err, journal.ErrLimit):
		return gate.ErrCapReached
	case errors.Is(err, journal.ErrDeclined):
		return gate.ErrWithdrawn
	case err == nil && !fresh:
		return gate.ErrReplayed
	}
	return err
}

// IsBurnt implements [gate.Ledger].
func (l Ledger) IsBurnt(nonce string) bool { return l.Journal == nil || l.Journal.IsBurnt(nonce) }

// CountUses implements [gate.Ledger].
func (l Ledger) CountUses(rule string, since time.Time) (int, error) {
	if l.Journal == nil {
		return 0, errNoJournal
	}
	return l.Journal.CountUses(rule, since)
}

// Deny implements [gate.Ledger].
func (l Ledger) Deny(no gate.Denial) error {
	if l.Journal == nil {
		return errNoJournal
	}
	return l.Journal.Append(Declined(no))
}

// Declined returns a person's no as an entry of the journal.
func Declined(no gate.Denial) journal.Entry {
	return journal.Entry{Event: journal.Declined, Tool: no.Tool, App: no.App, Digest: no.Digest,
		Caller: no.Caller, Reason: no.Reason}
}

// LastDenial implements [gate.Ledger].
func (l Ledger) LastDenial(tool, app, digest string) (gate.Denial, bool, error) {
	if l.Journal == nil {
		return gate.Denial{}, false, errNoJournal
	}
	no, ok, err := l.Journal.LastDenial(tool, app, digest)
	return gate.Denial{Tool: no.Tool, App: no.App, Digest: no.Digest, Caller: no.Caller,
		Reason: no.Reason, At: no.Time}, ok, err
}
