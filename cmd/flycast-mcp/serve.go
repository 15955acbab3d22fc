package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
	"github.com/flycast-mcp/flycast-mcp/prompts"
	"github.com/flycast-mcp/flycast-mcp/resources"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// serving are the settings that stdio and http share.
type serving struct {
	sandbox       bool
	readOnly      bool
	allowLoopback bool
	apps          []string
	roots         []string
	policy        string
	approval      string
	approverKeys  []string
	stateDir      string
	hold          time.Duration
	answerWithin  time.Duration
	logLevel      string
}

func (s *serving) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&s.sandbox, "sandbox", false, "run on an embedded, emulated Fly platform; no FLY_* variable is read")
	f.BoolVar(&s.readOnly, "read-only", false, "offer only tools that change nothing")
	f.StringArrayVar(&s.apps, "app", nil, "allow only this app; repeatable; default: every app the token can see")
	f.StringArrayVar(&s.roots, "root", nil, "a folder in which fly.toml files may be read and edited; repeatable; default: the working directory, unless it is / or the home folder")
	f.StringVar(&s.policy, "policy", "", "policy file: plans approved or blocked without asking")
	f.StringVar(&s.approval, "approval", "auto", "where people approve: auto (client, else terminal), elicit, terminal or deny")
	f.StringArrayVar(&s.approverKeys, "approver-key", nil, "file with a public key whose signatures are accepted; repeatable; default: the key made by approve --init")
	f.StringVar(&s.stateDir, "state-dir", "", "folder of the journal and of approval requests (default: the user's state folder)")
	f.DurationVar(&s.hold, "hold", 45*time.Second, "how long a call waits before it returns \"running\"")
	f.DurationVar(&s.answerWithin, "answer-within", 5*time.Minute, "how long a person has to answer a form in the client")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error; the log goes to stderr")
	f.BoolVar(&s.allowLoopback, "allow-loopback-api", false, "allow a real token to be sent to an API on a loopback address")
}

// application is a server with what has to be closed after it.
type application struct {
	mcp    *mcpserver.MCPServer
	log    *slog.Logger
	stderr *cli.LogWriter // the log's, and of what else is said while serving
	runs   *call.Runs
	close  []func() error

	platform string    // the URL of its API
	embedded *embedded // nil: the platform is elsewhere
	sandbox  bool      // on an emulated platform, its own or another process's
}

// Close waits for work that outlived its call, since a change that has begun is
// finished or put back, and closes the rest. A client that is gone does not end
// the work; a signal, before or meanwhile, does between two Machines.
func (a *application) Close() error {
	var errs []error
	if a.runs != nil {
		ctx, cancel := context.WithTimeout(context.Background(), finishWithin)
		defer cancel()
		if a.runs.Wait(ctx) != nil {
			a.interrupt()
			rest, cancel := context.WithTimeout(context.Background(), interruptWithin)
			defer cancel()
			if err := a.runs.Wait(rest); err != nil {
				errs = append(errs, fmt.Errorf("unfinished work was ended after %v; the journal lists it: %w", finishWithin+interruptWithin, err))
			}
		}
	}
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	return errors.Join(errs...)
}

// interrupt has work under way end after the Machines that it is at.
func (a *application) interrupt() {
	if a.runs.Interrupt() {
		a.log.Warn("unfinished work ends after the current Machines; the rest is not changed")
	}
}

// finishWithin is how long a server without a client, which nobody told to end,
// finishes what it began. After that no other Machine is begun, and those at
// work have interruptWithin.
const (
	finishWithin    = 10 * time.Minute
	interruptWithin = 15 * time.Minute
)

// build puts the server together. Everything that can be refused at start is;
// nothing is sent anywhere. When ctx ends, work under way ends at its next step.
func (s *serving) build(ctx context.Context, p program, http bool) (app *application, err error) {
	app = &application{}
	defer func() {
		if err != nil {
			err = errors.Join(err, app.Close())
			app = nil
		}
	}()
	app.stderr = cli.NewLogWriter(p.stderr)
	app.close = append(app.close, app.stderr.Close)
	if app.log, err = logger(p, app.stderr, s.logLevel); err != nil {
		return app, err
	}
	client, err := s.client(ctx, p, app)
	if err != nil {
		return app, err
	}
	if app.embedded != nil {
		if err := app.openDoors(); err != nil {
			return app, err
		}
	}
	files, err := s.open(p, http)
	if err != nil {
		return app, err
	}
	app.close = append(app.close, files.Close)
	if err := s.check(p); err != nil {
		return app, err
	}
	for _, path := range files.Sweep(p.clock.Now()) {
		app.log.Info("removed a temporary file left by a killed server", "path", path)
	}
	state, err := s.state(p, app)
	if err != nil {
		return app, err
	}
	deps := call.Deps{
		Runs: call.NewRuns(p.clock), Clock: p.clock, Hold: s.hold, AnswerWithin: s.answerWithin, Apps: s.apps,
		ReadOnly: s.readOnly, Sandbox: app.sandbox, From: s.from(http, app.sandbox), ApproveCommand: approvalCommand(state), Log: app.log,
	}
	if !s.sandbox {
		deps.DefaultApp = p.setting("FLY_APP")
	}
	if state != "" {
		deps.Runs, deps.RecoverCommand = call.NewSharedRuns(p.clock, filepath.Join(state, locksDir)), recoverCommand(state)
		deps.Journal = app.openJournal(filepath.Join(state, journalFile), p.clock.Now)
	}
	app.runs = deps.Runs
	if deps.Gate, err = s.gate(p, app, state, deps.Journal, files); err != nil {
		return app, err
	}
	app.mcp = server.New(server.Options{
		Version:  cli.Version(),
		Tools:    tools.All(tools.Deps{Deps: deps, Fly: client, Look: client.Shared(), Roots: files}),
		ReadOnly: s.readOnly, Sandbox: app.sandbox, Log: app.log,
		Resources: resources.Resources{Fly: client.Shared(), Now: p.clock.Now, Roots: files, Sandbox: app.sandbox},
		Completer: resources.Completer{Fly: client.Shared()},
		Prompts:   prompts.Prompts{Fly: client.Shared(), Now: p.clock.Now, Paths: len(files.Dirs()) > 0},
	})
	context.AfterFunc(ctx, app.interrupt)
	return app, nil
}

// openJournal opens the journal. Without a writable one nothing gated happens;
// the rest works.
func (a *application) openJournal(path string, now func() time.Time) *journal.Journal {
	const so = "nothing that needs an approval will be done"
	j, err := journal.Open(path, now)
	if err != nil {
		a.log.Error("no writable journal: "+so, "err", err)
		return nil
	}
	a.close = append(a.close, j.Close)
	if err := j.Check(); err != nil {
		a.log.Error(so, "err", err)
	}
	return j
}

// check finds what is wrong with the settings, all of it at once.
func (s *serving) check(p program) error {
	var problems []error
	names := s.apps
	if app := p.setting("FLY_APP"); app != "" && !s.sandbox {
		names = append(slices.Clone(names), app)
	}
	for _, name := range names {
		if !fly.ValidAppName(name) {
			problems = append(problems, fmt.Errorf("%q (--app or FLY_APP) is not a valid Fly app name", name))
		}
	}
	if s.hold < 0 {
		problems = append(problems, fmt.Errorf("--hold %v is negative", s.hold))
	}
	if s.answerWithin < leastAnswer {
		problems = append(problems, fmt.Errorf("--answer-within %v is less than %v: no person can read a question in that time", s.answerWithin, leastAnswer))
	}
	return errors.Join(problems...)
}

// leastAnswer is the shortest time a person is given.
const leastAnswer = 10 * time.Second

// client is the Fly client: of the platform that the environment names, or of
// an embedded one.
func (s *serving) client(ctx context.Context, p program, app *application) (*fly.Client, error) {
	options := fly.Options{UserAgent: "flycast-mcp/" + cli.Version(), AllowLoopback: s.allowLoopback, Apps: s.apps}
	if p.tune != nil {
		p.tune(&options)
	}
	if !s.sandbox {
		endpoints, token, err := fly.ParseEnvironment(p.lookup, s.allowLoopback)
		if err != nil {
			return nil, err
		}
		if why := token.Missing(); why != "" {
			app.log.Warn("no access token: " + why)
		}
		options.Endpoints, options.Token, options.Organization = endpoints, token, p.setting("FLY_ORG")
		app.sandbox, app.platform = token.Sandbox(), endpoints.API
		return fly.New(options)
	}
	endpoints, token, err := s.embed(ctx, p, app)
	if err != nil {
		return nil, err
	}
	app.sandbox, app.platform, options.Endpoints, options.Token = true, endpoints.API, endpoints, token
	return fly.New(options)
}

// open opens the roots. Over HTTP there are no paths at all.
func (s *serving) open(p program, http bool) (*roots.Roots, error) {
	if http && len(s.roots) > 0 {
		return nil, errors.New("--root: over HTTP there are no paths; clients send content")
	}
	if http {
		return roots.Open()
	}
	dirs := s.roots
	if len(dirs) == 0 {
		cwd, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("working directory: %w", err)
		}
		if dir, ok := roots.Implicit(cwd, p.home()); ok {
			dirs = []string{dir}
		}
	}
	return roots.Open(dirs...)
}

// gate is the gate with the operator's policy and the approvers' public keys.
func (s *serving) gate(p program, app *application, state string, j *journal.Journal, files *roots.Roots) (*gate.Gate, error) {
	mode, err := gate.ParseMode(s.approval)
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	o := gate.Options{Mode: mode, Ledger: call.Ledger{Journal: j}, AnswerWithin: s.answerWithin, Now: p.clock.Now}
	if s.policy != "" {
		if err := checkOutsideRoots(s.policy, files); err != nil {
			return nil, err
		}
		if o.Policy, err = gate.LoadPolicy(s.policy, vocabulary()); err != nil {
			return nil, err
		}
	}
	approvers := s.approvers(p, app.log)
	if _, err := approvers.read(); err != nil {
		return nil, err
	}
	o.Keys = approvers.keys
	if state == "" {
		return gate.New(o), nil
	}
	if o.Installation, err = installation(state, app.platform); err != nil {
		// Without the folder there is no journal either, and nothing gated happens.
		app.log.Error("approvals in a terminal are not possible", "err", err)
		return gate.New(o), nil
	}
	if o.Requests, err = gate.NewRequests(filepath.Join(state, requestsDir), p.clock.Now); err != nil {
		app.log.Error("approvals in a terminal are not possible", "err", err)
		o.Requests = nil
	}
	return gate.New(o), nil
}

// vocabulary returns what a policy may name.
func vocabulary() gate.Vocabulary {
	return plan.Vocabulary(tools.Changers(tools.All(tools.Deps{Deps: call.Deps{Clock: wallClock{}}}))...)
}

// checkOutsideRoots refuses a policy that lies where an agent's file tools could reach it.
func checkOutsideRoots(policy string, files *roots.Roots) error {
	abs, err := filepath.Abs(policy)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return fmt.Errorf("--policy: %w", err)
	}
	for _, dir := range files.Dirs() {
		if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("--policy %s lies within the root %s: move it to a folder that the server does not edit", policy, dir)
		}
	}
	return nil
}

// locksDir holds the apps' locks, in the state folder: one run per app among
// all servers that share it.
const locksDir = "locks"

// from names this server to the person who approves.
func (s *serving) from(http, sandboxed bool) string {
	transport := "stdio"
	if http {
		transport = "HTTP"
	}
	if sandboxed {
		transport = "[sandbox] " + transport
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return fmt.Sprintf("%s server on %s, process %d", transport, host, os.Getpid())
}

// approvalCommand is the exact command for a person, for this installation: his
// shell may have another PATH and other folders than the client that started
// the server.
func approvalCommand(state string) func(ticket string) string {
	name := executable()
	return func(ticket string) string {
		if ticket == "" {
			return shellQuote(name) + " approve --init"
		}
		return strings.Join([]string{shellQuote(name), "approve", "--state-dir", shellQuote(state), ticket}, " ")
	}
}

// executable is the path of this program, for commands that a person pastes.
func executable() string {
	if exe, err := os.Executable(); err == nil {
		return exe
	}
	return "flycast-mcp"
}

// shellQuote makes one word of a POSIX shell.
func shellQuote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@%+=,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
