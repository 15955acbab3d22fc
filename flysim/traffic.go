package flysim

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Door is how a request came in.
type Door string

// The ways in which requests reach the data plane. Internal goes straight to a Machine, past Fly
// Proxy.
const (
	DoorFlycast  Door = "flycast"
	DoorInternal Door = "internal"
	DoorPublic   Door = "public"
)

// Visit is one request, or one raw connection, through the data plane.
type Visit struct {
	Number  uint64 // counts from 1
	At      time.Time
	Door    Door
	App     string // empty: the name belongs to no app
	Machine string // empty: no Machine got it
	Method  string // empty: a raw connection
	Path    string
	Status  int           // of the answer; 0 for a raw or dropped connection
	Code    string        // Fly Proxy's error code, such as PC01
	Woke    bool          // the Machine was started for it
	Held    time.Duration // how long it waited for a Machine, on the platform's clock
	Took    time.Duration // from its arrival to the end of its answer, on the platform's clock
}

// How many are kept: visits, and Machines that were woken.
const (
	maxVisits = 512
	maxWakes  = 20_000
)

// Traffic counts what is in progress on each Machine and keeps the latest visits. The zero value is
// ready to use. It is safe for concurrent use.
type Traffic struct {
	mu      sync.Mutex
	loads   map[string]int // by Machine id
	wakes   map[string]time.Time
	visits  []Visit
	count   uint64
	changed chan struct{}
}

// Begin counts one more request or connection on a Machine, until the returned function is called.
func (t *Traffic) Begin(machine string) (end func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.loads == nil {
		t.loads = make(map[string]int)
	}
	t.loads[machine]++
	t.notify()
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.loads[machine]--; t.loads[machine] == 0 {
			delete(t.loads, machine)
		}
		t.notify()
	})
}

// Load returns how many requests and connections are in progress on a Machine.
func (t *Traffic) Load(machine string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loads[machine]
}

// Add keeps a completed visit and numbers it.
func (t *Traffic) Add(v Visit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count++
	v.Number = t.count
	if len(t.visits) == maxVisits {
		t.visits = append(t.visits[:0:0], t.visits[maxVisits/8:]...)
	}
	t.visits = append(t.visits, v)
	if v.Woke && v.Machine != "" {
		if t.wakes == nil {
			t.wakes = make(map[string]time.Time)
		}
		if len(t.wakes) >= maxWakes {
			t.forget()
		}
		t.wakes[v.Machine] = v.At
	}
	t.notify()
}

// forget drops the older half of the wakes. The caller holds mu.
func (t *Traffic) forget() {
	times := slices.SortedFunc(maps.Values(t.wakes), time.Time.Compare)
	middle := times[len(times)/2]
	maps.DeleteFunc(t.wakes, func(_ string, at time.Time) bool { return !at.After(middle) })
}

// notify wakes those who wait for a change. The caller holds mu.
func (t *Traffic) notify() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// Recent returns the kept visits with a higher number, oldest first.
func (t *Traffic) Recent(after uint64) []Visit {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, _ := slices.BinarySearchFunc(t.visits, after+1, func(v Visit, n uint64) int { return int(v.Number) - int(n) })
	return slices.Clone(t.visits[i:])
}

// Count returns how many visits were added, including those no longer kept.
func (t *Traffic) Count() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// LastWake returns when a request last started a Machine. It is zero if no request did, or if more
// than ten thousand other Machines were woken since.
func (t *Traffic) LastWake(machine string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.wakes[machine]
}

// Changed returns a channel that is closed at the next visit or change of a load.
func (t *Traffic) Changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}
