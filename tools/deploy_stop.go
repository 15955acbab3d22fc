package tools

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const deployStopName = "deploy_stop"

type stopInput struct {
	App string `json:"app" jsonschema:"name of the Fly app"`
	Run string `json:"run,omitempty" jsonschema:"from deploy; default: the running one"`
}

type stopOutput struct {
	Status  string      `json:"status" jsonschema:"stopping, not_found or failed"`
	Summary string      `json:"summary"`
	App     string      `json:"app,omitempty"`
	Run     string      `json:"run,omitempty"`
	Next    []plan.Next `json:"next"`
}

// deployStop declares the tool that stops a deploy on purpose. A client that leaves,
// or cancels its call, does not stop a deploy, so that no deploy is left half done by
// accident.
//
// Nobody is asked. Everything that a stop leads to was approved with the deploy: its
// question names these steps, and its grant holds them. Machines stay as they are or,
// with on_failure put_back, get their earlier configuration back. A stop does no more
// harm than a failing Machine would, and it would be useless if it waited for a
// person's answer while more Machines are changed.
//
// For the same reason, any caller that this server allows to use the app may stop its
// deploy, not only the caller that started it: they could also start a deploy of the
// app. The journal records who stopped it. Only the caller that started the run can
// read its result.
func (a *toolset) deployStop() call.Tool {
	return call.NewReading(a.Handler, call.Reading[stopInput, stopOutput]{
		Spec: call.Spec{
			Name: deployStopName, Title: "Stop a deploy", Effect: call.Halts, Needs: deployName,
			Description: "Stops a deploy between two Machines: Machines being changed are finished, no others " +
				"are started; changed ones are put back or kept, as its on_failure says. Use only if the user wants " +
				"it. Asks nobody. deploy_status shows the outcome.",
		},
		Read: a.stopDeploy,
		Failed: func(summary string, p *plan.Problem) stopOutput {
			return stopOutput{Status: "failed", Summary: a.mark(summary), Next: p.NextSteps()}
		},
		Text: stopText,
	}, func(p map[string]*jsonschema.Schema) { appPattern(p) })
}

func (a *toolset) stopDeploy(ctx context.Context, in stopInput) (stopOutput, error) {
	at := a.Runs.Holder(in.App)
	if at == nil || at.Tool != deployName || !at.IsApplying() || in.Run != "" && in.Run != at.ID {
		return stopOutput{
			Status: "not_found", App: in.App, Run: plan.Line(in.Run),
			Summary: a.mark(fmt.Sprintf("This server is not running such a deploy of %s. Nothing was stopped.", in.App)),
			Next: []plan.Next{{Who: "agent", Tool: deployStatusName, Arguments: &plan.Arguments{App: in.App},
				Why: "shows how the last one ended"}},
		}, nil
	}
	out := stopOutput{Status: "stopping", App: at.App, Run: at.ID}
	if at.Stop() {
		a.Record(journal.Entry{Event: journal.Halted, Tool: deployName, App: at.App,
			Caller: call.CallerFrom(ctx).ID, Target: at.ID})
	}
	out.Summary = a.mark(fmt.Sprintf("The deploy of %s starts no other Machine and ends after the current "+
		"ones (%s). What it has changed is then put back or kept, as its on_failure says.",
		at.App, cmp.Or(at.Progress().String(), "starting")))
	out.Next = []plan.Next{{Who: "agent", Tool: deployStatusName, Arguments: &plan.Arguments{App: at.App, Run: at.ID},
		Why: "shows when it has " +
			"ended and the result for each Machine; only to the caller that started it"}}
	return out, nil
}

func stopText(out stopOutput) string {
	var b strings.Builder
	b.WriteString(out.Summary + "\n")
	if out.Run != "" {
		fmt.Fprintf(&b, "run: %s\n", out.Run)
	}
	b.WriteString(call.NextText(out.Next))
	return strings.TrimSuffix(b.String(), "\n")
}
