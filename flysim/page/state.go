package page

import (
	"slices"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// maxVisits is the most visits of an app that are sent at once.
const maxVisits = 30

// state is everything that the page shows.
type state struct {
	Title string               `json:"title"`
	Links Links                `json:"links"`
	Now   time.Time            `json:"now"`
	Speed float64              `json:"speed"`
	Apps  []flysim.AppOverview `json:"apps"`
	App   string               `json:"app"`  // the chosen app; empty: there are no apps
	Site  *watch.Site          `json:"site"` // null: the app does not exist
	tally
	Visits []visit `json:"visits"` // the app's latest, oldest first
}

// tally counts the app's visits since the page's server started, including those kept from before.
type tally struct {
	Count int `json:"count"`
	Wakes int `json:"wakes"`
}

// change is what changed since the previous state or change.
type change struct {
	Now   time.Time            `json:"now"`
	Speed float64              `json:"speed"`
	Set   []flysim.AppOverview `json:"set,omitempty"`  // new and changed apps
	Gone  []string             `json:"gone,omitempty"` // deleted apps
	Site  **watch.Site         `json:"site,omitempty"` // set if it changed; null: the app was deleted
	tally
	Visits []visit `json:"visits,omitempty"`
}

// visit is a visit of the chosen app, with durations in milliseconds.
type visit struct {
	Number  uint64      `json:"number"`
	At      time.Time   `json:"at"`
	Door    flysim.Door `json:"door"`
	Machine string      `json:"machine"` // empty: no Machine got it
	Method  string      `json:"method"`  // empty: a raw connection
	Path    string      `json:"path"`
	Status  int         `json:"status"` // 0: no answer was sent
	Code    string      `json:"code"`   // Fly Proxy's error code
	Woke    bool        `json:"woke"`
	Held    int64       `json:"held_ms"`
	Took    int64       `json:"took_ms"`
}

// follower turns scenes into one state and the changes after it.
type follower struct {
	app   string
	seen  uint64
	apps  map[string]flysim.AppOverview
	site  *watch.Site
	tally tally
}

// choose returns a function that chooses the requested app, else the default one, else the first.
func (s *screen) choose(asked string) func([]flysim.AppOverview) []string {
	return func(list []flysim.AppOverview) []string {
		app := asked
		if app == "" && slices.ContainsFunc(list, func(g flysim.AppOverview) bool { return g.App == s.options.App }) {
			app = s.options.App
		}
		if app == "" && len(list) > 0 {
			app = list[0].App
		}
		return []string{app}
	}
}

// first returns the whole state; next returns the changes after it.
func (f *follower) first(s *screen, scene watch.Scene) state {
	f.apps = byName(scene.Apps)
	f.site = siteOf(scene)
	visits := f.visits(scene)
	apps := scene.Apps
	if apps == nil {
		apps = []flysim.AppOverview{}
	}
	return state{
		Title: s.options.Title, Links: s.options.Links, Now: scene.Now, Speed: scene.Speed,
		Apps: apps, App: f.app, Site: f.site, tally: f.tally, Visits: visits,
	}
}

func (f *follower) next(scene watch.Scene) change {
	c := change{Now: scene.Now, Speed: scene.Speed}
	apps := byName(scene.Apps)
	for _, g := range scene.Apps {
		if was, ok := f.apps[g.App]; !ok || was != g {
			c.Set = append(c.Set, g)
		}
		delete(f.apps, g.App)
	}
	for name := range f.apps {
		c.Gone = append(c.Gone, name)
	}
	slices.Sort(c.Gone)
	f.apps = apps
	if site := siteOf(scene); !f.site.Equal(site) {
		f.site = site
		c.Site = &site
	}
	c.Visits = f.visits(scene)
	c.tally = f.tally
	return c
}

// visits returns the app's visits since the last call, or the latest of them.
func (f *follower) visits(scene watch.Scene) []visit {
	list := []visit{}
	for _, v := range scene.Visits {
		if v.Number <= f.seen {
			continue
		}
		f.seen = v.Number
		if v.App != f.app {
			continue
		}
		f.tally.Count++
		if v.Woke {
			f.tally.Wakes++
		}
		list = append(list, visit{
			v.Number, v.At, v.Door, v.Machine, v.Method, v.Path, v.Status, v.Code, v.Woke,
			v.Held.Milliseconds(), v.Took.Milliseconds(),
		})
	}
	return list[max(len(list)-maxVisits, 0):]
}

func byName(list []flysim.AppOverview) map[string]flysim.AppOverview {
	apps := make(map[string]flysim.AppOverview, len(list))
	for _, g := range list {
		apps[g.App] = g
	}
	return apps
}

func siteOf(scene watch.Scene) *watch.Site {
	if len(scene.Sites) == 0 {
		return nil
	}
	return &scene.Sites[0]
}
