package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

// openSSE opens a stream and gives back its reader and where to POST.
func openSSE(t *testing.T, s *httpServer) (stream *bufio.Reader, endpoint string) {
	t.Helper()
	resp := s.do(httpRequest{method: http.MethodGet, path: "/sse"})
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" ||
		resp.Header.Get("X-Accel-Buffering") != "no" {
		t.Fatalf("got %s %v", resp.Status, resp.Header)
	}
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("Access-Control-Allow-Origin %q", got)
	}
	stream = bufio.NewReader(resp.Body)
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return stream, strings.TrimSpace(data)
		}
	}
}

func TestSSE(t *testing.T) {
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{SSE: true})
	stream, endpoint := openSSE(t, s)
	post := func(body string) {
		t.Helper()
		if resp := s.do(httpRequest{path: endpoint, body: body}); resp.StatusCode != http.StatusAccepted {
			t.Errorf("got %s", resp.Status)
		}
	}
	post(initializeMessage("2024-11-05", `{"elicitation":{}}`))
	if m := nextEvent(t, stream); string(m.ID) != `"init"` {
		t.Errorf("got %+v", m)
	}

	post(toolCall("1", "ask", "", ""))
	if got := nextEvent(t, stream).text(t); got != call.ElicitNone.String() {
		t.Errorf("a question over SSE: %s", got)
	}

	policy, err := newBearerPolicy(testToken, defaultTiming())
	if err != nil {
		t.Fatal(err)
	}
	post(toolCall("1", "caller", "", ""))
	if got := nextEvent(t, stream).text(t); !strings.HasPrefix(got, policy.caller().ID+"|") ||
		strings.Contains(got, testToken) {
		t.Errorf("caller %s", got)
	}

	for id := range 20 {
		post(toolCall(fmt.Sprint(id), "steps", fmt.Sprintf(`"progressToken":%d`, id), ""))
		for step := range 10 {
			var params struct{ ProgressToken, Progress int }
			m := nextEvent(t, stream)
			if err := json.Unmarshal(m.Params, &params); err != nil || params.ProgressToken != id || params.Progress != step+1 {
				t.Fatalf("message %d of call %d is %s %s", step, id, m.Params, m.Result)
			}
		}
		if m := nextEvent(t, stream); string(m.ID) != fmt.Sprint(id) {
			t.Fatalf("got %+v", m)
		}
	}

	post(`{"jsonrpc":`)
	if m := nextEvent(t, stream); m.Error == nil || m.Error.Code != mcp.PARSE_ERROR {
		t.Errorf("got %+v", m)
	}
	post(toolCall("1", "panic", "", ""))
	checkPanic(t, f, nextEvent(t, stream).text(t))

	// One client cannot cancel another's call.
	other, otherEndpoint := openSSE(t, s)
	if resp := s.do(httpRequest{path: otherEndpoint, body: toolCall("1", "hold", "",
		"")}); resp.StatusCode != http.StatusAccepted {
		t.Errorf("got %s", resp.Status)
	}
	<-f.started
	post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	f.release <- struct{}{}
	if got := nextEvent(t, other).text(t); got != "released" {
		t.Errorf("got %q", got)
	}

	for _, path := range []string{"/message", "/message?sessionId=forged", strings.Replace(endpoint,
		"/message", "/mcp", 1) + "x"} {
		if resp := s.do(httpRequest{path: path, body: toolCall("1", "hold", "", "")}); resp.StatusCode != 404 &&
			resp.StatusCode != 400 {
			t.Errorf("%s: got %s", path, resp.Status)
		}
	}
}

func TestSSEStreamsBelongToTheirCaller(t *testing.T) {
	sse := newSSEServer(newTestServer().MCPServer, newTestServer().logger(), testSessions(t), time.Now)
	answered := make(chan []byte, 1)
	p := newPeer(sse.server, sse.log, func(message []byte, _ func(time.Time)) error {
		answered <- message
		return nil
	}, false)
	sse.streams[p.session.id] = &sseStream{peer: p, owner: "http:alice", ctx: t.Context()}
	for caller, want := range map[string]int{"http:mallory": http.StatusNotFound, "http:alice": http.StatusAccepted} {
		r := httptest.NewRequest(http.MethodPost, "/message?sessionId="+p.session.id, nil)
		ctx := context.WithValue(call.WithCaller(r.Context(), call.Caller{ID: caller}), postedKey{},
			postedBody{body: []byte("{")})
		w := httptest.NewRecorder()
		sse.post(w, r.WithContext(ctx))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", caller, w.Code, want)
		}
	}
	if n := len(answered); n != 1 {
		t.Errorf("%d messages were taken, want the owner's", n)
	}
}

// A client that leaves takes its calls along.
func TestSSEClientLeaves(t *testing.T) {
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{SSE: true})
	resp := s.do(httpRequest{method: http.MethodGet, path: "/sse"})
	stream := bufio.NewReader(resp.Body)
	var endpoint string
	for endpoint == "" {
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			endpoint = strings.TrimSpace(data)
		}
	}
	s.do(httpRequest{path: endpoint, body: toolCall("1", "hold", "", "")})
	<-f.started
	_ = resp.Body.Close()
	<-f.ended
}

func TestSSEWithRealClient(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{SSE: true})
	via, err := transport.NewSSE(s.base+"/sse",
		transport.WithHeaders(map[string]string{"Authorization": "Bearer " + testToken}))
	if err != nil {
		t.Fatal(err)
	}
	if got := elicitThrough(t, via, mcp.ProtocolVersion20251125, true); got != "none" {
		t.Errorf("got %q, want none", got)
	}
}
