package call

import (
	"errors"
	"fmt"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Ledger keeps the gate's used approvals in a journal. Without a journal
// nothing can be recorded, and so nothing gated happens.
type Ledger struct{ Journal *journal.Journal }

var errNoJournal = errors.New("there is no writable journal")

// Burn implements [gate.Ledger]. An approval from a terminal that may be older
// than the journal counts as used: the entry could have been lost with an
// earlier journal.
func (l Ledger) Burn(u gate.Use) error {
	if l.Journal == nil {
		return errNoJournal
	}
	if born := l.Journal.Born(); u.Approval.Channel == gate.ChannelTerminal && !born.IsZero() && u.Expires.Before(born.Add(gate.RequestLife).Truncate(time.Second)) {
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

// Burnt implements [gate.Ledger].
func (l Ledger) Burnt(nonce string) bool { return l.Journal == nil || l.Journal.Burnt(nonce) }

// Uses implements [gate.Ledger].
func (l Ledger) Uses(rule string, since time.Time) (int, error) {
	if l.Journal == nil {
		return 0, errNoJournal
	}
	return l.Journal.Uses(rule, since)
}

// Deny implements [gate.Ledger].
func (l Ledger) Deny(no gate.Denial) error {
	if l.Journal == nil {
		return errNoJournal
	}
	return l.Journal.Append(Declined(no))
}

// Declined is a person's no as the journal has it.
func Declined(no gate.Denial) journal.Entry {
	return journal.Entry{Event: journal.Declined, Tool: no.Tool, App: no.App, Digest: no.Digest, Caller: no.Caller, Reason: no.Reason}
}

// Denied implements [gate.Ledger].
func (l Ledger) Denied(tool, app, digest string) (gate.Denial, bool, error) {
	if l.Journal == nil {
		return gate.Denial{}, false, errNoJournal
	}
	no, ok, err := l.Journal.LastNo(tool, app, digest)
	return gate.Denial{Tool: no.Tool, App: no.App, Digest: no.Digest, Caller: no.Caller, Reason: no.Reason, At: no.Time}, ok, err
}

// recordable refuses what needs an approval, before anybody is asked, if the
// approval could not be recorded: it could be used twice.
func (a *Handler) recordable() *plan.Problem {
	if a.Journal == nil {
		return &plan.Problem{
			Code: gate.Unavailable, Message: "this server has no writable journal; without one, nothing that needs an approval is done",
			Hint: "start it with --state-dir DIR, a folder it can write to",
		}
	}
	if err := a.Journal.Check(); err != nil {
		return a.unrecorded(err)
	}
	return nil
}

// unrecorded tells why an approval, or a request for one, could not be recorded.
func (a *Handler) unrecorded(err error) *plan.Problem {
	if errors.Is(err, journal.ErrLost) {
		p := &plan.Problem{Code: gate.Unavailable, Message: fmt.Sprintf("%s, so nothing that needs an approval is done", plan.Message(err.Error()))}
		p.Next = []plan.Next{{Who: "person", Command: a.RecoverCommand, Why: "find out what happened to the journal; the command explains the consequences and begins a new one; then restart this server"}}
		return p
	}
	if p := diskProblem(err, "the state folder"); p != nil {
		return p
	}
	if errors.Is(err, journal.ErrOpenFolder) {
		a.Log.Error("the state folder is open to others", "err", err)
		return &plan.Problem{
			Code: gate.Precondition, Message: "others can write to the server's state folder, so nothing is done that needs an approval",
			Next: []plan.Next{{Who: "person", Why: "the server's log names the folder: take write access from group and others (chmod go-w); then the identical call works"}},
		}
	}
	a.Log.Error("approval could not be recorded", "err", err)
	return &plan.Problem{Code: gate.Internal, Message: "the approval could not be recorded durably, so nothing was changed", Hint: "the server's log has the reason"}
}

// diskProblem tells what is wrong with the disk that has a file or folder; nil
// for an error that is not the disk's.
func diskProblem(err error, of string) *plan.Problem {
	what, ok := disk.Trouble(err)
	if !ok {
		return nil
	}
	return &plan.Problem{
		Code: gate.Precondition, Message: fmt.Sprintf("%s (%s); nothing was changed", what, of),
		Next: []plan.Next{{Who: "person", Why: fmt.Sprintf("free space on the disk of %s, or make it writable; then repeat the identical call", of)}},
	}
}
