package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

func demoCommand(p program) *cobra.Command {
	d := demo{program: p, options: flysim.Options{
		StartDelay: flysim.VisibleStartDelay, CheckDelay: flysim.VisibleCheckDelay,
		RateLimits: p.tune == nil, // a server that a test tuned may not keep to them
	}}
	c := &cobra.Command{
		Use: "demo", Short: "Watch a public app become private, on an emulated platform", Args: cobra.NoArgs,
		Long: `Watch a public app become private, on an emulated Fly platform.

The demo runs the platform in its own process and this program as an MCP server
beside it. It makes the calls an agent would make, asks you the questions a
person is asked, and verifies the result with requests through the emulated Fly
Proxy. It does not read FLY_* variables, tokens or your files. The exit code is
not zero if the app is not private at the end.`,
		RunE: func(c *cobra.Command, _ []string) error { return d.run(c.Context()) },
	}
	c.Flags().BoolVar(&d.yes, "yes", false, "answer the questions automatically")
	c.Flags().StringVar(&d.app, "app", "shop-api", "which example app: shop-api, legacy-api, tenant-7, game-server or inner-circle")
	return c
}

// demo is one run of the demo.
type demo struct {
	program
	app string
	yes bool

	options    flysim.Options
	executable string   // the server's binary; empty: this program's own
	env        []string // more environment for the server
}

// run shows the whole journey. It fails if the app did not end private.
func (d *demo) run(ctx context.Context) (err error) {
	d.options.Clock = flysim.NewClock(d.clock.Now)
	platform := flysim.New(d.options)
	if err := platform.Seed(ctx); err != nil {
		return err
	}
	file, ok := platform.FlyToml(d.app)
	if !ok {
		return fmt.Errorf("--app %q is not one of the example apps: %s", d.app, strings.Join(platform.AppNames(), ", "))
	}
	listening, err := platform.Listen(dataplane.AnyPort)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listening.Close()) }()
	plane, err := dataplane.Start(platform, dataplane.Options{Inside: dataplane.AnyPort, Public: dataplane.AnyPort})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Close()) }()
	place, err := newDemoPlace(d.app, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place.dir)) }()

	out := newPage(d.program)
	asker := &asker{program: d.program, page: out, app: d.app, inPlace: d.yes || !interactive(d.program), typed: bufio.NewReader(d.stdin)}
	client, err := d.connect(ctx, place, listening.Environment(platform.Token()), asker)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()

	out.intro(d.app, client.version, asker)
	j := journey{page: out, client: client, app: d.app, file: place.file}
	err = j.show(ctx, &proof{page: out, platform: platform, plane: plane, app: d.app})
	if err != nil && ctx.Err() != nil {
		out.print("")
		return errInterrupted
	}
	return err
}

// public are the addresses over which the internet reaches an app, asked of the
// platform itself, past the server.
func public(platform *flysim.Platform, app string) []string {
	var list []string
	for _, a := range platform.Addresses(app) {
		ip, err := netip.ParseAddr(a.IP)
		if !strings.HasPrefix(a.Kind, "egress") && (err != nil || fly.NetworkID(ip) == "") {
			list = append(list, a.IP)
		}
	}
	return list
}

// demoPlace is the demo's temporary folder: the app's own folder, which is the
// server's root, and beside it what the server keeps.
type demoPlace struct {
	dir   string
	root  string
	file  string // the app's fly.toml
	state string
}

func newDemoPlace(app string, flyToml []byte) (demoPlace, error) {
	dir, err := os.MkdirTemp("", "flycast-mcp-demo-")
	if err != nil {
		return demoPlace{}, err
	}
	p := demoPlace{dir: dir, root: filepath.Join(dir, app), state: filepath.Join(dir, "state")}
	p.file = filepath.Join(p.root, "fly.toml")
	err = os.Mkdir(p.root, 0o700)
	if err == nil {
		err = os.WriteFile(p.file, flyToml, 0o600)
	}
	if err != nil {
		return demoPlace{}, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}
