package watch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	shop  = "shop-api"
	shopA = "148e21ea7d9d89"
)

func newSource(t *testing.T) watch.Source {
	t.Helper()
	clock := flysim.NewClock(func() time.Time { return start })
	p := flysim.New(flysim.Options{Clock: clock, StartDelay: 2 * time.Second})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return watch.Source{Platform: p, Traffic: new(flysim.Traffic)}
}

func only(app string) func([]flysim.AppOverview) []string {
	return func([]flysim.AppOverview) []string { return []string{app} }
}

func TestScene(t *testing.T) {
	s := newSource(t)
	defer s.Traffic.Begin(shopA)()
	woke := start.Add(-time.Minute)
	s.Traffic.Add(flysim.Visit{At: woke, App: shop, Machine: shopA, Method: "GET",
		Path: "/login?token=hunter2", Status: 200, Woke: true})
	scene := s.Scene(only(shop))
	if len(scene.Apps) != 5 || len(scene.Sites) != 1 {
		t.Fatalf("%d apps, %d sites", len(scene.Apps), len(scene.Sites))
	}
	want := map[string]flysim.AppOverview{
		shop:           {App: shop, Public: true, Addresses: 2, Machines: 2, Started: 2},
		"inner-circle": {App: "inner-circle", Flycast: true, Addresses: 1, Machines: 2, Started: 1},
	}
	for _, g := range scene.Apps {
		if w, ok := want[g.App]; ok && g != w {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
	m := scene.Sites[0].Machines[0]
	if m.ID != shopA || m.State != "started" || m.Load != 1 || m.Limit == 0 || m.Unit == "" ||
		!m.Woken.Equal(woke) || m.Last.Status != 200 {
		t.Errorf("got %+v", m)
	}
	if err := s.Platform.Park(shop, shopA, false); err != nil {
		t.Fatal(err)
	}
	if err := s.Platform.Wake(shop, shopA); err != nil {
		t.Fatal(err)
	}
	if m := s.Scene(only(shop)).Sites[0].Machines[0]; !m.Woken.Equal(start) || m.State != "starting" {
		t.Errorf("woken at %s, %s: want at once", m.Woken, m.State)
	}
	text, err := json.Marshal(struct{ A, B any }{scene.Sites, scene.Visits})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "env", "nonce"} {
		if strings.Contains(strings.ToLower(string(text)), secret) {
			t.Errorf("a scene holds %q: %s", secret, text)
		}
	}
	if got := s.Scene(only("none")); len(got.Sites) != 0 {
		t.Errorf("a deleted app: %+v", got.Sites)
	}
}

// TestEvents follows a Machine that is parked and woken, and an app that is
// created, given an address and made private again.
func TestEvents(t *testing.T) {
	s := newSource(t)
	clock := s.Platform.Clock()
	all := func(list []flysim.AppOverview) []string {
		var names []string
		for _, g := range list {
			names = append(names, g.App)
		}
		return names
	}
	before := s.Scene(all)
	step := func(name string, want ...string) {
		t.Helper()
		now := s.Scene(all)
		var got []string
		for _, e := range watch.Events(before, now) {
			text := fmt.Sprintf("%s %s %s->%s", e.At.Format(time.TimeOnly), e.App, e.From, e.To)
			switch {
			case e.Machine != nil:
				text += " machine " + e.Cause
			case e.Address != nil:
				text += " " + e.Address.Kind
			case e.Visit != nil:
				text += " visit " + e.Visit.Path
			}
			got = append(got, text)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, want)
		}
		before = now
	}
	clock.Advance(time.Second)
	step("nothing happens")
	if err := s.Platform.Park(shop, shopA, false); err != nil {
		t.Fatal(err)
	}
	step("parked", "12:00:01 shop-api started->stopped machine idle")
	clock.Advance(time.Second)
	if err := s.Platform.Wake(shop, shopA); err != nil {
		t.Fatal(err)
	}
	step("woken", "12:00:02 shop-api stopped->starting machine request")
	clock.Advance(5 * time.Second)
	s.Traffic.Add(flysim.Visit{At: clock.Now(), App: shop, Machine: shopA, Path: "/"})
	step("started", "12:00:04 shop-api starting->started machine ", "12:00:07 shop-api -> visit /")
	s.Platform.StopMachine(shop, shopA)
	step("stopped by somebody", "12:00:07 shop-api started->stopped machine ")
	s.Platform.AddApp("new", "personal", "")
	ip := s.Platform.AddAddress("new", "v6", "", "")
	step("an app", "12:00:07 new ->created", "12:00:07 new ->added v6")
	s.Platform.RemoveAddress("new", ip)
	step("released", "12:00:07 new ->released v6")
	s.Platform.DestroyMachine(shop, shopA)
	step("destroyed", "12:00:07 shop-api stopped->destroyed machine ")
}

// TestScenes checks that each kind of change causes a scene: a change of the platform, of the
// traffic, and by time.
func TestScenes(t *testing.T) {
	s := newSource(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	state := func(scene watch.Scene) string { return scene.Sites[0].Machines[0].State }
	steps := []struct {
		name string
		do   func() error
		seen func(watch.Scene) bool
	}{
		{"park", func() error { return s.Platform.Park(shop, shopA, false) },
			func(n watch.Scene) bool { return state(n) == "stopped" }},
		{"wake", func() error { return s.Platform.Wake(shop, shopA) },
			func(n watch.Scene) bool { return state(n) == "starting" }},
		{"time", func() error { s.Platform.Clock().Advance(time.Minute); return nil },
			func(n watch.Scene) bool { return state(n) == "started" }},
		{"load", func() error { s.Traffic.Begin(shopA); return nil },
			func(n watch.Scene) bool { return n.Sites[0].Machines[0].Load == 1 }},
		{"visit", func() error { s.Traffic.Add(flysim.Visit{App: shop}); return nil },
			func(n watch.Scene) bool { return len(n.Visits) == 1 }},
	}
	done := 0
	for scene := range s.Scenes(ctx, only(shop)) {
		if done > 0 && !steps[done-1].seen(scene) {
			continue // a beat
		}
		if done == len(steps) {
			cancel()
			break
		}
		if err := steps[done].do(); err != nil {
			t.Fatalf("%s: %v", steps[done].name, err)
		}
		done++
	}
	if done != len(steps) {
		t.Errorf("%d of %d steps", done, len(steps))
	}
	for range s.Scenes(ctx, only(shop)) {
		t.Fatal("a scene after the context ended")
	}
}

// BenchmarkScene measures a scene of one of 1,000 apps with 10 Machines each.
func BenchmarkScene(b *testing.B) {
	p := flysim.New(flysim.Options{})
	if err := p.Seed(b.Context()); err != nil {
		b.Fatal(err)
	}
	config := p.MachineConfig(shop, shopA)
	for i := range 1000 {
		app := fmt.Sprintf("app-%d", i)
		p.AddApp(app, "personal", "")
		for range 10 {
			p.AddMachine(app, "iad", config)
		}
	}
	s := watch.Source{Platform: p, Traffic: new(flysim.Traffic)}
	for b.Loop() {
		s.Scene(only("app-500"))
	}
}
