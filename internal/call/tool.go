// Package call serves tools. It takes one tools/call through its stages: decode the
// arguments, plan, ask a person, apply, answer. What was approved runs to its end whether
// or not the client stays, and identical calls share one run.
//
// A [Reading] tool only reads. A [Changing] tool plans, passes the gate, applies, and reads
// back. It cannot skip a stage, because call.go runs them and the client methods that it
// ends in need a grant.
package call

import (
	"context"
	"encoding/json"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Effect is the worst that a tool can do.
type Effect string

// The effects, from harmless to final.
const (
	Reads        Effect = "read"
	Local        Effect = "local"        // changes a file or a draft here, nothing on the platform
	Halts        Effect = "halts"        // ends running work as its approval allows, and starts none
	Joins        Effect = "joins"        // joins a private network for a check; changes nothing of an app
	Additive     Effect = "additive"     // adds something that can be removed again
	Creates      Effect = "creates"      // creates an app that is billed
	Restarts     Effect = "restarts"     // restarts Machines
	Exposes      Effect = "exposes"      // lets in callers that had no access before
	Irreversible Effect = "irreversible" // removes what cannot be had again
)

// ReadOnly reports whether the tool exists under --read-only.
func (e Effect) ReadOnly() bool { return e == Reads }

// Gated reports whether every plan of such a tool needs an approval.
func (e Effect) Gated() bool {
	return e == Creates || e == Restarts || e == Exposes || e == Irreversible
}

// Spec describes a tool.
type Spec struct {
	Name        string
	Title       string
	Description string // 28 to 52 words: what changes, who is asked, its place in the order, what it does not do
	Effect      Effect
	Needs       string // the tool without which this one has no use; empty for most
	Follow      string // the tool that shows the progress of its runs; empty for most
}

// annotations returns MCP's four hints. All tools talk to Fly or to a person's files
// (openWorld), and all of them look first and do only what is missing (idempotent).
func (s Spec) annotations() mcp.ToolAnnotation {
	readOnly, yes := s.Effect.ReadOnly(), true
	destructive := s.Effect.Gated()
	return mcp.ToolAnnotation{Title: s.Title, ReadOnlyHint: &readOnly, DestructiveHint: &destructive,
		IdempotentHint: &yes, OpenWorldHint: &yes}
}

// Tool is a declared tool, ready to be served.
type Tool interface {
	Spec() Spec
	// Definition returns the tool as tools/list shows it.
	Definition() mcp.Tool
	// Call serves one tools/call. What the model or a person can fix is an isError
	// result; an error is for the protocol.
	Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error)
}

// Refine changes the properties of an input schema that was derived from a Go type.
type Refine func(properties map[string]*jsonschema.Schema)

// Reading declares a tool that changes nothing by itself: it reads, or ends what another
// tool started.
type Reading[In, Out any] struct {
	Spec Spec
	Read func(ctx context.Context, in In) (Out, error)
	// Failed returns the answer for an error that somebody can act on.
	Failed func(summary string, err *plan.Problem) Out
	// Text returns the answer in words.
	Text func(Out) string
}

// Changing declares a tool that changes something. Work is the tool's own data for Apply:
// it lives for one call and is never stored or sent.
type Changing[In, Work, Out any] struct {
	Spec  Spec
	Plan  func(ctx context.Context, in In) (plan.Proposal[Work, Out], error)
	Apply func(ctx context.Context, work Work, grant *gate.Grant, report plan.Report) (Out, error)
	// Text returns what the tool's own fields add to the envelope's text; may be nil.
	Text func(Out) string
	// Earlier rewrites arguments that earlier versions accepted, in place; may be nil.
	Earlier func(arguments map[string]any)
}

// NewReading returns a tool that is served by h. refine may be nil.
func NewReading[In, Out any](h *Handler, r Reading[In, Out], refine Refine) Tool {
	return &reading[In, Out]{declared{h, r.Spec, newSchemas[In, Out](h.Schemas, r.Spec.Name, refine)}, r}
}

// NewChanging returns a tool that is served by h. refine may be nil.
func NewChanging[In, Work, Out any, P enveloped[Out]](h *Handler, c Changing[In, Work, Out], refine Refine) Tool {
	return &changing{
		declared: declared{h, c.Spec, newSchemas[In, Out](h.Schemas, c.Spec.Name, refine)},
		earlier:  c.Earlier,
		blank:    func() output { return P(new(Out)) },
		clone: func(o output) output {
			out := *o.(P)
			return P(&out)
		},
		text: func(o output) string {
			if c.Text == nil {
				return ""
			}
			return c.Text(*o.(P))
		},
		prepare: func(arguments json.RawMessage) (planner, error) {
			var in In
			if err := json.Unmarshal(arguments, &in); err != nil {
				return nil, err
			}
			return func(ctx context.Context) (*proposal, error) {
				p, err := c.Plan(ctx, in)
				if err != nil {
					return nil, err
				}
				return &proposal{
					Plan: p.Plan, summary: p.Summary, nothing: p.Nothing, next: p.Next, keep: p.Keep, before: p.Before, out: P(&p.Out),
					apply: func(ctx context.Context, grant *gate.Grant, report plan.Report) (output, error) {
						out, err := c.Apply(ctx, p.Work, grant, report)
						return P(&out), err
					},
				}, nil
			}, nil
		},
	}
}

// declared is what all served tools have.
type declared struct {
	*Handler
	spec Spec
	schemas
}

func (d *declared) Spec() Spec { return d.spec }

func (d *declared) Definition() mcp.Tool {
	return mcp.Tool{
		Name: d.spec.Name, Title: d.spec.Title, Description: d.spec.Description, Annotations: d.spec.annotations(),
		RawInputSchema: d.input(), RawOutputSchema: d.output(),
	}
}

// reading is a [Reading] tool as it is served.
type reading[In, Out any] struct {
	declared
	tool Reading[In, Out]
}

func (t *reading[In, Out]) Call(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in In
	arguments, problem := t.arguments(t.parsed(), request)
	if problem == nil {
		in, problem = Decode[In](t.parsed(), arguments)
	}
	if problem == nil {
		problem = t.checkArgumentApp(arguments)
	}
	if problem == nil {
		progress := NewProgress(ctx, request)
		out, err := t.tool.Read(context.WithValue(ctx, progressKey{}, progress), in)
		progress.Done()
		if err == nil {
			return newResult(out, t.tool.Text(out), false), nil
		}
		problem = t.Explain(ctx, err)
	}
	out := t.tool.Failed(sentence(problem.Message), problem)
	return newResult(out, t.tool.Text(out), problem.Code != gate.Blocked), nil
}

// enveloped is a pointer to an output with the envelope of changing tools in it.
type enveloped[Out any] interface {
	*Out
	output
}

// output is what a changing tool answers: a pointer to its Out.
type output interface{ Envelope() *plan.Result }

// changing is a [Changing] tool as it is served. Its functions hide the tool's types from
// the stages of a call.
type changing struct {
	declared
	earlier func(arguments map[string]any)
	blank   func() output
	clone   func(output) output
	text    func(output) string
	prepare func(arguments json.RawMessage) (planner, error)
}

// planner plans a call whose arguments were decoded.
type planner func(context.Context) (*proposal, error)
