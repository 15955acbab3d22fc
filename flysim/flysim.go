package flysim

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultToken is the full-rights token of a platform made without one. It is
// opaque, as flyctl prunes made-up macaroons, and no secret: it opens nothing
// but a sandbox.
const DefaultToken = "sandbox-1c7f4be09a52d863"

// Options say how a platform behaves. The zero value is a platform that does
// everything at once, in real time, without limits.
type Options struct {
	Clock      *Clock        // nil: real time
	Token      string        // the full-rights token; empty: DefaultToken
	StartDelay time.Duration // from update or start to state started
	CheckDelay time.Duration // from started to passing checks

	CreateDelay time.Duration // a new Machine stays created for so long, as its image is fetched
	// an updated one stays replacing for so long before its new version is launched or left stopped
	UpdateDelay  time.Duration
	StopDelay    time.Duration // from stop to stopped: how long a program takes to end, at most its kill timeout
	SuspendDelay time.Duration // from suspend to suspended
	ResumeDelay  time.Duration // from start to started of a suspended Machine; 0: StartDelay
	DestroyDelay time.Duration // from destroy to destroyed

	// OnWait, if not nil, is called before a request that waits for a Machine's
	// state is held, with the time at which the wait is over or the Machine changes
	// by itself. Who moves the Clock there, as a test does, has nobody wait in real
	// time. It may be called by several goroutines at once.
	OnWait func(until time.Time)

	CrashAfter time.Duration // how long a program that crashes runs before it does, see [FailCrash]
	// 1 request a second and burst 3 per (action, id); 5 and 10 for reading one Machine; flyctl is
	// held back, others are refused
	RateLimits bool
	ListLag    int // address lists show a write only after that many further list reads
	MachineLag int // lists of Machines show a new one only after that many further list reads
	CreateLag  int // a new Machine is not found by that many reads of it alone
	AppLag     int // lists of apps show a new one only after that many further list reads

	DropUnknown bool // fields of a configuration that Fly does not publish are dropped silently; else all are kept
	// an update without skip_launch leaves a Machine stopped that was, as Fly is seen to do; else it
	// is started
	KeepStopped bool
	// waiting for stopped wants the instance, as Fly once did; the flyctl of today sends none and
	// takes a refusal for the end
	StrictWait bool

	OmitTypes      bool // address rows lack type (GraphQL), egress and network (REST)
	OmitAppNetwork bool // app records lack their network
	OmitEgress     bool // GraphQL egressIpAddresses answers an error
}

func (o Options) delays() delays {
	return delays{
		create: o.CreateDelay, update: o.UpdateDelay, stop: o.StopDelay, suspend: o.SuspendDelay,
		resume: o.ResumeDelay, destroy: o.DestroyDelay,
	}
}

// Platform is one emulated Fly.io. It is safe for concurrent use.
type Platform struct {
	options  Options
	clock    *Clock
	recorder recorder
	faults   faults
	schedule eventSchedule
	limits   limits
	settling sync.Mutex // guards Machines while fields of a query are resolved at the same time
	handler  http.Handler

	revision atomic.Uint64 // counts calls of notify

	mu      sync.Mutex // guards the rest; never held while waiting
	state   *platformState
	changed chan struct{} // closed and replaced when the state changed
	configs map[string][]byte
	keeper  *keeper // nil: in memory only; set before anybody else is there
}

// New returns a platform with two organizations, `personal` and `partner`,
// and no apps.
func New(options Options) *Platform {
	if options.Clock == nil {
		options.Clock = NewClock(time.Now)
	}
	if options.Token == "" {
		options.Token = DefaultToken
	}
	p := &Platform{
		options: options,
		clock:   options.Clock,
		state:   newState(),
		changed: make(chan struct{}),
		configs: make(map[string][]byte),
	}
	p.state.crashAfter = options.CrashAfter
	p.state.delays = options.delays()
	p.handler = p.routes()
	return p
}

// Handler serves all APIs on one origin.
func (p *Platform) Handler() http.Handler { return p.handler }

// Clock is the platform's time.
func (p *Platform) Clock() *Clock { return p.clock }

// notify wakes those who wait for a change. The caller holds mu.
func (p *Platform) notify() {
	p.revision.Add(1)
	close(p.changed)
	p.changed = make(chan struct{})
	p.keeper.poke()
}
