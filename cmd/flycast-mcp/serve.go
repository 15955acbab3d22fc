package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
	"github.com/flycast-mcp/flycast-mcp/prompts"
	"github.com/flycast-mcp/flycast-mcp/resources"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// serverSettings has the settings that stdio and http share.
type serverSettings struct {
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
	verify        string
	unattended    bool
	logLevel      string
}

func (s *serverSettings) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&s.sandbox, "sandbox", false,
		"use an embedded, emulated Fly platform; FLY_* variables are not read")
	f.BoolVar(&s.readOnly, "read-only", false, "offer only tools that change nothing")
	f.StringArrayVar(&s.apps, "app", nil,
		"allow only this app; repeatable; default: every app the token can see")
	f.StringArrayVar(&s.roots, "root", nil, "folder in which fly.toml files may be read and edited; "+
		"repeatable; default: the working directory, unless it is / or the home folder")
	f.StringVar(&s.policy, "policy", "", "policy file: plans approved or blocked without asking")
	f.StringVar(&s.approval, "approval", "auto",
		"where people approve: auto (client, else terminal), elicit, terminal or deny")
	f.StringArrayVar(&s.approverKeys, "approver-key", nil,
		"file with a public key whose signatures are accepted; repeatable; "+
			"default: the key made by approve --init")
	stateDirFlag(c, &s.stateDir)
	f.DurationVar(&s.hold, "hold", 45*time.Second,
		"how long a call waits before it returns \"running\"")
	f.DurationVar(&s.answerWithin, "answer-within", 5*time.Minute,
		"how long a person has to answer a form in the client")
	f.StringVar(&s.verify, "verify", string(verify.Ask),
		"checks from inside a private network, through a temporary WireGuard peer: ask, auto (nobody is asked) or never")
	f.BoolVar(&s.unattended, "unattended", false,
		"nobody watches the client: never ask in a form; the same as --approval terminal")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error; the log goes to stderr")
	f.BoolVar(&s.allowLoopback, "allow-loopback-api", false,
		"allow a real token to be sent to an API on a loopback address")
}

// build creates the server. Everything that can be refused is refused here; nothing
// is sent anywhere. When ctx ends, running work ends after its current step.
func (s *serverSettings) build(ctx context.Context, p program, http bool) (app *application, err error) {
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
	saved := undo.Store{Dir: filepath.Join(state, statedir.Undo), Now: p.clock.Now}
	deps := call.Deps{
		Runs: call.NewRuns(p.clock), Clock: p.clock, Hold: s.hold, AnswerWithin: s.answerWithin,
		Apps: s.apps, ReadOnly: s.readOnly, Sandbox: app.sandbox, Log: app.log,
		From: s.from(http, app.sandbox), ApproveCommand: approvalCommand(state),
	}
	if !s.sandbox {
		deps.DefaultApp = p.setting("FLY_APP")
	}
	if state != "" {
		deps.Runs = call.NewSharedRuns(p.clock, filepath.Join(state, statedir.Locks))
		deps.RecoverCommand = recoverCommand(state)
		deps.Save, deps.UndoCommand = saved.Put, undoCommandLine(state)
		deps.Journal = app.openJournal(filepath.Join(state, statedir.Journal), p.clock.Now)
	}
	app.runs = deps.Runs
	if deps.Gate, err = s.gate(p, app, state, deps.Journal, files); err != nil {
		return app, err
	}
	app.tools = tools.Deps{Deps: deps, Fly: client, Look: client.Shared(), Roots: files, Saved: saved,
		Verify: verify.Mode(s.verify), Internet: app.internet}
	app.state = state
	app.mcp = server.New(server.Options{
		Version:  cli.Version(),
		Tools:    tools.All(app.tools),
		ReadOnly: s.readOnly, Sandbox: app.sandbox, Log: app.log,
		Resources: resources.Resources{
			Fly: client.Shared(), Now: p.clock.Now, Roots: files, Sandbox: app.sandbox, Lister: client.Shared(),
			Apps: s.listed(deps.DefaultApp),
		},
		Completer: resources.Completer{Fly: client.Shared()},
		Prompts:   prompts.Prompts{Fly: client.Shared(), Now: p.clock.Now, Paths: len(files.Dirs()) > 0, Apps: s.apps},
	})
	context.AfterFunc(ctx, app.interrupt)
	return app, nil
}

// listed returns the apps that resources/list has: those of --app, else FLY_APP; empty: all that the
// token can see.
func (s *serverSettings) listed(fallback string) []string {
	if len(s.apps) == 0 && fallback != "" {
		return []string{fallback}
	}
	return s.apps
}

// check returns all that is wrong with the settings.
func (s *serverSettings) check(p program) error {
	var problems []error
	names := s.apps
	if app := p.setting("FLY_APP"); app != "" && !s.sandbox {
		names = append(slices.Clone(names), app)
	}
	switch verify.Mode(s.verify) {
	case verify.Ask, verify.Auto, verify.Never:
	default:
		problems = append(problems, fmt.Errorf("--verify %q must be ask, auto or never", s.verify))
	}
	for _, name := range names {
		if !fly.ValidAppName(name) {
			problems = append(problems,
				fmt.Errorf("%q (--app or FLY_APP) is not a valid Fly app name", name))
		}
	}
	if s.hold < 0 {
		problems = append(problems, fmt.Errorf("--hold %v is negative", s.hold))
	}
	if s.answerWithin < leastAnswer {
		problems = append(problems,
			fmt.Errorf("--answer-within %v is less than %v: nobody can read a question in that time",
				s.answerWithin, leastAnswer))
	}
	return errors.Join(problems...)
}

// leastAnswer is the shortest time that a person has to answer.
const leastAnswer = 10 * time.Second

// client returns a client of the platform that the environment names, or of an
// embedded one.
func (s *serverSettings) client(ctx context.Context, p program, app *application) (*fly.Client, error) {
	options := fly.Options{
		UserAgent: "flycast-mcp/" + cli.Version(), AllowLoopback: s.allowLoopback, Apps: s.apps,
	}
	if p.tune != nil {
		p.tune(&options)
	}
	if !s.sandbox {
		endpoints, token, err := fly.ParseEnvironment(p.lookup, s.allowLoopback)
		if err != nil {
			return nil, err
		}
		if problem := token.Missing(); problem != "" {
			app.log.Warn("no access token: " + problem)
		}
		options.Endpoints, options.Token, options.Organization = endpoints, token, p.setting("FLY_ORG")
		app.sandbox, app.platform = token.Sandbox(), endpoints.API
		if !app.sandbox {
			app.internet = verify.Here{}
		} else if public := p.setting("FLYCAST_SANDBOX_PUBLIC"); public != "" {
			emulated, err := verify.NewEmulated(public)
			if err != nil {
				return nil, fmt.Errorf("FLYCAST_SANDBOX_PUBLIC: %w", err)
			}
			app.internet = emulated
		}
		return fly.New(options)
	}
	endpoints, token, err := s.embed(ctx, p, app)
	if err != nil {
		return nil, err
	}
	app.sandbox, app.platform, options.Endpoints, options.Token = true, endpoints.API, endpoints, token
	return fly.New(options)
}

// open opens the roots. Over HTTP there are none.
func (s *serverSettings) open(p program, http bool) (*roots.Roots, error) {
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
		if dir, ok := roots.Implicit(cwd, p.folders().Home()); ok {
			dirs = []string{dir}
		}
	}
	return roots.Open(dirs...)
}

// from names this server for the person who approves.
func (s *serverSettings) from(http, isSandbox bool) string {
	transport := "stdio"
	if http {
		transport = "HTTP"
	}
	if isSandbox {
		transport = "[sandbox] " + transport
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return fmt.Sprintf("%s server on %s, process %d", transport, host, os.Getpid())
}
