package deploy

import (
	"cmp"
	"strconv"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Defaults where neither the call nor the [deploy] section says anything
// (flyctl, internal/command/deploy/machines.go).
const (
	defaultStrategy       = rollout.Rolling
	defaultMaxUnavailable = 0.33
	defaultWaitTimeout    = 5 * time.Minute
)

// maxWaitTimeout bounds how long one Machine may take.
const maxWaitTimeout = time.Hour

// The scopes.
const (
	ScopeAll      = "all"
	ScopeServices = "services"
)

// settings are how a deploy is carried out.
type settings struct {
	scope          string
	strategy       rollout.Strategy
	maxUnavailable float64
	waitTimeout    time.Duration
	onFailure      rollout.OnFailure
	wake           bool
}

// settingsOf takes what the call says, else what the file's [deploy] section
// does, else flyctl's defaults.
func settingsOf(in Input, section *flytoml.Deploy) (settings, *plan.Problem) {
	if section == nil {
		section = &flytoml.Deploy{}
	}
	s := settings{
		scope:          cmp.Or(in.Scope, ScopeAll),
		strategy:       rollout.Strategy(cmp.Or(in.Strategy, section.Strategy, string(defaultStrategy))),
		maxUnavailable: defaultMaxUnavailable,
		waitTimeout:    defaultWaitTimeout,
		onFailure:      rollout.OnFailure(cmp.Or(in.OnFailure, string(rollout.PutAllBack))),
		wake:           in.Wake == nil || *in.Wake,
	}
	switch {
	case in.MaxUnavailable != 0:
		s.maxUnavailable = in.MaxUnavailable
	case section.MaxUnavailable != nil:
		s.maxUnavailable = *section.MaxUnavailable
	}
	if s.maxUnavailable <= 0 {
		return settings{}, plan.Invalid("max_unavailable is %g; it must be a share of the Machines of a group, such as 0.33, or their number", s.maxUnavailable)
	}
	switch {
	case in.WaitTimeout != "":
		d, err := time.ParseDuration(in.WaitTimeout)
		if err != nil {
			return settings{}, plan.Invalid("wait_timeout is %.40q; it must be a duration such as 5m or 90s", in.WaitTimeout)
		}
		s.waitTimeout = d
	case section.WaitTimeout != nil:
		s.waitTimeout = time.Duration(*section.WaitTimeout)
	}
	if s.waitTimeout < time.Second || s.waitTimeout > maxWaitTimeout {
		return settings{}, plan.Invalid("wait_timeout is %s; it must be from 1s to %s", s.waitTimeout, maxWaitTimeout)
	}
	return s, nil
}

// facts are the settings as a plan holds them.
func (s settings) facts(p *plan.Plan) {
	p.Fact(plan.FactScope, s.scope)
	p.Fact(plan.FactStrategy, string(s.strategy))
	p.Fact(plan.FactMaxUnavailable, strconv.FormatFloat(s.maxUnavailable, 'g', -1, 64))
	p.Fact(plan.FactWaitTimeout, s.waitTimeout.String())
	p.Fact(plan.FactOnFailure, string(s.onFailure))
	p.Fact(plan.FactWake, strconv.FormatBool(s.wake))
}
