package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	programs "github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
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
	r.tellKept()
	if err == nil {
		err = programs.Build(ctx, r.platform, r.definitions)
	}
	if err != nil {
		return fmt.Errorf("--apps %s: %w", r.flags.apps, err)
	}
	for _, d := range r.definitions {
		if delay, err := time.ParseDuration(d.StartDelay); err == nil && delay >= proxy.DefaultHold {
			r.notes.say(fmt.Sprintf("%s: start_delay %s: Fly Proxy holds a request for %s: the one that wakes a Machine is answered 503 PM03", d.Name, delay, proxy.DefaultHold))
		}
	}
	return nil
}

// tellKept says which of the operator's apps are there already and are not built.
func (r *sandboxRun) tellKept() {
	there := r.platform.AppNames()
	var kept []string
	for _, d := range r.definitions {
		if slices.Contains(there, d.Name) {
			kept = append(kept, d.Name)
		}
	}
	if len(kept) > 0 {
		r.notes.say(fmt.Sprintf("there already, so Machines, services and addresses stay as they are whatever %s says: %s", r.flags.apps, strings.Join(kept, ", ")))
	}
}

// listenProxy opens the doors to the apps, and lets Fly Proxy stop idle Machines.
func (r *sandboxRun) listenProxy(context.Context) error {
	if r.flags.autostopEvery < 0 {
		return errors.New("--autostop-every: want a duration, or 0 for never")
	}
	plane, err := startDataPlane(r.platform, dataPlaneOptions{
		inside: r.flags.inside, public: r.flags.public, definitions: r.definitions, every: r.flags.autostopEvery,
		log: func(l programs.Line) {
			r.notes.say(fmt.Sprintf("%s %s %s: %s", l.App, l.Machine, l.Stream, oneLine(l.Text)))
		},
	})
	if err != nil {
		return fmt.Errorf("--inside, --public: %w", err)
	}
	r.closeLater(plane.Close)
	r.traffic, r.links.Flycast, r.links.Public = plane.traffic, plane.doors.Flycast, plane.doors.Public
	return nil
}
