package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	webpage "github.com/flycast-mcp/flycast-mcp/flysim/page"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
	"github.com/flycast-mcp/flycast-mcp/flysim/terminal"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// emulator is one run of the program: what is open, and how it ends.
type emulator struct {
	program
	settings settings

	apps []seed.App // the person's own apps

	platform *flysim.Platform
	traffic  *flysim.Traffic
	api      *flysim.Server
	links    webpage.Links // what listens where
	pageURL  string        // empty: no page

	notes  notes
	opened []func() error // what has to be closed, in the order of opening
}

// run opens everything step by step, shows what happens until the person or
// the context ends it, and closes everything in reverse order.
func (e *emulator) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, e.close()) }()
	steps := []func(context.Context) error{
		e.openPlatform,
		e.playFaults,
		e.writeConfigs,
		e.buildApps,
		e.listenAPI,
		e.startDataPlane,
		e.listenPage, // the last listener: the page names the others
		e.writeExports,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return e.show(ctx)
}

// closeLater registers what has to be closed at the end.
func (e *emulator) closeLater(end func() error) { e.opened = append(e.opened, end) }

func (e *emulator) close() error {
	var errs []error
	for i := len(e.opened) - 1; i >= 0; i-- {
		errs = append(errs, e.opened[i]())
	}
	return errors.Join(errs...)
}

func (e *emulator) writeConfigs(context.Context) error {
	if e.settings.configs == "" {
		return nil
	}
	return e.platform.WriteConfigs(e.settings.configs)
}

func (e *emulator) playFaults(context.Context) error {
	control, err := e.settings.faults.start(e.platform, e.notes.add)
	if err != nil || control == nil {
		return err
	}
	e.links.Control = control.URL
	e.closeLater(control.Close)
	return nil
}

func (e *emulator) listenAPI(context.Context) error {
	server, err := e.platform.Listen(e.settings.addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	e.api, e.links.API = server, server.URL
	e.closeLater(server.Close)
	return nil
}

func (e *emulator) listenPage(context.Context) error {
	if e.settings.page == "" {
		return nil
	}
	server, err := flysim.Serve(e.settings.page, webpage.New(webpage.Options{
		Platform: e.platform, Traffic: e.traffic, App: flysim.ExampleApp, Links: e.links,
	}))
	if err != nil {
		return fmt.Errorf("--page: %w", err)
	}
	e.pageURL = server.URL
	e.closeLater(server.Close)
	return nil
}

// show shows what happens until the person quits or the context ends: as a
// table if stdin and stderr are a terminal, otherwise as lines on stderr.
func (e *emulator) show(ctx context.Context) error {
	view := terminal.View{
		Source: watch.Source{Platform: e.platform, Traffic: e.traffic},
		Links:  e.links, PageURL: e.pageURL, Notes: e.notes.showWith,
	}
	if term, _ := e.lookup("TERM"); !e.settings.plain && term != "dumb" {
		in, isIn := cli.Terminal(e.stdin)
		if out, isOut := cli.Terminal(e.stderr); isIn && isOut {
			return view.Table(ctx, in, out, e.terminalEnvironment())
		}
	}
	view.Lines(ctx, e.stderr)
	return nil
}

// terminalEnvironment returns the variables that say what the terminal can do.
func (e *emulator) terminalEnvironment() []string {
	var environment []string
	for _, name := range []string{
		"TERM", "COLORTERM", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM_PROGRAM", "TMUX", "SSH_TTY", "WT_SESSION",
	} {
		if value, ok := e.lookup(name); ok {
			environment = append(environment, name+"="+value)
		}
	}
	return environment
}
