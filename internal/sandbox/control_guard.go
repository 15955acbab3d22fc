package sandbox

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ownPages lets through what programs send, and pages of this very server. A
// page from elsewhere gives itself away by its Origin, by what the browser says
// of the fetch, or, if its name was rebound to the loopback address, by its Host.
func ownPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		port := localPort(r)
		refusal := ""
		if !ownHost(r.Host, port) {
			refusal = "Host is not this server"
		}
		for _, origin := range r.Header.Values("Origin") {
			if host, ok := strings.CutPrefix(origin, "http://"); !ok || !ownHost(host, port) {
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

// localPort is the port a request came in on; empty if the server does not say.
func localPort(r *http.Request) string {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if addr == nil {
		return ""
	}
	_, port, _ := net.SplitHostPort(addr.String()) // a TCP address always has one
	return port
}

// ownHost tells whether a host with its port, as in a Host header, is this
// machine's loopback and this port.
func ownHost(host, port string) bool {
	name, given, err := net.SplitHostPort(host)
	if err != nil { // port 80 need not be written
		name, given = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "80"
	}
	if given != port || port == "" {
		return false
	}
	ip, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
