package call

import (
	"io/fs"
	"log/slog"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Clock tells the time, and waits.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Deps are what every call needs, whatever the tool.
type Deps struct {
	Gate         *gate.Gate
	Journal      *journal.Journal // nil: nothing is recorded, and nothing that needs an approval is done
	Runs         *Runs
	Schemas      fs.FS // of the tools, by [SchemaFile]; nil: they are derived from the Go types
	Clock        Clock
	Hold         time.Duration // how long a call waits for its run before it answers "running"
	AnswerWithin time.Duration // how long a person has to answer in the client
	Apps         []string      // if not empty: the only apps that may be named; the client checks the same list
	DefaultApp   string        // for calls that name none
	ReadOnly     bool          // tools that change something are not served: no answer names them
	Sandbox      bool          // mark every result
	From         string        // this server, for the person who approves
	// ApproveCommand returns the exact command for a person to approve a ticket, or,
	// with an empty ticket, to make a key.
	ApproveCommand func(ticket string) string
	// Save keeps what a run found, for undo, and returns its hash; nil: nothing is kept.
	Save           func(plan.Snapshot) (hash string, err error)
	UndoCommand    func(run string) string // the exact command for a person to undo a run; nil: none is shown
	RecoverCommand string                  // the exact command for a person to begin a new journal
	Log            *slog.Logger
}

// Handler is what all tools of a server share.
type Handler struct {
	Deps
	journeys journeys
}

// NewHandler returns the handler for a server's tools.
func NewHandler(d Deps) *Handler { return &Handler{Deps: d} }

// CheckApp refuses an app that a call or a file must not name. The transport of the client
// checks it again; but some calls send nothing to Fly (deploy_status, deploy_stop, an edit
// of a file), and all others must be refused before they ask a person or read a file.
func (h *Handler) CheckApp(app string) *plan.Problem {
	if err := fly.Apps(h.Apps).Check(app); err != nil {
		p, _ := ProblemOf(err)
		return p
	}
	return nil
}

// checkArgumentApp checks the app that the arguments name, if they name one.
func (h *Handler) checkArgumentApp(arguments map[string]any) *plan.Problem {
	app, _ := arguments["app"].(string)
	if app == "" && arguments["app"] == nil {
		return nil
	}
	return h.CheckApp(app)
}

// Record appends to the journal. A failure goes to the log: only the operator can fix it.
func (h *Handler) Record(e journal.Entry) {
	if h.Journal == nil {
		return
	}
	if err := h.Journal.Append(e); err != nil {
		h.Log.Error("journal", "event", e.Event, "err", err)
	}
}
