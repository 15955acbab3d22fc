package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

// originPolicy says which web pages may call: those listed, exactly as browsers
// write an origin. Without a list, pages of this very server. Only their
// requests get the headers that let a page read an answer (CORS).
type originPolicy struct {
	allowed []string
	timing  timing
}

// newOriginPolicy takes origins as a person writes them.
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

// parseOrigin returns an origin as browsers write it: in lower case, without a
// path, and without the port that its scheme implies.
func parseOrigin(text string) (string, error) {
	u, err := url.Parse(strings.ToLower(text))
	switch {
	case err != nil, u.Scheme == "", u.Hostname() == "", u.User != nil, u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", strings.Contains(text, "*"):
		return "", fmt.Errorf("%.100q is not a web origin: want a scheme, a host and perhaps a port, such as http://localhost:6274", text)
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

// Headers of browsers.
const (
	// exposedHeaders are those of an answer that a page may read.
	exposedHeaders = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, Allow"
	// allowedHeaders are those that a page may send, beside those that begin
	// with Mcp-: a tool's parameter may have one of its own (SEP-2243).
	allowedHeaders = "Authorization, Content-Type, Accept, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Traceparent, Tracestate, Baggage"
	allowedMethods = "GET, POST, DELETE"
)

// check refuses pages that are not allowed. It answers a preflight itself: a
// browser sends it without the token, to learn whether it may send that.
func (p originPolicy) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origins := r.Header.Values("Origin")
		for _, origin := range origins {
			if !p.allows(origin, loopback.Port(r)) {
				p.timing.refuse(w, "Origin is not allowed", http.StatusForbidden)
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
	h.Set("Access-Control-Allow-Headers", allowedHeaders+mcpHeaders(r.Header.Get("Access-Control-Request-Headers")))
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true") // a page of the internet, a server on this machine
	}
	p.timing.closeAfter(w)
	w.WriteHeader(http.StatusNoContent)
}

// parameterHeaders are the MCP headers among those that a page wants to send,
// as the rest of a list.
func mcpHeaders(wanted string) string {
	var b strings.Builder
	for name := range strings.SplitSeq(wanted, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if len(name) <= 100 && strings.HasPrefix(name, "mcp-") && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == "" {
			b.WriteString(", " + name)
		}
	}
	return b.String()
}

// checkWellKnown answers that there is no metadata, to every client: they
// look for it before they have a token, and a 401 sends them in circles.
func (t timing) checkWellKnown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(strings.Split(r.URL.Path, "/"), ".well-known") {
			t.refuse(w, "there is no such page", http.StatusNotFound)
			return
		}
		next.ServeHTTP(w, r)
	})
}
