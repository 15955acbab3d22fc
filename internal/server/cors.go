package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

// originPolicy says which web pages may call: those of the listed origins or,
// without a list, pages of this server. Only their requests get the headers that
// let a page read a response (CORS).
type originPolicy struct {
	allowed []string
	timing  timing
}

// newOriginPolicy parses origins as a person writes them.
func newOriginPolicy(origins []string, t timing) (originPolicy, error) {
	p := originPolicy{timing: t}
	for _, origin := range origins {
		normal, err := parseOrigin(origin)
		if err != nil {
			return originPolicy{}, err
		}
		p.allowed = append(p.allowed, normal)
	}
	return p, nil
}

// parseOrigin returns an origin as browsers send it: in lower case, without a path,
// and without the default port of its scheme.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(strings.ToLower(text))
	switch {
	case err != nil, u.Scheme == "", u.Hostname() == "", u.User != nil, u.Path != "" && u.Path != "/",
		u.RawQuery != "", u.Fragment != "", strings.Contains(text, "*"):
		return "", fmt.Errorf("%.100q is not a web origin, such as http://localhost:6274", text)
	}
	host := u.Host
	if u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443" {
		host = strings.TrimSuffix(host, ":"+u.Port())
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, ":"), nil
}

func (p originPolicy) allows(origin, port string) bool {
	if len(p.allowed) > 0 {
		return slices.Contains(p.allowed, origin)
	}
	host, found := strings.CutPrefix(origin, "http://")
	return found && loopback.IsOwn(host, port)
}

// Values of CORS headers.
const (
	// exposedHeaders are the response headers that a page may read.
	exposedHeaders = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, Allow"
	// allowedHeaders are the request headers that a page may send, besides those
	// that begin with Mcp-: a tool's parameter can have its own header (SEP-2243).
	allowedHeaders = "Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, " +
		"Mcp-Method, Mcp-Name, Traceparent, Tracestate, Baggage"
	allowedMethods = "GET, POST, DELETE"
)

// check refuses requests of pages that are not allowed. It answers preflight
// requests itself: browsers send them without the token.
func (p originPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origins := r.Header.Values("Origin")
		for _, origin := range origins {
			if !p.allows(origin, loopback.Port(r)) {
				p.timing.refuse(w, "the Origin is not allowed", http.StatusForbidden)
				return
			}
		}
		if len(origins) == 1 {
			w.Header().Set("Access-Control-Allow-Origin", origins[0])
			w.Header().Set("Access-Control-Expose-Headers", exposedHeaders)
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
				p.preflight(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (p originPolicy) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network")
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	requested := r.Header.Get("Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Headers", allowedHeaders+mcpHeaders(requested))
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true") // for a page from the internet
	}
	p.timing.closeAfter(w)
	w.WriteHeader(http.StatusNoContent)
}

// mcpHeaders returns the MCP headers among those that a page wants to send, as the
// rest of a list.
func mcpHeaders(requested string) string {
	const characters = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	var b strings.Builder
	for name := range strings.SplitSeq(requested, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if len(name) <= 100 && strings.HasPrefix(name, "mcp-") && strings.Trim(name, characters) == "" {
			b.WriteString(", " + name)
		}
	}
	return b.String()
}

// checkWellKnown answers every client that there is no metadata. Clients look for
// it before they have a token; a 401 would make them look again and again.
func (t timing) checkWellKnown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(strings.Split(r.URL.Path, "/"), ".well-known") {
			t.refuse(w, "there is no such page", http.StatusNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}
