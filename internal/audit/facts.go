package audit

import (
	"fmt"
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Input is a part of what Fly knows about an app.
type Input string

// The inputs.
const (
	Addresses    Input = "addresses"
	Machines     Input = "machines"
	Release      Input = "release" // the deployed configuration
	Certificates Input = "certificates"
	Processes    Input = "processes" // what started Machines listen on; of a sample
)

// Facts are what was read of one app at one time.
type Facts struct {
	App          string
	At           time.Time
	State        rules.Snapshot
	Release      *flytoml.File // nil: there is none
	Certificates []fly.Certificate
	Missing      map[Input]string // what could not be read, and why

	units    []unit
	groups   []string // process groups, sorted
	blockers []plan.Blocker
	next     []plan.Next // see steps
	refs     []reference
	findings []lint.Finding // of the release, once they are needed
}

// unit is a Machine with the parts of its configuration that several rules look at.
type unit struct {
	fly.Machine
	group    string
	services []machine.Service
	guest    *machine.Guest
	mounts   []machine.Mount
	primary  string // its PRIMARY_REGION
	stateful *machine.Engine
}

// sleeps reports whether Fly Proxy stops or suspends the Machine when it is idle.
func (u *unit) sleeps() bool { return machine.AllStop(u.services) }

// suspends reports whether an idle Machine is suspended: all its services say so.
func (u *unit) suspends() bool {
	return u.sleeps() && !slices.ContainsFunc(u.services, func(s machine.Service) bool {
		return *s.Autostop != machine.AutostopSuspend
	})
}

// prepare reads the configurations once, of the Machines that could be read completely.
func (f *Facts) prepare() {
	if f.units != nil {
		return
	}
	f.units = []unit{}
	f.blockers = f.State.Blockers()
	engines, known := machine.KnownEngines(), make(map[string]*machine.Engine)
	seen := make(map[string]bool)
	for _, m := range f.State.Machines {
		if !m.Whole() {
			continue
		}
		u := unit{Machine: m, group: m.Config.ProcessGroup(), services: m.Config.ServicesOrNone()}
		u.guest, _ = m.Config.Guest()   // Whole: the views can be read
		u.mounts, _ = m.Config.Mounts() //
		env, _ := m.Config.Env()        //
		u.primary = env["PRIMARY_REGION"]
		f.refs = append(f.refs, references(f.App, env)...)
		image := m.Config.Image()
		if _, ok := known[image]; !ok {
			known[image] = engines.OfImage(image)
		}
		u.stateful = known[image]
		if u.stateful != nil && u.stateful.Ships {
			u.stateful = nil
		}
		if !seen[u.group] {
			seen[u.group] = true
			f.groups = append(f.groups, u.group)
		}
		f.units = append(f.units, u)
	}
	slices.Sort(f.groups)
	slices.SortFunc(f.refs, reference.compare)
	f.refs = slices.Compact(f.refs)
}

// gap is why a rule could not be checked.
type gap struct {
	input  Input
	why    string
	unread bool // Fly did not give the input
}

// unread returns why an input of a rule is missing, or nil.
func (f *Facts) unread(r Rule) *gap {
	for _, input := range r.Needs {
		if why, missing := f.Missing[input]; missing {
			return &gap{input, why, true}
		}
	}
	return nil
}

// unseen returns what of an app a rule could not see, or nil: a rule that found nothing
// then does not say that all is well.
func (f *Facts) unseen(r Rule) *gap {
	for _, input := range r.Needs {
		switch input {
		case Machines:
			if n := len(f.State.Machines) - len(f.units); n > 0 {
				return &gap{input, plan.Machines(n) + " could not be read completely", true}
			}
		case Addresses:
			if len(f.State.Unrecognized()) > 0 {
				return &gap{input, "the kind of an address is not recognized", true}
			}
		case Processes:
			if why := f.unsampled(); why != "" {
				return &gap{input, why, false}
			}
		}
	}
	return nil
}

// unsampled returns which process groups with services have no Machine whose processes
// were read; empty if there are none.
func (f *Facts) unsampled() string {
	sampled, serves := make(map[string]bool), make(map[string]bool)
	for _, u := range f.units {
		serves[u.group] = serves[u.group] || machine.AnyRouted(u.services)
		_, ok := f.State.Listening[u.ID]
		sampled[u.group] = sampled[u.group] || ok
	}
	n := 0
	for group := range serves {
		if serves[group] && !sampled[group] {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return "what the program listens on can be seen only while a Machine is started, and of " +
		plan.Count(n, "process group", "process groups") + " with services none is, or it could not be read"
}

// each returns a match for each thing that check finds in a Machine. Machines with the
// same finding are in one match.
func (f *Facts) each(check func(*unit) string, remedy func(groups []string) plan.Next) []match {
	var order []string
	ids, groups := make(map[string][]string), make(map[string][]string)
	for i := range f.units {
		u := &f.units[i]
		text := check(u)
		if text == "" {
			continue
		}
		if ids[text] == nil {
			order = append(order, text)
		}
		ids[text] = append(ids[text], u.ID)
		if !slices.Contains(groups[text], u.group) {
			groups[text] = append(groups[text], u.group)
		}
	}
	var out []match
	for _, text := range order {
		out = append(out, match{
			evidence: fmt.Sprintf("Machine %s: %s", plan.Few(ids[text]), text), remedy: remedy(groups[text]),
		})
	}
	return out
}

// eachService returns a function for [Facts.each] that looks at each service of a Machine,
// and reports the first thing that is found.
func eachService(check func(u *unit, s machine.Service) string) func(*unit) string {
	return func(u *unit) string {
		for _, s := range u.services {
			if text := check(u, s); text != "" {
				return text
			}
		}
		return ""
	}
}

// internalPort names a service in a sentence.
func internalPort(s machine.Service) string { return fmt.Sprintf("internal_port %d", s.InternalPort) }

// hasFlycast reports whether the app has a Flycast address.
func (f *Facts) hasFlycast() bool {
	return slices.ContainsFunc(f.State.Addresses.List, func(a fly.Address) bool { return a.Kind == fly.Flycast })
}

// ofKind returns the addresses for which is is true.
func (f *Facts) ofKind(is func(fly.Kind) bool) []string {
	var out []string
	for _, a := range f.State.Addresses.List {
		if is(a.Kind) {
			out = append(out, a.IP.String())
		}
	}
	return out
}

// blocked returns the blockers of one kind as matches.
func (f *Facts) blocked(id string) []match {
	var out []match
	for _, b := range f.blockers {
		if b.ID == id {
			out = append(out, match{evidence: b.What, remedy: f.fixing(b)})
		}
	}
	return out
}

// fixing returns what to do about a blocker: the next step of the app if that is a call,
// or else the blocker's own fix.
func (f *Facts) fixing(b plan.Blocker) plan.Next {
	for _, next := range f.steps() {
		if next.Tool != "" && b.ID != plan.UDPService && b.ID != plan.BindLoopback {
			return next
		}
	}
	return decide(b.Fix)
}

// steps returns what makes the app private. Few findings need it, so it is found out once it
// is asked for.
func (f *Facts) steps() []plan.Next {
	if f.next == nil {
		f.next = append([]plan.Next{}, f.State.Next()...)
	}
	return f.next
}
