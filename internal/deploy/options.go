package deploy

import (
	"cmp"
	"strconv"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Where neither the call nor the [deploy] section says how long a Machine may take (flyctl,
// internal/command/deploy/machines.go), and the bound of what either may say.
const (
	defaultWaitTimeout = 5 * time.Minute
	maxWaitTimeout     = time.Hour
)

// The scopes.
const (
	ScopeAll      = "all"
	ScopeServices = "services"
)

// options returns the rollout without its Machines: what the call says, else what the file's
// [deploy] section does, else flyctl's defaults.
func (in Input) options(section *flytoml.Deploy) (rollout.Work, error) {
	if section == nil {
		section = &flytoml.Deploy{}
	}
	w := rollout.Work{
		App:            in.App,
		Strategy:       rollout.Strategy(cmp.Or(in.Strategy, section.Strategy, string(rollout.Rolling))),
		MaxUnavailable: rollout.DefaultMaxUnavailable,
		StartWithin:    defaultWaitTimeout,
		OnFailure:      rollout.OnFailure(cmp.Or(in.OnFailure, string(rollout.PutAllBack))),
		Wake:           in.Wake == nil || *in.Wake,
	}
	switch {
	case in.MaxUnavailable != 0:
		w.MaxUnavailable = in.MaxUnavailable
	case section.MaxUnavailable != nil:
		w.MaxUnavailable = *section.MaxUnavailable
	}
	switch {
	case in.WaitTimeout != "":
		timeout, err := time.ParseDuration(in.WaitTimeout)
		if err != nil {
			return w, plan.Invalid("wait_timeout is %.40q; it must be a duration such as 5m or 90s", in.WaitTimeout)
		}
		w.StartWithin = timeout
	case section.WaitTimeout != nil:
		w.StartWithin = time.Duration(*section.WaitTimeout)
	}
	w.HealthyWithin = w.StartWithin
	switch {
	case w.MaxUnavailable <= 0:
		return w, plan.Invalid("max_unavailable is %g; it must be a share of the Machines of a group, such as "+
			"0.33, or their number", w.MaxUnavailable)
	case w.StartWithin < time.Second || w.StartWithin > maxWaitTimeout:
		return w, plan.Invalid("wait_timeout is %s; it must be from 1s to %s", w.StartWithin, maxWaitTimeout)
	case in.Image != "" && in.Scope == ScopeServices:
		return w, plan.Invalid("image needs scope all: scope services does not change the image")
	case in.Image != "" && !target.ValidImage(in.Image):
		return w, plan.Invalid("image is %s; it must be a reference such as registry.fly.io/%s:TAG",
			plan.Quote(in.Image), in.App)
	}
	return w, nil
}

// optionFacts returns the options as a plan holds them.
func optionFacts(p *plan.Plan, scope string, w rollout.Work) {
	p.Fact(plan.FactScope, cmp.Or(scope, ScopeAll))
	p.Fact(plan.FactStrategy, string(w.Strategy))
	p.Fact(plan.FactMaxUnavailable, strconv.FormatFloat(w.MaxUnavailable, 'g', -1, 64))
	p.Fact(plan.FactWaitTimeout, w.StartWithin.String())
	p.Fact(plan.FactOnFailure, string(w.OnFailure))
	p.Fact(plan.FactWake, strconv.FormatBool(w.Wake))
}
