// Package demo shows the whole job on an emulated platform: a public app becomes
// private. It is an MCP client with this program as its server, and it verifies
// the result with requests through the emulated Fly Proxy.
package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// Demo is one run of the demo. The server's environment is made from nothing, so
// that no token and no FLY_* variable of the user can reach it.
type Demo struct {
	App string // one of the example apps
	Yes bool   // the demo answers the questions itself

	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer // the server's log
	Colors bool      // if stdout is a terminal
	Clock  Clock

	Platform   flysim.Options // without the clock
	Executable string         // the server's program; empty: this program's own
	Env        []string       // added to the server's environment
}

// Clock is time as the demo needs it.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Run shows the whole job. It fails if the app is not private at the end.
func (d *Demo) Run(ctx context.Context) (err error) {
	options := d.Platform
	options.Clock = flysim.NewClock(d.Clock.Now)
	platform := flysim.New(options)
	if err := platform.Seed(ctx); err != nil {
		return err
	}
	file, ok := platform.FlyToml(d.App)
	if !ok {
		return fmt.Errorf("--app %q is not one of the example apps: %s",
			d.App, strings.Join(platform.AppNames(), ", "))
	}
	api, err := platform.Listen(dataplane.AnyPort)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, api.Close()) }()
	plane, err := dataplane.Start(platform, dataplane.Options{
		Inside: dataplane.AnyPort, Public: dataplane.AnyPort, Gateway: dataplane.AnyPort,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Close()) }()
	work, err := newWorkspace(d.App, file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work.dir)) }()

	out := d.newPage()
	answerer := &person{
		page: out, clock: d.Clock, app: d.App,
		isDemo: d.Yes || !d.isInteractive(), input: bufio.NewReader(d.Stdin),
	}
	server, err := d.connect(ctx, work,
		append(api.Environment(platform.Token()), "FLYCAST_SANDBOX_PUBLIC="+plane.Listening.Public), answerer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	out.intro(d.App, server.version, answerer.isDemo)
	j := journey{page: out, client: server, app: d.App, file: work.file}
	err = j.show(ctx, &proof{page: out, platform: platform, plane: plane, app: d.App})
	if err != nil && ctx.Err() != nil {
		out.print("")
		return cli.ErrInterrupted
	}
	return err
}

// isInteractive reports whether a person can be asked.
func (d *Demo) isInteractive() bool {
	_, isIn := cli.Terminal(d.Stdin)
	_, isOut := cli.Terminal(d.Stdout)
	return isIn && isOut
}

// publicAddresses returns the addresses on which the internet reaches an app, read
// from the platform itself, not through the server.
func publicAddresses(platform *flysim.Platform, app string) []string {
	var list []string
	for _, a := range platform.Addresses(app) {
		ip, err := netip.ParseAddr(a.IP)
		if !strings.HasPrefix(a.Kind, "egress") && (err != nil || fly.NetworkID(ip) == "") {
			list = append(list, a.IP)
		}
	}
	return list
}

// workspace is the demo's temporary folder: the app's own folder, which is the
// server's root, and beside it the server's state.
type workspace struct {
	dir   string
	root  string
	file  string // the app's fly.toml
	state string
}

func newWorkspace(app string, flyToml []byte) (workspace, error) {
	dir, err := os.MkdirTemp("", "flycast-mcp-demo-")
	if err != nil {
		return workspace{}, err
	}
	w := workspace{dir: dir, root: filepath.Join(dir, app), state: filepath.Join(dir, "state")}
	w.file = filepath.Join(w.root, "fly.toml")
	err = os.Mkdir(w.root, 0o700)
	if err == nil {
		err = os.WriteFile(w.file, flyToml, 0o600)
	}
	if err != nil {
		return workspace{}, errors.Join(err, os.RemoveAll(dir))
	}
	return w, nil
}
