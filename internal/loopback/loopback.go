// Package loopback tells what stays on this machine. What listens here for
// programs of the same machine checks the Host of a request by it: a web page
// whose name was rebound to the loopback address gives that name.
package loopback

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// IsHost tells whether a host, without a port and without brackets, is an
// address of the loopback network or localhost, a name that nobody else can
// give out (RFC 6761).
func IsHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Split parts a Host header into host, without brackets, and port: 80, which
// need not be written, if there is none.
func Split(header string) (host, port string) {
	host, port, err := net.SplitHostPort(header)
	if err != nil {
		return strings.TrimSuffix(strings.TrimPrefix(header, "["), "]"), "80"
	}
	return host, port
}

// IsOwn tells whether a Host header names this machine and this port.
func IsOwn(header, port string) bool {
	host, given := Split(header)
	return port != "" && given == port && IsHost(host)
}

// Port is the port a request came in on; empty if the server does not say.
func Port(r *http.Request) string {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if addr == nil {
		return ""
	}
	_, port, _ := net.SplitHostPort(addr.String()) // one without a port has none
	return port
}

// OwnPages lets through what programs send, and pages of this very server. A
// page from elsewhere is known by its Origin, by what the browser says
// of the fetch, or, if its name was rebound to the loopback address, by its Host.
func OwnPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		port := Port(r)
		refusal := ""
		if !IsOwn(r.Host, port) {
			refusal = "Host is not this server"
		}
		for _, origin := range r.Header.Values("Origin") {
			if host, ok := strings.CutPrefix(origin, "http://"); !ok || !IsOwn(host, port) {
				refusal = "Origin is not this server"
			}
		}
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "none", "same-origin":
		default:
			refusal = "sent by a page from elsewhere"
		}
		if refusal != "" {
			http.Error(w, refusal, http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
