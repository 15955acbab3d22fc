package watch

import (
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Event is one change between two scenes. Exactly one of Machine, Address and Visit is set, or none
// if an app was created or destroyed.
type Event struct {
	At   time.Time
	App  string
	From string // a Machine's state before; empty: it is new
	// A Machine's state now, destroyed if it is gone. For an address added or released, for an app
	// created or destroyed.
	To string

	Cause   string // request, idle or exit; empty: a call of the API
	Machine *Machine
	Address *Address
	Visit   *flysim.Visit
}

// Events returns the changes between two scenes that chose the same apps, and the visits since the
// first. A change that was reversed between the scenes is not seen.
func Events(before, now Scene) []Event {
	var events []Event
	sites := make(map[string]Site)
	for _, site := range before.Sites {
		sites[site.App] = site
	}
	for _, site := range now.Sites {
		was, known := sites[site.App]
		delete(sites, site.App)
		if !known {
			events = append(events, Event{At: now.Now, App: site.App, To: "created"})
		}
		events = append(events, addressEvents(was, site, now.Now)...)
		events = append(events, machineEvents(was, site, before.Now, now.Now)...)
	}
	for _, was := range before.Sites {
		if _, gone := sites[was.App]; gone {
			events = append(events, Event{At: now.Now, App: was.App, To: "destroyed"})
		}
	}
	var seen uint64
	if n := len(before.Visits); n > 0 {
		seen = before.Visits[n-1].Number
	}
	for i := range now.Visits {
		if v := &now.Visits[i]; v.Number > seen {
			events = append(events, Event{At: v.At, App: v.App, Visit: v})
		}
	}
	return events
}

func addressEvents(was, site Site, at time.Time) []Event {
	var events []Event
	held := make(map[string]Address)
	for _, a := range was.Addresses {
		held[a.IP] = a
	}
	for _, a := range site.Addresses {
		if _, ok := held[a.IP]; !ok {
			events = append(events, Event{At: at, App: site.App, To: "added", Address: &a})
		}
		delete(held, a.IP)
	}
	for _, a := range was.Addresses {
		if _, gone := held[a.IP]; gone {
			events = append(events, Event{At: at, App: site.App, To: "released", Address: &a})
		}
	}
	return events
}

func machineEvents(was, site Site, before, now time.Time) []Event {
	var events []Event
	known := make(map[string]Machine)
	for _, m := range was.Machines {
		known[m.ID] = m
	}
	for _, m := range site.Machines {
		old, ok := known[m.ID]
		delete(known, m.ID)
		if ok && old.State == m.State {
			continue
		}
		e := Event{At: now, App: site.App, From: old.State, To: m.State, Machine: &m}
		if m.Since.After(before) && !m.Since.After(now) {
			e.At = m.Since
		}
		if !m.Cause.At.Before(before) && m.Cause != old.Cause {
			e.Cause = m.Cause.What
		}
		events = append(events, e)
	}
	for _, m := range was.Machines {
		if _, gone := known[m.ID]; gone {
			events = append(events, Event{At: now, App: site.App, From: m.State, To: "destroyed", Machine: &m})
		}
	}
	return events
}
