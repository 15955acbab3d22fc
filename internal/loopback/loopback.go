// Package loopback recognizes addresses and names of this machine. Servers for
// local programs check the Host header with it: the requests of a web page whose
// name was rebound to the loopback address carry that name.
package loopback

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// IsHost reports whether a host, without port and brackets, is a loopback address
// or localhost, a name that nobody else can assign (RFC 6761).
func IsHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// Split splits a Host header into the host, without brackets, and the port, which
// is 80 if there is none.
func Split(header string) (host, port string) {
	host, port, err := net.SplitHostPort(header)
	if err != nil {
		return strings.TrimSuffix(strings.TrimPrefix(header, "["), "]"), "80"
	}
	return host, port
}

// IsOwn reports whether a Host header names this machine and this port.
func IsOwn(header, port string) bool {
	host, given := Split(header)
	return port != "" && given == port && IsHost(host)
}

// Port returns the port a request came in on; empty if the server does not say.
func Port(r *http.Request) string {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if addr == nil {
		return ""
	}
	_, port, _ := net.SplitHostPort(addr.String()) // empty if the address has no port
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
