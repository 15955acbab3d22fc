package demo

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

// proof sends requests to the app through the emulated Fly Proxy, from inside the
// network and from the internet, and lets time pass between them.
type proof struct {
	page     *page
	platform *flysim.Platform
	plane    *dataplane.Plane
	app      string
}

// before shows who can reach the app while it is public.
func (p *proof) before(ctx context.Context) error {
	p.page.section("Who can reach the app now")
	_, err := p.get(ctx, flysim.DoorPublic)
	if err == nil {
		_, err = p.get(ctx, flysim.DoorFlycast)
	}
	return err
}

// get sends one request through Fly Proxy and shows its result.
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
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return flysim.Visit{}, err
	}
	counted := p.plane.Traffic.Count()
	response, err := client.Do(request)
	if err != nil {
		return flysim.Visit{}, fmt.Errorf("%s: %w", target, err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return flysim.Visit{}, fmt.Errorf("%s: %w", target, err)
	}
	visit, err := p.nextVisit(ctx, counted)
	if err != nil {
		return flysim.Visit{}, err
	}
	p.page.item(fmt.Sprintf("%-32s %s", "GET "+target, describe(visit, response)))
	return visit, nil
}

// nextVisit waits for the record of the request after those counted: Fly Proxy
// writes it after the response, and then closes the connection.
func (p *proof) nextVisit(ctx context.Context, counted uint64) (flysim.Visit, error) {
	for {
		changed := p.plane.Traffic.Changed()
		if list := p.plane.Traffic.Recent(counted); len(list) > 0 && p.plane.Traffic.Load(list[0].Machine) == 0 {
			return list[0], nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return flysim.Visit{}, ctx.Err()
		}
	}
}

// describe says what happened to a request.
func describe(v flysim.Visit, response *http.Response) string {
	took := watch.Span(v.Took)
	switch {
	case v.Code == "DNS":
		return "no answer: the name does not resolve"
	case v.Woke:
		return fmt.Sprintf("%d after %s: Machine %s was started for it", v.Status, took, v.Machine)
	case response.Header.Get("Location") != "":
		return fmt.Sprintf("%d to %s", v.Status, response.Header.Get("Location"))
	case v.Machine == "":
		return fmt.Sprintf("%d (%s): no Machine answered", v.Status, v.Code)
	}
	return fmt.Sprintf("%d after %s from Machine %s", v.Status, took, v.Machine)
}

// maxPasses is the most passes of autostop that the demo waits for.
const maxPasses = 12

// letIdle lets time pass on the platform's clock until autostop stops no more
// Machines, and prints those it stopped.
func (p *proof) letIdle() []autostop.Stopped {
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
		if p.isSettled() {
			break
		}
	}
	for _, s := range stopped {
		p.page.item(fmt.Sprintf("after %s without a request, autostop has %s Machine %s",
			watch.Age(s.At.Sub(from)), s.State, s.Machine))
	}
	reasons, err := p.plane.Autostop.Explain(p.app)
	if err != nil {
		return stopped
	}
	for _, r := range reasons {
		if r.State == "started" {
			p.page.item(strings.TrimSpace(
				fmt.Sprintf("Machine %s of group %s keeps running: %s", r.Machine, r.Group, r.Why)))
		}
	}
	return stopped
}

// isSettled reports whether further passes stop no Machine of the app.
func (p *proof) isSettled() bool {
	reasons, err := p.plane.Autostop.Explain(p.app)
	return err != nil || !slices.ContainsFunc(reasons, func(r autostop.Reason) bool { return r.Stops })
}
