package chaos

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
)

// scenario is an app and a deployment of it.
type scenario struct {
	name           string
	groups         []group
	create         group // a group without Machines; none if it has no name
	volume         bool  // that mounts a volume
	strategy       rollout.Strategy
	maxUnavailable float64
	onFailure      rollout.OnFailure
	wake, release  bool
	spoil          flysim.Failure // of one Machine's next launch
	spoiled        int            // which one
	spoilNew       flysim.Failure // of the first launch of the first new Machine
	refused        string         // the first operation of that kind is
	lag            int            // of the lists of Machines
	want           string         // how far the Machines get without any fault, in the order of the report
}

// group is Machines with one job.
type group struct {
	name             string
	running, stopped int
	checks           bool
	autostop         bool
	mounts           bool
}

// config is what flyctl makes for a Machine, and fields that no program knows.
func (g group) config(t *testing.T) machine.Config {
	t.Helper()
	service := map[string]any{
		"protocol": "tcp", "internal_port": 8080, "autostop": g.autostop, "autostart": true,
		"ports":          []any{map[string]any{"port": 443, "handlers": []string{"tls", "http"}, "new_in_port": 1}},
		"new_in_service": json.RawMessage(`{"a":"<b>"}`),
	}
	if g.checks {
		service["checks"] = []any{map[string]any{"type": "http", "interval": "2s", "timeout": "1s",
			"method": "get", "path": "/"}}
	}
	document := map[string]any{
		"image": "registry.fly.io/shop:1",
		"env":   map[string]string{"FLY_PROCESS_GROUP": g.name, "PLAIN": "kept"},
		"guest": map[string]any{"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
		"metadata": map[string]string{
			"fly_platform_version": "v2", "fly_process_group": g.name, "fly_release_id": "rel_earlier",
			"fly_release_version": "3", "own": "kept",
		},
		"services": []any{service},
		"invented": json.RawMessage(`{"deep":[1,2.50,{"x":null}],"big":12345678901234567890}`),
	}
	if g.mounts {
		document["mounts"] = []any{map[string]any{"name": "data", "path": "/data", "new_in_mount": true}}
	}
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	config, err := machine.ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// scenarios are what every fault is tried in, at every call.
func scenarios() []scenario {
	web := group{name: "web", running: 2, checks: true}
	worker := group{name: "worker", running: 1}
	cold := group{name: "web", running: 1, stopped: 2, checks: true, autostop: true}
	disk := group{name: "store", checks: true, mounts: true}
	return []scenario{
		{name: "healthy, put back", want: "healthy healthy healthy",
			groups: []group{web, worker}, strategy: rollout.Rolling, onFailure: rollout.PutAllBack, release: true},
		{name: "healthy, stop", want: "healthy healthy",
			groups: []group{web}, strategy: rollout.Rolling, maxUnavailable: 1, onFailure: rollout.Stop},
		{name: "cold, woken", want: "healthy healthy healthy",
			groups: []group{cold}, strategy: rollout.Rolling, onFailure: rollout.PutAllBack, wake: true},
		{name: "cold without autostop, woken", want: "healthy healthy",
			groups: []group{{name: "web", stopped: 2, checks: true}}, strategy: rollout.Rolling,
			onFailure: rollout.Stop, wake: true},
		{name: "cold, left asleep", want: "healthy unproven unproven",
			groups: []group{cold}, strategy: rollout.Rolling, onFailure: rollout.Continue, release: true},
		{name: "the second is sick, put back", want: "put_back put_back put_back",
			groups: []group{web, worker}, strategy: rollout.Rolling, onFailure: rollout.PutAllBack, release: true,
			spoil: flysim.FailChecks, spoiled: 1},
		{name: "the first crashes, continue", want: "failed healthy healthy",
			groups: []group{web, worker}, strategy: rollout.Rolling, onFailure: rollout.Continue, release: true,
			spoil: flysim.FailCrash},
		{name: "the second ends, stop", want: "healthy failed not_started",
			groups: []group{{name: "web", running: 3}}, strategy: rollout.Rolling, onFailure: rollout.Stop,
			spoil: flysim.FailExit, spoiled: 1},
		{name: "immediate, one sick, put back", want: "put_back put_back put_back",
			groups: []group{web, worker}, strategy: rollout.Immediate, onFailure: rollout.PutAllBack, release: true,
			spoil: flysim.FailChecks, spoiled: 1},
		{name: "created with a volume", want: "healthy healthy",
			groups: []group{worker}, create: disk, volume: true, strategy: rollout.Rolling,
			onFailure: rollout.PutAllBack, release: true, lag: 1},
		{name: "created, then one sick, put back", want: "removed put_back not_started",
			groups: []group{web}, create: disk, volume: true, strategy: rollout.Rolling,
			onFailure: rollout.PutAllBack, release: true, spoil: flysim.FailChecks},
		{name: "created, stop", want: "healthy healthy",
			groups: []group{worker}, create: group{name: "store", checks: true}, strategy: rollout.Rolling,
			onFailure: rollout.Stop},
	}
}

// randomScenario draws an app and a deployment.
func randomScenario(r *rand.Rand) scenario {
	pick := func() bool { return r.IntN(2) == 0 }
	s := scenario{
		strategy:       []rollout.Strategy{rollout.Rolling, rollout.Rolling, rollout.Immediate}[r.IntN(3)],
		maxUnavailable: []float64{0, 0.5, 1, 3}[r.IntN(4)],
		onFailure:      []rollout.OnFailure{rollout.PutAllBack, rollout.Stop, rollout.Continue}[r.IntN(3)],
		wake:           pick(), release: pick(),
	}
	machines := 0
	for _, name := range []string{"web", "worker"}[:1+r.IntN(2)] {
		g := group{name: name, running: 1 + r.IntN(3), stopped: r.IntN(3), checks: pick(), autostop: pick()}
		machines += g.running + g.stopped
		s.groups = append(s.groups, g)
	}
	if r.IntN(3) == 0 {
		s.create, s.lag = group{name: "store", checks: pick(), mounts: pick()}, r.IntN(2)
		s.volume = s.create.mounts
	}
	if r.IntN(3) == 0 {
		s.spoil = []flysim.Failure{flysim.FailExit, flysim.FailLaunch, flysim.FailChecks, flysim.FailCrash,
			flysim.FailOOM}[r.IntN(5)]
		s.spoiled = r.IntN(machines)
	}
	if s.create.name == "" && r.IntN(3) == 0 {
		s.strategy = []rollout.Strategy{rollout.Canary, rollout.BlueGreen}[r.IntN(2)]
	}
	if s.strategy == rollout.BlueGreen {
		s.groups[0].checks, s.spoil = true, flysim.FailNone // old Machines are not restarted
	}
	if s.extras() && r.IntN(4) == 0 {
		s.spoilNew = []flysim.Failure{flysim.FailExit, flysim.FailLaunch, flysim.FailChecks, flysim.FailCrash,
			flysim.FailOOM}[r.IntN(5)]
	}
	return s
}
