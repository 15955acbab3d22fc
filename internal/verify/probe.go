package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/tunnel"
)

const (
	// answerWithin is how long a request may take: a stopped Machine may have to start first.
	answerWithin = 40 * time.Second
	// speaksWithin is how long a program on a raw TCP port has to say something by itself.
	speaksWithin = time.Second
	// maxBody is how much of a body is read; none of it is shown.
	maxBody = 64 << 10
	// resolveTries bounds how often a name is asked for: a new address may not be in the DNS yet.
	resolveTries = 15
	resolveEvery = 2 * time.Second
)

// Clock tells the time, and waits.
type Clock interface {
	Now() time.Time
	After(time.Duration) <-chan time.Time
}

// Subject is the app that is asked from inside its network.
type Subject struct {
	App     rules.Snapshot // before the first request
	Flycast netip.Addr
	Reread  func(ctx context.Context) (rules.Snapshot, error)
	Clock   Clock
}

// Inside proves the claims that need a place inside the private network. The program is asked with
// GET / and the name APP.flycast.
func Inside(ctx context.Context, v Vantage, s Subject) Report {
	r := Report{Vantage: v.Name()}
	name := s.App.Addresses.App.Name + ".flycast"
	if !s.resolves(ctx, v, name, &r) {
		r.add(Answers, NotVerified, "%s does not resolve", name)
		r.add(Wakes, NotVerified, "%s does not resolve", name)
		return r
	}
	slept := isAsleep(s.App)
	ports := rules.PlainTargets(s.App)
	if len(ports) == 0 {
		r.add(Answers, Refuted, "no service has a port without TLS")
		r.add(Wakes, NotVerified, "no port can be asked")
		return r
	}
	began := s.Clock.Now()
	var first time.Duration
	for i, p := range ports {
		took := s.ask(ctx, v, name, p, &r)
		if i == 0 {
			first = took
		}
	}
	s.wakes(ctx, slept, began, first, &r)
	return r
}

// resolves proves that the name leads to the address that the API lists.
func (s Subject) resolves(ctx context.Context, v Vantage, name string, r *Report) bool {
	began := time.Now()
	var list []netip.Addr
	var err error
	for try := range resolveTries {
		if list, err = v.AAAA(ctx, name); err == nil && slices.Contains(list, s.Flycast) {
			r.addTimed(Resolves, Verified, time.Since(began), "%s is %s", name, s.Flycast)
			return true
		}
		if !errors.Is(err, tunnel.ErrNoSuchName) || try == resolveTries-1 {
			break
		}
		select {
		case <-s.Clock.After(resolveEvery):
		case <-ctx.Done(): // the next question ends at once
		}
	}
	switch {
	case errors.Is(err, tunnel.ErrNoSuchName):
		r.add(Resolves, Refuted, "%s does not resolve on the network of %s", name, s.Flycast)
	case err != nil:
		r.add(Resolves, NotVerified, "%s", plan.Message(err.Error()))
	default:
		r.add(Resolves, Refuted, "%s is %v, and the API lists %s", name, list, s.Flycast)
	}
	return false
}

// ask asks one port and returns how long the answer took.
func (s Subject) ask(ctx context.Context, v Vantage, name string, p rules.PlainTarget, r *Report) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	address := netip.AddrPortFrom(s.Flycast, uint16(p.Port)).String()
	if !p.HTTP {
		s.askRaw(ctx, v, address, p, r)
		return 0
	}
	host := name
	if p.Port != 80 {
		host = fmt.Sprintf("%s:%d", name, p.Port)
	}
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return v.DialContext(ctx, "tcp", address)
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", http.NoBody)
	if err != nil {
		r.add(Answers, NotVerified, "port %d: %s", p.Port, plan.Message(err.Error()))
		return 0
	}
	request.Header.Set("User-Agent", "flycast-mcp")
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		r.add(Answers, Refuted, "port %d: no answer: %s", p.Port, plan.Message(cause(err)))
		return 0
	}
	defer response.Body.Close()
	took := time.Since(began)
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	location := response.Header.Get("Location")
	switch {
	case strings.HasPrefix(strings.ToLower(location), "https://"):
		r.add(NoRedirect, Refuted, "port %d: %d to https, where nothing answers over Flycast", p.Port, response.StatusCode)
		r.addTimed(Answers, Refuted, took, "port %d: redirects to https", p.Port)
		return took
	case response.StatusCode >= 500:
		r.addTimed(Answers, Refuted, took, "port %d answers with an error: %d", p.Port, response.StatusCode)
		return took
	}
	r.addTimed(NoRedirect, Verified, took, "port %d does not redirect to https", p.Port)
	r.addTimed(Answers, Verified, took, "port %d: status %d after %d ms", p.Port, response.StatusCode, took.Milliseconds())
	return took
}

// askRaw asks a port that Fly Proxy does not read. Fly Proxy accepts a connection before the program
// does, so a connection alone proves nothing.
func (s Subject) askRaw(ctx context.Context, v Vantage, address string, p rules.PlainTarget, r *Report) {
	began := time.Now()
	socket, err := v.DialContext(ctx, "tcp", address)
	if err != nil {
		r.add(Answers, Refuted, "port %d: no connection: %s", p.Port, plan.Message(cause(err)))
		return
	}
	defer socket.Close()
	_ = socket.SetReadDeadline(time.Now().Add(speaksWithin))
	var first [1]byte
	n, err := socket.Read(first[:])
	var timeout net.Error
	switch {
	case n > 0:
		r.addTimed(Answers, Verified, time.Since(began), "port %d: connected, and the program speaks first", p.Port)
	case errors.As(err, &timeout) && timeout.Timeout():
		r.add(Answers, NotVerified, "port %d: connected; the program says nothing by itself, and Fly Proxy accepts before it does",
			p.Port)
	default:
		r.add(Answers, Refuted, "port %d: the connection was closed at once", p.Port)
	}
}

// wakes proves that the first request started a Machine.
func (s Subject) wakes(ctx context.Context, slept bool, began time.Time, took time.Duration, r *Report) {
	if !slept {
		r.add(Wakes, NotVerified, "not seen: a Machine was running already, and none was stopped for this")
		return
	}
	if r.Is(Answers) == Refuted {
		r.add(Wakes, Refuted, "all Machines were stopped, and the request got no answer")
		return
	}
	now, err := s.Reread(ctx)
	if err != nil {
		r.add(Wakes, NotVerified, "the Machines could not be read afterwards: %s", plan.Message(err.Error()))
		return
	}
	for _, m := range now.Machines {
		if m.State == "started" {
			r.addTimed(Wakes, Verified, took, "all Machines were stopped; Machine %s was started for the request, which took %d ms",
				m.ID, took.Milliseconds())
			return
		}
	}
	r.add(Wakes, NotVerified, "the request was answered after %s, but no Machine is started now", s.Clock.Now().Sub(began))
}

// isAsleep reports whether no Machine that serves runs.
func isAsleep(s rules.Snapshot) bool {
	serving := 0
	for _, m := range s.Machines {
		if !m.Config.HasPort() {
			continue
		}
		serving++
		if m.State != "stopped" && m.State != "suspended" {
			return false
		}
	}
	return serving > 0
}

// cause returns the innermost words of an error: the outer ones repeat addresses.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}
