package deploy

import (
	"fmt"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Parts of the time that a Machine takes, as a rough guess.
const (
	guessUpdate  = 2 * time.Second  // until it has its new configuration
	guessStart   = 5 * time.Second  // until it runs
	guessDestroy = 25 * time.Second // until Fly Proxy has learned it twice, and the program has ended
)

// describeOrder says what is done together, and how long all of it may take.
func describeOrder(work rollout.Work) (lines []string, expected string) {
	after := make(map[string]machine.Config)
	for _, c := range work.Updates {
		after[c.Before.ID] = c.After
	}
	var total time.Duration
	most := 0
	for i, stage := range work.Order() {
		var longest time.Duration
		turns := 0
		for _, pool := range stage {
			lines = append(lines, poolLine(i+1, pool))
			n := poolTurns(pool)
			longest, turns = max(longest, time.Duration(n)*guessTime(work, pool, after)), max(turns, n)
		}
		total, most = total+longest, most+turns
	}
	if len(lines) > plan.MaxLines {
		lines = outside.First(lines, plan.MaxLines-1)
	}
	turns := "1 turn"
	if most != 1 {
		turns = fmt.Sprintf("%d turns, one after another", most)
	}
	return lines, fmt.Sprintf("about %s: %s, each for a Machine to start and pass its checks, or run %v without a crash",
		total.Round(time.Second), turns, rollout.SmokeTime)
}

func poolLine(stage int, pool rollout.Pool) string {
	what := "all groups"
	if pool.Group != "" {
		what = "group " + plan.Clean(pool.Group)
	}
	n := len(pool.Machines)
	switch {
	case pool.Role == rollout.RoleCanary:
		return fmt.Sprintf("%d. %s: a canary, destroyed after its test", stage, what)
	case pool.Role == rollout.RoleGreen:
		return fmt.Sprintf("%d. %s: %d new beside the old ones, %d at once", stage, what, n, pool.Width)
	case pool.Role == rollout.RoleBlue:
		return fmt.Sprintf("%d. %s: %s removed from routing, stopped and destroyed", stage, what, plan.Few(pool.Machines))
	case pool.Role == rollout.RoleLeftover:
		return fmt.Sprintf("%d. %s: %s, left over from an earlier deploy, destroyed", stage, what, plan.Few(pool.Machines))
	case pool.Create:
		return fmt.Sprintf("%d. %s: %d new", stage, what, n)
	case pool.Group == "": // some run, some do not
	case pool.Running:
		what += ", running"
	default:
		what += ", not running"
	}
	line := fmt.Sprintf("%d. %s: %s", stage, what, plan.Few(pool.Machines))
	switch {
	case n == 1:
	case pool.Alone:
		line += fmt.Sprintf("; the first alone, then %d at once", pool.Width)
	default:
		line += fmt.Sprintf("; %d at once", pool.Width)
	}
	return line
}

// poolTurns returns how many Machines of a pool come one after the other.
func poolTurns(pool rollout.Pool) int {
	n, width := len(pool.Machines), max(pool.Width, 1)
	if isDestroyed(pool) {
		return 1
	}
	if pool.Alone && n > 0 {
		return 1 + (n-1+width-1)/width
	}
	return (n + width - 1) / width
}

func isDestroyed(pool rollout.Pool) bool {
	return pool.Role == rollout.RoleBlue || pool.Role == rollout.RoleLeftover
}

// guessTime returns how long one Machine of a pool takes: its start, and its slowest
// check or how long it must run without any.
func guessTime(work rollout.Work, pool rollout.Pool, after map[string]machine.Config) time.Duration {
	switch {
	case isDestroyed(pool):
		return guessDestroy
	case !pool.Running && !pool.Create && !work.Wake:
		return guessUpdate
	}
	config := after[pool.Machines[0]]
	for _, c := range work.Updates { // a canary or green one is as they will be
		if pool.Role != "" && (pool.Group == c.Group || pool.Group == "") && slowestCheck(c.After) >= slowestCheck(config) {
			config = c.After
		}
	}
	for _, c := range work.Creates {
		if pool.Create && c.Group == pool.Group {
			config = c.Config
		}
	}
	return guessUpdate + guessStart + max(slowestCheck(config), rollout.SmokeTime)
}

// slowestCheck returns the longest time until a check first passes: its grace period
// and one interval.
func slowestCheck(config machine.Config) time.Duration {
	var longest time.Duration
	add := func(grace, interval *string) {
		var sum time.Duration
		for _, text := range []*string{grace, interval} {
			if text == nil {
				continue
			}
			if d, err := time.ParseDuration(*text); err == nil && d > 0 {
				sum += d
			}
		}
		longest = max(longest, sum)
	}
	if checks, err := config.Checks(); err == nil {
		for _, c := range checks {
			add(c.GracePeriod, c.Interval)
		}
	}
	for _, s := range config.ServicesOrNone() {
		for _, c := range s.Checks {
			add(c.GracePeriod, c.Interval)
		}
	}
	return longest
}
