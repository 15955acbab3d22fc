package flysim

import (
	"net/http"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

// ownPages lets through what programs send, and pages of this very server. A
// page from elsewhere gives itself away by its Origin, by what the browser says
// of the fetch, or, if its name was rebound to the loopback address, by its Host.
func ownPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		port := loopback.Port(r)
		refusal := ""
		if !loopback.IsOwn(r.Host, port) {
			refusal = "Host is not this server"
		}
		for _, origin := range r.Header.Values("Origin") {
			if host, ok := strings.CutPrefix(origin, "http://"); !ok || !loopback.IsOwn(host, port) {
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
