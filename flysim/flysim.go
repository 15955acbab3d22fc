package flysim

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultToken is the full-rights token of a platform that was created without
// one. It is not a macaroon, as flyctl drops macaroons that Fly did not make. It
// is no secret: it gives access to an emulated platform only.
const DefaultToken = "sandbox-1c7f4be09a52d863"

// Options configure a platform. With the zero value everything happens at once, in
// real time and without limits.
type Options struct {
	Clock *Clock // nil: real time
	Token string // the full-rights token; empty: DefaultToken

	// StartDelay is the time from an update or a start to state started, CheckDelay
	// the time from there to passing checks.
	StartDelay, CheckDelay time.Duration

	// CreateDelay is how long a new Machine stays created, while its image is
	// fetched.
	CreateDelay time.Duration

	// UpdateDelay is how long an updated Machine stays replacing, before its new
	// version is launched or left stopped.
	UpdateDelay time.Duration

	// StopDelay is how long a program takes to end, at most its kill timeout.
	StopDelay time.Duration

	SuspendDelay time.Duration // from suspend to suspended
	ResumeDelay  time.Duration // from start to started of a suspended Machine; 0: StartDelay
	DestroyDelay time.Duration // from destroy to destroyed

	// CrashAfter is how long a crashing program runs before it crashes; see [FailCrash].
	CrashAfter time.Duration

	// OnWait, if not nil, is called before a request is held that waits for a
	// Machine's state. It gets the time at which the wait ends or the Machine changes
	// by itself. A test that advances the Clock there waits no real time. OnWait may be
	// called by several goroutines at once.
	OnWait func(until time.Time)

	// RateLimits turns on Fly's rate limits: 1 request a second with bursts of 3 per
	// (action, id), and 5 with bursts of 10 for reading one Machine. Requests of
	// flyctl wait; others are refused.
	RateLimits bool

	ListLag    int // lists of addresses show a write only after that many further reads
	MachineLag int // lists of Machines show a new one only after that many further reads
	CreateLag  int // reads of a new Machine by its id fail that many times
	AppLag     int // lists of apps show a new one only after that many further reads

	// DropUnknown drops fields of a configuration that Fly does not document.
	// Otherwise all are kept.
	DropUnknown bool

	// KeepStopped leaves a stopped Machine stopped on an update without skip_launch,
	// as Fly has been seen to do. Otherwise the Machine is started.
	KeepStopped bool

	// StrictWait requires the instance when waiting for stopped, as Fly once did.
	// Today's flyctl sends none, and takes the refusal for the end of the wait.
	StrictWait bool

	OmitTypes      bool // address rows lack type (GraphQL), egress and network (REST)
	OmitAppNetwork bool // app records lack their network
	OmitEgress     bool // GraphQL egressIpAddresses returns an error
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
