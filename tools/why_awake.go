package tools

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type awakeInput struct {
	App     string `json:"app" jsonschema:"name of the Fly app"`
	Machine string `json:"machine,omitempty" jsonschema:"id; default: all"`
}

// awakeOutput is the answer of why_awake.
type awakeOutput struct {
	Status  string `json:"status" jsonschema:"ok or failed"`
	Summary string `json:"summary"`
	plan.Reason
	Started   int              `json:"started,omitempty"`
	Asleep    int              `json:"asleep,omitempty"`
	Awake     []audit.Awake    `json:"awake,omitempty" jsonschema:"started Machines by what keeps them so; certain: whatever the load"`
	Obstacles []audit.Obstacle `json:"obstacles,omitempty" jsonschema:"why a request would not wake Machines"`
	Unknown   []string         `json:"unknown,omitempty"`
	AgeMS     int64            `json:"age_ms,omitempty"`
	Next      []plan.Next      `json:"next"`
}

func (a *toolset) whyAwake() call.Tool {
	return call.NewReading(a.Handler, call.Reading[awakeInput, awakeOutput]{
		Spec: call.Spec{
			Name: "why_awake", Title: "Why Machines are awake", Effect: call.Reads,
			Description: "Explains which rule keeps each Machine of a Fly app running (autostop off, a minimum, no service, " +
				"open connections, load), with the edit that would let it sleep, and why a request would not wake it. " +
				"Changes nothing. Says unknown where Fly shows nothing, as for the load.",
		},
		Read: a.readAwake,
		Failed: func(summary string, p *plan.Problem) awakeOutput {
			return awakeOutput{Status: "failed", Summary: a.mark(summary), Reason: p.Reason(), Next: p.NextSteps()}
		},
		Text: awakeText,
	}, func(p map[string]*jsonschema.Schema) { appPattern(p) })
}

func (a *toolset) readAwake(ctx context.Context, in awakeInput) (awakeOutput, error) {
	look := a.look
	if look == nil {
		look = a.fly
	}
	ctx, reading := fly.WithAge(ctx)
	s, err := rules.Read(ctx, look, in.App)
	if err != nil {
		return awakeOutput{}, err
	}
	if !s.MachinesKnown {
		return awakeOutput{
			Status: "ok", Summary: a.mark("It is unknown why " + in.App + " is awake: this token is not allowed to list its Machines."),
			Unknown: []string{"the Machines: this token is not allowed to list them"}, Next: a.next(s),
		}, nil
	}
	if in.Machine != "" {
		if _, ok := audit.Find(s, in.Machine); !ok {
			return awakeOutput{}, plan.Invalid("%s has no Machine %s; omit machine to see all", in.App, plan.Quote(in.Machine))
		}
	}
	e := audit.Explain(in.App, s, in.Machine, a.Clock.Now())
	out := awakeOutput{
		Status: "ok", Summary: a.mark(e.Summary(in.App)), Started: e.Started, Asleep: e.Asleep, Unknown: e.Unknown,
		AgeMS: reading.Of(a.Clock.Now()).Milliseconds(),
	}
	var fixes []plan.Next
	for _, why := range e.Awake[:min(len(e.Awake), plan.MaxLines)] {
		why.Fix = a.offered(why.Fix)
		out.Awake, fixes = append(out.Awake, why), append(fixes, why.Fix)
	}
	for _, o := range e.Obstacles[:min(len(e.Obstacles), plan.MaxLines)] {
		o.Fix = a.offered(o.Fix)
		out.Obstacles, fixes = append(out.Obstacles, o), append(fixes, o.Fix)
	}
	if more := len(e.Awake) - len(out.Awake); more > 0 {
		out.Unknown = append(out.Unknown, fmt.Sprintf("%d more groups and regions are awake: name a Machine to see its cause", more))
	}
	out.Next = firstSteps(fixes, plan.MaxNext)
	return out, nil
}

func awakeText(out awakeOutput) string {
	var b strings.Builder
	b.WriteString(out.Summary + "\n")
	b.WriteString(call.ReasonText(out.Reason))
	for _, w := range out.Awake {
		certain := "perhaps"
		if w.Certain {
			certain = "certain"
		}
		fmt.Fprintf(&b, "awake: %s (%s) of %s in %s: %s: %s\n  fix %s", plan.Machines(w.Number), plan.Few(w.Machines), groupName(w.Group),
			w.Region, certain, w.Why, strings.TrimPrefix(call.NextText([]plan.Next{w.Fix}), "next "))
	}
	for _, o := range out.Obstacles {
		who := "every request"
		if o.Number > 0 {
			who = fmt.Sprintf("%s (%s)", plan.Machines(o.Number), plan.Few(o.Machines))
		}
		fmt.Fprintf(&b, "not woken: %s: %s\n  fix %s", who, o.Why, strings.TrimPrefix(call.NextText([]plan.Next{o.Fix}), "next "))
	}
	for _, u := range out.Unknown {
		fmt.Fprintf(&b, "unknown: %s\n", u)
	}
	if out.AgeMS > 0 {
		fmt.Fprintf(&b, "read %d ms ago\n", out.AgeMS)
	}
	b.WriteString(call.NextText(out.Next))
	return strings.TrimSuffix(b.String(), "\n")
}

func groupName(group string) string {
	if group == "" {
		return "no group"
	}
	return "group " + group
}
