// Package chaos tries the engine of the rollout against everything that can go
// wrong with any of its calls. It holds tests only.
//
// go test ./internal/deploy/rollout/chaos                                   # many of every call ×
// every kind of fault, and some at random
//
//	go test ./internal/deploy/rollout/chaos -chaos.each=0                     # all of them
//	go test ./internal/deploy/rollout/chaos -chaos.runs=20000 -chaos.seed=7   # as many at random, from that seed on
//
// A run that fails tells the flags that repeat it.
package chaos

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

var (
	randomRuns = flag.Int("chaos.runs", 60/share, "how many runs at random")
	perApp     = flag.Int("chaos.each", 170/share,
		"how many of every call × every kind of fault are tried in each scenario, spread evenly from a place that "+
			"the seed says; 0: all")
	firstSeed = flag.Uint64("chaos.seed", 1, "the seed of the first run; each further one adds 1")
	only      = flag.String("chaos.fault", "", "only the faults whose name has this text")
)

// attempt is one run of the engine and what is known of it.
type attempt struct {
	work    rollout.Work
	report  rollout.Report
	sent    int64
	calls   []flysim.Call
	trouble []*faults
	there   []string  // Machines, when it began
	killed  time.Time // zero if it was not
}

// begin starts a run. died is closed when it is killed; the answer comes when
// all of it has ended.
func (w *platform) begin(p *process, troubles ...*faults) (died chan struct{}, ended chan *attempt) {
	a := &attempt{work: w.plan(p), trouble: troubles, there: w.MachineIDs(appName)}
	grant := w.grant(a.work)
	w.ResetCalls()
	ctx, cancel := context.WithCancel(w.t.Context())
	died, ended = make(chan struct{}), make(chan *attempt, 1)
	for _, trouble := range troubles {
		trouble.inject(w, p, cancel, func() {
			a.killed = time.Now()
			cancel()
			close(died)
		})
	}
	if w.scenario.refused != "" && !w.begun { // the troubles come first
		w.Inject(flysim.Fault{Operation: w.scenario.refused, Status: 403})
	}
	w.begun = true
	go func() {
		defer cancel()
		before := p.network.sent.Load()
		a.report = p.engine.Run(ctx, grant, a.work, func(rollout.Phase) {})
		a.sent = p.network.sent.Load() - before
		a.calls = w.Calls()
		ended <- a
	}()
	return died, ended
}

// trial is a run with troubles, and one more without. It returns what the
// first one did, and what is wrong.
func (w *platform) trial(troubles ...*faults) (first *attempt, problems []string) {
	w.t.Helper()
	died, ended := w.begin(w.process(w.seed), troubles...)
	again := slices.ContainsFunc(troubles, func(t *faults) bool { return t.kind.again })
	var running chan *attempt
	if again {
		select {
		case <-died:
			running = ended
		case first = <-ended:
		}
	} else {
		first = <-ended
	}
	switch {
	case first == nil: // killed, and not quite over
	case first.killed.IsZero():
		problems = append(problems, w.check(first)...)
	default:
		problems = append(problems, w.intact()...)
		// What was on its way when the process died may arrive later, and hold from then on.
		time.Sleep(time.Until(first.killed.Add(leaseTTL)) + time.Second + slowest(troubles))
		problems = append(problems, w.unleased()...)
	}

	w.heal()
	if !again && w.scenario.extras() {
		time.Sleep(pace) // a person reads the report
	}
	_, ended = w.begin(w.process(w.seed + 1_000_000))
	second := <-ended
	if again && slowest(troubles) > 0 && overtaken(second) { // what the first one had sent arrived meanwhile
		problems = append(problems, w.intact()...)
		_, ended = w.begin(w.process(w.seed + 3_000_000))
		second = <-ended
	}
	if w.late(second) { // the plan was made from a list that was late: nothing was done, and it is made again
		problems = append(problems, w.check(second)...)
		_, ended = w.begin(w.process(w.seed + 2_000_000))
		second = <-ended
	}
	for _, problem := range append(w.check(second), w.finished(second)...) {
		problems = append(problems, "then: "+problem)
	}
	if running != nil {
		first = <-running
	}
	time.Sleep(leaseTTL + time.Second)
	problems = append(problems, w.unleased()...)
	if len(problems) > 0 {
		problems = append(problems, first.String(), "then "+second.String())
	}
	return first, problems
}

// slowest is the longest time that a call of these troubles takes.
func slowest(troubles []*faults) (longest time.Duration) {
	for _, t := range troubles {
		longest = max(longest, t.kind.fault.Delay)
	}
	return longest
}

// overtaken reports whether a run refused what had changed since its plan.
func overtaken(a *attempt) bool {
	return slices.ContainsFunc(a.report.Machines, func(m rollout.Outcome) bool {
		return m.State == rollout.Unchanged && fly.CodeOf(m.Err) == gate.Stale
	})
}

// late reports whether a run refused to create what is there already.
func (w *platform) late(a *attempt) bool {
	return slices.ContainsFunc(a.report.Machines, func(m rollout.Outcome) bool {
		return m.State == rollout.Unchanged && m.Volume == "" && fly.CodeOf(m.Err) == gate.Stale && len(w.created()) > 0
	})
}

// well reports whether every Machine got what it was to get.
func (a *attempt) well() bool {
	return a.report.Err == nil && !slices.ContainsFunc(a.report.Machines, func(m rollout.Outcome) bool {
		return !goodEnd(m, true)
	})
}

// states are how far the Machines got, in the order of the report.
func (a *attempt) states() string {
	var list []string
	for _, m := range a.report.Machines {
		list = append(list, string(m.State))
	}
	return strings.Join(list, " ")
}

// String is a run for a person who looks for the cause.
func (a *attempt) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "run: interrupted %t, killed %t, err %v\n", a.report.Interrupted, !a.killed.IsZero(), a.report.Err)
	for _, m := range a.report.Machines {
		fmt.Fprintf(&b, "    %s %s %s: launched %t woken %t stopped %t created %t volume %s: %v\n", m.Group, m.ID,
			m.State, m.Launched, m.Woken, m.Stopped, m.Created, m.Volume, m.Err)
	}
	if r := a.report.Release; r != nil {
		fmt.Fprintf(&b, "    release %s %s: %v\n", r.Release.ID, r.Status, r.Err)
	}
	for i, c := range a.calls {
		if i < 200 {
			fmt.Fprintf(&b, "    %s %s %s %s: %d\n", c.Time.Format("04:05.000"), c.Operation, c.Target, c.Query, c.Status)
		}
	}
	return b.String()
}

// bubble is a trial on a platform and with a time of its own.
func bubble(t *testing.T, s scenario, seed uint64, troubles ...*faults) (first *attempt, problems []string) {
	synctest.Test(t, func(t *testing.T) { first, problems = newPlatform(t, s, seed).trial(troubles...) })
	return first, problems
}

// tally counts runs by operation and kind.
type tally struct {
	mu      sync.Mutex
	runs    int
	missed  int // the call was not made in that run
	counts  map[string]map[string]int
	through map[string]int // runs by kind that came to a good end in spite of it
	of      map[string]int // runs by kind that would have without it
}

func (c *tally) add(troubles ...*faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
	for _, t := range troubles {
		if !t.hit {
			c.missed++
			continue
		}
		if c.counts == nil {
			c.counts = make(map[string]map[string]int)
		}
		if c.counts[t.at.operation] == nil {
			c.counts[t.at.operation] = make(map[string]int)
		}
		c.counts[t.at.operation][t.kind.name]++
	}
}

// compare notes whether a run came to a good end that does without the trouble.
func (c *tally) compare(t *faults, well bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of, c.through = make(map[string]int), make(map[string]int)
	}
	if t.hit {
		c.of[t.kind.name]++
	}
	if t.hit && well {
		c.through[t.kind.name]++
	}
}

func (c *tally) log(t *testing.T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Logf("%d runs, %d faults not reached", c.runs, c.missed)
	for _, operation := range slices.Sorted(maps.Keys(c.counts)) {
		var row []string
		sum := 0
		for _, kind := range kinds() {
			if n := c.counts[operation][kind.name]; n > 0 {
				row = append(row, fmt.Sprintf("%s %d", kind.name, n))
				sum += n
			}
		}
		t.Logf("%-16s %5d: %s", operation, sum, strings.Join(row, ", "))
	}
	for _, kind := range kinds() {
		if n := c.of[kind.name]; n > 0 {
			t.Logf("%-28s %4d of %4d deployments went through all the same", kind.name, c.through[kind.name], n)
		}
	}
}

// TestEveryCall tries every kind of fault at every call of every scenario.
func TestEveryCall(t *testing.T) {
	var counts tally
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range slices.Concat(scenarios(), strategyScenarios()) {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				plain, problems := bubble(t, s, *firstSeed)
				if len(problems) > 0 {
					t.Fatalf("without a fault:\n  %s", strings.Join(problems, "\n  "))
				}
				if got := plain.states(); got != s.want {
					t.Errorf("without a fault: got %s, want %s\n%s", got, s.want, plain)
				}
				for _, trouble := range every(sequence(plain.calls), s.tries()) {
					first, problems := bubble(t, s, *firstSeed, trouble)
					counts.add(trouble)
					if plain.well() {
						counts.compare(trouble, first.well())
						if trouble.kind.harmless && !first.well() {
							problems = append(problems, "it did not go through", first.String())
						}
					}
					if len(problems) > 0 {
						t.Errorf("%s\n  repeat: -run='%s' -chaos.seed=%d -chaos.fault='%s'\n  %s", trouble, t.Name(),
							*firstSeed, trouble, strings.Join(problems, "\n  "))
					}
				}
			})
		}
	})
	counts.log(t)
}

// every is each kind of fault at each call, as many of them as the flags want.
func every(calls []call, tries int) []*faults {
	var all []*faults
	for _, at := range calls {
		for _, kind := range kinds() {
			if trouble := (&faults{kind: kind, at: at}); strings.Contains(trouble.String(), *only) {
				all = append(all, trouble)
			}
		}
	}
	if *only != "" || tries == 0 || len(all) <= tries {
		return all
	}
	// Lost answers are always among them: those alone must change nothing.
	lost := func(t *faults) bool { return t.kind.harmless && t.kind.fault.Reset == flysim.ResetAfter }
	others := slices.DeleteFunc(slices.Clone(all), lost)
	some := slices.DeleteFunc(slices.Clone(all), func(t *faults) bool { return !lost(t) })
	if tries < *perApp { // where few are tried, no kind comes before another
		some, others = nil, all
	}
	offset := int(*firstSeed % uint64(len(others)))
	n := max(tries-len(some), 0)
	for i := range n {
		some = append(some, others[(i*len(others)/n+offset)%len(others)])
	}
	return some
}

// TestMain spends memory for time: the apps are small, and there are many.
func TestMain(m *testing.M) {
	flag.Parse()
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// TestRandom tries one to three faults at once, in apps and deployments drawn
// at random.
func TestRandom(t *testing.T) {
	const lanes = 4
	var counts tally
	t.Run("lanes", func(t *testing.T) {
		for lane := range uint64(lanes) {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < uint64(*randomRuns); i += lanes {
					random(t, *firstSeed+i, &counts)
				}
			})
		}
	})
	counts.log(t)
}

func random(t *testing.T, seed uint64, counts *tally) {
	r := rand.New(rand.NewPCG(seed, 0))
	s := randomScenario(r)
	plain, problems := bubble(t, s, seed)
	calls := sequence(plain.calls)
	var troubles []*faults
	for range 1 + r.IntN(3) {
		if len(calls) == 0 {
			break
		}
		troubles = append(troubles, &faults{kind: kinds()[r.IntN(len(kinds()))], at: calls[r.IntN(len(calls))]})
	}
	if len(problems) == 0 {
		_, problems = bubble(t, s, seed, troubles...)
	}
	counts.add(troubles...)
	if len(problems) > 0 {
		t.Errorf("%v\n  repeat: -run=TestRandom -chaos.runs=1 -chaos.seed=%d\n  %+v\n  %s", troubles, seed, s,
			strings.Join(problems, "\n  "))
	}
}
