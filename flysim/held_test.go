package flysim

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestHeldCalls checks that the latest calls are kept, limited by size.
func TestHeldCalls(t *testing.T) {
	var r recorder
	body := make([]byte, maxCallBody)
	for range 3000 {
		r.add(&Call{Body: body})
	}
	size := 0
	for _, call := range r.calls {
		size += call.size()
	}
	if size != r.size || size > maxCallsSize || size < maxCallsSize/2 {
		t.Errorf("%d calls of %d bytes, counted as %d; want at most %d", len(r.calls), size, r.size, maxCallsSize)
	}
	if last := r.calls[len(r.calls)-1]; last.Number != 3000 {
		t.Errorf("the last call is number %d, want 3000", last.Number)
	}
	for range maxCalls {
		r.add(new(Call))
	}
	if len(r.calls) > maxCalls || len(r.calls) < maxCalls*8/10 {
		t.Errorf("%d small calls, want at most %d", len(r.calls), maxCalls)
	}
}

// TestHeldLimits checks that buckets which are full again are dropped, and others are kept.
func TestHeldLimits(t *testing.T) {
	var l limits
	now := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for i := range 20_000 {
		now = now.Add(10 * time.Millisecond)
		l.take(limitKey{"machine.update", fmt.Sprint(i)}, now)
		if busy := (limitKey{"machine.update", "busy"}); i%100 == 0 {
			wait := l.take(busy, now)
			for wait == 0 {
				wait = l.take(busy, now)
			}
			if wait > time.Second {
				t.Fatalf("wait %s", wait)
			}
		}
	}
	if len(l.buckets) > 3*minSweep || l.buckets[limitKey{"machine.update", "busy"}] == nil {
		t.Errorf("%d buckets, want at most %d, with the busy one", len(l.buckets), 3*minSweep)
	}
}

// TestHeldWakes checks that the latest wakes are kept, up to the limit.
func TestHeldWakes(t *testing.T) {
	var traffic Traffic
	at := time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	for i := range 3 * maxWakes {
		at = at.Add(time.Second)
		traffic.Add(Visit{Machine: fmt.Sprint(i), At: at, Woke: true})
	}
	if len(traffic.wakes) > maxWakes {
		t.Errorf("%d wakes, want at most %d", len(traffic.wakes), maxWakes)
	}
	if early := fmt.Sprint(3*maxWakes - maxWakes/2); traffic.LastWake(early).IsZero() {
		t.Errorf("the wake of %s is forgotten", early)
	}
}

// TestHeldGone creates and destroys more in an app than is remembered of deleted things. The state
// file then has the same.
func TestHeldGone(t *testing.T) {
	path := stateAt(t)
	p := openForTest(t, path)
	err := p.inOneCommit(func() error {
		p.AddApp("demo", "personal", "")
		var stay string
		for i := range maxHistory + 20 {
			id := p.AddMachine("demo", "iad", spec.Config{})
			if i == 0 {
				stay = id
			} else if i < 3*maxGone {
				p.DestroyMachine("demo", id)
			}
			p.RemoveAddress("demo", p.AddAddress("demo", "v6", "", ""))
			p.mu.Lock()
			a, now := p.mustApp("demo"), p.clock.Now()
			p.state.createVolume(a, "data", "iad", 1, now).state = "pending_destroy"
			if _, err := p.state.createRelease(a, "nginx:1", "", nil, preset{}, now); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				p.state.createBuild(a)
				p.state.mint(Scope{Kind: TokenApp, App: "demo"}, now).revoked = now
			}
			p.mu.Unlock()
		}
		if p.Machine("demo", stay).State == "destroyed" {
			t.Error("the Machine that stays is gone")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(p *Platform) {
		t.Helper()
		a := p.state.apps["demo"]
		gone := count(a.machines, func(m *vm) bool { return m.state == "destroyed" })
		if live := len(a.machines) - gone; live != maxHistory+20-3*maxGone+1 || gone != maxGone {
			t.Errorf("%d Machines and %d destroyed ones, want %d and %d", live, gone, maxHistory+20-3*maxGone+1, maxGone)
		}
		if len(a.releases) != maxHistory || len(p.state.releases) != maxHistory || a.releases[0].version != 21 {
			t.Errorf("%d and %d releases from %d on, want %d from 21 on", len(a.releases), len(p.state.releases),
				a.releases[0].version, maxHistory)
		}
		for what, got := range map[string]struct{ is, most int }{
			"addresses": {len(a.addresses), maxGone}, "volumes": {len(a.volumes), maxGone + 1},
			"builds": {len(p.state.builds), maxBuilds}, "tokens": {len(p.state.tokens), maxTokens + 1},
		} {
			if got.is > got.most {
				t.Errorf("%d %s, want at most %d", got.is, what, got.most)
			}
		}
	}
	check(p)
	check(openForTest(t, copyFile(t, path)))
}

// TestRenew checks that a site is made again after a change of its app, and after no other change.
func TestRenew(t *testing.T) {
	p := New(Options{Clock: NewClock(func() time.Time { return storeStart })})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.AddApp("other", "personal", "")
	other := p.AddMachine("other", "iad", spec.Config{})
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	api := func(method, path, body string) func() {
		return func() {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://sandbox"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+p.Token())
			res, err := p.Transport().RoundTrip(r)
			must(err)
			if res.StatusCode/100 != 2 {
				text, _ := io.ReadAll(res.Body) // it is in memory
				t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, text)
			}
		}
	}
	one := "/v1/apps/shop-api/machines/" + shopMachine
	for _, step := range []struct {
		name string
		do   func()
		same bool
	}{
		{"nothing", func() {}, true},
		{"another app", func() { p.StopMachine("other", other) }, true},
		{"a read", api("GET", one, ""), true},
		{"a program's look", func() { _, err := p.Program("shop-api", shopMachine); must(err) }, true},
		{"cordon", api("POST", one+"/cordon", ""), false},
		{"stop", api("POST", one+"/stop", "{}"), false},
		{"metadata", api("POST", one+"/metadata/a", `{"value":"b"}`), false},
		{"wake", func() { must(p.Wake("shop-api", shopMachine)) }, false},
		{"park", func() { must(p.Park("shop-api", shopMachine, false)) }, false},
		{"bind", func() { must(p.Bind("shop-api", shopMachine, []string{"127.0.0.1:80"})) }, false},
		{"a host", func() { must(p.Trigger(Incident{App: "shop-api", Do: DoHostDown})) }, false},
		{"an address", func() { p.AddAddress("shop-api", "v6", "", "") }, false},
		{"GraphQL", api("POST", "/graphql",
			`{"query":"mutation{addCertificate(appId:\"shop-api\",hostname:\"shop.example.com\"){certificate{id}}}"}`), false},
		{"a Machine", func() { p.AddMachine("shop-api", "fra", spec.Config{}) }, false},
	} {
		before, err := p.Site("shop-api")
		must(err)
		step.do()
		now, same, err := p.Renew(before)
		must(err)
		want, err := p.Site("shop-api")
		must(err)
		if same != step.same || !reflect.DeepEqual(now, want) {
			t.Errorf("%s: same is %t, want %t, and the current site", step.name, same, step.same)
		}
	}
	before, err := p.Site("other")
	must(err)
	api("DELETE", "/v1/apps/other", "")()
	if _, _, err := p.Renew(before); !errors.Is(err, ErrGone) {
		t.Errorf("a deleted app: %v", err)
	}
	p.AddApp("other", "personal", "")
	if now, same, err := p.Renew(before); same || err != nil || len(now.Machines) != 0 {
		t.Errorf("another app of that name: %v %t %v", now, same, err)
	}
}
