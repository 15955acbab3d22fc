package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSessionLimits(t *testing.T) {
	now := time.Unix(0, 0)
	forgotten := make(chan string, 10)
	make := func() *ownedSessions {
		s := newOwnedSessions(newShutdown(t.Context(), 0), HTTPOptions{Sessions: 4, SessionsPerCaller: 3}.withDefaults())
		s.now, s.forget = func() time.Time { return now }, func(id string) { forgotten <- id }
		return s
	}
	open := func(s *ownedSessions, caller string, want error) string {
		t.Helper()
		id, err := s.open(caller)
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", caller, err, want)
		}
		return id
	}
	t.Run("per caller", func(t *testing.T) {
		s := make()
		first := open(s, "a", nil)
		open(s, "a", nil)
		open(s, "a", nil)
		open(s, "a", errCallerFull)
		open(s, "b", nil)
		now = now.Add(sessionSpare)
		if _, leave, ok := s.enter(first, "a"); !ok {
			t.Error("no session")
		} else {
			leave() // used just now: another one has to go
		}
		open(s, "a", nil)
		if id := <-forgotten; id == first {
			t.Error("the session in use was ended")
		}
		open(s, "a", nil)
		<-forgotten
		open(s, "a", errCallerFull)
	})
	t.Run("per server", func(t *testing.T) {
		s := make()
		for _, caller := range []string{"a", "b", "c", "d"} {
			open(s, caller, nil)
		}
		open(s, "e", errServerFull)
		s.close(open(s, "e", errServerFull)) // nothing
		now = now.Add(sessionSpare)
		open(s, "e", nil)
		<-forgotten
	})
	t.Run("idle", func(t *testing.T) {
		s := make()
		idle, busy := open(s, "a", nil), open(s, "a", nil)
		e, leave, _ := s.enter(busy, "a")
		now = now.Add(sessionTTL)
		s.expire()
		if got := <-forgotten; got != idle || s.isOwner(idle, "a") {
			t.Error("the idle session is there")
		}
		if !s.isOwner(busy, "a") || e.abort.Err() != nil {
			t.Error("a session with an open stream was ended")
		}
		leave()
		s.expire()
		if !s.isOwner(busy, "a") {
			t.Error("a session that was used just now was ended")
		}
		now = now.Add(sessionTTL)
		s.expire()
		if s.isOwner(busy, "a") || e.abort.Err() == nil {
			t.Error("the idle session is there")
		}
	})
}

// TestHTTPSessionLimit: a client that has enough sessions is told so.
func TestHTTPSessionLimit(t *testing.T) {
	s := startHTTP(t, newTestServer(), HTTPOptions{SSE: true, SessionsPerCaller: 2})
	id := s.handshake(`{}`)
	s.handshake(`{}`)
	resp := s.do(httpRequest{body: initializeMessage("2025-11-25", `{}`)})
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %s", resp.Status)
	}
	if m := readMessages(t, resp)[0]; m.Error == nil || string(m.ID) != `"init"` ||
		!strings.Contains(m.Error.Message, "sessions") {
		t.Errorf("got %+v", m)
	}
	if resp := s.do(httpRequest{method: "GET", path: "/sse"}); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a stream: got %s", resp.Status)
	}
	if got := readMessages(t, s.do(modernRequest("1", "echo", "", `"text":"x"`)))[0].text(t); got != "x" {
		t.Errorf("a call without a session: %q", got)
	}
	if resp := s.do(httpRequest{method: "DELETE", header: map[string]string{
		"Mcp-Session-Id": id}}); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s", resp.Status)
	}
	s.handshake(`{}`)
}

// TestHTTPDelete: the end of a session ends its streams and its calls, which
// are answered, and nobody else's.
func TestHTTPDelete(t *testing.T) {
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{})
	mine, other := s.handshake(`{"elicitation":{}}`), s.handshake(`{}`)
	streams := map[string]*http.Response{}
	for _, id := range []string{mine, other} {
		streams[id] = s.do(httpRequest{method: "GET", header: map[string]string{"Mcp-Session-Id": id}})
	}
	asked := bufio.NewReader(s.do(inSession(mine, toolCall("2", "ask", "", ""))).Body)
	if m := nextEvent(t, asked); m.Method != "elicitation/create" {
		t.Fatalf("got %+v", m)
	}
	answers := map[string]chan string{mine: make(chan string, 1), other: make(chan string, 1)}
	var calls sync.WaitGroup
	for id, answer := range answers {
		calls.Go(func() {
			all := readMessages(t, s.do(inSession(id, toolCall("1", "hold", "", ""))))
			answer <- all[len(all)-1].text(t)
		})
		<-f.started
	}
	if resp := s.do(httpRequest{method: "DELETE", header: map[string]string{
		"Mcp-Session-Id": mine}}); resp.StatusCode != http.StatusOK {
		t.Errorf("got %s", resp.Status)
	}
	_, _ = io.Copy(io.Discard, streams[mine].Body) // ends
	if got := <-answers[mine]; !strings.Contains(got, "canceled") {
		t.Errorf("the held call: %q", got)
	}
	if got := nextEvent(t, asked).text(t); !strings.Contains(got, "the session was ended") {
		t.Errorf("the waiting call: %q", got)
	}
	<-f.ended
	if n := len(f.ended); n != 0 {
		t.Errorf("%d calls of others were cancelled", n)
	}
	f.release <- struct{}{}
	if got := <-answers[other]; got != "released" {
		t.Errorf("the other session: %q", got)
	}
	f.SendNotificationToAllClients("notifications/message", map[string]any{"level": "error", "data": "x"})
	nextEvent(t, bufio.NewReader(streams[other].Body)) // is open
	calls.Wait()
}

// TestHTTPStopAnswers: calls that wait when the server stops are answered, on
// every transport.
func TestHTTPStopAnswers(t *testing.T) {
	short := defaultTiming()
	short.patience = time.Millisecond
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{SSE: true, timing: short})
	session := s.handshake(`{"elicitation":{}}`)
	asked := bufio.NewReader(s.do(inSession(session, toolCall("2", "ask", "", ""))).Body)
	nextEvent(t, asked)

	events := bufio.NewReader(s.do(httpRequest{method: "GET", path: "/sse"}).Body)
	endpoint := ""
	for !strings.HasPrefix(endpoint, "/message") {
		line, err := events.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		endpoint, _ = strings.CutPrefix(strings.TrimSpace(line), "data: ")
	}
	s.do(httpRequest{path: endpoint, body: toolCall("3", "hold", "", "")})
	<-f.started
	held := make(chan string, 1)
	go func() { held <- readMessages(t, s.do(modernRequest("1", "hold", "", "")))[0].text(t) }()
	<-f.started

	s.stop()
	if got := nextEvent(t, asked).text(t); !strings.Contains(got, "the server is stopping") {
		t.Errorf("the waiting call: %q", got)
	}
	if got := <-held; !strings.Contains(got, "canceled") {
		t.Errorf("the held call: %q", got)
	}
	if got := nextEvent(t, events); string(got.ID) != "3" {
		t.Errorf("the call over SSE: %+v", got)
	}
	if err := <-s.done; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// TestStdioStopAnswers is the same over stdio.
func TestStdioStopAnswers(t *testing.T) {
	f := newTestServer()
	p := startStdio(t, f)
	p.send(initializeMessage("2025-11-25", `{"elicitation":{}}`))
	p.receive()
	p.send(toolCall("1", "ask", "", ""), toolCall("2", "hold", "", ""))
	<-f.started
	p.receive() // the question
	p.stop()
	got := map[string]string{}
	for _, m := range p.rest() {
		got[string(m.ID)] = m.text(t)
	}
	if !strings.Contains(got["2"], "canceled") || got["1"] == "" || len(got) != 2 {
		t.Errorf("got %v", fmt.Sprint(got))
	}
	p.wantEnd(nil)
}
