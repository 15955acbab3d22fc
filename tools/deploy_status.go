package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/history"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const deployStatusName = "deploy_status"

type statusInput struct {
	App string `json:"app" jsonschema:"name of the Fly app"`
	Run string `json:"run,omitempty" jsonschema:"from deploy; default: the app's latest"`
}

// statusOutput is where a deploy stands.
type statusOutput struct {
	Status  string         `json:"status" jsonschema:"running, done, unfinished (interrupted), not_found or failed"`
	Summary string         `json:"summary"`
	App     string         `json:"app,omitempty"`
	Run     string         `json:"run,omitempty"`
	Group   string         `json:"group,omitempty"`
	Machine string         `json:"machine,omitempty"`
	Phase   string         `json:"phase,omitempty"`
	Done    int            `json:"done,omitempty"`
	Of      int            `json:"of,omitempty"`
	Seconds int            `json:"seconds,omitempty" jsonschema:"since it began"`
	Result  map[string]any `json:"result,omitempty" jsonschema:"the answer of deploy, if done"`
	Known   []string       `json:"known,omitempty" jsonschema:"from the journal, after a restart"`
	Unknown []string       `json:"unknown,omitempty" jsonschema:"only Fly can tell"`
	Next    []plan.Next    `json:"next"`

	text string // of the result
}

func (a *toolset) deployStatus() call.Tool {
	return call.NewReading(a.Handler, call.Reading[statusInput, statusOutput]{
		Spec: call.Spec{
			Name: deployStatusName, Title: "Status of a deploy", Effect: call.Reads, Needs: deployName,
			Description: "Shows the progress of a deploy of this server: phase, group, Machine, seconds; when it " +
				"is done, its result; after a restart, what the journal recorded. Asks nobody and changes nothing. " +
				"For clients that stopped waiting; repeating the identical deploy call also waits for the result.",
		},
		Read: a.readStatus,
		Failed: func(summary string, p *plan.Problem) statusOutput {
			return statusOutput{Status: "failed", Summary: a.mark(summary), Next: p.NextSteps()}
		},
		Text: statusText,
	}, func(p map[string]*jsonschema.Schema) { appPattern(p) })
}

func (a *toolset) readStatus(ctx context.Context, in statusInput) (statusOutput, error) {
	at := a.Runs.Find(in.Run, call.CallerFrom(ctx).ID, deployName, in.App)
	if at == nil {
		recorded, err := history.Find(a.Journal, call.CallerFrom(ctx).ID, in.App, in.Run)
		switch {
		case err != nil:
			return statusOutput{}, err
		case recorded != nil:
			return a.statusRecorded(in.App, recorded), nil
		}
		return statusOutput{
			Status: "not_found", App: in.App, Run: plan.Line(in.Run),
			Summary: a.mark(fmt.Sprintf("This server and its journal have no such deploy of %s: it ended hours "+
				"ago, belongs to another caller, or was not made by this server.", in.App)),
			Next: []plan.Next{{Who: "agent", Tool: deployName, Why: "with dry_run, shows what is left to do"}},
		}, nil
	}
	out := statusOutput{App: at.App, Run: at.ID}
	select {
	case <-at.Done:
		return a.statusDone(out, at)
	default:
	}
	m := at.Progress()
	out.Status, out.Phase, out.Done, out.Of = "running", cmp.Or(m.Doing, "starting"), m.Done, m.Of
	out.Group, out.Machine = plan.Clean(m.Group), m.Machine
	took := a.Clock.Now().Sub(at.Started)
	out.Seconds = int(took.Seconds())
	out.Summary = a.mark(fmt.Sprintf("deploy has been running on %s for %s: %s.",
		at.App, took.Round(time.Second), cmp.Or(m.String(), "starting")))
	if at.IsStopping() {
		out.Phase += ", stopping"
		out.Summary += " It was asked to stop: no other Machine is started."
	}
	out.Next = []plan.Next{
		{Who: "agent", Tool: deployStatusName, Arguments: &plan.Arguments{App: at.App, Run: at.ID},
			Why: "call again in a " +
				"few seconds, or repeat the identical deploy call, which waits"},
	}
	return out, nil
}

// statusDone returns the result of a run that is over. It is not used up: the
// identical call still gets it.
func (a *toolset) statusDone(out statusOutput, at *call.Run) (statusOutput, error) {
	out.Status = "done"
	out.Seconds = int(at.Ended.Sub(at.Started).Seconds())
	body, err := json.Marshal(at.Result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(body, &out.Result)
	}
	if err != nil {
		return statusOutput{}, err
	}
	for _, content := range at.Result.Content {
		if text, ok := content.(mcp.TextContent); ok {
			out.text = text.Text
		}
	}
	summary, _ := out.Result["summary"].(string)
	out.Summary = a.mark(fmt.Sprintf("The deploy of %s ended at %s: %s",
		at.App, at.Ended.UTC().Format(time.RFC3339), strings.TrimPrefix(summary, call.SandboxMark)))
	out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: at.App},
		Why: "checks the live Machines as they are now"}}
	return out, nil
}

// statusRecorded returns the status of a deploy that only the journal knows.
func (a *toolset) statusRecorded(name string, r *history.Recorded) statusOutput {
	out := statusOutput{
		Status: "unfinished", Summary: a.mark(r.Summary), App: name, Run: r.Run,
		Seconds: r.Seconds, Known: r.Known, Unknown: r.Unknown, Next: r.Next,
	}
	if r.Finished {
		out.Status = "done"
	}
	return out
}

func statusText(out statusOutput) string {
	var b strings.Builder
	b.WriteString(out.Summary + "\n")
	if out.Run != "" {
		fmt.Fprintf(&b, "run: %s\n", out.Run)
	}
	if out.Status == "running" {
		fmt.Fprintf(&b, "running: %d of %d done, %d s\n", out.Done, out.Of, out.Seconds)
	}
	for _, line := range out.Known {
		fmt.Fprintf(&b, "known: %s\n", line)
	}
	for _, line := range out.Unknown {
		fmt.Fprintf(&b, "not known: %s\n", line)
	}
	if out.text != "" {
		return b.String() + out.text
	}
	b.WriteString(call.NextText(out.Next))
	return strings.TrimSuffix(b.String(), "\n")
}
