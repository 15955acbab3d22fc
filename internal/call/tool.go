// Package call serves tools: it takes one tools/call through its stages (decode,
// plan, ask, apply, answer), runs what was approved whether or not its client
// stays, and lets identical calls share a run.
//
// A [Reading] tool only reads. A [Changing] tool plans, passes the gate, applies
// and reads back. It cannot skip a stage: call.go runs them, and the client
// methods it ends in need a grant.
package call

import (
	"context"
	"encoding/json"
	"io/fs"
	"log/slog"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Effect is the worst that a tool can do.
type Effect string

// The effects, from harmless to final.
const (
	Reads        Effect = "read"
	Local        Effect = "local"        // changes a file or a draft here, nothing on the platform
	Halts        Effect = "halts"        // ends work under way as its approval says, and begins none
	Additive     Effect = "additive"     // adds something that can be removed again
	Restarts     Effect = "restarts"     // restarts Machines
	Exposes      Effect = "exposes"      // lets somebody in who could not come in before
	Irreversible Effect = "irreversible" // takes away what does not come back
)

// ReadOnly reports whether the tool exists under --read-only.
func (e Effect) ReadOnly() bool { return e == Reads }

// Gated reports whether every plan of such a tool needs a question.
func (e Effect) Gated() bool { return e == Restarts || e == Exposes || e == Irreversible }

// Spec is what a tool says of itself.
type Spec struct {
	Name        string
	Title       string
	Description string // 28 to 52 words: what changes, who is asked, its place in the order, what it does not do
	Effect      Effect
	Needs       string // the tool without which it is of no use; empty for most
	Follow      string // the tool that shows the progress of its runs; empty for most
}

// annotations are MCP's four hints. All tools speak to Fly or to a person's
// files (openWorld), and all of them look first and do only what is missing
// (idempotent).
func (s Spec) annotations() mcp.ToolAnnotation {
	readOnly, yes := s.Effect.ReadOnly(), true
	destructive := s.Effect.Gated()
	return mcp.ToolAnnotation{Title: s.Title, ReadOnlyHint: &readOnly, DestructiveHint: &destructive, IdempotentHint: &yes, OpenWorldHint: &yes}
}

// Tool is a declared tool, ready to be served.
type Tool interface {
	Spec() Spec
	// Definition is the tool as tools/list shows it.
	Definition() mcp.Tool
	// Call serves one tools/call. Whatever the model or a person can mend is an
	// isError result; an error is for the protocol.
	Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error)
}

// Reading declares a tool that changes nothing by itself: one that reads, or that
// ends what another began.
type Reading[In, Out any] struct {
	Spec Spec
	Read func(ctx context.Context, in In) (Out, error)
	// Failed is the answer for an error that somebody can act on.
	Failed func(summary string, err *plan.Problem) Out
	// Text is the answer for a person.
	Text func(Out) string
}

// Changing declares a tool that changes something. Work is the tool's own data
// for Apply: it lives for one call and is never stored or sent.
type Changing[In, Work, Out any] struct {
	Spec  Spec
	Plan  func(ctx context.Context, in In) (plan.Proposal[Work, Out], error)
	Apply func(ctx context.Context, work Work, grant *gate.Grant, progress plan.Report) (Out, error)
	// Text is what the tool's own fields add to the envelope's text; may be nil.
	Text func(Out) string
	// Earlier brings arguments that earlier versions took into their present form,
	// in place; may be nil.
	Earlier func(arguments map[string]any)
}

// Clock tells and waits for time.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Deps are what every call needs, whatever the tool.
type Deps struct {
	Gate         *gate.Gate
	Journal      *journal.Journal // nil: nothing is recorded, and nothing gated happens
	Runs         *Runs
	Schemas      fs.FS // of the tools, as [SchemaFile]; nil: they are derived from the Go types
	Clock        Clock
	Hold         time.Duration // how long a call waits for work before it answers "running"
	AnswerWithin time.Duration // how long a person has to answer in the client
	Apps         []string      // if not empty: the only apps that may be named; the client has the same
	DefaultApp   string        // for calls that name none
	ReadOnly     bool          // tools that change something are not served: no answer names them
	Sandbox      bool          // mark every result
	From         string        // this server, for the person who approves
	// ApproveCommand is the exact command for a person to approve a ticket, or,
	// with an empty ticket, to make his key.
	ApproveCommand func(ticket string) string
	RecoverCommand string // the exact command for a person to begin a new journal
	Log            *slog.Logger
}

// adapter is what all tools of a server share.
type Handler struct {
	Deps
}

func NewHandler(d Deps) *Handler { return &Handler{Deps: d} }

func definition(s Spec, in, out json.RawMessage) mcp.Tool {
	return mcp.Tool{
		Name: s.Name, Title: s.Title, Description: s.Description, Annotations: s.annotations(),
		RawInputSchema: in, RawOutputSchema: out,
	}
}
