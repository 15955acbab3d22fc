package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const testToken = "test-token-0123456789"

// site is a server on a loopback listener.
type httpServer struct {
	t    *testing.T
	base string // http://127.0.0.1:port
	port string
	stop context.CancelFunc
	done chan error

	closed chan struct{} // gets a value for each connection that the server has closed
}

// watchedListener tells of connections that are closed on this end.
type watchedListener struct {
	net.Listener
	closed chan<- struct{}
}

func (l watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: c, tell: sync.OnceFunc(func() { l.closed <- struct{}{} })}, nil
}

type watchedConn struct {
	net.Conn
	tell func()
}

func (c *watchedConn) Close() error {
	err := c.Conn.Close()
	c.tell()
	return err
}

func startHTTP(t *testing.T, f *testServer, o HTTPOptions) *httpServer {
	t.Helper()
	o.Addr, o.Token, o.Log = "127.0.0.1:0", testToken, f.logger()
	if o.timing == (timing{}) {
		o.timing = defaultTiming()
	}
	o.timing.grace = time.Hour // waiting for it is a test that hangs
	if o.timing.patience == defaultTiming().patience {
		o.timing.patience = time.Hour
	}
	ready := make(chan string, 1)
	o.Ready = func(url string) { ready <- url }
	listener, err := listenLoopback(t.Context(), o.Addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &httpServer{t: t, stop: stop, done: make(chan error, 1), closed: make(chan struct{}, 10_000)}
	go func() {
		s.done <- serveHTTP(ctx, f.MCPServer, o, watchedListener{listener, s.closed})
	}()
	t.Cleanup(stop)
	url := <-ready
	s.base = strings.TrimSuffix(url, "/mcp")
	_, s.port, _ = net.SplitHostPort(strings.TrimPrefix(s.base, "http://"))
	return s
}

// request is a request as a test varies it: a good one unless said otherwise.
type httpRequest struct {
	method, path, body string
	header             map[string]string // an empty value takes the header away
	host               string
}

func (s *httpServer) do(r httpRequest) *http.Response {
	s.t.Helper()
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.path == "" {
		r.path = "/mcp"
	}
	req, err := http.NewRequestWithContext(s.t.Context(), r.method, s.base+r.path, strings.NewReader(r.body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Host = r.host
	req.Header.Set("Authorization", "Bearer "+testToken)
	req.Header.Set("Accept", "application/json, text/event-stream")
	if r.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Del(name)
		if value != "" {
			req.Header.Set(name, strings.ReplaceAll(value, "PORT", s.port))
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// messages reads a response to its end, be it JSON or a stream.
func readMessages(t *testing.T, resp *http.Response) []rpc {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		return []rpc{parse(t, body)}
	}
	var all []rpc
	for line := range strings.Lines(string(body)) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			all = append(all, parse(t, []byte(data)))
		}
	}
	return all
}

// modern is a tools/call of revision 2026-07-28.
func modernRequest(id, tool, meta, arguments string) httpRequest {
	if meta != "" {
		meta = "," + meta
	}
	return httpRequest{
		body: toolCall(id, tool, modernMeta+meta, arguments),
		header: map[string]string{
			"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool,
		},
	}
}

// handshake opens a session and gives back its id.
func (s *httpServer) handshake(capabilities string) string {
	s.t.Helper()
	resp := s.do(httpRequest{body: initializeMessage("2025-11-25", capabilities)})
	id := resp.Header.Get("Mcp-Session-Id")
	if resp.StatusCode != http.StatusOK || id == "" {
		s.t.Fatalf("initialize: %s, session %q", resp.Status, id)
	}
	return id
}

func inSession(id, body string) httpRequest {
	return httpRequest{body: body, header: map[string]string{"Mcp-Session-Id": id, "MCP-Protocol-Version": "2025-11-25"}}
}

// checked are requests that must not reach MCP, on whatever path.
var checked = []struct {
	name   string
	change func(*httpRequest)
	want   int
}{
	{"Host of a web page", func(r *httpRequest) { r.host = "evil.example" }, 403},
	{"Host of a web page, own port", func(r *httpRequest) { r.host = "evil.example:PORT" }, 403},
	{"Host with another port", func(r *httpRequest) { r.host = "127.0.0.1:1" }, 403},
	{"Host without a port", func(r *httpRequest) { r.host = "localhost" }, 403},
	{"Host that only looks local", func(r *httpRequest) { r.host = "127.0.0.1.evil.example:PORT" }, 403},
	{"Origin of a web page", func(r *httpRequest) { r.header["Origin"] = "https://evil.example" }, 403},
	{"Origin null", func(r *httpRequest) { r.header["Origin"] = "null" }, 403},
	{"Origin of another local port", func(r *httpRequest) { r.header["Origin"] = "http://127.0.0.1:1" }, 403},
	{"Origin with another scheme", func(r *httpRequest) { r.header["Origin"] = "https://127.0.0.1:PORT" }, 403},
	{"Origin, before the bearer is looked at", func(r *httpRequest) {
		r.header["Origin"], r.header["Authorization"] = "https://evil.example", ""
	}, 403},
	{"no bearer", func(r *httpRequest) { r.header["Authorization"] = "" }, 401},
	{"wrong bearer", func(r *httpRequest) { r.header["Authorization"] = "Bearer x" + testToken }, 401},
	{"beginning of the bearer", func(r *httpRequest) { r.header["Authorization"] = "Bearer " + testToken[:10] }, 401},
	{"empty bearer", func(r *httpRequest) { r.header["Authorization"] = "Bearer " }, 401},
	{"another scheme", func(r *httpRequest) { r.header["Authorization"] = "Basic " + testToken }, 401},
	{"bearer in the query", func(r *httpRequest) {
		r.path += "?access_token=" +
			testToken
		r.header["Authorization"] = ""
	}, 401},
	{"another method", func(r *httpRequest) { r.method = http.MethodPut }, 405},
	{"preflight", func(r *httpRequest) { r.method = http.MethodOptions }, 405},
}

var checkedPosts = []struct {
	name   string
	change func(*httpRequest)
	want   int
}{
	{"text/plain, as a form can send", func(r *httpRequest) { r.header["Content-Type"] = "text/plain" }, 415},
	{"no Content-Type", func(r *httpRequest) { r.header["Content-Type"] = "" }, 415},
	{"another charset", func(r *httpRequest) { r.header["Content-Type"] = "application/json; charset=utf-16" }, 415},
	{"a large body", func(r *httpRequest) { r.body += strings.Repeat(" ", 2000) }, 413},
}

func TestHTTPChecks(t *testing.T) {
	f := newTestServer()
	close(f.release) // a call that gets through is seen, and does not wait
	s := startHTTP(t, f, HTTPOptions{SSE: true, BodyLimit: 1000})
	good := map[string]func() httpRequest{
		"/mcp":     func() httpRequest { return modernRequest("1", "hold", "", "") },
		"/sse":     func() httpRequest { return httpRequest{method: http.MethodGet, path: "/sse"} },
		"/message": func() httpRequest { return httpRequest{path: "/message", body: toolCall("1", "hold", "", "")} },
	}
	for path, make := range good {
		tests := checked
		if path != "/sse" {
			tests = append(tests[:len(tests):len(tests)], checkedPosts...)
		}
		for _, tt := range tests {
			t.Run(path+" "+tt.name, func(t *testing.T) {
				r := make()
				if r.header == nil {
					r.header = map[string]string{}
				}
				tt.change(&r)
				r.host = strings.ReplaceAll(r.host, "PORT", s.port)
				resp := s.do(r)
				if resp.StatusCode != tt.want {
					t.Fatalf("got %s, want %d", resp.Status, tt.want)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				if got := resp.Header.Get("WWW-Authenticate"); (tt.want == 401) != strings.HasPrefix(got, "Bearer ") {
					t.Errorf("WWW-Authenticate %q", got)
				}
				if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "" {
					t.Errorf("Access-Control-Allow-Origin %q", got)
				}
				if strings.Contains(string(body), "evil") || strings.Contains(string(body), testToken) {
					t.Errorf("the answer repeats the request: %s", body)
				}
			})
		}
	}
	select {
	case <-f.started:
		t.Error("a refused request ran a tool")
	default:
	}
	if strings.Contains(f.log.String(), testToken) {
		t.Error("the token is in the log")
	}
}

func TestHTTPAccepts(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{})
	tests := []struct {
		name   string
		header map[string]string
		host   string
	}{
		{"no Origin", nil, ""},
		{"own Origin", map[string]string{"Origin": "http://localhost:PORT"}, ""},
		{"own Origin, v6", map[string]string{"Origin": "http://[::1]:PORT"}, ""},
		{"Host localhost", nil, "localhost:PORT"},
		{"Host of another loopback address", nil, "127.0.0.2:PORT"},
		{"Host v6", nil, "[::1]:PORT"},
		{"charset", map[string]string{"Content-Type": "application/json; charset=UTF-8"}, ""},
		{"scheme in lower case", map[string]string{"Authorization": "bearer " + testToken}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := modernRequest("1", "echo", "", `"text":"hello"`)
			for name, value := range tt.header {
				r.header[name] = value
			}
			r.host = strings.ReplaceAll(tt.host, "PORT", s.port)
			resp := s.do(r)
			if all := readMessages(t, resp); resp.StatusCode != 200 || len(all) != 1 || all[0].text(t) != "hello" {
				t.Errorf("got %s %+v", resp.Status, all)
			}
			if got := resp.Header.Get("X-Accel-Buffering"); got != "no" {
				t.Errorf("X-Accel-Buffering %q", got)
			}
		})
	}
	t.Run("a path that is not", func(t *testing.T) {
		for _, path := range []string{"/", "/sse", "/message", "/mcp/", "/mcp/x"} {
			if resp := s.do(httpRequest{path: path}); resp.StatusCode != 404 {
				t.Errorf("%s: got %s", path, resp.Status)
			}
		}
	})
	t.Run("a path that is not, without a bearer", func(t *testing.T) {
		if resp := s.do(httpRequest{path: "/nothing", header: map[string]string{
			"Authorization": ""}}); resp.StatusCode != 401 {
			t.Errorf("got %s", resp.Status)
		}
	})
}

func TestHTTPAllowedOrigins(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{AllowedOrigins: []string{"https://app.example"}})
	for origin, want := range map[string]int{
		"https://app.example":      200,
		"https://app.example:444":  403,
		"https://x.app.example":    403,
		"http://app.example":       403,
		"http://127.0.0.1:PORT":    403, // the list replaces the default
		"https://app.example.evil": 403,
	} {
		r := modernRequest("1", "echo", "", "")
		r.header["Origin"] = origin
		if resp := s.do(r); resp.StatusCode != want {
			t.Errorf("%s: got %s, want %d", origin, resp.Status, want)
		}
	}
}

func TestHTTPCaller(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{})
	got := readMessages(t, s.do(modernRequest("1", "caller", "", "")))[0].text(t)
	policy, err := newBearerPolicy(testToken, defaultTiming())
	if err != nil {
		t.Fatal(err)
	}
	id := policy.caller().ID
	want := fmt.Sprintf("%s|an HTTP client (token %s…)|[]", id, id[5:13])
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
