package flysim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestSite follows an app through the changes that the data plane makes.
func TestSite(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock, StartDelay: 2 * time.Second, CheckDelay: time.Second})
	clock.Advance(time.Hour)
	const app = "shop-api"
	site := func() flysim.Site {
		t.Helper()
		s, err := p.Site(app)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := site()
	if !s.Public() || s.Flycast() || len(s.Machines) != 2 || s.Machines[0].State != "started" ||
		s.Machines[0].Group != "app" {
		t.Fatalf("the seeded app: %+v", s)
	}
	id := s.Machines[0].ID
	if err := p.Park(app, id, true); err != nil {
		t.Fatal(err)
	}
	changed, revision := p.Changed(), p.Revision()
	if got := site().Machines[0].State; got != "suspended" {
		t.Fatalf("parked: %s", got)
	}
	if err := p.Park(app, id, false); err == nil {
		t.Error("a Machine that is not started was stopped")
	}
	if p.Revision() != revision {
		t.Error("a read or a failed call counts as a change")
	}
	if err := p.Wake(app, id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
	default:
		t.Error("no one was notified of the wake")
	}
	s = site()
	if s.Machines[0].State != "starting" || !s.Until.Equal(clock.Now().Add(2*time.Second)) || s.Revision == revision {
		t.Fatalf("woken: %+v", s)
	}
	clock.Advance(2 * time.Second)
	if s = site(); s.Machines[0].State != "started" || !s.Until.Equal(clock.Now().Add(time.Second)) {
		t.Errorf("the checks are due at %s, the clock says %s", s.Until, clock.Now())
	}
	if err := p.Exit(app, id, "another", 1); err != nil || site().Machines[0].State != "started" {
		t.Errorf("another instance's end: %v, %s", err, site().Machines[0].State)
	}
	if err := p.Exit(app, id, s.Machines[0].InstanceID, 1); err != nil || site().Machines[0].State != "restarting" {
		t.Errorf("the program's end: %v, %s", err, site().Machines[0].State)
	}
	if err := p.Bind(app, id, []string{"127.0.0.1:1"}); err != nil || site().Machines[0].Listen[0] != "tcp://127.0.0.1:1" {
		t.Errorf("bind: %v, %v", err, site().Machines[0].Listen)
	}
	p.SetHost(app, id, "unreachable")
	p.StopMachine(app, id)
	if err := p.Wake(app, id); err == nil {
		t.Error("a Machine of an unreachable host was woken")
	}
	for _, err := range []error{p.Wake(app, "none"), p.Wake("none", id), p.Park("none", id, false)} {
		if !errors.Is(err, flysim.ErrGone) {
			t.Errorf("got %v, want ErrGone", err)
		}
	}
	if _, err := p.Site("none"); !errors.Is(err, flysim.ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
}

// TestServing checks which checks affect routing.
func TestServing(t *testing.T) {
	clock := flysim.NewClock(func() time.Time { return startTime })
	p := seeded(t, flysim.Options{Clock: clock, CheckDelay: time.Second})
	const app = "shop-api"
	id := p.MachineIDs(app)[0]
	serving := func() string {
		t.Helper()
		s, err := p.Site(app)
		if err != nil {
			t.Fatal(err)
		}
		return s.Machines[0].Serving
	}
	clock.Advance(time.Hour)
	p.StopMachine(app, id)
	p.StartMachine(app, id)
	if got := serving(); got != "warning" {
		t.Errorf("just started: %s", got)
	}
	clock.Advance(time.Second)
	if got := serving(); got != "passing" {
		t.Errorf("a second later: %s", got)
	}
	p.SetListen(app, id, []string{"127.0.0.1:8080"})
	if got := serving(); got != "critical" {
		t.Errorf("unreachable port: %s", got)
	}
	p.SetListen(app, id, []string{"0.0.0.0:8080"})
	config, err := p.MachineConfig(app, id).With("checks", map[string]map[string]any{"disk": {"type": "tcp", "port": 1}})
	if err != nil {
		t.Fatal(err)
	}
	p.SetMachineConfig(app, id, config)
	clock.Advance(time.Hour)
	if got := serving(); got != "passing" || p.Machine(app, id).ChecksPassing {
		t.Errorf("with a failing top-level check: %s", got)
	}
}

func TestAppOf(t *testing.T) {
	p := flysim.New(flysim.Options{})
	p.AddApp("shop-api", "personal", "")
	before := p.Revision()
	p.AddCertificate("shop-api", "*.shop.example")
	if p.Revision() == before {
		t.Error("a new certificate does not count as a change")
	}
	for host, want := range map[string]string{"a.shop.example": "shop-api", "a.b.shop.example": "",
		"shop.example": "", "": ""} {
		if got := p.AppOf(host); got != want {
			t.Errorf("%q is %q's, want %q", host, got, want)
		}
	}
}
