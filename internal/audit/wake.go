package audit

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Obstacle is why a request would not wake Machines.
type Obstacle struct {
	Machines []string  `json:"machines,omitempty"` // the first of them; empty: all
	Number   int       `json:"number,omitempty"`
	Why      string    `json:"why"`
	Fix      plan.Next `json:"fix"`
}

// obstacle returns why no request would wake a Machine once it is stopped.
func (e *explainer) obstacle(u *unit) (why string, fix plan.Next) {
	silent := e.State.SilentReason(u.ID)
	switch {
	case u.State == "started" && !u.sleeps():
		return "", plan.Next{} // it is not to be woken
	case u.Config.IsStandby():
		return "it is a standby: it starts when another Machine fails", decide("nothing has to be done")
	case len(u.services) == 0:
		return "it has no services", e.serviceFor()
	case !slices.ContainsFunc(u.services, machine.Service.HasPort):
		return "its services have no port", e.service()
	case !machine.AnyRouted(u.services):
		return "it serves UDP only: a datagram starts no Machine", decide("keep it running, or serve TCP beside it")
	case hasOldAutostart(u) != "":
		return hasOldAutostart(u), command(fmt.Sprintf("fly machine update %s -a %s", u.ID, e.App),
			"an update without the setting removes it")
	case !machine.AnyWoken(u.services):
		return "autostart is off", e.adopting(u, e.patch(plan.Arguments{}, "sets autostart")([]string{u.group}))
	case u.Cordoned:
		return silent, command(fmt.Sprintf("fly machine uncordon %s -a %s", u.ID, e.App), "lets Fly Proxy use it again")
	case silent != "":
		return silent, command(fmt.Sprintf("fly machine status %s -a %s", u.ID, e.App), "shows what happened")
	}
	return "", plan.Next{}
}

// serviceFor is [explainer.service], if no group of the app has a service.
func (e *explainer) serviceFor() plan.Next {
	if e.State.HasServices() {
		return decide("is it a worker? Then requests are not to wake it; else add a service for its group")
	}
	return e.service()
}

// hinder adds a Machine to those with the same obstacle.
func (e *explainer) hinder(u *unit, why string, fix plan.Next) {
	for i := range e.out.Obstacles {
		if o := &e.out.Obstacles[i]; o.Why == why {
			if o.Number++; len(o.Machines) < shownMachines {
				o.Machines = append(o.Machines, u.ID)
			}
			return
		}
	}
	e.out.Obstacles = append(e.out.Obstacles, Obstacle{Machines: []string{u.ID}, Number: 1, Why: why, Fix: fix})
}

// hinderAll adds what keeps every request away from the app.
func (e *explainer) hinderAll() {
	add := func(why string, fix plan.Next) {
		e.out.Obstacles = slices.Insert(e.out.Obstacles, 0, Obstacle{Why: why, Fix: fix})
	}
	switch all, stale := e.foreign(); {
	case len(e.State.Inbound()) == 0:
		add("the app has no address: no request reaches Fly Proxy", allocate(e.Facts))
	case len(e.public()) > 0:
	case stale:
		add("the Flycast address is on an earlier network", allocate(e.Facts))
	case all:
		add("the Flycast address serves another network than the app's own",
			decide("where are the callers? If on the app's own network, call allocate_flycast for "+e.App))
	}
	if e.State.MachinesKnown && len(e.State.Machines) == 0 {
		add("the app has no Machine", command("fly deploy -a "+e.App, "creates Machines, from the folder of the app's source"))
	}
}
