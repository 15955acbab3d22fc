package rollout

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// creating is work that makes one Machine for the group work, beside an update
// of those of the group api.
func creating(t *testing.T, b *deployedApp) Work {
	t.Helper()
	w := b.upgrade()
	w.Release = newRelease()
	config := fleetGroup{name: "work", worker: true}.config(t)
	config, err := config.With("mounts", []map[string]any{{"name": "data", "path": "/data", "size_gb": 3}})
	if err != nil {
		t.Fatal(err)
	}
	w.Creates = []Create{{Group: "work", Region: "fra", Config: config, Volume: &fly.NewVolume{Name: "data",
		Region: "fra", SizeGB: 3, Encrypted: true}}}
	return w
}

func newRelease() *fly.NewRelease {
	return &fly.NewRelease{Definition: []byte(`{"app":"fleet","primary_region":"fra"}`),
		Image: "registry.fly.io/fleet:2", Strategy: "rolling"}
}

// TestCreate: a Machine with a new volume, and with one that was free.
func TestCreate(t *testing.T) {
	bubble(t, "a new volume", func(t *testing.T) {
		b := newFleet(t, flysim.Options{StartDelay: time.Second, RateLimits: true}, fleetGroup{name: "api",
			running: 1, checks: true})
		w := creating(t, b)
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 2})
		made := report.Machines[0]
		truth := b.Machine(fleet, made.ID)
		volumes := b.Volumes(fleet)
		if len(volumes) != 1 || volumes[0].Machine != made.ID || volumes[0].ID != made.Volume || volumes[0].SizeGB != 3 {
			t.Errorf("got volumes %+v", volumes)
		}
		want, err := withRelease(w.Creates[0].Config, report.Release.Release)
		if err == nil {
			want, err = want.With("mounts", []map[string]any{{"name": "data", "path": "/data", "size_gb": 3,
				"encrypted": true, "volume": made.Volume}})
		}
		if err != nil {
			t.Fatal(err)
		}
		b.has(made.ID, want)
		if !made.Created || truth.Region != "fra" || truth.State != "started" || made.After != truth.InstanceID {
			t.Errorf("got %+v, %+v", made, truth)
		}
		b.noLeases()
	})
	bubble(t, "a free volume", func(t *testing.T) {
		b := newFleet(t, flysim.Options{})
		w := creating(t, b)
		w.Creates[0].Volume, w.Creates[0].Use = nil, b.AddVolume(fleet, "data", "fra", 3)
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 1})
		if volumes := b.Volumes(fleet); len(volumes) != 1 || volumes[0].Machine != report.Machines[0].ID {
			t.Errorf("got volumes %+v", volumes)
		}
	})
}

// TestCreateLost: lost answers are settled by lists that are late; nothing is
// made twice.
func TestCreateLost(t *testing.T) {
	for name, test := range map[string]struct {
		fault flysim.Fault
		want  map[State]int
	}{
		"the Machine's": {flysim.Fault{Operation: "machine.create", Reset: flysim.ResetAfter},
			map[State]int{Healthy: 1}},
		"the Machine's, broken": {flysim.Fault{Operation: "machine.create", Malformed: true}, map[State]int{Healthy: 1}},
		"the volume's": {flysim.Fault{Operation: "volume.create", Status: 504, EffectThenStatus: true},
			map[State]int{Healthy: 1}},
		"refused, and made": {flysim.Fault{Operation: "machine.create", Status: 422, EffectThenStatus: true},
			map[State]int{Healthy: 1}},
		"the volume's, refused": {flysim.Fault{Operation: "volume.create", Status: 409, EffectThenStatus: true},
			map[State]int{Healthy: 1}},
		"before the Machine": {flysim.Fault{Operation: "machine.create", Reset: flysim.ResetBefore},
			map[State]int{Broken: 1}},
		"before the volume": {flysim.Fault{Operation: "volume.create", Reset: flysim.ResetBefore},
			map[State]int{Unchanged: 1}},
	} {
		bubble(t, name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{MachineLag: 4, RateLimits: true})
			w := creating(t, b)
			b.Inject(test.fault)
			report := b.do(w)
			b.counts(report, test.want)
			if n := len(b.MachineIDs(fleet)); n != test.want[Healthy] {
				t.Errorf("there are %d Machines", n)
			}
			if n := len(b.Volumes(fleet)); n > 1 {
				t.Errorf("there are %d volumes", n)
			}
			b.Clock().Advance(leaseTTL)
			b.noLeases()
		})
	}
}

// TestCreateLate: a plan made from a list that was late makes nothing twice, and
// no volume either.
func TestCreateLate(t *testing.T) {
	for name, test := range map[string]struct {
		group, version string
		gone           bool
		want           map[State]int
	}{
		"of the group":        {"work", "v2", false, map[State]int{Unchanged: 1, NotStarted: 1}},
		"of another one":      {"jobs", "v2", false, map[State]int{Healthy: 2}},
		"not fly deploy's":    {"work", "v1", false, map[State]int{Healthy: 2}},
		"destroyed meanwhile": {"work", "v2", true, map[State]int{Healthy: 2}},
	} {
		bubble(t, name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1, checks: true})
			w := creating(t, b)
			config, err := withLabels(fleetGroup{name: test.group, worker: true}.config(t),
				map[string]string{machine.MetadataPlatformVersion: test.version})
			if err != nil {
				t.Fatal(err)
			}
			rival := b.AddMachine(fleet, "fra", config)
			b.settle()
			if test.gone {
				b.DestroyMachine(fleet, rival)
			}
			report := b.do(w)
			b.counts(report, test.want)
			if test.want[Unchanged] == 0 {
				return
			}
			b.failed(report, "", gate.Stale, "meanwhile", rival)
			b.untouched(w.Updates[0])
			for _, c := range b.Calls() {
				if c.Write && !strings.HasPrefix(c.Operation, "release.") {
					t.Errorf("got %s", c.Operation)
				}
			}
			if n := len(b.Volumes(fleet)); n != 0 {
				t.Errorf("%d volumes were made", n)
			}
			b.has(rival, config)
		})
	}
	bubble(t, "two of one group", func(t *testing.T) { // of the same plan
		b := newFleet(t, flysim.Options{})
		w := b.work(nil)
		config := fleetGroup{name: "work", worker: true}.config(t)
		w.Creates = []Create{{Group: "work", Region: "fra", Config: config}, {Group: "work", Region: "ams", Config: config}}
		b.counts(b.do(w), map[State]int{Healthy: 2})
	})
}

// TestCreateFails: nothing that runs was touched before, and what was created is
// destroyed; its volume stays.
func TestCreateFails(t *testing.T) {
	bubble(t, "no room", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1})
		w := creating(t, b)
		b.Inject(flysim.NoCapacity("machine.create"))
		report := b.do(w)
		b.counts(report, map[State]int{Unchanged: 1, NotStarted: 1})
		b.failed(report, "", gate.Precondition, "no host")
		b.untouched(w.Updates[0])
		if report.Release.Status != fly.ReleaseFailed {
			t.Errorf("the release is %s", report.Release.Status)
		}
	})
	for name, lost := range map[string]bool{"it crashes": false,
		"it crashes, and the answer to its creation was lost": true} {
		bubble(t, name, func(t *testing.T) {
			b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1})
			w := creating(t, b)
			broken, err := w.Creates[0].Config.With("services",
				[]map[string]any{{"protocol": "tcp", "internal_port": 1, "checks": []map[string]any{{"type": "tcp"}}}})
			if err != nil {
				t.Fatal(err)
			}
			w.Creates[0].Config = broken
			b.Inject(flysim.Fault{Operation: "machine.wait", Before: func(p *flysim.Platform) {
				for _, id := range p.MachineIDs(fleet) {
					p.SetListen(fleet, id, nil)
				}
			}})
			if lost {
				b.Inject(flysim.Fault{Operation: "machine.create", Reset: flysim.ResetAfter})
			}
			report := b.do(w)
			b.counts(report, map[State]int{Removed: 1, NotStarted: 1})
			if ids := b.MachineIDs(fleet); len(ids) != 1 {
				t.Errorf("there are Machines %q", ids)
			}
			if volumes := b.Volumes(fleet); len(volumes) != 1 || volumes[0].Machine != "" ||
				report.Machines[0].Volume != volumes[0].ID {
				t.Errorf("got volumes %+v", volumes)
			}
		})
	}
	bubble(t, "another one fails later", func(t *testing.T) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 1})
		w := creating(t, b)
		b.FailMachine(fleet, w.Updates[0].Before.ID, flysim.FailExit)
		report := b.do(w)
		b.counts(report, map[State]int{Removed: 1, PutBack: 1})
		b.has(w.Updates[0].Before.ID, w.Updates[0].Before.Config)
		b.noLeases()
	})
}

// TestRelease: it is made first, closed last, and labels what is sent.
func TestRelease(t *testing.T) {
	status := func(t *testing.T, b *deployedApp, report Report, want fly.ReleaseStatus) {
		t.Helper()
		if report.Release == nil || report.Release.Status != want || report.Release.Err != nil {
			t.Fatalf("got %+v, want %s", report.Release, want)
		}
		if have := b.Releases(fleet); len(have) != 1 || have[0].Status != string(want) ||
			have[0].ID != report.Release.Release.ID {
			t.Errorf("the platform has %+v, want %s", have, want)
		}
	}
	begin := func(t *testing.T) (*deployedApp, Work) {
		b := newFleet(t, flysim.Options{}, fleetGroup{name: "api", running: 2, checks: true})
		w := b.upgrade()
		w.Release = newRelease()
		return b, w
	}
	bubble(t, "complete", func(t *testing.T) {
		b, w := begin(t)
		report := b.do(w)
		status(t, b, report, fly.ReleaseComplete)
		calls := b.Calls()
		if first, last := calls[0].Operation, calls[len(calls)-1].Operation; first != "release.create" ||
			last != "release.update" {
			t.Errorf("the first call is %s, the last %s", first, last)
		}
		for _, c := range w.Updates {
			metadata, err := b.MachineConfig(fleet, c.Before.ID).Metadata()
			if err != nil || metadata[machine.MetadataReleaseID] != report.Release.Release.ID ||
				metadata[machine.MetadataReleaseVersion] != "1" {
				t.Errorf("got %v, %v", metadata, err)
			}
		}
	})
	bubble(t, "interrupted", func(t *testing.T) {
		b, w := begin(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		report := b.engine.Run(ctx, b.grantFor(w), w, func(p Phase) {
			if p.Doing == "updating" {
				cancel()
			}
		})
		status(t, b, report, fly.ReleaseInterrupted)
		b.counts(report, map[State]int{Healthy: 1, NotStarted: 1})
	})
	bubble(t, "failed", func(t *testing.T) {
		b, w := begin(t)
		b.FailMachine(fleet, w.member("api", 1).Before.ID, flysim.FailExit)
		status(t, b, b.do(w), fly.ReleaseFailed)
	})
	for name, faults := range map[string][]flysim.Fault{
		"the answer is lost":         {{Operation: "release.create", Reset: flysim.ResetAfter}},
		"the answers are lost":       {{Operation: "release.*", Status: 502, EffectThenStatus: true, Times: 2}},
		"a status is lost, thrice":   {{Operation: "release.update", After: 1, Times: 2, Reset: flysim.ResetBefore}},
		"the first status is a 5xx":  {{Operation: "release.update", Status: 503}},
		"the answer makes no sense":  {{Operation: "release.create", Malformed: true}},
		"half of the last one's too": {{Operation: "release.update", After: 1, Malformed: true}},
	} {
		bubble(t, name, func(t *testing.T) {
			b, w := begin(t)
			for _, fault := range faults {
				b.Inject(fault)
			}
			report := b.do(w)
			status(t, b, report, fly.ReleaseComplete)
			b.counts(report, map[State]int{Healthy: 2})
		})
	}
	for name, fault := range map[string]flysim.Fault{
		"refused":             {Operation: "release.create", Status: 422},
		"lost before":         {Operation: "release.create", Reset: flysim.ResetBefore},
		"cannot be begun":     {Operation: "release.update", Status: 500, Times: 3},
		"may not be recorded": {Operation: "release.create", Status: 403},
	} {
		bubble(t, name, func(t *testing.T) {
			b, w := begin(t)
			b.Inject(fault)
			report := b.do(w)
			b.counts(report, map[State]int{NotStarted: 2})
			if report.Err == nil || report.Release.Err == nil {
				t.Errorf("got %+v", report)
			}
			b.untouched(w.Updates[0])
			b.untouched(w.Updates[1])
		})
	}
	bubble(t, "cannot be closed", func(t *testing.T) {
		b, w := begin(t)
		b.Inject(flysim.Fault{Operation: "release.update", After: 1, Status: 500, Times: -1})
		report := b.do(w)
		b.counts(report, map[State]int{Healthy: 2})
		if report.Release.Err == nil || report.Release.Status != fly.ReleaseRunning || report.Err != nil {
			t.Errorf("got %+v", report.Release)
		}
	})
	platformtest.InBubble(t, func(t *testing.T) { // a release of somebody else's is not taken for ours
		b, w := begin(t)
		other := *w.Release
		other.Image = "registry.fly.io/fleet:7"
		grant := b.grantFor(Work{App: fleet, Strategy: Rolling, OnFailure: Stop, StartWithin: 1, HealthyWithin: 1,
			Release: &other})
		if _, err := b.client.CreateRelease(t.Context(), grant, fleet, other); err != nil {
			t.Fatal(err)
		}
		b.Inject(flysim.Fault{Operation: "release.create", Reset: flysim.ResetBefore})
		if report := b.do(w); report.Err == nil || report.Release.Release.ID != "" {
			t.Errorf("got %+v", report.Release)
		}
	})
}
