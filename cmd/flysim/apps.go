package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/flysim/local"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// buildApps adds the person's own apps to the examples.
func (e *emulator) buildApps(ctx context.Context) error {
	if e.settings.apps == "" {
		return nil
	}
	data, err := os.ReadFile(e.settings.apps)
	if err == nil {
		e.apps, err = seed.Read(data, filepath.Dir(e.settings.apps))
	}
	e.reportExisting()
	if err == nil {
		err = seed.Build(ctx, e.platform, e.apps)
	}
	if err != nil {
		return fmt.Errorf("--apps %s: %w", e.settings.apps, err)
	}
	for _, d := range e.apps {
		if delay, err := time.ParseDuration(d.StartDelay); err == nil {
			e.reportSlowStart(d.Name+": start_delay", delay)
		}
	}
	return nil
}

// reportSlowStart warns about Machines that start too slowly to answer a request.
func (e *emulator) reportSlowStart(setting string, delay time.Duration) {
	if delay >= proxy.DefaultHold {
		e.notes.add(fmt.Sprintf("%s %s: Fly Proxy holds a request for %s only, "+
			"so the request that wakes a Machine gets 503 PM03", setting, delay, proxy.DefaultHold))
	}
}

// reportExisting says which of the person's apps exist already, and so are not built.
func (e *emulator) reportExisting() {
	names := e.platform.AppNames()
	var existing []string
	for _, d := range e.apps {
		if slices.Contains(names, d.Name) {
			existing = append(existing, d.Name)
		}
	}
	if len(existing) > 0 {
		e.notes.add(fmt.Sprintf("these apps exist already, and %s does not change their Machines, "+
			"services and addresses: %s", e.settings.apps, strings.Join(existing, ", ")))
	}
}

// isTaken reports whether another program listens on a UDP address.
func isTaken(address string) bool {
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		return true
	}
	_ = socket.Close()
	return false
}

// startDataPlane opens Fly Proxy and starts autostop and the apps' programs.
func (e *emulator) startDataPlane(context.Context) error {
	if e.settings.autostopEvery < 0 {
		return errors.New("--autostop-every must be a duration, or 0 for never")
	}
	gateway := e.settings.gateway
	if gateway == defaultGateway && isTaken(gateway) {
		gateway = dataplane.AnyPort
	}
	plane, err := dataplane.Start(e.platform, dataplane.Options{
		Inside: e.settings.inside, Public: e.settings.public, AutostopEvery: e.settings.autostopEvery,
		Gateway: gateway, API: strings.TrimPrefix(e.links.API, "http://"),
		Programs: local.New(local.Options{
			Platform: e.platform, Apps: e.apps,
			Log: func(l local.Line) {
				e.notes.add(fmt.Sprintf("%s %s %s: %s", l.App, l.Machine, l.Stream, cli.Line(l.Text)))
			},
		}),
	})
	if err != nil {
		return fmt.Errorf("--inside, --public, --gateway: %w", err)
	}
	e.closeLater(plane.Close)
	e.traffic = plane.Traffic
	e.links.Flycast, e.links.Public = plane.Listening.Flycast, plane.Listening.Public
	return nil
}
