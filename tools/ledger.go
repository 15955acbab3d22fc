package tools

import (
	"errors"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// Ledger keeps the gate's used approvals in a journal. Without a journal
// nothing can be recorded, and so nothing gated happens.
type Ledger struct{ Journal *journal.Journal }

var errNoJournal = errors.New("there is no writable journal")

// Burn implements [gate.Ledger].
func (l Ledger) Burn(u gate.Use) (fresh bool, err error) {
	if l.Journal == nil {
		return false, errNoJournal
	}
	return l.Journal.Burn(journal.Entry{
		Nonce: u.Nonce, Expires: u.Expires, Tool: u.Tool, App: u.App, Caller: u.Caller, Digest: u.Digest,
		Channel: string(u.Approval.Channel), By: u.Approval.By,
	})
}

// Burnt implements [gate.Ledger].
func (l Ledger) Burnt(nonce string) bool { return l.Journal == nil || l.Journal.Burnt(nonce) }

// Uses implements [gate.Ledger].
func (l Ledger) Uses(rule string, since time.Time) (int, error) {
	if l.Journal == nil {
		return 0, errNoJournal
	}
	return l.Journal.Uses(rule, since)
}
