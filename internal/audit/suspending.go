package audit

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// suspendRules are about suspend, the other form of autostop: section 2.4 of the catalogue.
func suspendRules() []Rule {
	return []Rule{
		suspendRule("SUSPEND_MEMORY", Warning, "suspend with more than 2 GB of memory", func(f *Facts, u *unit) string {
			if u.guest != nil && u.guest.MemoryMB > mostSuspended {
				return fmt.Sprintf("%d MB of memory", u.guest.MemoryMB)
			}
			return ""
		}),
		suspendRule("SUSPEND_SWAP", Error, "suspend with swap", func(_ *Facts, u *unit) string {
			if initNumber(u, "swap_size_mb") > 0 {
				return "swap_size_mb is set"
			}
			return ""
		}),
		suspendRule("SUSPEND_SCHEDULE", Error, "suspend with a schedule", func(_ *Facts, u *unit) string {
			if u.Config.IsScheduled() {
				return "the Machine has a schedule"
			}
			return ""
		}),
		suspendRule("SUSPEND_GPU", Error, "suspend with a GPU", func(_ *Facts, u *unit) string {
			if u.guest != nil && u.guest.GPUKind != "" {
				return "the Machine has a GPU"
			}
			return ""
		}),
		suspendRule("SUSPEND_OLD_MACHINE", Warning, "suspend of a Machine from before June 2024", func(_ *Facts, u *unit) string {
			if !u.UpdatedAt.IsZero() && u.UpdatedAt.Before(suspendable()) {
				return "last updated " + u.UpdatedAt.UTC().Format(time.DateOnly)
			}
			return ""
		}),
		{
			ID: "SUSPEND_STALE_SOCKETS", Severity: Info, Title: "connections are old after a resume",
			Why:  "pooled connections are dead and the clock was behind: the program must check both",
			Docs: docs("reference/suspend-resume/"), Needs: []Input{Machines}, find: suspended,
		},
	}
}

// mostSuspended is the memory up to which Fly suspends a Machine, in MB.
const mostSuspended = 2048

// suspendable is the time from which on an updated Machine can be suspended.
func suspendable() time.Time { return time.Date(2024, 6, 20, 20, 0, 0, 0, time.UTC) }

// suspendRule is a rule about Machines that Fly stops although they say suspend.
func suspendRule(id string, severity Severity, title string, check func(*Facts, *unit) string) Rule {
	return Rule{
		ID: id, Severity: severity, Title: title, Why: "Fly stops the Machine instead: each wake is a cold start",
		Docs: docs("reference/suspend-resume/"), Needs: []Input{Machines},
		find: func(f *Facts) []match {
			return f.each(func(u *unit) string {
				if !u.suspends() {
					return ""
				}
				return check(f, u)
			}, f.patch(plan.Arguments{Autostop: "stop"}, "says what happens already"))
		},
	}
}

// initNumber returns a number of a Machine's init.
func initNumber(u *unit, key string) int {
	var init map[string]json.RawMessage
	var n int
	if json.Unmarshal(u.Config.Raw("init"), &init) != nil || json.Unmarshal(init[key], &n) != nil {
		return 0
	}
	return n
}

func suspended(f *Facts) []match {
	return f.each(func(u *unit) string {
		if !u.suspends() {
			return ""
		}
		return "autostop is suspend"
	}, asked("does the program check its connections and tokens after a pause?"))
}
