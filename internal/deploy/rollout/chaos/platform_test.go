package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// appName is the app that is deployed on every platform.
const appName = "shop"

// leaseTTL is the longest that a dead process can keep a Machine from others.
const leaseTTL = time.Minute

// platform is an app on an emulated platform. It lives in a bubble of
// testing/synctest: its time passes when everybody waits.
type platform struct {
	*platformtest.Platform
	t        *testing.T
	scenario scenario
	seed     uint64
	first    []liveMachine // as they were before anything was deployed

	mu     sync.Mutex
	noted  []string // ids of releases
	spoilt bool
	begun  bool
}

// liveMachine is a Machine of the platform, its configuration in the product's type.
type liveMachine struct {
	flysim.Machine
	Config machine.Config
}

// Machine is the Machine's truth.
func (w *platform) Machine(app, id string) liveMachine {
	w.t.Helper()
	return liveMachine{w.Platform.Machine(app, id), w.MachineConfig(app, id)}
}

func newPlatform(t *testing.T, s scenario, seed uint64) *platform {
	t.Helper()
	w := &platform{t: t, scenario: s, seed: seed, Platform: platformtest.New(t, flysim.Options{
		StartDelay: 2 * time.Second, CheckDelay: time.Second, CrashAfter: 3 * time.Second,
		RateLimits: true, MachineLag: s.lag,
	})}
	w.AddApp(appName, "personal", "")
	var stopped []string
	for _, g := range s.groups {
		for i := range g.running + g.stopped {
			id := w.AddMachine(appName, []string{"ams", "iad", "nrt"}[i%3], g.config(t))
			if i >= g.running {
				stopped = append(stopped, id)
			}
		}
	}
	time.Sleep(time.Minute)
	for _, id := range stopped {
		w.StopMachine(appName, id)
	}
	time.Sleep(time.Hour)
	for _, id := range w.MachineIDs(appName) {
		w.first = append(w.first, w.Machine(appName, id))
	}
	slices.SortFunc(w.first, func(a, b liveMachine) int { // as their turns come
		return cmp.Or(strings.Compare(a.Config.ProcessGroup(), b.Config.ProcessGroup()), strings.Compare(a.State,
			b.State), strings.Compare(a.ID, b.ID))
	})
	if s.spoil != flysim.FailNone {
		w.FailMachine(appName, w.first[s.spoiled].ID, s.spoil)
	}
	return w
}

// process is one start of this program: a client of its own over a network that
// can be cut.
type process struct {
	network *network
	client  *fly.Client
	engine  rollout.Engine
	stop    func()
}

func (w *platform) process(seed uint64) *process {
	w.t.Helper()
	n := &network{next: w.Transport(), seed: seed, seen: make(map[string]int)}
	if w.scenario.spoilNew != flysim.FailNone {
		n.next = spoiler{next: n.next, w: w}
	}
	client := w.Client(func(o *fly.Options) { o.HTTP = n })
	stop := make(chan struct{})
	engine := rollout.Engine{Client: client, Clock: flytest.WallClock{}, RecordRelease: w.note, Stop: stop}
	return &process{network: n, client: client, engine: engine, stop: sync.OnceFunc(func() { close(stop) })}
}

// note is what a journal would have: the releases that some process made.
func (w *platform) note(r fly.Release, _ fly.ReleaseStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.noted, r.ID) {
		w.noted = append(w.noted, r.ID)
	}
}

// left are the releases that were noted and have no end.
func (w *platform) left() (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.Releases(appName) {
		if slices.Contains(w.noted, r.ID) && (r.Status == "pending" || r.Status == string(fly.ReleaseRunning)) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// silence is a status that the network makes no answer of at all.
const silence = 599

var errDead = errors.New("this process is dead")

// network takes a few milliseconds each way; how many is drawn from the seed, so
// that other seeds are other orders of what happens side by side.
type network struct {
	next http.RoundTripper
	seed uint64
	dead atomic.Bool // the process was killed: nothing is sent or answered after that
	sent atomic.Int64

	mu   sync.Mutex
	seen map[string]int
}

// RoundTrip implements [http.RoundTripper].
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.dead.Load() {
		return nil, errDead
	}
	n.sent.Add(1)
	ctx, there := r.Context(), n.latency(r)
	if err := pause(ctx, there); err != nil {
		return nil, err
	}
	if n.dead.Load() {
		return nil, errDead
	}
	response, err := n.next.RoundTrip(r)
	if err == nil && response.StatusCode == silence {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if lost := pause(ctx, there); lost != nil {
		return nil, lost
	}
	if n.dead.Load() {
		return nil, errDead
	}
	return response, err
}

func (n *network) latency(r *http.Request) time.Duration {
	what := r.Method + r.URL.Path
	n.mu.Lock()
	n.seen[what]++
	nth := n.seen[what]
	n.mu.Unlock()
	hash := fnv.New64a()
	hash.Write([]byte(strconv.FormatUint(n.seed, 10) + what + strconv.Itoa(nth)))
	return 5*time.Millisecond + time.Duration(hash.Sum64()%5_000_000)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// wanted is the configuration that a Machine is to have.
func (w *platform) wanted(config machine.Config) machine.Config {
	w.t.Helper()
	env, err := config.Env()
	if err != nil {
		w.t.Fatal(err)
	}
	env["LOG_LEVEL"] = "debug"
	after, err := config.With("env", env)
	if err == nil {
		after, err = after.With("image", "registry.fly.io/shop:2")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return after
}

// plan compares what is there with what is wanted, as a deploy does. What has
// its configuration and works is left alone.
func (w *platform) plan(p *process) rollout.Work {
	w.t.Helper()
	s := w.scenario
	var live []fly.Machine
	for range max(s.lag, 1) { // with a lag of one, the list is late by what was done just before
		var err error
		if live, err = p.client.Machines(w.t.Context(), appName); err != nil {
			w.t.Fatal(err)
		}
	}
	work := rollout.Work{
		App: appName, Strategy: s.strategy, MaxUnavailable: s.maxUnavailable, OnFailure: s.onFailure, Wake: s.wake,
		StartWithin: time.Minute, HealthyWithin: time.Minute,
	}
	if s.release {
		work.Release = &fly.NewRelease{Definition: json.RawMessage(`{"app":"shop"}`),
			Image: "registry.fly.io/shop:2", Strategy: string(s.strategy)}
	}
	found, half := make(map[string]bool), w.halfExchanged()
	for _, m := range live {
		found[m.Config.ProcessGroup()] = true
		change := rollout.Change{Before: m, Group: m.Config.ProcessGroup(), After: w.wanted(m.Config)}
		idle := w.ran(m.ID) && m.State != "started"
		leftover := s.strategy == rollout.Canary && w.extra(m.ID)
		if leftover || half[change.Group] {
			if leftover {
				change.After = m.Config // it is destroyed
			}
			work.Updates = append(work.Updates, change)
			continue
		}
		if change.Same() && !idle &&
			!slices.ContainsFunc(m.Checks, func(c fly.CheckStatus) bool {
				return m.State == "started" &&
					c.Status != "passing"
			}) {
			continue
		}
		work.Wake = work.Wake || idle
		work.Updates = append(work.Updates, change)
	}
	if s.create.name != "" && !found[s.create.name] {
		work.Creates = append(work.Creates, w.create(p))
	}
	if len(work.Updates)+len(work.Creates) == 0 {
		work.Release = nil
	}
	if err := work.Check(); err != nil {
		w.t.Fatal(err)
	}
	if left := w.left(); len(left) > 0 {
		list, err := p.client.Releases(w.t.Context(), appName, 20)
		if err != nil {
			w.t.Fatal(err)
		}
		work.Abandoned = slices.DeleteFunc(list, func(r fly.Release) bool { return !slices.Contains(left, r.ID) })
	}
	return work
}

// create is the Machine of the group that has none, with a volume if it mounts
// one: a free one, if there is one.
func (w *platform) create(p *process) rollout.Create {
	w.t.Helper()
	c := rollout.Create{Group: w.scenario.create.name, Region: "ams", Config: w.wanted(w.scenario.create.config(w.t))}
	if !w.scenario.volume {
		return c
	}
	volumes, err := p.client.Volumes(w.t.Context(), appName)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, v := range volumes {
		if v.AttachedMachine == "" && v.Name == "data" && v.Region == c.Region {
			c.Use = v.ID
			return c
		}
	}
	c.Volume = &fly.NewVolume{Name: "data", Region: c.Region, SizeGB: 1, Encrypted: true}
	return c
}

// ran reports whether a Machine runs when nobody deploys: it did at first, or it
// was created, not in the place of one that did not.
func (w *platform) ran(id string) bool {
	if !slices.ContainsFunc(w.first, func(m liveMachine) bool { return m.ID == id }) && w.extra(id) {
		id = w.MachineConfig(appName, id).Label(rollout.ReplacesKey)
	}
	for _, m := range w.first {
		if m.ID == id {
			return m.State == "started"
		}
	}
	return true
}

// grant is the right to take exactly the steps of the work.
func (w *platform) grant(work rollout.Work) *gate.Grant {
	w.t.Helper()
	request := gate.Request{Tool: "deploy", App: appName}
	for _, step := range work.Steps() {
		request.Steps = append(request.Steps, gate.Step{Verb: step.Verb, App: appName, Target: step.Target})
	}
	return w.Grant(nil, request)
}
