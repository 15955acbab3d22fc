// Package watch reports the visible state of an emulated platform: its apps, its traffic, and when
// to look again. The web page and the terminal's table show the same scenes. A scene has no
// secrets: no environment, no token, no lease, no query of a request.
package watch

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Source is the platform to watch.
type Source struct {
	Platform *flysim.Platform
	Traffic  *flysim.Traffic
}

// Scene is everything that is shown at one moment. Times are on the platform's clock.
type Scene struct {
	Now    time.Time
	Speed  float64
	Apps   []flysim.AppOverview // all of them, by name
	Sites  []Site               // of the chosen apps that still exist
	Visits []flysim.Visit       // the kept ones, oldest first; paths without a query

	until time.Time // when it changes by itself; zero: never
}

// Site is an app with its addresses and Machines.
type Site struct {
	App       string    `json:"app"`
	Org       string    `json:"org"`
	Network   string    `json:"network"`
	Addresses []Address `json:"addresses"`
	Hostnames []string  `json:"hostnames"` // custom ones
	Machines  []Machine `json:"machines"`
}

// Equal reports whether two sites are the same. Both may be nil.
func (s *Site) Equal(other *Site) bool {
	if s == nil || other == nil {
		return s == other
	}
	return s.App == other.App && s.Org == other.Org && s.Network == other.Network &&
		slices.Equal(s.Addresses, other.Addresses) &&
		slices.Equal(s.Hostnames, other.Hostnames) && slices.Equal(s.Machines, other.Machines)
}

// Address is an address of an app.
type Address struct {
	IP      string `json:"ip"`
	Kind    string `json:"kind"` // v4, v6, private_v6, shared_v4, egress_v4 or egress_v6
	Region  string `json:"region,omitempty"`
	Network string `json:"network,omitempty"`
}

// Machine is a Machine with its load and its latest visit.
type Machine struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Region   string       `json:"region"`
	Group    string       `json:"group,omitempty"`
	State    string       `json:"state"`
	Since    time.Time    `json:"since"` // of the state
	Host     string       `json:"host"`  // ok, unknown or unreachable
	Cordoned bool         `json:"cordoned,omitempty"`
	Passing  bool         `json:"passing"` // every check passes
	Load     int          `json:"load"`
	Limit    int          `json:"limit"` // the soft limit; 0: no service routes to it
	Unit     string       `json:"unit"`  // requests or connections: what the load counts
	Woken    time.Time    `json:"woken,omitzero"`
	Visited  time.Time    `json:"visited,omitzero"` // time of its latest visit
	Last     flysim.Visit `json:"-"`                // its latest kept visit; zero: none
	Cause    flysim.Cause `json:"-"`
}

// Scene returns the current scene. open chooses the apps whose sites it has; a nil open chooses
// none.
func (s Source) Scene(open func([]flysim.AppOverview) []string) Scene {
	clock := s.Platform.Clock()
	scene := Scene{Now: clock.Now(), Speed: clock.Speed()}
	scene.Apps, scene.until = s.Platform.Overview()
	scene.Visits = s.Traffic.Recent(0)
	last := make(map[string]flysim.Visit)
	for i := range scene.Visits {
		v := &scene.Visits[i]
		v.Path = shortPath(v.Path)
		last[v.Machine] = *v
	}
	if open == nil {
		return scene
	}
	for _, app := range open(scene.Apps) {
		site, err := s.Platform.Site(app)
		if err != nil {
			continue // deleted meanwhile
		}
		if !site.Until.IsZero() && (scene.until.IsZero() || site.Until.Before(scene.until)) {
			scene.until = site.Until
		}
		scene.Sites = append(scene.Sites, s.site(site, last))
	}
	return scene
}

func (s Source) site(from flysim.Site, last map[string]flysim.Visit) Site {
	site := Site{App: from.App, Org: from.Org, Network: from.Network, Addresses: []Address{},
		Hostnames: append([]string{}, from.Hostnames...), Machines: []Machine{}}
	for _, a := range from.Addresses {
		site.Addresses = append(site.Addresses, Address{a.IP, a.Kind, a.Region, a.Network})
	}
	for _, b := range from.Machines {
		m := Machine{
			ID: b.ID, Name: b.Name, Region: b.Region, Group: b.Group, State: b.State, Since: b.Since, Host: b.HostStatus,
			Cordoned: b.Cordoned, Passing: b.Passing, Load: s.Traffic.Load(b.ID), Woken: s.Traffic.LastWake(b.ID),
			Cause: b.Cause,
		}
		if m.Cause.At.After(m.Since) {
			m.Since = m.Cause.At // waking does not update b.Since
		}
		if m.Cause.What == "request" && m.Cause.At.After(m.Woken) {
			m.Woken = m.Cause.At // the visit is in progress, or found no Machine in time
		}
		m.Limit, m.Unit = limit(b)
		m.Last = last[b.ID]
		m.Visited = m.Last.At
		site.Machines = append(site.Machines, m)
	}
	return site
}

// limit returns the lowest soft limit of the Machine's services.
func limit(b flysim.Backend) (soft int, unit string) {
	services, err := b.Config.Services()
	if err != nil {
		return 0, ""
	}
	for _, service := range services {
		if l := service.Limits(); soft == 0 || l.Soft < soft {
			soft, unit = l.Soft, l.Type
		}
	}
	return soft, unit
}

const maxPath = 120

// shortPath returns a path without its query, which may hold credentials.
func shortPath(path string) string {
	path, _, _ = strings.Cut(path, "?")
	if r := []rune(path); len(path) > maxPath && len(r) > maxPath {
		path = string(r[:maxPath]) + "…"
	}
	return strings.ToValidUTF8(path, "\ufffd")
}

const (
	minInterval = 100 * time.Millisecond // the shortest time between two scenes
	maxInterval = time.Second            // the longest time, roughly
)

// Scenes yields scenes until the context ends: one at once, then one whenever something in it may
// have changed, but at most ten times a second and at least about once a second.
func (s Source) Scenes(ctx context.Context, open func([]flysim.AppOverview) []string) iter.Seq[Scene] {
	return func(yield func(Scene) bool) {
		tick := time.NewTicker(minInterval)
		defer tick.Stop()
		for ctx.Err() == nil {
			// Get the channels before reading the scene, so that no change between the two is
			// missed.
			changed, visited := s.Platform.Changed(), s.Traffic.Changed()
			scene := s.Scene(open)
			if !yield(scene) {
				return
			}
			s.await(ctx, scene.until, changed, visited)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
}

// await returns when the clock has reached until, when a channel is closed, after a beat, or when
// the context ends.
func (s Source) await(ctx context.Context, until time.Time, changed, visited <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, maxInterval)
	defer cancel()
	due := make(chan struct{})
	if !until.IsZero() {
		go func() {
			defer close(due)
			_ = s.Platform.Clock().Wait(ctx, until, nil) // the end of the context is seen below
		}()
	}
	select {
	case <-changed:
	case <-visited:
	case <-due:
	case <-ctx.Done():
	}
}
