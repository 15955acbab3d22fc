package lint

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func hasHTTP(handlers []string) bool {
	return slices.Contains(handlers, "http") || slices.Contains(handlers, "edge_http")
}

func hasTLS(handlers []string) bool {
	return slices.Contains(handlers, "tls") || slices.Contains(handlers, "pg_tls")
}

// bounds are the first and the last port of a section; ok is false for none.
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

func (l *linter) portRange(s spot, n int) {
	l.warn(FindingPortRange, s, message{fmt.Sprintf("there is no port %d", n), "flyctl sends any number; Fly's API may refuse the Machine in the middle of a deploy", "use a port from 1 to 65535"})
}

// fraction reports a port that flyctl cuts to a whole number.
func (l *linter) fraction(s spot) {
	if n, ok := s.value.(float64); ok && n != math.Trunc(n) {
		l.warn(FindingPortFraction, s, message{"the port has a fraction, and flyctl cuts it off", "under [[services]] flyctl turns any number into a whole one", "write a whole number"})
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
			return slices.Contains(other.groups, group) && wire.IsRouted() && other.InternalPort == s.InternalPort && slices.ContainsFunc(wire.Ports, func(port machine.Port) bool {
				_, _, ok := port.Range()
				return ok && !port.IsEncrypted()
			})
		}) {
			return false
		}
	}
	return len(s.groups) > 0
}

// free is a port for plain HTTP that no service has, and that was not suggested
// for another one: 80 if possible, else 8080 or one above.
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

// ports looks at the ports of one service.
func (l *linter) ports(s serviceAt, plain *plainPorts) {
	if len(s.Ports) == 0 {
		l.warn(FindingNoPorts, s.spot, message{"the service has no ports", "Fly Proxy does not listen for it; flyctl only warns, and says that it will refuse the file one day", "add a [[services.ports]] section, or remove the service"})
		return
	}
	if !s.ToMachine().HasPort() {
		l.warn(FindingNoPorts, l.under(s.spot, "ports"), message{"none of the service's ports is one that Fly Proxy can listen on", "a port goes from 1 to 65535, and a range ends after it begins: requests come to no other", "give the service a port"})
	}
	if s.http {
		if at := l.under(s.spot, "force_https"); s.Ports[0].ForceHTTPS {
			l.forceHTTPS(at)
		}
		return
	}
	list := l.under(s.spot, "ports")
	tls := 0
	for i, port := range s.Ports {
		if hasTLS(port.Handlers) {
			tls++
		}
		l.port(s, l.item(list, i), port)
	}
	if tls == len(s.Ports) && !plain.reaches(s) {
		fix := "add a port without handlers (handlers = []), if the app speaks plain TCP: Fly Proxy then passes the bytes through"
		if s.answersHTTP() {
			fix = fmt.Sprintf(`add a port without the "tls" handler, for example port %d with handlers = ["http"]`, plain.free())
		}
		l.flycast(FindingTLSOnly, s.spot, message{
			"every port of the service wants TLS: private callers cannot reach it", "there is no certificate for .flycast names, so clients of Flycast use a port without TLS", fix})
	}
}

func (l *linter) port(s serviceAt, at spot, port machine.Port) {
	for _, field := range []struct {
		key string
		n   *int
	}{{"port", port.Port}, {"start_port", port.StartPort}, {"end_port", port.EndPort}} {
		place := l.under(at, field.key)
		if field.n != nil && !machine.IsPort(*field.n) {
			l.portRange(place, *field.n)
		}
		l.fraction(place)
	}
	switch one, ranged := port.Port != nil, port.StartPort != nil || port.EndPort != nil; {
	case !one && !ranged:
		l.warn(FindingPortIncomplete, at, message{"the section has no port", "Fly Proxy does not know where to listen; flyctl does not look at it", "set port, or start_port and end_port"})
	case one && ranged:
		l.warn(FindingPortIncomplete, at, message{"the section has a port and a range of ports", "Fly takes one or the other; flyctl sends both", "keep port, or start_port and end_port"})
	case ranged && (port.StartPort == nil || port.EndPort == nil):
		l.warn(FindingPortIncomplete, at, message{"the section has half a range of ports", "a range has a start_port and an end_port; flyctl does not look at it", "set both, or port"})
	}
	if port.StartPort != nil && port.EndPort != nil && *port.EndPort < *port.StartPort {
		l.reversed(at, port)
	}
	handlers := l.under(at, "handlers")
	known := []string{"http", "tls", "pg_tls", "proxy_proto", "edge_http"}
	for i, handler := range port.Handlers {
		if slices.Contains(known, handler) {
			continue
		}
		item := l.item(handlers, i)
		finding := l.warn(FindingHandler, item, message{fmt.Sprintf("there is no handler %s", excerpt.Quote(handler)), "Fly Proxy knows http, tls, pg_tls and proxy_proto; flyctl sends any word as it stands", handlerFor(handler, known)})
		finding.Edit = l.spelling(item, known...)
	}
	http, tls := hasHTTP(port.Handlers), hasTLS(port.Handlers)
	switch {
	case http && !tls && covers(port, 443):
		l.warn(FindingPortHandlers, at, message{"port 443 answers plain HTTP", "browsers and other clients speak TLS on 443, and Fly Proxy does so only with the tls handler", `use handlers = ["tls", "http"], or another port`})
	case tls && covers(port, 80):
		l.warn(FindingPortHandlers, at, message{"port 80 wants TLS", "clients speak plain HTTP on 80", `use handlers = ["http"], or another port`})
	}
	if slices.Contains(port.Handlers, "proxy_proto") {
		l.info(FindingProxyProto, handlers, message{"every connection begins with a PROXY protocol header", "that is so over Flycast as well: the app must read it before anything else", "remove the handler if the app does not expect it"})
	}
	force := l.under(at, "force_https")
	switch {
	case port.ForceHTTPS && !http:
		l.warn(FindingForceHTTPSDead, force, message{"force_https does nothing on a port without the http handler", "Fly Proxy can redirect only what it reads as HTTP", "remove it, or add the http handler"})
	case port.ForceHTTPS && !tls:
		l.forceHTTPS(force)
	}
}

// handlerFor tells which handler does what an unknown one was meant for.
func handlerFor(word string, known []string) string {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "https", "ssl", "http2", "h2", "wss":
		return `use handlers = ["tls", "http"], which is HTTPS: Fly Proxy ends TLS and speaks HTTP to the app`
	case "ws", "websocket", "websockets", "grpc":
		return `use "http", and "tls" before it on a port with TLS: they carry WebSockets and gRPC too`
	case "tcp", "none", "passthrough", "raw":
		return "use handlers = [], which passes bytes through"
	case "proxy", "proxy_protocol":
		return "use proxy_proto if the app reads that header"
	case "postgres", "postgresql", "pg":
		return `use handlers = ["pg_tls"] for PostgreSQL with TLS, or none`
	}
	if name := nearest(word, known); name != "" && !sameLetters(word, name) {
		return fmt.Sprintf("did you mean %q? No handler passes bytes through", name)
	}
	return "use one of those, or none, which passes bytes through"
}

func (l *linter) forceHTTPS(s spot) {
	l.flycast(FindingForceHTTPS, s, message{
		"plain HTTP is redirected to HTTPS", "Flycast speaks plain HTTP: there is no certificate for .flycast names, and private callers cannot follow the redirect",
		"set force_https = false if the app is to be private behind Flycast"})
}

// reversed is a range that ends before it begins.
func (l *linter) reversed(at spot, port machine.Port) {
	start, end := l.under(at, "start_port"), l.under(at, "end_port")
	finding := l.warn(FindingPortReversed, end, message{fmt.Sprintf("the range %s is empty", port), "Fly Proxy listens on the ports from start_port to end_port; flyctl does not compare them", "swap start_port and end_port"})
	// Keys in another case have an edit of their own.
	if exact := strings.HasSuffix(start.path, ".start_port") && strings.HasSuffix(end.path, ".end_port"); exact && machine.IsPort(*port.StartPort) && machine.IsPort(*port.EndPort) {
		finding.Edit = l.exchange(start, end)
	}
}

// exchange is the edit that swaps two values where nothing but the key of the
// second stands between them.
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

// samePorts looks for ports that two services have.
func (l *linter) samePorts(all []serviceAt) {
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
			l.samePort(all[first.service], all[second.service], second.at, p.low, first.service == second.service)
			if p.high > widest.high {
				widest = p
			}
		}
	}
}

func (l *linter) samePort(first, second serviceAt, at spot, port int, same bool) {
	n := message{
		fmt.Sprintf("port %d belongs to %s already", port, first.title()),
		"flyctl sends both, and Fly Proxy has one answer for a port", "use different ports, or one service",
	}
	switch {
	case same:
		n.what = fmt.Sprintf("the service has port %d twice", port)
		n.fix = "keep one"
	case !slices.Equal(first.groups, second.groups):
		n.why = "Fly Proxy spreads the requests of a port over all Machines that have it: those of one process group get what is meant for the other"
		n.fix = "use different ports, or an app for each"
	}
	l.warn(FindingPortTwice, at, n)
}

// dedicated tells of the first service for which flyctl asks for a dedicated
// IPv4 address on a first deploy (flyctl, DetermineIPType): UDP, another port
// than 80 and 443, or these with other handlers than http, and tls and http.
func (l *linter) dedicated(all []serviceAt) {
	for _, s := range all {
		if s.http || s.Protocol != "tcp" && s.Protocol != "udp" {
			continue
		}
		for _, port := range s.Ports {
			if s.Protocol == "tcp" && sharedAddress(port) {
				continue
			}
			l.info(FindingDedicatedIPv4, s.spot, message{
				fmt.Sprintf("on a first deploy flyctl asks for a dedicated IPv4 address, for port %s", port),
				"a shared address serves port 80 with http and port 443 with tls and http alone; a dedicated one is public and billed by the month",
				"deploy with --no-public-ips or --flycast if the app is to be private"})
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
