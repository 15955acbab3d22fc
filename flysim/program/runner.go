// Package program is what the Machines of the emulated platform run: a built-in
// HTTP program that says who answers and why, or a command of this computer
// that the operator named in a file (see [ReadDefinitions]).
//
//	definitions, err := program.ReadDefinitions(file, dir)
//	err = program.Build(ctx, platform, definitions)
//	runner := program.New(program.Options{Platform: platform, Definitions: definitions})
//	go runner.Run(ctx)
//	conn, err := runner.Dial(ctx, proxy.Target{App: "shop-api", Machine: id, Port: 8080})
//
// # The built-in program
//
// It lives in memory and costs next to nothing until it is dialed: one server
// serves all Machines, and a Machine has no goroutine but those of its open
// connections. It listens where [sandbox.Platform.SetListen], the variable
// [sandbox.EnvListen] or PORT say, else on the internal ports of the Machine's
// first configuration; a port that no socket reaches is refused (see
// [sandbox.Program.Reaches]).
//
// Every path answers with the same page: text, HTML or JSON by the Accept
// header. These do more:
//
//	/healthz            ok
//	/env                the Machine's environment
//	/headers            the request as it came in
//	/echo               the body of the request
//	/sleep?for=2s       answers later, by the platform's clock: makes load
//	/stream?count=5     server-sent events, one a second of the platform's clock
//	/status/503         that status
//	/replay?region=fra  a fly-replay header; app and instance too
//	/exit?code=0        the program ends after its answer
//	/crash              the program ends with code 1, without an answer
//
// A TCP port of which no service has the http handler greets with a line and
// sends back what it gets. UDP is not served.
package program

import (
	"context"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Options of a runner. Platform must be set.
type Options struct {
	Platform *flysim.Platform

	// Definitions are the operator's apps, for the commands in them.
	Definitions []Definition

	// Log gets what commands write and what becomes of them; nil: nobody does. It
	// is called from several goroutines.
	Log func(Line)
}

// Line is a line that the command of a Machine wrote.
type Line struct {
	App, Machine string
	Stream       string // stdout, stderr, or system: about the command
	Text         string // without its end, cut after 4 KiB
}

// sweep is every how many looks of Run the built-in programs without connections
// are looked at too: nobody notices their end but the memory they take.
const sweep = 256

// Runner runs the programs of all Machines. It is safe for concurrent use.
type Runner struct {
	options  Options
	platform *flysim.Platform
	clock    *flysim.Clock
	commands map[string]Definition // by app, those with a command
	memory   *memory
	server   *http.Server
	cancel   context.CancelFunc // of what built-in programs answer
	page     *template.Template
	nudged   chan struct{}

	mu       sync.Mutex
	closed   bool
	looks    int
	programs map[string]*program // built-in ones that were dialed, by Machine
	children map[string]*child   // commands, by Machine: the last one of each
	alive    map[*child]struct{} // all of them that have not ended
	most     int                 // how many of them there may be
	homes    string              // the folder of the commands' homes, empty until one is started
	guard    *guard              // over that folder, nil if there is none
	running  sync.WaitGroup      // the goroutines of children
}

// New returns a runner. The built-in program answers at once; commands are
// started by [Runner.Run].
func New(options Options) *Runner {
	r := &Runner{
		options: options, platform: options.Platform, clock: options.Platform.Clock(),
		commands: make(map[string]Definition), memory: newMemory(), page: template.Must(template.New("page").Parse(pageText)),
		nudged:   make(chan struct{}, 1),
		programs: make(map[string]*program), children: make(map[string]*child), alive: make(map[*child]struct{}), most: spare,
	}
	for _, d := range options.Definitions {
		if len(d.Command) > 0 {
			r.commands[d.Name] = d
			for _, m := range d.Machines {
				r.most += 2 * m.Count
			}
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.server = &http.Server{
		BaseContext:       func(net.Listener) context.Context { return ctx },
		Handler:           r.routes(),
		ConnContext:       withProgram,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	go func() { _ = r.server.Serve(r.memory) }() // ends with Close
	return r
}

// Run follows the Machines until the context ends: it starts and ends the
// commands of those that start and stop, and closes the connections of built-in
// programs that have stopped. Commands have ended when it returns nil.
func (r *Runner) Run(ctx context.Context) error {
	defer r.endAll()
	for ctx.Err() == nil {
		changed := r.platform.Changed()
		r.pause(ctx, r.reconcile(), changed)
	}
	return nil
}

// pause waits for a change, for the time given unless it is zero, or for nudge.
func (r *Runner) pause(ctx context.Context, until time.Time, changed <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		select {
		case <-r.nudged:
		case <-changed:
		case <-ctx.Done():
		}
	}()
	if until.IsZero() {
		<-ctx.Done()
	} else {
		_ = r.clock.Wait(ctx, until, nil) // whatever it was, Run looks again
	}
	cancel()
	<-done // a nudge that it takes is for the next look, not for a later one
}

// nudge makes Run look again.
func (r *Runner) nudge() {
	select {
	case r.nudged <- struct{}{}:
	default:
	}
}

// Close ends all programs and closes their connections. It may be called more
// than once.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true // before commands end, or Run starts them again
	programs := r.programs
	r.programs = make(map[string]*program)
	r.mu.Unlock()
	for _, p := range programs {
		p.end()
	}
	r.endAll()
	r.cancel() // an answer may wait on a clock that stands still
	return r.server.Close()
}

// reconcile brings programs in line with the Machines and returns when
// something changes by itself, zero if nothing does.
func (r *Runner) reconcile() (until time.Time) {
	earlier := func(at time.Time) {
		if !at.IsZero() && (until.IsZero() || at.Before(until)) {
			until = at
		}
	}
	var programs []*program
	r.mu.Lock()
	all := r.looks%sweep == 0
	r.looks++
	for _, p := range r.programs {
		if all || p.busy() {
			programs = append(programs, p)
		}
	}
	r.mu.Unlock()
	for _, p := range programs {
		now, err := r.platform.Program(p.app, p.machine)
		switch {
		case err == nil && now.Running(p.instance, p.started):
			earlier(now.Until)
		case err == nil && now.State == "suspended" && now.Instance == p.instance:
			p.drop() // what it remembers stays
		default:
			r.retire(p)
		}
	}
	for app := range r.commands {
		site, err := r.platform.Site(app)
		if err != nil {
			site.Machines = nil // the app is gone
		}
		earlier(site.Until)
		r.follow(app, site.Machines)
	}
	return until
}

// retire ends a built-in program.
func (r *Runner) retire(p *program) {
	r.mu.Lock()
	if r.programs[p.machine] == p {
		delete(r.programs, p.machine)
	}
	r.mu.Unlock()
	p.end()
}
