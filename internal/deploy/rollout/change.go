package rollout

import (
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// Change is the new configuration of one Machine. Before is the Machine as the
// plan saw it; the platform refuses the update if it has changed since.
//
// Where After is what the Machine has already, nothing is sent: the Machine is
// proved only. That is how a plan finishes what an earlier run left half done.
type Change struct {
	Before fly.Machine
	Group  string
	After  machine.Config
}

// Launch reports whether the Machine runs the new configuration at once. As
// with fly deploy, only Machines that run (or try to) are started again; a
// stopped or suspended one is updated first and started afterwards.
func (c Change) Launch() bool { return isRunning(c.Before.State) }

func isRunning(state string) bool {
	switch state {
	case "started", "starting", "restarting", "replacing", "updating", "failed":
		return true
	}
	return false
}

// Same reports whether the Machine has the configuration already, except for the
// labels of a release.
func (c Change) Same() bool {
	return fly.UpdateTarget(c.Before.ID, c.After) == fly.UpdateTarget(c.Before.ID, c.Before.Config)
}

// wakes reports whether the Machine, if it does not run, is started to be
// proved. A standby is not: it starts when the Machine fails that it stands by
// for (Fly docs, "Standby Machines"). Neither is one that has a schedule, whose
// work would be done once more, nor one that Fly destroys when it stops.
func (w Work) wakes(c Change) bool {
	return w.Wake && !c.After.IsStandby() && !c.After.IsScheduled() && !c.After.AutoDestroy()
}

// hasAutostop reports whether Fly Proxy stops or suspends an idle Machine: one
// service without autostop keeps it awake.
func hasAutostop(config machine.Config) bool {
	services, err := config.Services()
	return err == nil && len(services) > 0 && !slices.ContainsFunc(services, func(s machine.Service) bool {
		return s.Autostop == nil || *s.Autostop == machine.AutostopOff
	})
}

func countChecks(config machine.Config) int {
	n := 0
	if checks, err := config.Checks(); err == nil {
		n += len(checks)
	}
	if services, err := config.Services(); err == nil {
		for _, s := range services {
			n += len(s.Checks)
		}
	}
	return n
}
