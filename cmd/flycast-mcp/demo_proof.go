package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/flysim/watch"
)

// proof asks the app itself: it sends requests through the emulated Fly Proxy,
// from inside and from the internet, and lets time pass between them.
type proof struct {
	page     *page
	platform *flysim.Platform
	plane    *dataplane.Plane
	app      string
}

// before shows how the app answers while it is public.
func (p *proof) before(ctx context.Context) error {
	p.page.section("Who gets an answer today")
	_, err := p.get(ctx, flysim.DoorPublic)
	if err == nil {
		_, err = p.get(ctx, flysim.DoorFlycast)
	}
	return err
}

// after shows that the app is out of the internet's reach, wakes on a request
// over Flycast and stops when idle. It fails if one of these does not hold.
func (p *proof) after(ctx context.Context) error {
	p.page.section("The proof, by requests")
	outside, err := p.get(ctx, flysim.DoorPublic)
	if err != nil {
		return err
	}
	p.idle()
	inside, err := p.get(ctx, flysim.DoorFlycast)
	if err != nil {
		return err
	}
	warm, err := p.get(ctx, flysim.DoorFlycast)
	if err != nil {
		return err
	}
	stopped := p.idle()
	switch {
	case outside.Machine != "":
		return fmt.Errorf("%s still answers the internet", p.app)
	case inside.Status != http.StatusOK || warm.Status != http.StatusOK:
		return fmt.Errorf("%s does not answer over Flycast: status %d, then %d", p.app, inside.Status, warm.Status)
	case !inside.Woke || !slices.ContainsFunc(stopped, func(s autostop.Stopped) bool { return s.Machine == inside.Machine }):
		return fmt.Errorf("%s was not started by a request and stopped again when idle", p.app)
	}
	return nil
}

// get sends one request through a door and shows what became of it.
func (p *proof) get(ctx context.Context, door flysim.Door) (flysim.Visit, error) {
	target, through := "http://"+p.app+".flycast/", p.plane.Listening.Flycast
	if door == flysim.DoorPublic {
		target, through = "http://"+p.app+".fly.dev/", p.plane.Listening.Public
	}
	via, err := url.Parse(through)
	if err != nil {
		return flysim.Visit{}, err
	}
	transport := &http.Transport{Proxy: http.ProxyURL(via), DisableKeepAlives: true}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return flysim.Visit{}, err
	}
	known := p.plane.Traffic.Count()
	answer, err := client.Do(request)
	if err != nil {
		return flysim.Visit{}, fmt.Errorf("%s: %w", target, err)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return flysim.Visit{}, fmt.Errorf("%s: %w", target, err)
	}
	visit, err := p.visit(ctx, known)
	if err != nil {
		return flysim.Visit{}, err
	}
	p.page.item(fmt.Sprintf("%-32s %s", "GET "+target, told(visit, answer)))
	return visit, nil
}

// visit is the one after those known, once it is over: it is written down just
// after its answer has gone out, and its connection then closed.
func (p *proof) visit(ctx context.Context, known uint64) (flysim.Visit, error) {
	for {
		changed := p.plane.Traffic.Changed()
		if list := p.plane.Traffic.Recent(known); len(list) > 0 && p.plane.Traffic.Load(list[0].Machine) == 0 {
			return list[0], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return flysim.Visit{}, ctx.Err()
		}
	}
}

// told says what became of a request.
func told(v flysim.Visit, answer *http.Response) string {
	took := watch.Span(v.Took)
	switch {
	case v.Code == "DNS":
		return "no answer: the name does not resolve"
	case v.Woke:
		return fmt.Sprintf("%d after %s, Machine %s was started for it", v.Status, took, v.Machine)
	case answer.Header.Get("Location") != "":
		return fmt.Sprintf("%d to %s", v.Status, answer.Header.Get("Location"))
	case v.Machine == "":
		return fmt.Sprintf("%d (%s): no Machine took it", v.Status, v.Code)
	}
	return fmt.Sprintf("%d after %s, from Machine %s", v.Status, took, v.Machine)
}

// maxPasses is how many passes of autostop the demo waits for.
const maxPasses = 12

// idle lets time pass, by the platform's clock, until autostop has stopped all
// that it does stop, and tells.
func (p *proof) idle() []autostop.Stopped {
	clock := p.platform.Clock()
	from := clock.Now()
	var stopped []autostop.Stopped
	for range maxPasses {
		clock.Advance(autostop.DefaultEvery)
		for _, s := range p.plane.Autostop.Pass() {
			if s.App == p.app {
				stopped = append(stopped, s)
			}
		}
		if p.settled() {
			break
		}
	}
	for _, s := range stopped {
		p.page.item(fmt.Sprintf("%s without a request: Machine %s is %s by autostop", watch.Age(s.At.Sub(from)), s.Machine, s.State))
	}
	reasons, err := p.plane.Autostop.Explain(p.app)
	if err != nil {
		return stopped
	}
	for _, r := range reasons {
		if r.State == "started" {
			p.page.item(strings.TrimSpace(fmt.Sprintf("Machine %s of group %s goes on running: %s", r.Machine, r.Group, r.Why)))
		}
	}
	return stopped
}

// settled tells that the next passes will stop nothing of the app.
func (p *proof) settled() bool {
	reasons, err := p.plane.Autostop.Explain(p.app)
	return err != nil || !slices.ContainsFunc(reasons, func(r autostop.Reason) bool { return r.Stops })
}
