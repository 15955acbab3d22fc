package server

import (
	"net/http"
	"strings"
	"testing"
)

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"http://localhost:6274":      "http://localhost:6274",
		"http://localhost:6274/":     "http://localhost:6274",
		"HTTPS://App.Example":        "https://app.example",
		"https://app.example:443":    "https://app.example",
		"http://app.example:80/":     "http://app.example",
		"http://[::1]:6274":          "http://[::1]:6274",
		"chrome-extension://abcdefg": "chrome-extension://abcdefg",
		"https://app.example/mcp":    "",
		"https://app.example?x":      "",
		"https://me@app.example":     "",
		"app.example":                "",
		"localhost:6274":             "",
		"null":                       "",
		"*":                          "",
		"https://*.example":          "",
		"":                           "",
	} {
		got, err := parseOrigin(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// list is a comma-separated header as a set of lower-case words.
func list(h http.Header, name string) map[string]bool {
	set := map[string]bool{}
	for _, line := range h.Values(name) {
		for word := range strings.SplitSeq(line, ",") {
			set[strings.ToLower(strings.TrimSpace(word))] = true
		}
	}
	return set
}

// TestHTTPBrowser takes the steps of a page on an allowed origin: a preflight
// without a token, then calls whose answers it may read.
func TestHTTPBrowser(t *testing.T) {
	const page = "http://localhost:6274"
	s := startHTTP(t, newTestServer(), HTTPOptions{SSE: true, AllowedOrigins: []string{page + "/"}})
	preflight := func(path, method, headers string) *http.Response {
		return s.do(httpRequest{method: http.MethodOptions, path: path, header: map[string]string{
			"Authorization": "", "Origin": page, "Access-Control-Request-Method": method,
			"Access-Control-Request-Headers":         headers,
			"Access-Control-Request-Private-Network": "true",
		}})
	}
	for _, tt := range []struct{ path, method, headers string }{
		{"/mcp", "POST", "authorization,content-type,mcp-protocol-version,mcp-method,mcp-name,mcp-param-app"},
		{"/mcp", "POST", "authorization, content-type, mcp-session-id, accept"},
		{"/mcp", "GET", "authorization,last-event-id,mcp-session-id"},
		{"/mcp", "DELETE", "authorization,mcp-session-id,mcp-protocol-version"},
		{"/sse", "GET", "authorization"},
		{"/message", "POST", "authorization,content-type"},
		{"/.well-known/oauth-protected-resource/mcp", "GET", "mcp-protocol-version"},
	} {
		resp := preflight(tt.path, tt.method, tt.headers)
		if resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s %s: got %s", tt.method, tt.path, resp.Status)
		}
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != page {
			t.Errorf("%s %s: allowed origin %q", tt.method, tt.path, got)
		}
		if !list(resp.Header, "Access-Control-Allow-Methods")[strings.ToLower(tt.method)] {
			t.Errorf("%s is not among the methods %q", tt.method, resp.Header.Get("Access-Control-Allow-Methods"))
		}
		allowed := list(resp.Header, "Access-Control-Allow-Headers")
		for name := range strings.SplitSeq(tt.headers, ",") {
			if !allowed[strings.TrimSpace(name)] {
				t.Errorf("%s is not among the headers %v", name, allowed)
			}
		}
		for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"} {
			if !list(resp.Header, "Vary")[strings.ToLower(name)] {
				t.Errorf("Vary %q lacks %s", resp.Header.Values("Vary"), name)
			}
		}
		if got := resp.Header.Get("Access-Control-Allow-Private-Network"); got != "true" {
			t.Errorf("private network %q", got)
		}
	}
	for name, r := range map[string]httpRequest{
		"a call":         modernRequest("1", "echo", "", `"text":"hello"`),
		"a handshake":    {body: initializeMessage("2025-11-25", `{}`)},
		"no token":       {header: map[string]string{"Authorization": ""}},
		"another method": {method: http.MethodPut},
		"well-known":     {method: http.MethodGet, path: "/.well-known/oauth-authorization-server"},
		"no such page":   {method: http.MethodGet, path: "/x"},
	} {
		t.Run(name, func(t *testing.T) {
			if r.header == nil {
				r.header = map[string]string{}
			}
			r.header["Origin"] = page
			resp := s.do(r)
			exposed := list(resp.Header, "Access-Control-Expose-Headers")
			if got := resp.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != page {
				t.Errorf("allowed origin %q", got)
			}
			for _, header := range []string{"mcp-session-id", "mcp-protocol-version", "www-authenticate"} {
				if !exposed[header] {
					t.Errorf("%s is not exposed: %v", header, exposed)
				}
			}
			if !list(resp.Header, "Vary")["origin"] {
				t.Errorf("Vary %q", resp.Header.Values("Vary"))
			}
		})
	}
	for name, r := range map[string]httpRequest{
		"a preflight of another page": {method: http.MethodOptions, header: map[string]string{
			"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Authorization": ""}},
		"a call of another page": {header: map[string]string{"Origin": "https://evil.example"}},
		"no page":                modernRequest("1", "echo", "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			resp := s.do(r)
			for header := range resp.Header {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%s %q", header, resp.Header.Get(header))
				}
			}
			if want := map[bool]int{true: 200, false: 403}[name == "no page"]; resp.StatusCode != want {
				t.Errorf("got %s, want %d", resp.Status, want)
			}
		})
	}
}

// TestHTTPWellKnown: what a client looks for before it has a token is not there.
func TestHTTPWellKnown(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{})
	for _, path := range []string{
		"/.well-known", "/.well-known/", "/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp",
		"/.well-known/oauth-authorization-server/mcp", "/mcp/.well-known/openid-configuration", "/.well-known/anything?x=1",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
			for _, authorization := range []string{"", "Bearer wrong", "Bearer " + testToken} {
				resp := s.do(httpRequest{method: method, path: path, header: map[string]string{
					"Authorization": authorization, "Content-Type": ""}})
				if resp.StatusCode != http.StatusNotFound || resp.Header.Get("WWW-Authenticate") != "" {
					t.Errorf("%s %s, %q: got %s", method, path, authorization, resp.Status)
				}
			}
		}
	}
	for path, want := range map[string]int{"/x.well-known": 401, "/mcp?x=/.well-known/": 401} {
		resp := s.do(httpRequest{method: "GET", path: path, header: map[string]string{"Authorization": ""}})
		if resp.StatusCode != want || resp.Header.Get("WWW-Authenticate") != `Bearer realm="flycast-mcp"` {
			t.Errorf("%s: got %s, %q", path, resp.Status, resp.Header.Get("WWW-Authenticate"))
		}
	}
	resp := s.do(httpRequest{header: map[string]string{"Authorization": "Bearer wrong"}})
	if got := resp.Header.Get("WWW-Authenticate"); got != `Bearer realm="flycast-mcp", error="invalid_token"` {
		t.Errorf("WWW-Authenticate %q", got)
	}
}
