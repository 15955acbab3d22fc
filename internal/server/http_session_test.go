package server

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

func TestHTTPSessions(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{})
	id := s.handshake(`{}`)
	call := toolCall("1", "echo", "", `"text":"hello"`)
	forged := "mcp-session-01234567-89ab-cdef-0123-456789abcdef"
	tests := []struct {
		name string
		r    httpRequest
		want int
	}{
		{"own", inSession(id, call), 200},
		{"none", httpRequest{body: call}, 400},
		{"forged", inSession(forged, call), 404},
		{"forged, an answer", inSession(forged, `{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`), 404},
		{"GET without one", httpRequest{method: "GET"}, 400},
		{"GET a forged one", httpRequest{method: "GET", header: map[string]string{"Mcp-Session-Id": forged}}, 404},
		{"GET of 2026-07-28", httpRequest{method: "GET", header: map[string]string{
			"MCP-Protocol-Version": "2026-07-28"}}, 405},
		{"DELETE without one", httpRequest{method: "DELETE"}, 400},
		{"DELETE a forged one", httpRequest{method: "DELETE", header: map[string]string{"Mcp-Session-Id": forged}}, 404},
		{"DELETE of 2026-07-28", httpRequest{method: "DELETE", header: map[string]string{"Mcp-Session-Id": id,
			"MCP-Protocol-Version": "2026-07-28"}}, 405},
		{"still there", inSession(id, call), 200},
		{"unknown version", httpRequest{body: call, header: map[string]string{"Mcp-Session-Id": id,
			"MCP-Protocol-Version": "1999-01-01"}}, 400},
		{"not JSON, without one", httpRequest{body: "{"}, 400},
		{"DELETE own", httpRequest{method: "DELETE", header: map[string]string{"Mcp-Session-Id": id}}, 200},
		{"deleted", inSession(id, call), 404},
		{"deleted twice", httpRequest{method: "DELETE", header: map[string]string{"Mcp-Session-Id": id}}, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if resp := s.do(tt.r); resp.StatusCode != tt.want {
				t.Errorf("got %s, want %d", resp.Status, tt.want)
			}
		})
	}
	t.Run("malformed JSON gets its code", func(t *testing.T) {
		if all := readMessages(t, s.do(httpRequest{body: `{"jsonrpc"`})); all[0].Error == nil ||
			all[0].Error.Code != mcp.PARSE_ERROR {
			t.Errorf("got %+v", all)
		}
	})
	t.Run("a modern call mints none", func(t *testing.T) {
		r := modernRequest("1", "echo", "", "")
		r.header["Mcp-Session-Id"] = forged
		if resp := s.do(r); resp.StatusCode != 200 || resp.Header.Get("Mcp-Session-Id") != "" {
			t.Errorf("got %s, session %q", resp.Status, resp.Header.Get("Mcp-Session-Id"))
		}
	})
}

func TestHTTPCancellation(t *testing.T) {
	const cancelOne = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1%s}}`
	plain, repeated := fmt.Sprintf(cancelOne, ""), fmt.Sprintf(cancelOne,
		`,"_meta":{`+modernMeta+`}},"params":{"requestId":1`)
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{})
	mine, other := s.handshake(`{}`), s.handshake(`{}`)

	var calls sync.WaitGroup
	start := func(r httpRequest) chan string {
		answer := make(chan string, 1)
		calls.Go(func() {
			all := readMessages(t, s.do(r))
			answer <- all[len(all)-1].text(t)
		})
		<-f.started
		return answer
	}
	modernCall := start(modernRequest("1", "hold", "", ""))
	myCall := start(inSession(mine, toolCall("1", "hold", "", "")))

	// None of these may reach either call.
	for name, r := range map[string]httpRequest{
		"no session":    {body: plain},
		"modern header": {body: plain, header: map[string]string{"MCP-Protocol-Version": "2026-07-28"}},
		"modern, in my session": {body: plain, header: map[string]string{"MCP-Protocol-Version": "2026-07-28",
			"Mcp-Session-Id": mine}},
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
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{})
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
			r := modernRequest(fmt.Sprint(id), "steps", token, "")
			if i%2 == 0 {
				r = inSession(session, toolCall(fmt.Sprint(id), "steps", token, ""))
			}
			calls.Go(func() { check(t, id, readMessages(t, s.do(r))) })
		}
		calls.Wait()
	}
	// net/http says so when a response is begun twice.
	if log := f.log.String(); strings.Contains(log, "superfluous") {
		t.Errorf("logged %s", log)
	}
}

func TestHTTPPanic(t *testing.T) {
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{})
	session := s.handshake(`{}`)
	tests := []struct {
		name, body string
		want       int
	}{
		{"tool", toolCall("1", "panic", "", ""), 200},
		{"prompt", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"panic"}}`, 200},
		{"resource", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"test://panic"}}`, 200},
		{"completion",
			`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt",` +
				`"name":"panic"},"argument":{"name":"a","value":""}}}`,
			500},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := s.do(inSession(session, tt.body))
			if resp.StatusCode != tt.want {
				t.Errorf("got %s, want %d", resp.Status, tt.want)
			}
			m := readMessages(t, resp)[0]
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
			s := startHTTP(t, newTestServer(), HTTPOptions{})
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
			f := newTestServer()
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
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{SSE: true})
	session := s.handshake(`{}`)
	listening := s.do(httpRequest{
		body: `{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{` + modernMeta +
			`},"notifications":{"toolsListChanged":true}}}`,
		header: map[string]string{"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "subscriptions/listen"},
	})
	if m := nextEvent(t, bufio.NewReader(listening.Body)); m.Method != "notifications/subscriptions/acknowledged" {
		t.Errorf("got %+v", m)
	}
	streams := []*http.Response{
		listening,
		s.do(httpRequest{method: "GET", header: map[string]string{"Mcp-Session-Id": session}}),
		s.do(httpRequest{method: "GET", path: "/sse"}),
	}
	finished := make(chan string, 1)
	go func() { finished <- readMessages(t, s.do(modernRequest("1", "hold", "", "")))[0].text(t) }()
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
	f := newTestServer()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0",
		"localhost.evil.example:0"} {
		ready := func(url string) { t.Errorf("%s is served at %s", addr, url) }
		err := ServeHTTP(t.Context(), f.MCPServer, HTTPOptions{Addr: addr, Token: testToken, Ready: ready})
		if !errors.Is(err, ErrNotLoopback) || !strings.Contains(err.Error(), "only on loopback") {
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
