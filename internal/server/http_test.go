package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

const testToken = "test-token-0123456789"

// site is a server on a loopback listener.
type site struct {
	t    *testing.T
	base string // http://127.0.0.1:port
	port string
	stop context.CancelFunc
	done chan error
}

func startHTTP(t *testing.T, f *fixture, o HTTPOptions) *site {
	t.Helper()
	o.Addr, o.Token, o.Log = "127.0.0.1:0", testToken, f.logger()
	ready := make(chan string, 1)
	o.Ready = func(url string) { ready <- url }
	listener, err := listenLoopback(t.Context(), o.Addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &site{t: t, stop: stop, done: make(chan error, 1)}
	go func() {
		// A grace so long that waiting for it is a test that hangs.
		s.done <- serveHTTP(ctx, f.MCPServer, o, listener, time.Hour)
	}()
	t.Cleanup(stop)
	url := <-ready
	s.base = strings.TrimSuffix(url, "/mcp")
	_, s.port, _ = net.SplitHostPort(strings.TrimPrefix(s.base, "http://"))
	return s
}

// request is a request as a test varies it: a good one unless said otherwise.
type request struct {
	method, path, body string
	header             map[string]string // an empty value takes the header away
	host               string
}

func (s *site) do(r request) *http.Response {
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
func messages(t *testing.T, resp *http.Response) []rpc {
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
func modern(id, tool, meta, arguments string) request {
	if meta != "" {
		meta = "," + meta
	}
	return request{
		body: toolCall(id, tool, modernMeta+meta, arguments),
		header: map[string]string{
			"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": tool,
		},
	}
}

// handshake opens a session and gives back its id.
func (s *site) handshake(capabilities string) string {
	s.t.Helper()
	resp := s.do(request{body: initializeMessage("2025-11-25", capabilities)})
	id := resp.Header.Get("Mcp-Session-Id")
	if resp.StatusCode != http.StatusOK || id == "" {
		s.t.Fatalf("initialize: %s, session %q", resp.Status, id)
	}
	return id
}

func inSession(id, body string) request {
	return request{body: body, header: map[string]string{"Mcp-Session-Id": id, "MCP-Protocol-Version": "2025-11-25"}}
}

// checked are requests that must not reach MCP, on whatever path.
var checked = []struct {
	name   string
	change func(*request)
	want   int
}{
	{"Host of a web page", func(r *request) { r.host = "evil.example" }, 403},
	{"Host of a web page, own port", func(r *request) { r.host = "evil.example:PORT" }, 403},
	{"Host with another port", func(r *request) { r.host = "127.0.0.1:1" }, 403},
	{"Host without a port", func(r *request) { r.host = "localhost" }, 403},
	{"Host that only looks local", func(r *request) { r.host = "127.0.0.1.evil.example:PORT" }, 403},
	{"Origin of a web page", func(r *request) { r.header["Origin"] = "https://evil.example" }, 403},
	{"Origin null", func(r *request) { r.header["Origin"] = "null" }, 403},
	{"Origin of another local port", func(r *request) { r.header["Origin"] = "http://127.0.0.1:1" }, 403},
	{"Origin with another scheme", func(r *request) { r.header["Origin"] = "https://127.0.0.1:PORT" }, 403},
	{"Origin, before the bearer is looked at", func(r *request) {
		r.header["Origin"], r.header["Authorization"] = "https://evil.example", ""
	}, 403},
	{"no bearer", func(r *request) { r.header["Authorization"] = "" }, 401},
	{"wrong bearer", func(r *request) { r.header["Authorization"] = "Bearer x" + testToken }, 401},
	{"beginning of the bearer", func(r *request) { r.header["Authorization"] = "Bearer " + testToken[:10] }, 401},
	{"empty bearer", func(r *request) { r.header["Authorization"] = "Bearer " }, 401},
	{"another scheme", func(r *request) { r.header["Authorization"] = "Basic " + testToken }, 401},
	{"bearer in the query", func(r *request) { r.path += "?access_token=" + testToken; r.header["Authorization"] = "" }, 401},
	{"another method", func(r *request) { r.method = http.MethodPut }, 405},
	{"preflight", func(r *request) { r.method = http.MethodOptions }, 405},
}

var checkedPosts = []struct {
	name   string
	change func(*request)
	want   int
}{
	{"text/plain, as a form can send", func(r *request) { r.header["Content-Type"] = "text/plain" }, 415},
	{"no Content-Type", func(r *request) { r.header["Content-Type"] = "" }, 415},
	{"another charset", func(r *request) { r.header["Content-Type"] = "application/json; charset=utf-16" }, 415},
	{"a large body", func(r *request) { r.body += strings.Repeat(" ", 2000) }, 413},
}

func TestHTTPChecks(t *testing.T) {
	f := newFixture()
	s := startHTTP(t, f, HTTPOptions{SSE: true, BodyLimit: 1000})
	good := map[string]func() request{
		"/mcp":     func() request { return modern("1", "hold", "", "") },
		"/sse":     func() request { return request{method: http.MethodGet, path: "/sse"} },
		"/message": func() request { return request{path: "/message", body: toolCall("1", "hold", "", "")} },
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
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != tt.want {
					t.Errorf("got %s, want %d: %s", resp.Status, tt.want, body)
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
	s := startHTTP(t, newFixture(), HTTPOptions{})
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
			r := modern("1", "echo", "", `"text":"hello"`)
			for name, value := range tt.header {
				r.header[name] = value
			}
			r.host = strings.ReplaceAll(tt.host, "PORT", s.port)
			resp := s.do(r)
			if all := messages(t, resp); resp.StatusCode != 200 || len(all) != 1 || all[0].text(t) != "hello" {
				t.Errorf("got %s %+v", resp.Status, all)
			}
			if got := resp.Header.Get("X-Accel-Buffering"); got != "no" {
				t.Errorf("X-Accel-Buffering %q", got)
			}
		})
	}
	t.Run("a path that is not", func(t *testing.T) {
		for _, path := range []string{"/", "/sse", "/message", "/mcp/", "/mcp/x"} {
			if resp := s.do(request{path: path}); resp.StatusCode != 404 {
				t.Errorf("%s: got %s", path, resp.Status)
			}
		}
	})
	t.Run("a path that is not, without a bearer", func(t *testing.T) {
		if resp := s.do(request{path: "/nothing", header: map[string]string{"Authorization": ""}}); resp.StatusCode != 401 {
			t.Errorf("got %s", resp.Status)
		}
	})
}

func TestHTTPAllowedOrigins(t *testing.T) {
	s := startHTTP(t, newFixture(), HTTPOptions{AllowedOrigins: []string{"https://app.example"}})
	for origin, want := range map[string]int{
		"https://app.example":      200,
		"https://app.example:444":  403,
		"https://x.app.example":    403,
		"http://app.example":       403,
		"http://127.0.0.1:PORT":    403, // the list replaces the default
		"https://app.example.evil": 403,
	} {
		r := modern("1", "echo", "", "")
		r.header["Origin"] = origin
		if resp := s.do(r); resp.StatusCode != want {
			t.Errorf("%s: got %s, want %d", origin, resp.Status, want)
		}
	}
}

func TestHTTPCaller(t *testing.T) {
	s := startHTTP(t, newFixture(), HTTPOptions{})
	got := messages(t, s.do(modern("1", "caller", "", "")))[0].text(t)
	want := "http:3d0c1d7c0b2a1a0f|an HTTP client (token 3d0c1d7c…)|[]"
	policy, err := newBearerPolicy(testToken)
	if err != nil {
		t.Fatal(err)
	}
	id := policy.caller().ID
	want = fmt.Sprintf("%s|an HTTP client (token %s…)|[]", id, id[5:13])
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHTTPSessions(t *testing.T) {
	s := startHTTP(t, newFixture(), HTTPOptions{})
	id := s.handshake(`{}`)
	call := toolCall("1", "echo", "", `"text":"hello"`)
	forged := "mcp-session-01234567-89ab-cdef-0123-456789abcdef"
	tests := []struct {
		name string
		r    request
		want int
	}{
		{"own", inSession(id, call), 200},
		{"none", request{body: call}, 400},
		{"forged", inSession(forged, call), 404},
		{"forged, an answer", inSession(forged, `{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`), 404},
		{"GET without one", request{method: "GET"}, 400},
		{"GET a forged one", request{method: "GET", header: map[string]string{"Mcp-Session-Id": forged}}, 404},
		{"GET of 2026-07-28", request{method: "GET", header: map[string]string{"MCP-Protocol-Version": "2026-07-28"}}, 405},
		{"DELETE without one", request{method: "DELETE"}, 400},
		{"DELETE a forged one", request{method: "DELETE", header: map[string]string{"Mcp-Session-Id": forged}}, 404},
		{"DELETE of 2026-07-28", request{method: "DELETE", header: map[string]string{"Mcp-Session-Id": id, "MCP-Protocol-Version": "2026-07-28"}}, 405},
		{"still there", inSession(id, call), 200},
		{"unknown version", request{body: call, header: map[string]string{"Mcp-Session-Id": id, "MCP-Protocol-Version": "1999-01-01"}}, 400},
		{"not JSON, without one", request{body: "{"}, 400},
		{"DELETE own", request{method: "DELETE", header: map[string]string{"Mcp-Session-Id": id}}, 200},
		{"deleted", inSession(id, call), 404},
		{"deleted twice", request{method: "DELETE", header: map[string]string{"Mcp-Session-Id": id}}, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if resp := s.do(tt.r); resp.StatusCode != tt.want {
				body, _ := io.ReadAll(resp.Body)
				t.Errorf("got %s, want %d: %s", resp.Status, tt.want, body)
			}
		})
	}
	t.Run("malformed JSON gets its code", func(t *testing.T) {
		if all := messages(t, s.do(request{body: `{"jsonrpc"`})); all[0].Error == nil || all[0].Error.Code != mcp.PARSE_ERROR {
			t.Errorf("got %+v", all)
		}
	})
	t.Run("a modern call mints none", func(t *testing.T) {
		r := modern("1", "echo", "", "")
		r.header["Mcp-Session-Id"] = forged
		if resp := s.do(r); resp.StatusCode != 200 || resp.Header.Get("Mcp-Session-Id") != "" {
			t.Errorf("got %s, session %q", resp.Status, resp.Header.Get("Mcp-Session-Id"))
		}
	})
}

func TestHTTPCancellation(t *testing.T) {
	const cancelOne = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1%s}}`
	plain, repeated := fmt.Sprintf(cancelOne, ""), fmt.Sprintf(cancelOne, `,"_meta":{`+modernMeta+`}},"params":{"requestId":1`)
	f := newFixture()
	s := startHTTP(t, f, HTTPOptions{})
	mine, other := s.handshake(`{}`), s.handshake(`{}`)

	var calls sync.WaitGroup
	start := func(r request) chan string {
		answer := make(chan string, 1)
		calls.Go(func() {
			all := messages(t, s.do(r))
			answer <- all[len(all)-1].text(t)
		})
		<-f.started
		return answer
	}
	modernCall := start(modern("1", "hold", "", ""))
	myCall := start(inSession(mine, toolCall("1", "hold", "", "")))

	// None of these may reach either call.
	for name, r := range map[string]request{
		"no session":                {body: plain},
		"modern header":             {body: plain, header: map[string]string{"MCP-Protocol-Version": "2026-07-28"}},
		"modern, in my session":     {body: plain, header: map[string]string{"MCP-Protocol-Version": "2026-07-28", "Mcp-Session-Id": mine}},
		"modern body, in a session": inSession(other, fmt.Sprintf(cancelOne, `,"_meta":{`+modernMeta+`}`)),
		"both eras in one body":     inSession(other, repeated),
		"another session":           inSession(other, plain),
	} {
		if resp := s.do(r); resp.StatusCode != http.StatusAccepted {
			t.Errorf("%s: got %s", name, resp.Status)
		}
	}
	if n := len(f.ended); n != 0 {
		t.Errorf("%d calls of others were cancelled", n)
	}

	if resp := s.do(inSession(mine, plain)); resp.StatusCode != http.StatusAccepted {
		t.Errorf("my own: got %s", resp.Status)
	}
	<-f.ended
	if got := <-myCall; !strings.Contains(got, "canceled") {
		t.Errorf("my call: %q", got)
	}
	f.release <- struct{}{}
	if got := <-modernCall; got != "released" {
		t.Errorf("the other call: %q", got)
	}
	calls.Wait()
}

func TestHTTPNotificationsComeFirst(t *testing.T) {
	s := startHTTP(t, newFixture(), HTTPOptions{})
	session := s.handshake(`{}`)
	check := func(t *testing.T, id int, all []rpc) {
		if len(all) != 11 {
			t.Errorf("call %d: %d messages, want 10 notifications and the response", id, len(all))
			return
		}
		for step, m := range all[:10] {
			var params struct{ ProgressToken, Progress int }
			if err := json.Unmarshal(m.Params, &params); err != nil || params.ProgressToken != id || params.Progress != step+1 {
				t.Errorf("call %d: message %d is %s", id, step, m.Params)
			}
		}
		if string(all[10].ID) != fmt.Sprint(id) || all[10].text(t) != "done" {
			t.Errorf("call %d: ends with %+v", id, all[10])
		}
	}
	// Several at once, in one session: each stream has its own notifications.
	for round := range 20 {
		var calls sync.WaitGroup
		for i := range 6 {
			id := round*10 + i
			token := fmt.Sprintf(`"progressToken":%d`, id)
			r := modern(fmt.Sprint(id), "steps", token, "")
			if i%2 == 0 {
				r = inSession(session, toolCall(fmt.Sprint(id), "steps", token, ""))
			}
			calls.Go(func() { check(t, id, messages(t, s.do(r))) })
		}
		calls.Wait()
	}
}

func TestHTTPPanic(t *testing.T) {
	f := newFixture()
	s := startHTTP(t, f, HTTPOptions{})
	session := s.handshake(`{}`)
	tests := []struct {
		name, body string
		want       int
	}{
		{"tool", toolCall("1", "panic", "", ""), 200},
		{"prompt", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"panic"}}`, 200},
		{"resource", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"test://panic"}}`, 200},
		{"completion", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"panic"},"argument":{"name":"a","value":""}}}`, 500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := s.do(inSession(session, tt.body))
			if resp.StatusCode != tt.want {
				t.Errorf("got %s, want %d", resp.Status, tt.want)
			}
			m := messages(t, resp)[0]
			if string(m.ID) != "1" {
				t.Errorf("got id %s", m.ID)
			}
			checkPanic(t, f, m.text(t))
		})
	}
}

func TestHTTPWithRealClient(t *testing.T) {
	for _, tt := range elicitations {
		t.Run(fmt.Sprintf("%s declares %v", tt.version, tt.declares), func(t *testing.T) {
			s := startHTTP(t, newFixture(), HTTPOptions{})
			via, err := transport.NewStreamableHTTP(s.base+"/mcp",
				transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + testToken}))
			if err != nil {
				t.Fatal(err)
			}
			if got := elicitThrough(t, via, tt.version, tt.declares); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestHTTPElicitation(t *testing.T) {
	tests := []struct {
		name, reply, want string
		late              bool
	}{
		{"accept", `"result":{"action":"accept","content":{"sure":true}}`, "accept true", false},
		{"error", `"error":{"code":-32601,"message":"Method not found"}`, "error -32601: Method not found", false},
		{"late", `"result":{"action":"accept","content":{"sure":true}}`, "no answer", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture()
			s := startHTTP(t, f, HTTPOptions{})
			session := s.handshake(`{"elicitation":{}}`)
			stream := bufio.NewReader(s.do(inSession(session, toolCall("1", "ask", "", ""))).Body)
			question := nextEvent(t, stream)
			answer := func() {
				resp := s.do(inSession(session, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, question.ID, tt.reply)))
				if resp.StatusCode != http.StatusAccepted {
					t.Errorf("the answer got %s", resp.Status)
				}
			}
			if tt.late {
				f.within <- time.Time{}
			} else {
				answer()
			}
			if got := nextEvent(t, stream).text(t); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if tt.late {
				answer()
				if late := <-f.late; late.Action != "accept" {
					t.Errorf("got %+v", late)
				}
			}
		})
	}
}

// nextEvent reads the next message of a stream.
func nextEvent(t *testing.T, stream *bufio.Reader) rpc {
	t.Helper()
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return parse(t, []byte(data))
		}
	}
}

func TestHTTPStops(t *testing.T) {
	f := newFixture()
	s := startHTTP(t, f, HTTPOptions{SSE: true})
	session := s.handshake(`{}`)
	listening := s.do(request{
		body:   `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{` + modernMeta + `},"notifications":{"toolsListChanged":true}}}`,
		header: map[string]string{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"},
	})
	if m := nextEvent(t, bufio.NewReader(listening.Body)); m.Method != "notifications/subscriptions/acknowledged" {
		t.Errorf("got %+v", m)
	}
	streams := []*http.Response{
		listening,
		s.do(request{method: "GET", header: map[string]string{"Mcp-Session-Id": session}}),
		s.do(request{method: "GET", path: "/sse"}),
	}
	finished := make(chan string, 1)
	go func() { finished <- messages(t, s.do(modern("1", "hold", "", "")))[0].text(t) }()
	<-f.started
	s.stop()
	for _, stream := range streams {
		_, _ = io.Copy(io.Discard, stream.Body) // ends
	}
	f.release <- struct{}{} // a call may finish
	if got := <-finished; got != "released" {
		t.Errorf("got %q", got)
	}
	if err := <-s.done; err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestServeHTTPRefuses(t *testing.T) {
	f := newFixture()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "localhost.evil.example:0"} {
		ready := func(url string) { t.Errorf("%s is served at %s", addr, url) }
		err := ServeHTTP(t.Context(), f.MCPServer, HTTPOptions{Addr: addr, Token: testToken, Ready: ready})
		if !errors.Is(err, ErrNotLoopback) || !strings.Contains(err.Error(), "only loopback") {
			t.Errorf("%s: got %v", addr, err)
		}
	}
	for _, token := range []string{"", "two words", "with\nline", "ünicode"} {
		err := ServeHTTP(t.Context(), f.MCPServer, HTTPOptions{Addr: "127.0.0.1:0", Token: token})
		if err == nil || token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("token %q: got %v", token, err)
		}
	}
	if err := ServeHTTP(t.Context(), f.MCPServer, HTTPOptions{Addr: "127.0.0.1", Token: testToken}); err == nil {
		t.Error("an address without a port was taken")
	}
}
