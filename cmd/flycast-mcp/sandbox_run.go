package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	webpage "github.com/flycast-mcp/flycast-mcp/flysim/page"
	programs "github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/flysim/proxy"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// firstApp is the example app that the blueprint is about.
const firstApp = "shop-api"

// sandboxRun is one run of the sandbox command: what is open, and how it ends.
type sandboxRun struct {
	program
	flags sandboxFlags

	definitions []programs.Definition // the operator's apps

	platform *flysim.Platform
	traffic  *flysim.Traffic
	api      *flysim.Server
	links    webpage.Links // what listens where
	pageURL  string        // empty: there is none

	notes   notes          // what the person is told beside the changes
	running sync.WaitGroup // of goroutines that end with the context
	opened  []func() error // what is to be closed, in the order it was opened
}

// run opens everything step by step, shows what happens until the person or
// the context ends it, and closes it all in the opposite order.
func (r *sandboxRun) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		r.running.Wait()
		err = errors.Join(err, r.close())
	}()
	steps := []func(context.Context) error{
		r.openPlatform,
		r.playFaults,
		r.writeConfigs,
		r.buildApps,
		r.listenAPI,
		r.listenProxy,
		r.listenPage, // the last: it names the others
		r.writeExports,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return r.show(ctx)
}

// closeLater closes something at the end, before what was opened earlier.
func (r *sandboxRun) closeLater(end func() error) { r.opened = append(r.opened, end) }

func (r *sandboxRun) close() error {
	var errs []error
	for len(r.opened) > 0 {
		last := len(r.opened) - 1
		errs = append(errs, r.opened[last]())
		r.opened = r.opened[:last]
	}
	return errors.Join(errs...)
}

func (r *sandboxRun) openPlatform(ctx context.Context) error {
	if r.flags.coldStart < 0 {
		return fmt.Errorf("--cold-start %s: a Machine cannot start before it is told to", r.flags.coldStart)
	}
	clock := flysim.NewClock(r.clock.Now)
	var err error
	if r.flags.coldStart >= proxy.DefaultHold {
		r.notes.say(fmt.Sprintf("--cold-start %s: Fly Proxy holds a request for %s: the one that wakes a Machine is answered 503 PM03", r.flags.coldStart, proxy.DefaultHold))
	}
	r.platform, err = openPlatform(ctx, r.flags.state, flysim.Options{
		Clock: clock, RateLimits: true, StartDelay: r.flags.coldStart, CheckDelay: checkDelay,
	})
	if err != nil {
		return err
	}
	r.closeLater(r.platform.Close)
	if r.flags.speed.given { // else a kept platform goes on with the speed it had
		clock.SetSpeed(r.flags.speed.factor)
	}
	return nil
}

func (r *sandboxRun) writeConfigs(context.Context) error {
	if r.flags.configs == "" {
		return nil
	}
	return r.platform.WriteConfigs(r.flags.configs)
}

// playFaults lets go wrong what the person asked for, and opens the endpoint
// that takes more.
func (r *sandboxRun) playFaults(context.Context) error {
	control, err := r.flags.faults.start(r.platform, r.notes.say)
	if err != nil || control == nil {
		return err
	}
	r.links.Control = control.URL
	r.closeLater(control.Close)
	return nil
}

func (r *sandboxRun) listenAPI(context.Context) error {
	server, err := r.platform.Listen(r.flags.addr)
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	r.api, r.links.API = server, server.URL
	r.closeLater(server.Close)
	return nil
}

func (r *sandboxRun) listenPage(context.Context) error {
	if r.flags.page == "" {
		return nil
	}
	server, err := flysim.Serve(r.flags.page, webpage.New(webpage.Options{Platform: r.platform, Traffic: r.traffic, App: firstApp, Links: r.links}))
	if err != nil {
		return fmt.Errorf("--page: %w", err)
	}
	r.pageURL = server.URL
	r.closeLater(server.Close)
	return nil
}

// exports are the lines that point a shell at the sandbox. A folder of its own
// keeps flyctl away from the person's ~/.fly. What is not there is not named.
func (r *sandboxRun) exports() string {
	var b strings.Builder
	b.WriteString("export FLY_CONFIG_DIR=\"$(mktemp -d)\"\n")
	for _, v := range []struct{ name, url string }{
		{"FLYCAST_SANDBOX_PAGE", r.pageURL},
		{"FLYCAST_SANDBOX_INSIDE", r.links.Flycast},
		{"FLYCAST_SANDBOX_PUBLIC", r.links.Public},
		{"FLYCAST_SANDBOX_CONTROL", r.links.Control},
	} {
		if v.url != "" {
			fmt.Fprintf(&b, "export %s='%s'\n", v.name, v.url)
		}
	}
	return b.String() + r.api.Exports(r.platform.Token())
}

func (r *sandboxRun) writeExports(context.Context) error {
	exports := r.exports()
	if r.flags.envFile != "" {
		if err := writePrivate(r.flags.envFile, exports); err != nil {
			return fmt.Errorf("--env-file: %w", err)
		}
	}
	_, _ = io.WriteString(r.stderr, dnsNote+"\n") // there is nowhere to tell of an error
	_, err := io.WriteString(r.stdout, exports)
	return err
}

// dnsNote is said first, as no variable can do it for flyctl.
const dnsNote = "Use fly deploy --dns-checks=false: otherwise flyctl asks 8.8.8.8 for <app>.fly.dev after a deploy"

// writePrivate replaces a file as a whole by one that its owner alone can read.
func writePrivate(name, text string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".flycast-mcp-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// notes are for the person. Those that come before there is a screen wait for
// it. The zero value is ready; it is safe for concurrent use.
type notes struct {
	mu    sync.Mutex
	show  func(string)
	early []string
}

// say tells the person something, in a line.
func (n *notes) say(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.show == nil {
		n.early = append(n.early, text)
		return
	}
	n.show(text)
}

// to says where notes are shown from now on.
func (n *notes) to(show func(string)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.show = show
	for _, text := range n.early {
		show(text)
	}
	n.early = nil
}

// show shows what happens until the person quits or the context ends: as a
// table if a person sits at a terminal, else as lines on stderr.
func (r *sandboxRun) show(ctx context.Context) error {
	source := watch.Source{Platform: r.platform, Traffic: r.traffic}
	if !r.flags.plain && r.getenv("TERM") != "dumb" {
		in, sits := asTerminal(r.stdin)
		if out, sees := asTerminal(r.stderr); sits && sees {
			return r.showTable(ctx, source, in, out)
		}
	}
	r.showLines(ctx, source)
	return nil
}
