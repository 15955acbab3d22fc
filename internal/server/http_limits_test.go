package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// shortTiming has every limit pass within a blink.
func shortTiming() timing {
	const short = 60 * time.Millisecond
	return timing{header: short, request: short, linger: short, write: short, idle: time.Hour,
		keepalive: time.Hour, patience: time.Hour}
}

// dial opens a connection that the test speaks on byte by byte.
func (s *httpServer) dial() *net.TCPConn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// drip sends a text again and again, until the connection is closed.
func drip(w io.Writer, text string) {
	for {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestHTTPNobodyStays: a client without a token is disconnected soon, whatever it sends
// and whether or not he reads.
func TestHTTPNobodyStays(t *testing.T) {
	const (
		own    = "Host: 127.0.0.1:PORT\r\n"
		foe    = "Host: evil.example\r\n"
		bearer = "Authorization: Bearer " + testToken + "\r\n"
		json   = "Content-Type: application/json\r\n"
		ten    = "Content-Length: 10\r\n"
	)
	tests := []struct{ name, begin, drip string }{
		{"says nothing", "", ""},
		{"half a request line", "POST /m", ""},
		{"a slow header", "POST /mcp HTTP/1.1\r\n" + own, "X: y\r\n"},
		{"another Host, no body", "POST /mcp HTTP/1.1\r\n" + foe + ten + "\r\n", ""},
		{"another Host, a slow body", "POST /mcp HTTP/1.1\r\n" + foe + "Content-Length: 1000000\r\n\r\n", "x"},
		{"another Host, a chunked drip", "POST /mcp HTTP/1.1\r\n" + foe + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
		{"another Origin, no body", "POST /mcp HTTP/1.1\r\n" + own + "Origin: https://evil.example\r\n" + ten + "\r\n", ""},
		{"no token, no body", "POST /mcp HTTP/1.1\r\n" + own + json + ten + "\r\n", ""},
		{"no token, a chunked drip", "POST /mcp HTTP/1.1\r\n" + own + json + "Transfer-Encoding: chunked\r\n\r\n",
			"1\r\nx\r\n"},
		{"no token, an endless chunk", "POST /mcp HTTP/1.1\r\n" + own + json +
			"Transfer-Encoding: chunked\r\n\r\nffffff\r\n", "x"},
		{"no token, waits to be told to go on", "POST /mcp HTTP/1.1\r\n" + own + json + ten +
			"Expect: 100-continue\r\n\r\n", ""},
		{"no token, idle afterwards", "GET /mcp HTTP/1.1\r\n" + own + "Connection: keep-alive\r\n\r\n", ""},
		{"no token, one request after the other", "GET /mcp HTTP/1.1\r\n" + own + "\r\n",
			"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"},
		{"no token, HTTP/1.0", "POST /mcp HTTP/1.0\r\n" + own + "Connection: keep-alive\r\n" + ten + "\r\n", ""},
		{"an event stream without a token", "GET /sse HTTP/1.1\r\n" + own + "Accept: text/event-stream\r\n\r\n", ""},
		{"a well-known page", "GET /.well-known/oauth-protected-resource HTTP/1.1\r\n" + own + "\r\n", ""},
		{"a preflight", "OPTIONS /mcp HTTP/1.1\r\n" + own +
			"Origin: http://127.0.0.1:PORT\r\nAccess-Control-Request-Method: POST\r\n\r\n", ""},
		{"a preflight with a body", "OPTIONS /mcp HTTP/1.1\r\n" + own +
			"Origin: http://127.0.0.1:PORT\r\nAccess-Control-Request-Method: POST\r\n" + ten + "\r\n", ""},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + own + "\r\n", ""},
		{"CONNECT", "CONNECT 192.0.2.1:80 HTTP/1.1\r\nHost: 192.0.2.1:80\r\n\r\n", "x"},
		{"a proxy's request", "GET http://evil.example/ HTTP/1.1\r\n" + foe + "\r\n", ""},
		{"an upgrade", "GET /mcp HTTP/1.1\r\n" + own + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "x"},
		{"an upgrade to HTTP/2", "GET /mcp HTTP/1.1\r\n" + own +
			"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", ""},
		{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x00"},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00"},
		{"a token, no body", "POST /mcp HTTP/1.1\r\n" + own + bearer + json + ten + "\r\n", ""},
		{"a token, a slow body", "POST /mcp HTTP/1.1\r\n" + own + bearer + json + "Content-Length: 100000\r\n\r\n", "x"},
		{"a token, a slow trailer", "POST /mcp HTTP/1.1\r\n" + own + bearer + json +
			"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\n{}\r\n0\r\n", "X: y\r\n"},
		{"a token, a GET with half a body", "GET /mcp HTTP/1.1\r\n" + own + bearer + ten + "\r\n", ""},
		{"a token, another method with half a body", "PUT /mcp HTTP/1.1\r\n" + own + bearer + ten + "\r\n", ""},
	}
	s := startHTTP(t, newTestServer(), HTTPOptions{SSE: true, timing: shortTiming()})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := s.dial()
			if _, err := io.WriteString(c, strings.ReplaceAll(tt.begin, "PORT", s.port)); err != nil {
				t.Fatal(err)
			}
			if tt.drip != "" {
				go drip(c, tt.drip)
			}
			<-s.closed // the test hangs, and fails, if it stays
		})
	}
}

// TestHTTPHeldCallsStay: the time limit of a request is not one of its answer.
func TestHTTPHeldCallsStay(t *testing.T) {
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{SSE: true, timing: shortTiming()})
	session := s.handshake(`{}`)
	answers := make(chan string, 2)
	for _, r := range []httpRequest{modernRequest("1", "hold", "", ""),
		inSession(session, toolCall("2", "hold", "", ""))} {
		go func() {
			all := readMessages(t, s.do(r))
			answers <- all[len(all)-1].text(t)
		}()
		<-f.started
	}
	stream := s.do(httpRequest{method: "GET", header: map[string]string{"Mcp-Session-Id": session}})
	events := bufio.NewReader(s.do(httpRequest{method: "GET", path: "/sse"}).Body)
	endpoint := ""
	for endpoint == "" {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		endpoint, _ = strings.CutPrefix(strings.TrimSpace(line), "data: ")
		if !strings.HasPrefix(endpoint, "/message") {
			endpoint = ""
		}
	}
	for len(s.closed) > 0 {
		<-s.closed
	}
	for range 3 { // each limit passes for connections that were opened later
		s.dial()
		<-s.closed
	}
	if n := len(f.ended); n > 0 {
		t.Errorf("%d held calls were cancelled", n)
	}
	f.release <- struct{}{}
	f.release <- struct{}{}
	for range 2 {
		if got := <-answers; got != "released" {
			t.Errorf("got %q", got)
		}
	}
	// The streams are open: a message arrives on the one, a notification on the other.
	if resp := s.do(httpRequest{path: endpoint, body: toolCall("3", "echo", "",
		`"text":"here"`)}); resp.StatusCode != http.StatusAccepted {
		t.Errorf("got %s", resp.Status)
	}
	if got := nextEvent(t, events).text(t); got != "here" {
		t.Errorf("got %q", got)
	}
	f.SendNotificationToAllClients("notifications/message", map[string]any{"level": "error", "data": "still there"})
	if m := nextEvent(t, bufio.NewReader(stream.Body)); m.Method != "notifications/message" {
		t.Errorf("got %+v", m)
	}
}

// TestHTTPSlowReader: a client that does not read its answer is given up.
func TestHTTPSlowReader(t *testing.T) {
	f := newTestServer()
	f.AddTool(mcp.NewTool("big"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(strings.Repeat("x", 32<<20)), nil
	})
	s := startHTTP(t, f, HTTPOptions{SSE: true, timing: shortTiming()})
	r := modernRequest("1", "big", "", "")
	c := s.dial()
	_, err := fmt.Fprintf(c,
		"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\nContent-Type: "+
			"application/json\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: "+
			"big\r\nContent-Length: %d\r\n\r\n%s",
		s.port, testToken, len(r.body), r.body)
	if err != nil {
		t.Fatal(err)
	}
	<-s.closed
}

// TestHTTPKeepalive: streams, and answers that take long, show signs of life.
func TestHTTPKeepalive(t *testing.T) {
	quick := defaultTiming()
	quick.keepalive = 10 * time.Millisecond
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{SSE: true, timing: quick})
	session := s.handshake(`{}`)
	twoComments := func(t *testing.T, resp *http.Response) *bufio.Reader {
		t.Helper()
		if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
			t.Fatalf("Content-Type %q", got)
		}
		stream, seen := bufio.NewReader(resp.Body), 0
		for seen < 2 {
			line, err := stream.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, ":") {
				seen++
			}
		}
		return stream
	}
	t.Run("GET", func(t *testing.T) {
		twoComments(t, s.do(httpRequest{method: "GET", header: map[string]string{"Mcp-Session-Id": session}}))
	})
	t.Run("SSE", func(t *testing.T) { twoComments(t, s.do(httpRequest{method: "GET", path: "/sse"})) })
	for name, r := range map[string]httpRequest{
		"POST of a session": inSession(session, toolCall("1", "hold", "", "")),
		"POST":              modernRequest("1", "hold", "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			stream := twoComments(t, s.do(r))
			f.release <- struct{}{}
			if got := nextEvent(t, stream); string(got.ID) != "1" || got.text(t) != "released" {
				t.Errorf("got %+v", got)
			}
			for { // nothing but comments after the answer
				line, err := stream.ReadString('\n')
				if err != nil {
					break
				}
				if line != "\n" && !strings.HasPrefix(line, ":") {
					t.Errorf("after the answer: %q", line)
				}
			}
		})
		t.Run(name+", to a client that takes no stream", func(t *testing.T) {
			r.header["Accept"] = "application/json"
			answer := make(chan *http.Response)
			go func() { answer <- s.do(r) }()
			for len(f.started) > 0 {
				<-f.started
			}
			f.release <- struct{}{}
			resp := <-answer
			if got := resp.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			if got := readMessages(t, resp); len(got) != 1 || got[0].text(t) != "released" {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("progress and comments", func(t *testing.T) {
		all := readMessages(t, s.do(modernRequest("9", "steps", `"progressToken":9`, "")))
		if len(all) != 11 {
			t.Errorf("%d messages, want 11", len(all))
		}
	})
}
