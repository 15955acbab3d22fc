package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// causeOf returns the causes that agree with a reason of the emulated platform's autostop.
func causeOf(r autostop.Reason) []audit.Cause {
	has := func(part string) bool { return strings.Contains(r.Why, part) }
	switch {
	case r.State != "started":
		return nil
	case r.Stops, has("another one is stopped first"):
		return []audit.Cause{audit.Load, audit.KeepAlive, audit.Busy, audit.NoPorts} // the load is not known
	case has("its load is"):
		return []audit.Cause{audit.KeepAlive, audit.Busy}
	case has("none too many"):
		return []audit.Cause{audit.Load}
	case has("no services"):
		return []audit.Cause{audit.NoServices}
	case has("standby"):
		return []audit.Cause{audit.Standby}
	case has("cordoned"):
		return []audit.Cause{audit.Cordoned}
	case has("its host is"):
		return []audit.Cause{audit.HostDown}
	case has("autostop is off"):
		return []audit.Cause{audit.AutostopOff}
	case has("min_machines_running is"):
		return []audit.Cause{audit.MinimumRunning}
	case has("it was started"):
		return []audit.Cause{audit.RecentlyStarted}
	}
	return []audit.Cause{audit.Cause("no cause for: " + r.Why)}
}

// agree compares why_awake with the emulated platform's own autostop.
func agree(t *testing.T, p *platformtest.Platform, traffic *flysim.Traffic, app string) audit.Explanation {
	t.Helper()
	s, err := rules.Read(t.Context(), p.Client(), app)
	if err != nil {
		t.Fatal(err)
	}
	loop := autostop.Loop{Platform: p.Platform, Traffic: traffic}
	reasons, err := loop.Explain(app)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reasons {
		e := audit.Explain(app, s, r.Machine, p.Clock().Now())
		var got audit.Cause
		if len(e.Awake) > 0 {
			got = e.Awake[0].Cause
		}
		want := causeOf(r)
		if want == nil && got != "" || want != nil && !slices.Contains(want, got) {
			t.Errorf("%s Machine %s in %s: cause %q, but the platform says: stops %t, %s", app, r.Machine, r.Region, got,
				r.Stops, r.Why)
		}
		if r.Stops && got.IsCertain() {
			t.Errorf("%s Machine %s: %s is said to keep it awake, and it stops", app, r.Machine, got)
		}
	}
	return audit.Explain(app, s, "", p.Clock().Now())
}

func TestAgreesOnExamples(t *testing.T) {
	p := platformtest.NewStill(t, flysim.Options{}).Seeded()
	for _, app := range examples() {
		agree(t, p, new(flysim.Traffic), app)
	}
}

// TestAgrees has a case for each line of the platform's rule.
func TestAgrees(t *testing.T) {
	const (
		stops   = `"services":[{"internal_port":80,"ports":[{"port":80,"handlers":["http"]}],"autostop":true%s}]`
		usual   = ``
		off     = `,"autostop":false`
		least1  = `,"min_machines_running":1`
		request = `,"concurrency":{"type":"requests","soft_limit":2}`
	)
	with := func(more string) string { return fmt.Sprintf(stops, more) }
	tests := []struct {
		name    string
		configs []string
		regions []string
		load    int // of the first
		fresh   bool
		act     func(p *platformtest.Platform, ids []string)
		want    []audit.Cause
	}{
		{name: "the last one, connections", configs: []string{with(usual)}, want: []audit.Cause{audit.KeepAlive}},
		{name: "the last one, requests", configs: []string{with(request)}, load: 1, want: []audit.Cause{audit.Busy}},
		{name: "several, idle", configs: []string{with(usual), with(usual)}, want: []audit.Cause{audit.Load}},
		{name: "several, loaded", configs: []string{with(request), with(request)}, load: 9,
			want: []audit.Cause{audit.Load}},
		{name: "autostop off", configs: []string{with(off)}, want: []audit.Cause{audit.AutostopOff}},
		{name: "autostop unset", configs: []string{`"services":[{"internal_port":80}]`},
			want: []audit.Cause{audit.AutostopOff}},
		{name: "off in one of two", configs: []string{`"services":[{"autostop":true},{"autostop":"off"}]`},
			want: []audit.Cause{audit.AutostopOff}},
		{name: "no services", configs: []string{`"services":[]`}, want: []audit.Cause{audit.NoServices}},
		{name: "no port", configs: []string{`"services":[{"internal_port":80,"autostop":true}]`},
			want: []audit.Cause{audit.NoPorts}},
		{name: "a standby", configs: []string{with(usual) + `,"standbys":["x"]`}, want: []audit.Cause{audit.Standby}},
		{name: "the minimum", configs: []string{with(least1) + `,"env":{"PRIMARY_REGION":"iad"}`},
			want: []audit.Cause{audit.MinimumRunning}},
		{name: "the minimum elsewhere", configs: []string{with(least1) + `,"env":{"PRIMARY_REGION":"fra"}`},
			want: []audit.Cause{audit.KeepAlive}},
		{name: "above the minimum", want: []audit.Cause{audit.Load}, configs: []string{
			with(least1) + `,"env":{"PRIMARY_REGION":"iad"}`, with(least1) + `,"env":{"PRIMARY_REGION":"iad"}`}},
		{name: "regions apart", configs: []string{with(usual), with(usual)}, regions: []string{"iad", "fra"},
			want: []audit.Cause{audit.KeepAlive, audit.KeepAlive}},
		{name: "recently started", configs: []string{with(usual)}, fresh: true,
			want: []audit.Cause{audit.RecentlyStarted}},
		{name: "stopped", configs: []string{with(usual)},
			act: func(p *platformtest.Platform, ids []string) { p.StopMachine("quiet", ids[0]) }},
		{name: "host down", configs: []string{with(usual)}, want: []audit.Cause{audit.HostDown},
			act: func(p *platformtest.Platform, ids []string) { p.SetHost("quiet", ids[0], "unreachable") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := platformtest.NewStill(t, flysim.Options{})
			p.AddApp("quiet", "personal", "")
			traffic := new(flysim.Traffic)
			var ids []string
			for i, text := range test.configs {
				config, err := machine.ParseConfig([]byte(`{"image":"nginx","metadata":{"fly_process_group":"app"},` + text + `}`))
				if err != nil {
					t.Fatal(err)
				}
				region := "iad"
				if len(test.regions) > i {
					region = test.regions[i]
				}
				ids = append(ids, p.AddMachine("quiet", region, config))
			}
			for range test.load {
				traffic.Begin(ids[0])
			}
			if !test.fresh {
				p.Clock().Advance(time.Hour)
			}
			if test.act != nil {
				test.act(p, ids)
			}
			e := agree(t, p, traffic, "quiet")
			var got []audit.Cause
			for _, a := range e.Awake {
				got = append(got, a.Cause)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("causes %v, want %v", got, test.want)
			}
		})
	}
}

// TestObstacles holds why a request would not wake an app.
func TestObstacles(t *testing.T) {
	tests := []struct {
		name, services string
		addresses      []string
		act            func(p *platformtest.Platform, id string)
		want           string // empty: a request wakes it
	}{
		{name: "nothing", services: `[{"internal_port":80,"autostop":true,"ports":[{"port":80}]}]`,
			addresses: []string{"private_v6"}},
		{name: "autostart off", addresses: []string{"private_v6"}, want: "autostart is off",
			services: `[{"internal_port":80,"autostop":true,"autostart":false,"ports":[{"port":80}]}]`},
		{name: "no address", services: `[{"internal_port":80,"autostop":true,"ports":[{"port":80}]}]`,
			want: "the app has no address"},
		{name: "no services", services: `[]`, addresses: []string{"private_v6"}, want: "it has no services"},
		{name: "no ports", services: `[{"internal_port":80,"autostop":true}]`, addresses: []string{"private_v6"},
			want: "its services have no port"},
		{name: "UDP", services: `[{"internal_port":80,"protocol":"udp","autostop":true,"ports":[{"port":80}]}]`,
			addresses: []string{"v4"}, want: "it serves UDP only"},
		{name: "host down", services: `[{"internal_port":80,"autostop":true,"ports":[{"port":80}]}]`,
			addresses: []string{"private_v6"}, want: "on a host that is unreachable",
			act: func(p *platformtest.Platform, id string) { p.SetHost("quiet", id, "unreachable") }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := platformtest.NewStill(t, flysim.Options{})
			p.AddApp("quiet", "personal", "")
			config, err := machine.ParseConfig([]byte(`{"image":"nginx","services":` + test.services + `}`))
			if err != nil {
				t.Fatal(err)
			}
			id := p.AddMachine("quiet", "iad", config)
			for _, kind := range test.addresses {
				p.AddAddress("quiet", kind, "", "")
			}
			p.Clock().Advance(time.Hour)
			p.StopMachine("quiet", id)
			p.Clock().Advance(time.Hour)
			if test.act != nil {
				test.act(p, id)
			}
			s, err := rules.Read(t.Context(), p.Client(), "quiet")
			if err != nil {
				t.Fatal(err)
			}
			e := audit.Explain("quiet", s, "", p.Clock().Now())
			var got []string
			for _, o := range e.Obstacles {
				got = append(got, o.Why)
				if o.Fix.Why == "" {
					t.Errorf("no fix for %q", o.Why)
				}
			}
			if test.want == "" && len(got) > 0 || test.want != "" && !strings.Contains(strings.Join(got, "; "), test.want) {
				t.Errorf("obstacles %q, want %q", got, test.want)
			}
		})
	}
}
