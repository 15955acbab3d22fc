package lint

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func hasHTTP(handlers []string) bool {
	return slices.Contains(handlers, "http") || slices.Contains(handlers, "edge_http")
}

func hasTLS(handlers []string) bool {
	return slices.Contains(handlers, "tls") || slices.Contains(handlers, "pg_tls")
}

// bounds returns the first and the last port of a section; ok is false if it has
// none.
func bounds(p machine.Port) (low, high int, ok bool) {
	switch {
	case p.Port != nil:
		return *p.Port, *p.Port, true
	case p.StartPort != nil && p.EndPort != nil:
		return *p.StartPort, *p.EndPort, true
	}
	return 0, 0, false
}

func covers(p machine.Port, n int) bool {
	low, high, ok := bounds(p)
	return ok && low <= n && n <= high
}

func (l *linter) reportPortRange(s spot, n int) {
	l.warn(FindingPortRange, s, message{
		fmt.Sprintf("%d is not a port", n),
		"flyctl does not check it; Fly's API may refuse the Machine in the middle of a deploy",
		"use a port from 1 to 65535",
	})
}

// checkFraction reports a port that is not a whole number.
func (l *linter) checkFraction(s spot) {
	if n, ok := s.value.(float64); ok && n != math.Trunc(n) {
		l.warn(FindingPortFraction, s, message{
			"the port is not a whole number, and flyctl cuts off the fraction",
			"flyctl turns the numbers of ports under [[services]] into whole ones",
			"write a whole number",
		})
	}
}

// plainPorts are the services of a file, to find ports without TLS.
type plainPorts struct {
	all       []serviceAt
	suggested []int
}

// reaches reports whether another service offers the same program without TLS to
// all groups of a service.
func (p *plainPorts) reaches(s serviceAt) bool {
	for _, group := range s.groups {
		if !slices.ContainsFunc(p.all, func(other serviceAt) bool {
			wire := other.ToMachine()
			return slices.Contains(other.groups, group) && wire.IsRouted() && other.InternalPort == s.InternalPort &&
				slices.ContainsFunc(wire.Ports, func(port machine.Port) bool {
					_, _, ok := port.Range()
					return ok && !port.IsEncrypted()
				})
		}) {
			return false
		}
	}
	return len(s.groups) > 0
}

// free returns a port for plain HTTP that no service has and that was not suggested
// before: 80 if possible, else 8080 or higher.
func (p *plainPorts) free() int {
	taken := func(n int) bool {
		return slices.Contains(p.suggested, n) || slices.ContainsFunc(p.all, func(s serviceAt) bool {
			return slices.ContainsFunc(s.ToMachine().Ports, func(port machine.Port) bool { return covers(port, n) })
		})
	}
	port := 80
	for port < 1<<16 && taken(port) {
		port = max(port+1, 8080)
	}
	p.suggested = append(p.suggested, port)
	return port
}

// checkPorts looks at the ports of one service.
func (l *linter) checkPorts(s serviceAt, plain *plainPorts) {
	if len(s.Ports) == 0 {
		l.warn(FindingNoPorts, s.spot, message{
			"the service has no ports",
			"Fly Proxy does not listen for it, so no request reaches it; flyctl only warns, and says that a later " +
				"version will refuse the file",
			"add a [[services.ports]] section, or remove the service",
		})
		return
	}
	if !s.ToMachine().HasPort() {
		l.warn(FindingNoPorts, l.under(s.spot, "ports"), message{
			"Fly Proxy cannot listen on any of the service's ports",
			"no request reaches the service: a port is a number from 1 to 65535, and a range cannot end before it begins",
			"give the service a valid port",
		})
	}
	if s.http {
		if at := l.under(s.spot, "force_https"); s.Ports[0].ForceHTTPS {
			l.reportForceHTTPS(at)
		}
		return
	}
	list := l.under(s.spot, "ports")
	tls := 0
	for i, port := range s.Ports {
		if hasTLS(port.Handlers) {
			tls++
		}
		l.checkPort(s, l.item(list, i), port)
	}
	if tls == len(s.Ports) && !plain.reaches(s) {
		fix := "if the app speaks plain TCP, add a port with handlers = []: Fly Proxy then passes the bytes through"
		if s.answersHTTP() {
			fix = fmt.Sprintf(`add a port without the "tls" handler, for example port %d with handlers = ["http"]`, plain.free())
		}
		l.flycast(FindingTLSOnly, s.spot, message{
			"every port of the service requires TLS, so private callers cannot reach it",
			"there is no certificate for .flycast names, so Flycast clients need a port without TLS", fix})
	}
}

func (l *linter) checkPort(s serviceAt, at spot, port machine.Port) {
	for _, field := range []struct {
		key string
		n   *int
	}{{"port", port.Port}, {"start_port", port.StartPort}, {"end_port", port.EndPort}} {
		place := l.under(at, field.key)
		if field.n != nil && !machine.IsPort(*field.n) {
			l.reportPortRange(place, *field.n)
		}
		l.checkFraction(place)
	}
	switch one, ranged := port.Port != nil, port.StartPort != nil || port.EndPort != nil; {
	case !one && !ranged:
		l.warn(FindingPortIncomplete, at, message{
			"the section has no port",
			"Fly Proxy does not know where to listen; flyctl does not check it",
			"set port, or start_port and end_port",
		})
	case one && ranged:
		l.warn(FindingPortIncomplete, at, message{
			"the section has both a port and a range of ports",
			"Fly accepts only one of them; flyctl sends both",
			"keep port, or start_port and end_port",
		})
	case ranged && (port.StartPort == nil || port.EndPort == nil):
		l.warn(FindingPortIncomplete, at, message{
			"the section has half a range of ports",
			"a range needs start_port and end_port; flyctl does not check it",
			"set start_port and end_port, or set port",
		})
	}
	if port.StartPort != nil && port.EndPort != nil && *port.EndPort < *port.StartPort {
		l.reportReversed(at, port)
	}
	handlers := l.under(at, "handlers")
	known := []string{"http", "tls", "pg_tls", "proxy_proto", "edge_http"}
	for i, handler := range port.Handlers {
		if slices.Contains(known, handler) {
			continue
		}
		item := l.item(handlers, i)
		finding := l.warn(FindingHandler, item, message{
			fmt.Sprintf("there is no handler %s", excerpt.Quote(handler)),
			"the handlers are http, tls, pg_tls and proxy_proto; flyctl does not check the word",
			handlerFor(handler, known),
		})
		finding.Edit = l.spelling(item, known...)
	}
	http, tls := hasHTTP(port.Handlers), hasTLS(port.Handlers)
	switch {
	case http && !tls && covers(port, 443):
		l.warn(FindingPortHandlers, at, message{
			"port 443 answers plain HTTP",
			"clients expect TLS on port 443, and Fly Proxy offers it only with the tls handler",
			`use handlers = ["tls", "http"], or another port`,
		})
	case tls && covers(port, 80):
		l.warn(FindingPortHandlers, at, message{
			"port 80 requires TLS",
			"clients send plain HTTP to port 80",
			`use handlers = ["http"], or another port`,
		})
	}
	if slices.Contains(port.Handlers, "proxy_proto") {
		l.info(FindingProxyProto, handlers, message{
			"every connection begins with a PROXY protocol header",
			"the app must read the header before anything else, over Flycast too",
			"remove the handler if the app does not expect it",
		})
	}
	force := l.under(at, "force_https")
	switch {
	case port.ForceHTTPS && !http:
		l.warn(FindingForceHTTPSDead, force, message{
			"force_https does nothing on a port without the http handler",
			"Fly Proxy can redirect only requests that it reads as HTTP",
			"remove it, or add the http handler",
		})
	case port.ForceHTTPS && !tls:
		l.reportForceHTTPS(force)
	}
}

// handlerFor says which handler to use instead of an unknown one.
func handlerFor(word string, known []string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "https", "ssl", "http2", "h2", "wss":
		return `use handlers = ["tls", "http"], which is HTTPS: Fly Proxy terminates TLS and speaks HTTP to the app`
	case "ws", "websocket", "websockets", "grpc":
		return `use ["http"], or ["tls", "http"] on a port with TLS: they carry WebSockets and gRPC too`
	case "tcp", "none", "passthrough", "raw":
		return "use handlers = [], which passes bytes through"
	case "proxy", "proxy_protocol":
		return "use proxy_proto if the app reads the PROXY protocol header"
	case "postgres", "postgresql", "pg":
		return `use handlers = ["pg_tls"] for PostgreSQL with TLS, or handlers = [] to pass bytes through`
	}
	if name := spelling.Nearest(word, known); name != "" && !spelling.SameLetters(word, name) {
		return fmt.Sprintf("did you mean %q? To pass bytes through, use handlers = []", name)
	}
	return "use one of those, or handlers = [] to pass bytes through"
}

func (l *linter) reportForceHTTPS(s spot) {
	l.flycast(FindingForceHTTPS, s, message{
		"plain HTTP is redirected to HTTPS",
		"private callers cannot follow the redirect: there is no certificate for .flycast names, so Flycast " +
			"clients use plain HTTP",
		"set force_https = false if the app should be private behind Flycast"})
}

// reportReversed reports a range that ends before it begins.
func (l *linter) reportReversed(at spot, port machine.Port) {
	start, end := l.under(at, "start_port"), l.under(at, "end_port")
	finding := l.warn(FindingPortReversed, end, message{
		fmt.Sprintf("the range %s is empty", port),
		"Fly Proxy listens on the ports from start_port to end_port; flyctl does not check their order",
		"swap start_port and end_port",
	})
	// Keys in another case have an edit of their own.
	if exact := strings.HasSuffix(start.path, ".start_port") &&
		strings.HasSuffix(end.path, ".end_port"); exact && machine.IsPort(*port.StartPort) && machine.IsPort(*port.EndPort) {
		finding.Edit = l.exchange(start, end)
	}
}

// exchange returns the edit that swaps two values if only the key of the second is
// between them.
func (l *linter) exchange(a, b spot) *TextEdit {
	if a.at.Value.Start > b.at.Value.Start {
		a, b = b, a
	}
	first, second := l.source(a), l.source(b)
	if first == "" || second == "" {
		return nil
	}
	between := string(l.data[a.at.Value.End:b.at.Value.Start])
	if !strings.HasSuffix(b.path, "."+strings.Trim(between, " \t\r\n,=:\"'")) {
		return nil
	}
	return &TextEdit{Offset: a.at.Value.Start, Length: b.at.Value.End - a.at.Value.Start, Text: second + between + first}
}

// checkSamePorts looks for ports that two services have.
func (l *linter) checkSamePorts(all []serviceAt) {
	type listener struct {
		low, high int
		service   int
		order     int // in which flyctl sends them
		at        spot
	}
	order := 0
	byProtocol := map[string][]listener{}
	for i, s := range all {
		list := l.under(s.spot, "ports")
		for j, port := range s.Ports {
			low, high, ok := bounds(port)
			if !ok || low > high {
				continue
			}
			at := s.spot
			if !s.http {
				at = l.item(list, j)
			}
			byProtocol[s.Protocol] = append(byProtocol[s.Protocol], listener{low, high, i, order, at})
			order++
		}
	}
	for _, protocol := range []string{"tcp", "udp", ""} {
		listeners := byProtocol[protocol]
		slices.SortStableFunc(listeners, func(a, b listener) int { return cmp.Compare(a.low, b.low) })
		// widest is the range so far that reaches furthest.
		var widest listener
		for i, p := range listeners {
			if i == 0 || p.low > widest.high {
				widest = p
				continue
			}
			first, second := widest, p
			if p.order < widest.order {
				first, second = p, widest
			}
			l.reportSamePort(all[first.service], all[second.service], second.at, p.low, first.service == second.service)
			if p.high > widest.high {
				widest = p
			}
		}
	}
}

func (l *linter) reportSamePort(first, second serviceAt, at spot, port int, same bool) {
	n := message{
		fmt.Sprintf("port %d already belongs to %s", port, first.title()),
		"flyctl sends both services, but Fly Proxy can route a port to only one of them",
		"use different ports, or one service",
	}
	switch {
	case same:
		n.what = fmt.Sprintf("the service has port %d twice", port)
		n.fix = "keep one of them"
	case !slices.Equal(first.groups, second.groups):
		n.why = "Fly Proxy spreads the requests to a port over all Machines that have it, so each process group " +
			"gets requests meant for the other"
		n.fix = "use different ports, or a separate app for each group"
	}
	l.warn(FindingPortTwice, at, n)
}

// reportDedicatedIPv4 reports the first service for which flyctl asks for a
// dedicated IPv4 address on the first deploy (flyctl, DetermineIPType): UDP, another port
// than 80 and 443, or these with other handlers than http, and tls and http.
func (l *linter) reportDedicatedIPv4(all []serviceAt) {
	for _, s := range all {
		if s.http || s.Protocol != "tcp" && s.Protocol != "udp" {
			continue
		}
		for _, port := range s.Ports {
			if s.Protocol == "tcp" && sharedAddress(port) {
				continue
			}
			l.info(FindingDedicatedIPv4, s.spot, message{
				fmt.Sprintf("on the first deploy, flyctl asks for a dedicated IPv4 address because of port %s", port),
				"a shared address serves only port 80 with http, and port 443 with tls and http; a dedicated one is " +
					"public, and is billed monthly",
				"if the app should be private, deploy with --no-public-ips or --flycast"})
			return
		}
	}
}

func sharedAddress(p machine.Port) bool {
	switch {
	case covers(p, 80) && p.Port != nil:
		return slices.Equal(p.Handlers, []string{"http"})
	case covers(p, 443) && p.Port != nil:
		return len(p.Handlers) == 2 && slices.Contains(p.Handlers, "tls") && slices.Contains(p.Handlers, "http")
	}
	return false
}
