package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Cause is what keeps Machines awake.
type Cause string

// The causes. The settings hold for certain; the others depend on the load that Fly Proxy
// counts, which no API shows.
const (
	NoServices      Cause = "no_services"      // autostop is for Machines with services
	NoPorts         Cause = "no_ports"         // Fly Proxy listens on nothing for them
	AutostopOff     Cause = "autostop_off"     // in one of the services, or not set
	Standby         Cause = "standby"          // waits for another Machine to fail
	MinimumRunning  Cause = "minimum"          // of the primary region
	Cordoned        Cause = "cordoned"         // Fly Proxy ignores them
	HostDown        Cause = "host_down"        // what runs there is unknown
	ConfigUnread    Cause = "unread"           // the configuration could not be read
	RecentlyStarted Cause = "recently_started" // Fly looks every few minutes
	KeepAlive       Cause = "keep_alive"       // open connections count as load
	Busy            Cause = "busy"             // the only one that runs in its region
	Load            Cause = "load"             // several run, and some may be over the soft limit
)

// IsCertain reports whether the cause keeps a Machine awake whatever its load.
func (c Cause) IsCertain() bool {
	switch c {
	case NoServices, AutostopOff, Standby, MinimumRunning, Cordoned, HostDown:
		return true
	}
	return false
}

// Awake is Machines that one cause keeps awake.
type Awake struct {
	Cause    Cause     `json:"cause"`
	Certain  bool      `json:"certain,omitempty"`
	Machines []string  `json:"machines"` // the first of them
	Number   int       `json:"number"`
	Group    string    `json:"group,omitempty"`
	Region   string    `json:"region,omitempty"`
	Why      string    `json:"why"`
	Fix      plan.Next `json:"fix"`
}

// Explanation is why Machines of an app are awake, and why a request would not wake them.
type Explanation struct {
	Started   int        `json:"started"`
	Asleep    int        `json:"asleep"`
	Awake     []Awake    `json:"awake,omitempty"`
	Obstacles []Obstacle `json:"obstacles,omitempty"`
	Unknown   []string   `json:"unknown,omitempty"`
}

// settleTime is how long the last Machine runs on after its last request, as observed: Fly
// looks every few minutes.
const settleTime = 10 * time.Minute

// place is a process group in a region: autostop counts the Machines of one.
type place struct{ group, region string }

func (u *unit) place() place { return place{u.group, u.Region} }

// counts reports whether Fly Proxy counts the Machine as running.
func (u *unit) counts() bool {
	return u.State == "started" && len(u.services) > 0 && !u.Cordoned && !u.HostDown()
}

// Explain says why the Machines of an app are awake. If id is not empty, the result is
// about that Machine only.
func Explain(app string, s rules.Snapshot, id string, now time.Time) Explanation {
	f := &Facts{App: app, At: now, State: s, Missing: make(map[Input]string)}
	f.prepare()
	e := explainer{Facts: f, running: make(map[place]int), minimums: make(map[place]int)}
	for i := range f.units {
		u := &f.units[i]
		if !u.counts() {
			continue
		}
		e.running[u.place()]++
		if u.primary == u.Region {
			e.minimums[u.place()] = max(e.minimums[u.place()], machine.Minimum(u.services))
		}
	}
	return e.explain(id)
}

// explainer explains the Machines of one app.
type explainer struct {
	*Facts
	running  map[place]int
	minimums map[place]int // of the primary region
	out      Explanation
}

func (e *explainer) explain(id string) Explanation {
	read := make(map[string]bool)
	for i := range e.units {
		u := &e.units[i]
		read[u.ID] = true
		if id != "" && u.ID != id {
			continue
		}
		if u.State != "started" {
			e.out.Asleep++
		} else {
			e.out.Started++
			cause, why := e.cause(u)
			e.keep(u, cause, why)
		}
		if why, fix := e.obstacle(u); why != "" {
			e.hinder(u, why, fix)
		}
	}
	for _, m := range e.State.Machines {
		if !read[m.ID] && (id == "" || m.ID == id) {
			e.unread(m)
		}
	}
	e.hinderAll()
	if slices.ContainsFunc(e.out.Awake, func(a Awake) bool { return !a.Certain }) {
		e.out.Unknown = append(e.out.Unknown,
			"the load that Fly Proxy counts: no API shows it. Health checks, background work and calls of .internal are no load")
	}
	return e.out
}

// unread explains a Machine whose configuration could not be read completely.
func (e *explainer) unread(m fly.Machine) {
	u := &unit{Machine: m}
	cause, why := ConfigUnread, "its configuration could not be read completely"
	if m.HostDown() {
		cause, why = HostDown, "it is on a host that is "+plan.Clean(m.HostStatus)
	}
	if m.State == "started" {
		e.out.Started++
		e.keep(u, cause, why)
	} else {
		e.out.Asleep++
	}
	e.hinder(u, why, e.fix(u, cause))
}

// cause returns what keeps a started Machine awake: the first of the platform's rules that
// holds.
func (e *explainer) cause(u *unit) (cause Cause, why string) {
	at := u.place()
	running, least := e.running[at], e.minimums[at]
	limits := e.limits(u)
	since := e.At.Sub(u.Started)
	ran := ranWords(u.Started, since)
	switch {
	case len(u.services) == 0:
		return NoServices, "it has no services: Fly Proxy stops only Machines that it routes to"
	case u.Config.IsStandby():
		return Standby, "it is a standby"
	case u.Cordoned:
		return Cordoned, "it is cordoned: Fly Proxy ignores it"
	case u.HostDown():
		return HostDown, "its host is " + plan.Clean(u.HostStatus)
	case !u.sleeps():
		return AutostopOff, offWords(u.services)
	case running <= least:
		return MinimumRunning, fmt.Sprintf("min_machines_running is %d in the primary region %s, where %d run",
			least, u.Region, running)
	case !u.Started.IsZero() && since < settleTime:
		return RecentlyStarted, "it was started " + since.Round(time.Second).String() +
			" ago: Fly looks every few minutes, and stops the last Machine five to ten minutes after its last request"
	case !machine.AnyRouted(u.services):
		return NoPorts, "its services have no port: it has no load, but Fly does not document whether it is stopped"
	case running > 1:
		return Load, fmt.Sprintf("%d run in %s: Fly stops one each few minutes unless more than all but one are over the "+
			"soft limit of %d %s", running, u.Region, limits.Soft, limits.Unit)
	case limits.Unit != machine.CountRequests:
		return KeepAlive, "it is the last one that runs in " + u.Region + ", " + ran +
			", and counts connections: one open connection, idle or not, keeps it awake"
	}
	return Busy, "it is the last one that runs in " + u.Region + ", " + ran +
		": it stops once no request is in progress when Fly looks"
}

func ranWords(started time.Time, since time.Duration) string {
	switch {
	case started.IsZero():
		return "for an unknown time"
	case since >= 48*time.Hour:
		return fmt.Sprintf("for %d days", int(since.Hours()/24))
	}
	return "for " + since.Round(time.Minute).String()
}

// limits returns the limits that count for a Machine: the lowest soft limit of its services.
func (e *explainer) limits(u *unit) machine.Limits {
	var out machine.Limits
	for _, s := range u.services {
		l := s.Limits()
		if out.Soft == 0 || l.Soft < out.Soft {
			out.Soft = l.Soft
		}
		if out.Unit == "" || l.Unit != machine.CountRequests {
			out.Unit = l.Unit
		}
	}
	return out
}

func offWords(list []machine.Service) string {
	unset := slices.ContainsFunc(list, func(s machine.Service) bool { return s.Autostop == nil })
	where := "its service"
	if len(list) > 1 {
		where = "one of its services"
	}
	if unset {
		return "autostop is not set in " + where + ", which means off"
	}
	return "autostop is off in " + where
}

// shownMachines is the number of Machines that are named for one cause.
const shownMachines = 5

// keep adds a Machine to those with the same cause.
func (e *explainer) keep(u *unit, cause Cause, why string) {
	for i := range e.out.Awake {
		a := &e.out.Awake[i]
		if a.Cause == cause && a.Group == plan.Clean(u.group) && a.Region == u.Region {
			if a.Number++; len(a.Machines) < shownMachines {
				a.Machines = append(a.Machines, u.ID)
			}
			return
		}
	}
	e.out.Awake = append(e.out.Awake, Awake{
		Cause: cause, Certain: cause.IsCertain(), Machines: []string{u.ID}, Number: 1, Group: plan.Clean(u.group),
		Region: u.Region, Why: why, Fix: e.fix(u, cause),
	})
}

// fix returns what lets a Machine sleep.
func (e *explainer) fix(u *unit, cause Cause) plan.Next {
	zero := 0
	groups := []string{u.group}
	switch cause {
	case NoServices:
		if e.State.HasServices() {
			return decide("is it a worker? Then it has to run; else add a service for its group")
		}
		return e.service()
	case NoPorts:
		return e.service()
	case AutostopOff:
		if u.stateful != nil {
			return decide(fmt.Sprintf("%s is probably to run all the time: is it?", u.stateful.Name))
		}
		if servesUDP(u) {
			return decide(udpSleeps)
		}
		return e.adopting(u, e.patch(plan.Arguments{Autostop: "stop"}, "lets idle Machines stop")(groups))
	case MinimumRunning:
		return e.adopting(u, e.patch(plan.Arguments{MinMachines: &zero}, "lets the last Machine stop")(groups))
	case KeepAlive:
		next := edit(`set type = "requests" in the service's concurrency`)(nil)
		if !slices.ContainsFunc(u.services, isHTTP) {
			next = decide("which caller keeps its connections open (a pool, a monitor)? It has to close idle ones")
		}
		return next
	case Cordoned:
		return command(fmt.Sprintf("fly machine uncordon %s -a %s", u.ID, e.App), "lets Fly Proxy use and stop it")
	case HostDown, ConfigUnread:
		return command(fmt.Sprintf("fly machine status %s -a %s", u.ID, e.App), "shows the Machine and its host")
	case Standby:
		return decide("nothing has to be done: a standby has no load")
	case RecentlyStarted:
		return decide("wait 15 minutes without requests, and call again")
	}
	why := "shows who calls it"
	if e.State.Exposed() == rules.Yes {
		why += ": the app is public, so scanners and monitors reach it"
	}
	return command("fly logs -a "+e.App, why)
}

// service returns how the app gets a service that Fly Proxy can route to.
func (e *explainer) service() plan.Next { return rules.AddService(e.State.NewService())[0] }

// adopting adds to an edit that fly deploy does not update a Machine which it did not make.
func (e *explainer) adopting(u *unit, next plan.Next) plan.Next {
	if u.Config.IsDetached() {
		next.Why += ", with adopt: true, because fly deploy did not make the Machine"
	}
	return next
}

// Summary says in a sentence how many Machines are awake, and why.
func (e Explanation) Summary(app string) string {
	number := make(map[Cause]int)
	var order []Cause
	for _, a := range e.Awake {
		if number[a.Cause] == 0 {
			order = append(order, a.Cause)
		}
		number[a.Cause] += a.Number
	}
	slices.SortStableFunc(order, func(a, b Cause) int { return cmp.Compare(number[b], number[a]) })
	var parts []string
	for _, cause := range order {
		parts = append(parts, fmt.Sprintf("%d by %s", number[cause], cause))
	}
	summary := fmt.Sprintf("%s: %d of %s awake", app, e.Started, plan.Machines(e.Started+e.Asleep))
	if len(parts) > 0 {
		summary += ": " + strings.Join(parts, ", ")
	}
	if len(e.Obstacles) > 0 {
		summary += ". Some or all Machines would not be woken by a request: see obstacles"
	}
	return summary + "."
}

// Find returns the Machine with this id.
func Find(s rules.Snapshot, id string) (fly.Machine, bool) {
	i := slices.IndexFunc(s.Machines, func(m fly.Machine) bool { return m.ID == id })
	if i < 0 {
		return fly.Machine{}, false
	}
	return s.Machines[i], true
}
