package server

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

// TestHTTPBadMessages: what is no message is refused over HTTP as it is on
// stdio, in all eras.
func TestHTTPBadMessages(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{})
	session := s.handshake(`{}`)
	for _, tt := range []struct {
		name, body string
		wantCode   int
		wantID     string
	}{
		{"nothing", ``, mcp.PARSE_ERROR, "null"},
		{"not JSON", `{"jsonrpc":"2.0",`, mcp.PARSE_ERROR, "null"},
		{"two messages", `{"jsonrpc":"2.0","id":1,"method":"ping"}{}`, mcp.PARSE_ERROR, "null"},
		{"a byte order mark", "\ufeff" + `{"jsonrpc":"2.0","id":1,"method":"ping"}`, mcp.PARSE_ERROR, "null"},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"\xff\"}", mcp.PARSE_ERROR, "7"},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, mcp.INVALID_REQUEST, "null"},
		{"a number", `1`, mcp.INVALID_REQUEST, "null"},
		{"an empty object", `{}`, mcp.INVALID_REQUEST, "null"},
		{"no method", `{"jsonrpc":"2.0","id":7}`, mcp.INVALID_REQUEST, "7"},
		{"a method of a wrong type", `{"jsonrpc":"2.0","id":7,"method":5}`, mcp.INVALID_REQUEST, "7"},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"tools/list"}`, mcp.INVALID_REQUEST, "null"},
		{"boolean id", `{"jsonrpc":"2.0","id":true,"method":"tools/list"}`, mcp.INVALID_REQUEST, "null"},
		{"object id", `{"jsonrpc":"2.0","id":{"a":1},"method":"tools/list"}`, mcp.INVALID_REQUEST, "null"},
		{"list id", `{"jsonrpc":"2.0","id":[1],"method":"tools/list"}`, mcp.INVALID_REQUEST, "null"},
	} {
		for era, r := range map[string]httpRequest{
			"2025-11-25": inSession(session, tt.body),
			"2026-07-28": {body: tt.body, header: map[string]string{mcp.HeaderProtocolVersion: "2026-07-28",
				"Mcp-Method": "tools/list"}},
		} {
			t.Run(tt.name+", "+era, func(t *testing.T) {
				resp := s.do(r)
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != http.StatusBadRequest {
					t.Fatalf("got %s, %v, %s", resp.Status, err, body)
				}
				m := parse(t, body)
				if m.Error == nil || m.Error.Code != tt.wantCode || string(m.ID) != tt.wantID &&
					!(tt.wantID == "null" && m.ID == nil) {
					t.Errorf("got %s; want id %s, code %d", body, tt.wantID, tt.wantCode)
				}
			})
		}
	}
}

// TestHTTPManyClients: by default, a hundred clients with the one token that a
// server has can be connected at once.
func TestHTTPManyClients(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{})
	var clients sync.WaitGroup
	for i := range 100 {
		clients.Go(func() {
			resp := s.do(httpRequest{body: initializeMessage("2025-11-25", `{}`)})
			if resp.StatusCode != http.StatusOK || resp.Header.Get(mcp.HeaderSessionID) == "" {
				t.Errorf("client %d: %s", i, resp.Status)
			}
		})
	}
	clients.Wait()
}

// TestHTTPAnnouncedSize: a body that is announced to be too large is not waited for.
func TestHTTPAnnouncedSize(t *testing.T) {
	long := defaultTiming() // nothing ends by itself within the test
	s := startHTTP(t, newTestServer(), HTTPOptions{BodyLimit: 1000, timing: long})
	for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
		c := s.dial()
		fmt.Fprintf(c,
			"POST /mcp HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: "+
				"application/json\r\n%sContent-Length: 1001\r\n\r\n",
			strings.TrimPrefix(s.base, "http://"), testToken, expect)
		first := make([]byte, len("HTTP/1.1 413"))
		if _, err := io.ReadFull(c, first); err != nil || string(first) != "HTTP/1.1 413" {
			t.Errorf("%q: got %q, %v", expect, first, err)
		}
	}
}
