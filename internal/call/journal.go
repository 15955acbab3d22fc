package call

import (
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// checkJournal refuses a call that needs an approval, before anybody is asked, if the
// approval could not be recorded: an approval without a record could be used twice.
func (h *Handler) checkJournal() *plan.Problem {
	if h.Journal == nil {
		return &plan.Problem{
			Code: gate.Unavailable, Message: "this server has no writable journal; without one, nothing that " +
				"needs an approval is done",
			Hint: "start it with --state-dir DIR, a folder it can write to",
		}
	}
	if err := h.Journal.Check(); err != nil {
		return h.journalProblem(err)
	}
	return nil
}

// journalProblem says why an approval, or a request for one, could not be recorded.
func (h *Handler) journalProblem(err error) *plan.Problem {
	if errors.Is(err, journal.ErrLost) {
		p := &plan.Problem{Code: gate.Unavailable,
			Message: fmt.Sprintf("%s, so nothing that needs an approval is done", plan.Message(err.Error()))}
		p.Next = []plan.Next{{Who: "person", Command: h.RecoverCommand,
			Why: "find out what happened to the journal; the command explains the consequences and begins a new " +
				"one; then restart this server"}}
		return p
	}
	if p := diskProblem(err, "the state folder"); p != nil {
		return p
	}
	if errors.Is(err, journal.ErrOpenFolder) {
		h.Log.Error("the state folder is open to others", "err", err)
		return &plan.Problem{
			Code: gate.Precondition, Message: "others can write to the server's state folder, so nothing that " +
				"needs an approval is done",
			Next: []plan.Next{{Who: "person", Why: "the server's log names the folder: remove write access for " +
				"group and others (chmod go-w); then the identical call works"}},
		}
	}
	h.Log.Error("approval could not be recorded", "err", err)
	return &plan.Problem{
		Code: gate.Internal, Message: "the approval could not be recorded durably, so nothing was changed",
		Hint: "the server's log has the reason",
	}
}

// diskProblem says what is wrong with the disk of a file or folder; nil if the error
// is not about the disk.
func diskProblem(err error, of string) *plan.Problem {
	what, ok := disk.DescribeError(err)
	if !ok {
		return nil
	}
	return &plan.Problem{
		Code: gate.Precondition, Message: fmt.Sprintf("%s (%s); nothing was changed", what, of),
		Next: []plan.Next{{Who: "person", Why: fmt.Sprintf("free space on the disk of %s, or make it "+
			"writable; then repeat the identical call", of)}},
	}
}
