package scenario

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// agent knows nothing of Fly: it takes the first step that a result names for it, with the
// arguments as given, until there is none or a person must decide.
type agent struct {
	*world
	trail []string // the calls and how they ended
	last  answer
}

// ending says how a journey ended.
type ending string

const (
	finished ending = "finished" // next is empty
	waiting  ending = "waiting"  // a person must answer before anything else is done
	advice   ending = "advice"   // only steps for a person are left
	stuck    ending = "stuck"    // the same call again and again
)

// maxCalls bounds a journey.
const maxCalls = 25

// follow begins with a call and follows next.
func (a *agent) follow(tool string, arguments map[string]any) (end ending, why string) {
	a.t.Helper()
	seen := make(map[string]int)
	for range maxCalls {
		key := tool + fmt.Sprint(arguments)
		if seen[key]++; seen[key] > 3 {
			return stuck, key
		}
		a.last = a.call(tool, arguments)
		a.trail = append(a.trail, fmt.Sprintf("%s %s → %s %s: %s", tool, compact(arguments), a.last.Status, a.last.Code, a.last.Summary))
		if len(a.last.Next) == 0 {
			return finished, a.last.Summary
		}
		var step *plan.Next
		for i, next := range a.last.Next {
			if next.Blocking {
				return waiting, next.Why
			}
			if step == nil && next.Who == "agent" && next.Tool != "" {
				step = &a.last.Next[i]
			}
		}
		if step == nil {
			return advice, a.last.Next[0].Command + " " + a.last.Next[0].Why
		}
		tool, arguments = step.Tool, map[string]any{}
		if step.Arguments != nil {
			body, err := json.Marshal(step.Arguments)
			if err == nil {
				err = json.Unmarshal(body, &arguments)
			}
			if err != nil {
				a.t.Fatal(err)
			}
		}
		if _, has := arguments["app"]; !has {
			arguments["app"] = a.app
		}
	}
	return stuck, "too many calls"
}

func compact(arguments map[string]any) string {
	body, err := json.Marshal(arguments)
	if err != nil {
		return fmt.Sprint(arguments)
	}
	if len(body) > 200 {
		body = append(body[:200], "…"...)
	}
	return string(body)
}

// story returns the calls of the journey, one per line.
func (a *agent) story() string { return strings.Join(a.trail, "\n") }
