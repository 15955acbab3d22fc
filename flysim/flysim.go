package flysim

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultToken is the full-rights token of a platform whose [Options] have none. It is not a
// macaroon, because flyctl drops macaroons that Fly did not make. It is not a secret: it gives
// access to an emulated platform only.
const DefaultToken = "sandbox-1c7f4be09a52d863"

// Options configure a platform. With the zero value everything happens at once, in real time and
// without rate limits.
type Options struct {
	Clock *Clock // nil: real time
	Token string // the full-rights token; empty: DefaultToken

	// StartDelay is the time from an update or a start to the state started. CheckDelay is the time
	// from there to passing checks.
	StartDelay, CheckDelay time.Duration

	// CreateDelay is how long a new Machine stays in the state created, while its image is fetched.
	CreateDelay time.Duration

	// UpdateDelay is how long an updated Machine stays in the state replacing, before its new
	// version is launched or left stopped.
	UpdateDelay time.Duration

	// StopDelay is how long a program takes to end. It is never longer than its kill timeout.
	StopDelay time.Duration

	SuspendDelay time.Duration // from suspend to suspended
	ResumeDelay  time.Duration // from start to started of a suspended Machine; 0: StartDelay
	DestroyDelay time.Duration // from destroy to destroyed

	// CrashAfter is how long a crashing program runs before it crashes; see [FailCrash].
	CrashAfter time.Duration

	// OnWait, if not nil, is called before a request that waits for a Machine's state is held.
	// until is the time at which the wait ends or the Machine next changes by itself. A test that
	// advances the Clock there does not wait in real time. Several goroutines may call OnWait at
	// once.
	OnWait func(until time.Time)

	// RateLimits turns on Fly's rate limits: 1 request a second with bursts of 3 per (action, id),
	// and 5 with bursts of 10 for reading one Machine. Requests from flyctl wait; others are
	// refused.
	RateLimits bool

	ListLag    int // how many reads of an address list do not show a write yet
	MachineLag int // how many reads of a Machine list do not show a new Machine yet
	CreateLag  int // how many reads of a new Machine by its id fail
	AppLag     int // how many reads of an app list do not show a new app yet

	// DropUnknown drops fields of a configuration that Fly does not document.
	// Otherwise all are kept.
	DropUnknown bool

	// KeepStopped leaves a stopped Machine stopped on an update without skip_launch,
	// as Fly has been seen to do. Otherwise the Machine is started.
	KeepStopped bool

	// StrictWait requires an instance id when waiting for stopped, as Fly once did. Today's flyctl
	// sends none, and takes the refusal for the end of the wait.
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

// Platform is one emulated Fly.io platform. It is safe for concurrent use.
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

	mu            sync.Mutex // guards the rest; never held while waiting
	state         *platformState
	changed       chan struct{} // closed and replaced when the state changed
	configs       map[string][]byte
	keeper        *keeper // nil: in memory only; set before the platform is shared
	gatewayFaults GatewayFaults
	gateway       string // IP address, or address and port, of the WireGuard gateway; empty: gatewayAddress
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

// Handler returns a handler that serves all APIs on one origin.
func (p *Platform) Handler() http.Handler { return p.handler }

// Clock returns the platform's clock.
func (p *Platform) Clock() *Clock { return p.clock }

// notify wakes those who wait for a change. The caller holds mu.
func (p *Platform) notify() {
	p.revision.Add(1)
	close(p.changed)
	p.changed = make(chan struct{})
	p.keeper.poke()
}
