// Package sandbox is an emulated Fly.io platform. It speaks Fly's own protocols
// over HTTP: the Machines REST API under /v1, the uiex REST API under /api/v1
// and GraphQL at /graphql, all on one origin and over one state, so that any
// Fly client works on it unchanged.
//
//	p := sandbox.New(sandbox.Options{})
//	if err := p.Seed(ctx); err != nil { … }      // the example organization
//	server, err := p.Listen("127.0.0.1:0")       // server.URL is the base URL of all three APIs
//
// Every request is recorded ([Platform.Calls]), time is virtual ([Clock]),
// and faults can be injected ([Platform.Inject]). Methods such as
// [Platform.StopMachine] act as somebody else who uses the platform at the same
// time; others such as [Platform.Addresses] tell its truth, past list lag.
//
// It shares no wire types with the clients that are tested against it.
package sandbox

import (
	"net/http"
	"sync"
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
	CrashAfter time.Duration // how long a program that crashes runs before it does, see [FailCrash]
	RateLimits bool          // 1 request a second and burst 3 per (action, id); 5 and 10 for reading one Machine
	ListLag    int           // address lists show a write only after that many further list reads
	MachineLag int           // lists of Machines show a new one only after that many further list reads

	OmitTypes      bool // address rows lack type (GraphQL), egress and network (REST)
	OmitAppNetwork bool // app records lack their network
	OmitEgress     bool // GraphQL egressIpAddresses answers an error
}

// Platform is one emulated Fly.io. It is safe for concurrent use.
type Platform struct {
	options  Options
	clock    *Clock
	recorder recorder
	faults   faults
	limits   limits
	settling sync.Mutex // guards Machines while fields of a query are resolved at the same time
	handler  http.Handler

	mu      sync.Mutex // guards the rest; never held while waiting
	state   *state
	changed chan struct{} // closed and replaced when the state changed
	configs map[string][]byte
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
	p.handler = p.routes()
	return p
}

// Handler serves all APIs on one origin.
func (p *Platform) Handler() http.Handler { return p.handler }

// Clock is the platform's time.
func (p *Platform) Clock() *Clock { return p.clock }

// notify wakes those who wait for a change. The caller holds mu.
func (p *Platform) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}
