package tools

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// recorded is a caller's deploy as the journal has it: the one with the id that
// is asked for, or the newest. nil if the journal tells of none.
func (a *toolset) recorded(caller string, in statusInput) (*journal.Run, error) {
	if a.Journal == nil {
		return nil, nil
	}
	runs, err := a.Journal.Runs(deployName, in.App)
	if err != nil {
		return nil, err
	}
	for _, run := range slices.Backward(runs) {
		if run.Caller == caller && (in.Run == "" || run.ID == in.Run) {
			return &run, nil
		}
	}
	return nil, nil
}

// statusRecorded is what the journal tells of a deploy that this process did not
// do, or whose result it has forgotten. The journal has what was begun and what
// was seen of it; what it has no end of, only Fly can tell.
func (a *toolset) statusRecorded(run journal.Run, app string) statusOutput {
	out := statusOutput{App: app, Run: run.ID}
	began := run.Began.UTC().Format(time.RFC3339)
	again := plan.Next{Who: "agent", Tool: deployName, Arguments: &plan.Arguments{App: app}, Why: "repeat the identical call: it reads the Machines from Fly, does and tests what is left, and asks again"}
	var under int
	for _, step := range named(run.Steps) {
		line, doubt := recordedStep(step)
		if doubt == "" {
			out.Known = append(out.Known, line)
			continue
		}
		out.Known = slices.Insert(out.Known, under, line) // what was under way comes first
		out.Unknown = append(out.Unknown, doubt)
		under++
	}
	switch {
	case !run.Finished:
		out.Status = "unfinished"
		out.Summary = fmt.Sprintf("The deploy of %s that began at %s has no end in the journal: the server was restarted before it finished, or another process is still running it. ", app, began)
		if len(out.Known) == 0 {
			out.Summary += "According to the journal, it had not started any Machine."
		} else {
			out.Summary += fmt.Sprintf("%d of its steps finished, %d were in progress.", len(out.Known)-under, under)
		}
		out.Next = []plan.Next{again}
	default:
		out.Status, out.Seconds = "done", int(run.Ended.Sub(run.Began).Seconds())
		out.Summary = fmt.Sprintf("The deploy of %s that began at %s ended at %s: %s. Its result is no longer kept, because the server was restarted or it is too old.",
			app, began, run.Ended.UTC().Format(time.RFC3339), cmp.Or(plan.Clean(run.Status), "with an unknown result"))
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app}, Why: "checks the live Machines as they are now"}}
		if run.Status != string(plan.Applied) {
			out.Next = []plan.Next{again}
		}
	}
	out.Summary = a.mark(out.Summary)
	out.Known, out.Unknown = shortened(out.Known), shortened(out.Unknown)
	return out
}

// named are steps without those of things that got their name later: a Machine
// and a release have none before they are there.
func named(steps []journal.Entry) []journal.Entry {
	return slices.DeleteFunc(slices.Clone(steps), func(e journal.Entry) bool {
		return e.Target == "" && slices.ContainsFunc(steps, func(later journal.Entry) bool {
			return later.Verb == e.Verb && later.Group == e.Group && later.Target != ""
		})
	})
}

// recordedStep is a step in words, and what is open about it: empty if it came to
// its end.
func recordedStep(e journal.Entry) (line, doubt string) {
	thing, release := "Machine "+plan.Clean(e.Target), e.Verb == string(gate.CreateRelease)
	switch {
	case release && e.Target == "":
		thing, doubt = "a release", "whether the release was recorded"
	case release:
		thing = "release " + plan.Clean(e.Target)
		if unended(e.Status) {
			doubt = "how " + thing + " is recorded now"
		}
	case e.Target == "":
		thing = "a new Machine of group " + plan.Quote(e.Group)
		if e.Status == begun || e.Status == string(rollout.Broken) {
			doubt = "whether " + thing + " is there"
		}
	case !endedStep(e):
		doubt = "what " + thing + " has now, and whether it works"
	}
	line = fmt.Sprintf("%s: %s at %s", thing, plan.Clean(e.Status), e.Time.UTC().Format(time.TimeOnly))
	if e.Code != "" {
		line += " (" + plan.Clean(e.Code) + ")"
	}
	return line, doubt
}

// shortened keeps an answer short, whatever the size of the app.
func shortened(lines []string) []string {
	if more := len(lines) - maxChanges; more > 0 {
		return append(lines[:maxChanges:maxChanges], fmt.Sprintf("and %d more", more))
	}
	return lines
}
