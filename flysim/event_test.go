package flysim_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestIncidents(t *testing.T) {
	for _, tt := range []struct {
		do, state, host string // afterwards; the Machine is started before
		passing         bool
		event           string // the newest
	}{
		{"do=stop", "stopped", "ok", false, "exit stopped"},
		{"do=suspend", "suspended", "ok", false, "exit suspended"},
		{"do=destroy", "destroyed", "ok", false, "destroy destroyed"},
		{"do=crash", "restarting", "ok", false, "exit stopped"},
		{"do=oom", "restarting", "ok", false, "exit stopped"},
		{"do=start", "started", "ok", true, "start started"},
		{"do=host_down", "started", "unreachable", true, "start started"},
		{"do=host_unknown", "started", "unknown", true, "start started"},
		{"do=host_up", "started", "ok", true, "start started"},
		{"do=check_critical", "started", "ok", false, "start started"},
		{"do=check_passing", "started", "ok", true, "start started"},
		{"do=fail_launch", "started", "ok", true, "start started"},
		{"listen=127.0.0.1:8080", "started", "ok", false, "start started"},
		{"lease=1m", "started", "ok", true, "start started"},
	} {
		t.Run(tt.do, func(t *testing.T) {
			p := seeded(t, flysim.Options{})
			play(t, p, "event app=shop-api machine="+shopA+" "+tt.do)
			m := p.Machine("shop-api", shopA)
			if m.State != tt.state || m.HostStatus != tt.host || m.ChecksPassing != tt.passing || m.Events[0] != tt.event {
				t.Errorf("got %s, host %s, passing %v, %s", m.State, m.HostStatus, m.ChecksPassing, m.Events[0])
			}
			if leased := m.LeaseOwner != ""; leased != (tt.do == "lease=1m") {
				t.Errorf("leased: %v", leased)
			}
			if other := p.Machine("shop-api", shopB); other.State != "started" || other.HostStatus != "ok" {
				t.Errorf("the other Machine: %+v", other)
			}
		})
	}
	p := seeded(t, flysim.Options{})
	play(t, p, "event app=shop-api do=fail_launch", "event app=shop-api do=stop", "event app=shop-api do=start",
		"event app=tenant-7 do=check_critical", "event app=tenant-7 do=check_passing")
	for _, id := range p.MachineIDs("shop-api") {
		if got := p.Machine("shop-api", id).State; got != "failed" {
			t.Errorf("%s is %s, want failed", id, got)
		}
	}
	if !p.Machine("tenant-7", p.MachineIDs("tenant-7")[0]).ChecksPassing {
		t.Error("checks that pass again do not")
	}
	for _, tt := range []struct {
		incident flysim.Incident
		want     string
	}{
		{flysim.Incident{App: "no-such", Do: flysim.DoStop}, "app not found"},
		{flysim.Incident{App: "shop-api", Machine: "9", Do: flysim.DoStop}, "machine not found"},
		{flysim.Incident{App: "shop-api", Machine: "-1", Do: flysim.DoStop}, "machine not found"},
		{flysim.Incident{App: "shop-api", Do: flysim.DoCrash}, "cannot crash machine " + shopA + ": it is failed"},
		{flysim.Incident{App: "tenant-7", Do: "explode"}, `nothing is known of "explode"`},
	} {
		if err := p.Trigger(tt.incident); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %s", tt.incident, err, tt.want)
		}
	}
}

// TestEvents checks that events happen on time and in order, whatever looks at the platform next.
func TestEvents(t *testing.T) {
	p := seeded(t, flysim.Options{StartDelay: 5 * time.Second})
	play(t, p,
		"event app=shop-api machine=0 do=start at=50s",
		"event app=shop-api machine=0 do=stop at=30s",
		"event app=no-such do=stop at=40s",
		"clock jump=1h at=2m",
		"clock speed=0 at=1h1m",
		"event app=shop-api machine=1 do=check_critical every=1m")
	state := func() string {
		return ask(t, p, "GET", shop+"/machines/"+shopA, "").get(t, "state")
	}
	var got []string
	// 0 29 30 54 55
	for _, step := range []time.Duration{0, 29 * time.Second, time.Second, 24 * time.Second, time.Second} {
		p.Clock().Advance(step)
		got = append(got, state())
	}
	if text := strings.Join(got, " "); text != "started started stopped starting started" {
		t.Errorf("states %s", text)
	}
	updated := ask(t, p, "GET", shop+"/machines/"+shopA+"/events", "").get(t, "0.timestamp")
	if want := fmt.Sprint(startTime.Add(55 * time.Second).UnixMilli()); updated != want {
		t.Errorf("the start was at %s, want %s", updated, want)
	}
	p.Clock().Advance(65 * time.Second) // to 2m, and past the jump
	if got, want := p.Clock().Now(), startTime.Add(2*time.Minute); !got.Equal(want) {
		t.Errorf("nothing has looked: %s, want %s", got, want)
	}
	state()
	if got, want := p.Clock().Now(), startTime.Add(2*time.Minute+time.Hour); !got.Equal(want) || p.Clock().Speed() != 0 {
		t.Errorf("after the jump: %s at speed %v, want %s at 0", got, p.Clock().Speed(), want)
	}
	events := p.Events()
	for i, want := range []int{1, 1, 1, 1, 1, 2} { // once for 1m and 2m, and once for the hour
		if e := events[i]; e.Happened != want || e.Next.IsZero() == (i == 5) || (e.Failed != "") != (i == 2) {
			t.Errorf("%+v, want %d times", e, want)
		}
	}
	if got, want := events[5].Next, startTime.Add(time.Hour+3*time.Minute); !got.Equal(want) {
		t.Errorf("next at %s, want %s", got, want)
	}
	if !strings.Contains(events[2].Failed, "app") {
		t.Errorf("failed: %q", events[2].Failed)
	}
	p.ClearFaults()
	if len(p.Events()) != 0 {
		t.Error("events are left")
	}
}

// TestRun checks that with Run no request is needed for events: a held request ends.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := seeded(t, flysim.Options{Clock: flysim.NewClock(time.Now)})
		p.StopMachine("shop-api", shopA)
		ctx, cancel := context.WithCancel(t.Context())
		go p.Run(ctx)
		synctest.Wait() // Run has nothing to wait for yet
		play(t, p, "event app=shop-api machine=0 do=start at=40s", "clock speed=100 at=20s")
		begun := time.Now()
		wantStatus(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?state=started", ""), 200)
		if took := time.Since(begun).Round(time.Millisecond); took != 20*time.Second+200*time.Millisecond {
			t.Errorf("took %s", took)
		}
		play(t, p, "event app=shop-api machine=0 do=stop every=1s")
		for range 50 { // Run also ends with many events
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		synctest.Wait()
	})
}

// TestConcurrentScript lets the race detector find races and locks taken in the wrong order.
func TestConcurrentScript(t *testing.T) {
	p := seeded(t, flysim.Options{})
	server := listening(t, p) // which also starts Run
	var group sync.WaitGroup
	for _, do := range []func(){
		func() { ask(t, p, "GET", shop+"/machines", "") },
		func() {
			play(t, p, "machine.list jump=1s chance=0.5", "event app=shop-api do=stop every=1s", "clock jump=1s at=1s")
		},
		func() { p.Clock().Advance(time.Second) },
		func() { p.Faults(); p.Events(); p.Machine("shop-api", shopA) },
		func() { _ = p.Trigger(flysim.Incident{App: "shop-api", Do: flysim.DoStart}) },
		p.ClearFaults,
	} {
		group.Go(func() {
			for range 50 {
				do()
			}
		})
	}
	group.Wait()
	if status, _, err := sendOverSocket(t, p, server, "GET", shop, ""); status != 200 {
		t.Errorf("afterwards: %d, %v", status, err)
	}
}
