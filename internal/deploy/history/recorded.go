package history

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Recorded is what the journal has of a deploy that this process did not do, or
// whose result it no longer keeps.
type Recorded struct {
	Run      string // its id
	Finished bool   // the journal has its end
	Seconds  int    // it took, if it finished
	Summary  string
	Known    []string // steps, as the journal has them
	Unknown  []string // what the journal does not say, and only Fly can tell
	Next     []plan.Next
}

// Find returns a caller's deploy of an app: the run with that id or, if it is empty, the
// newest. It returns nil if the journal has none, or is nil.
func Find(j *journal.Journal, caller, app, run string) (*Recorded, error) {
	if j == nil {
		return nil, nil
	}
	runs, err := j.Runs(Tool, app)
	if err != nil {
		return nil, err
	}
	for _, have := range slices.Backward(runs) {
		if have.Caller == caller && (run == "" || have.ID == run) {
			return describe(have, app), nil
		}
	}
	return nil, nil
}

// describe says what the journal has of a run.
func describe(run journal.Run, app string) *Recorded {
	out := &Recorded{Run: run.ID, Finished: run.Finished}
	began := run.Began.UTC().Format(time.RFC3339)
	again := plan.Next{Who: "agent", Tool: Tool, Arguments: &plan.Arguments{App: app},
		Why: "repeat the identical call: it reads the " +
			"Machines from Fly, does and tests what is left, and asks again"}
	var open int
	for _, e := range withoutUnnamed(run.Steps) {
		line, doubt := step(e)
		if doubt == "" {
			out.Known = append(out.Known, line)
			continue
		}
		out.Known = slices.Insert(out.Known, open, line) // what was in progress comes first
		out.Unknown = append(out.Unknown, doubt)
		open++
	}
	switch {
	case !run.Finished:
		out.Summary = fmt.Sprintf("The deploy of %s that began at %s has no end in the journal: the server "+
			"was restarted before it finished, or another process is still running it. ", app, began)
		if len(out.Known) == 0 {
			out.Summary += "According to the journal, it had not started any Machine."
		} else {
			out.Summary += fmt.Sprintf("%d of its steps finished, %d were in progress.", len(out.Known)-open, open)
		}
		out.Next = []plan.Next{again}
	default:
		out.Seconds = int(run.Ended.Sub(run.Began).Seconds())
		out.Summary = fmt.Sprintf("The deploy of %s that began at %s ended at %s: %s. Its result is no longer "+
			"kept, because the server was restarted or it is too old.",
			app, began, run.Ended.UTC().Format(time.RFC3339), cmp.Or(plan.Clean(run.Status), "with an unknown result"))
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app},
			Why: "checks the live Machines as they are now"}}
		if run.Status != string(plan.Applied) {
			out.Next = []plan.Next{again}
		}
	}
	out.Known, out.Unknown = plan.Shortened(out.Known), plan.Shortened(out.Unknown)
	return out
}

// withoutUnnamed leaves out the steps of things that got their id later: a Machine and a
// release have none before they are created.
func withoutUnnamed(steps []journal.Entry) []journal.Entry {
	return slices.DeleteFunc(slices.Clone(steps), func(e journal.Entry) bool {
		return e.Target == "" && slices.ContainsFunc(steps, func(later journal.Entry) bool {
			return later.Verb == e.Verb && later.Group == e.Group && later.Target != ""
		})
	})
}

// step describes a step. The doubt is what is unknown about it; empty if it came to a known
// end.
func step(e journal.Entry) (line, doubt string) {
	thing, release := "Machine "+plan.Clean(e.Target), e.Verb == string(gate.CreateRelease)
	switch {
	case release && e.Target == "":
		thing, doubt = "a release", "whether the release was recorded"
	case release:
		thing = "release " + plan.Clean(e.Target)
		if Open(fly.ReleaseStatus(e.Status)) {
			doubt = "how " + thing + " is recorded now"
		}
	case e.Target == "":
		thing = "a new Machine of group " + plan.Quote(e.Group)
		if e.Status == begun || e.Status == string(rollout.Broken) {
			doubt = "whether " + thing + " is there"
		}
	case !hasEnded(e):
		doubt = "what " + thing + " has now, and whether it works"
	}
	line = fmt.Sprintf("%s: %s at %s", thing, plan.Clean(e.Status), e.Time.UTC().Format(time.TimeOnly))
	if e.Code != "" {
		line += " (" + plan.Clean(e.Code) + ")"
	}
	return line, doubt
}
