package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox/autostop"
	programs "github.com/flycast-mcp/flycast-mcp/internal/sandbox/program"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox/proxy"
)

// buildApps makes the operator's own apps beside the examples.
func (r *sandboxRun) buildApps(ctx context.Context) error {
	if r.flags.apps == "" {
		return nil
	}
	data, err := os.ReadFile(r.flags.apps)
	if err == nil {
		r.definitions, err = programs.ReadDefinitions(data, filepath.Dir(r.flags.apps))
	}
	if err == nil {
		err = programs.Build(ctx, r.platform, r.definitions)
	}
	if err != nil {
		return fmt.Errorf("--apps %s: %w", r.flags.apps, err)
	}
	return nil
}

// listenProxy runs what Machines run, and Fly Proxy before them.
func (r *sandboxRun) listenProxy(ctx context.Context) error {
	runner := programs.New(programs.Options{Platform: r.platform, Definitions: r.definitions, Log: func(l programs.Line) {
		r.notes.say(fmt.Sprintf("%s %s %s: %s", l.App, l.Machine, l.Stream, l.Text))
	}})
	r.closeLater(runner.Close)
	r.running.Go(func() {
		if err := runner.Run(ctx); err != nil && ctx.Err() == nil {
			r.notes.say("programs: " + err.Error())
		}
	})
	listening, err := proxy.New(proxy.Options{Platform: r.platform, Programs: runner, Traffic: r.traffic}).Listen(r.flags.inside, r.flags.public)
	if err != nil {
		return fmt.Errorf("--inside, --public: %w", err)
	}
	r.links.Flycast, r.links.Public = listening.Flycast, listening.Public
	r.closeLater(listening.Close)
	return nil
}

// stopIdle lets Fly Proxy stop idle Machines.
func (r *sandboxRun) stopIdle(ctx context.Context) error {
	if r.flags.autostopEvery < 0 {
		return errors.New("--autostop-every: want a duration, or 0 for never")
	}
	if r.flags.autostopEvery == 0 {
		return nil
	}
	loop := &autostop.Loop{Platform: r.platform, Traffic: r.traffic, Every: r.flags.autostopEvery}
	r.running.Go(func() { _ = loop.Run(ctx) }) // its only error is the context's end
	return nil
}
