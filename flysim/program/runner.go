// Package program is what the Machines of the emulated platform run: a built-in HTTP program that
// shows which Machine answers and why. Package local runs commands in its place.
//
//	runner := program.New(program.Options{Platform: platform})
//	go runner.Run(ctx)
//	conn, err := runner.Dial(ctx, proxy.Target{App: "shop-api", Machine: id, Port: 8080})
//
// # The built-in program
//
// It lives in memory and costs almost nothing until it is dialed: one server serves all Machines,
// and a Machine has no goroutines except those of its open connections. It listens where
// [flysim.Platform.SetListen], the variable [flysim.EnvListen] or PORT say, or else on the internal
// ports of the Machine's first configuration. Connections to other ports are refused; see
// [flysim.Program.Reaches].
//
// Every path answers with the same page, as text, HTML or JSON depending on the Accept header.
// These paths do more:
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
// On a TCP port whose services all lack the http handler, it sends a greeting and then everything
// that it receives. UDP is not served.
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
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
)

// Options configure a runner. Platform must be set.
type Options struct {
	Platform *flysim.Platform

	// Commands run in place of the built-in program on the Machines of some apps; nil: there are
	// none.
	Commands Commands
}

// Commands are programs other than the built-in one.
type Commands interface {
	// Apps returns the apps whose Machines run commands.
	Apps() []string

	// Follow starts and ends the commands of an app with its Machines.
	Follow(app string, machines []flysim.Backend)

	// Ended receives a value when a command has ended.
	Ended() <-chan struct{}

	// Dial connects to the command of a Machine; see [Runner.Dial].
	Dial(ctx context.Context, to proxy.Target, now flysim.Program) (net.Conn, error)

	// End ends all commands and waits until they have ended.
	End()

	// Close ends all commands as End does. After that Follow starts none.
	Close()
}

// sweep is how many looks of Run there are between two looks at built-in programs without
// connections. If such a program ends late, only its memory is freed late.
const sweep = 256

// Runner runs the programs of all Machines. It is safe for concurrent use.
type Runner struct {
	platform *flysim.Platform
	clock    *flysim.Clock
	commands Commands // nil: there are no commands
	memory   *memory
	server   *http.Server
	cancel   context.CancelFunc // ends the answers of built-in programs
	page     *template.Template
	nudged   chan struct{}

	mu       sync.Mutex
	closed   bool
	looks    int
	programs map[string]*program // built-in programs that were dialed, by Machine
}

// New returns a runner. The built-in program answers at once; [Runner.Run] starts the commands.
func New(options Options) *Runner {
	r := &Runner{
		platform: options.Platform, clock: options.Platform.Clock(), commands: options.Commands, memory: newMemory(),
		page: template.Must(template.New("page").Parse(pageText)), nudged: make(chan struct{}, 1),
		programs: make(map[string]*program),
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

// Run follows the Machines until the context ends: it starts and ends commands with them, and
// closes the connections of built-in programs that have stopped. When it returns nil, all commands
// have ended.
func (r *Runner) Run(ctx context.Context) error {
	if r.commands != nil {
		defer r.commands.End()
	}
	for ctx.Err() == nil {
		changed := r.platform.Changed()
		r.pause(ctx, r.reconcile(), changed)
	}
	return nil
}

// pause waits for a change, for until (zero: not at all) or for nudge.
func (r *Runner) pause(ctx context.Context, until time.Time, changed <-chan struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	var ended <-chan struct{} // never
	if r.commands != nil {
		ended = r.commands.Ended()
	}
	go func() {
		defer close(done)
		defer cancel()
		select {
		case <-r.nudged:
		case <-ended:
		case <-changed:
		case <-ctx.Done():
		}
	}()
	if until.IsZero() {
		<-ctx.Done()
	} else {
		_ = r.clock.Wait(ctx, until, nil) // Run looks again in any case
	}
	cancel()
	<-done // the goroutine must not consume a later nudge
}

// nudge makes Run look at the Machines again.
func (r *Runner) nudge() {
	select {
	case r.nudged <- struct{}{}:
	default:
	}
}

// Close ends all programs and closes their connections. It may be called more than once.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	programs := r.programs
	r.programs = make(map[string]*program)
	r.mu.Unlock()
	for _, p := range programs {
		p.end()
	}
	if r.commands != nil {
		r.commands.Close()
	}
	r.cancel() // an answer may wait on a stopped clock
	return r.server.Close()
}

// reconcile adjusts the programs to the Machines. It returns when something next changes by itself,
// or zero.
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
		now, err := r.platform.Program(p.App, p.Machine)
		switch {
		case err == nil && now.Running(p.Instance, p.started):
			earlier(now.Until)
		case err == nil && now.State == "suspended" && now.Instance == p.Instance:
			p.drop() // its memory stays
		default:
			r.retire(p)
		}
	}
	for _, app := range r.commandApps() {
		site, err := r.platform.Site(app)
		if err != nil {
			site.Machines = nil // the app was deleted
		}
		earlier(site.Until)
		r.commands.Follow(app, site.Machines)
	}
	return until
}

// commandApps returns the apps that run commands.
func (r *Runner) commandApps() []string {
	if r.commands == nil {
		return nil
	}
	return r.commands.Apps()
}

// retire ends a built-in program.
func (r *Runner) retire(p *program) {
	r.mu.Lock()
	if r.programs[p.Machine] == p {
		delete(r.programs, p.Machine)
	}
	r.mu.Unlock()
	p.end()
}
