package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// oddIDs are ids as clients may write them. Each comes back as it was, letter
// for letter.
var oddIDs = []string{
	`0`, `-1`, `9007199254740993`, `-9007199254740993`, `18446744073709551616`, `123456789012345678901234567890`,
	`1.5`, `1.0`, `0.1e1`, `1e3`, `1E+400`, `1e-400`, `-0`, `""`, `" "`, `"null"`, `"ü"`, `"日本"`, `"𝄞"`,
	`"\u00fc"`, `"\ud834\udd1e"`, `"\ud834"`, `"\uDD1E"`, `"\udd1e\ud834"`, `"\u0000"`, `"\n"`, `"\""`, `"\\"`,
	`"<&>"`, `"\u2028"`,
	`"` + strings.Repeat("x", 100_000) + `"`,
}

// badIDs are none: the answer has null in their place.
var badIDs = []string{
	`null`, `true`, `{}`, `[]`, `[1]`, `{"id":1}`, "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\"a\xf8\"",
}

// wellFormed checks what left: one line of JSON in UTF-8, a JSON-RPC message.
func wellFormed(t *testing.T, raw []byte) {
	t.Helper()
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	var m struct {
		JSONRPC string `json:"jsonrpc"`
	}
	if !utf8.Valid(raw) || bytes.ContainsAny(raw, "\n\r") || json.Unmarshal(raw, &m) != nil || m.JSONRPC != "2.0" {
		t.Errorf("not one line of JSON-RPC: %.200q", raw)
	}
}

// equalID compares an id, or a token, with the one that was given. Of an exact
// one the letters may be escaped; to a JSON parser it is the same.
func equalID(got, want string) bool {
	if !isExact(json.RawMessage(want)) {
		return got == want
	}
	var a, b any
	return json.Unmarshal([]byte(got), &a) == nil && json.Unmarshal([]byte(want), &b) == nil && a == b
}

func (p *stdioClient) receiveRaw() []byte {
	p.t.Helper()
	line, ok := <-p.lines
	if !ok {
		p.t.Fatal("the server ended")
	}
	wellFormed(p.t, line)
	return line
}

func TestStdioIDs(t *testing.T) {
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		meta := ""
		p := startStdio(t, newTestServer())
		if version == "2026-07-28" {
			meta = modernMeta
		} else {
			p.send(initializeMessage(version, `{}`))
			p.receive()
		}
		for _, id := range oddIDs {
			p.send(toolCall(id, "echo", meta, `"text":"hello"`))
			if m := parse(t, p.receiveRaw()); !equalID(string(m.ID), id) || m.text(t) != "hello" {
				t.Errorf("%s, id %.50s: got id %.50s, %+v", version, id, m.ID, m.Error)
			}
			p.send(`{"jsonrpc":"2.0","id":` + id + `,"method":"nothing"}`)
			if m := parse(t, p.receiveRaw()); !equalID(string(m.ID), id) || m.Error == nil {
				t.Errorf("%s, id %.50s of an unknown method: got id %.50s", version, id, m.ID)
			}
		}
		for _, id := range badIDs {
			p.send(toolCall(id, "echo", meta, `"text":"hello"`))
			if m := parse(t, p.receiveRaw()); m.ID != nil && string(m.ID) != "null" || m.Error == nil {
				t.Errorf("%s, id %q: got id %q, %+v", version, id, m.ID, m.Error)
			}
		}
		// An id that nobody can read does not hide one that can be read.
		for name, line := range map[string]string{
			"arguments": toolCall("7", "echo", meta, "\"text\":\"\xff\""),
			"token":     toolCall("7", "steps", "\"progressToken\":\"\xff\"", ""),
			"method":    "{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"\xff\"}",
			"key":       "{\"jsonrpc\":\"2.0\",\"\xff\":1,\"id\":7,\"method\":\"ping\"}",
			"number":    `{"jsonrpc":"2.0","id":7,"method":5}`,
		} {
			p.send(line)
			if m := parse(t, p.receiveRaw()); string(m.ID) != "7" || m.Error == nil {
				t.Errorf("%s: got id %q, %+v", name, m.ID, m.Error)
			}
		}
		p.send(toolCall("8", `\ud800`, meta, ""), `{"jsonrpc":"2.0","id":9,"method":"\ud800"}`)
		p.receiveRaw()
		p.receiveRaw()
	}
}

func TestStdioLongLineWithBadID(t *testing.T) {
	p := startStdio(t, newTestServer())
	p.send("{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"method\":\"" + strings.Repeat("x", maxLine) + "\"}")
	if m := parse(t, p.receiveRaw()); m.ID != nil && string(m.ID) != "null" || m.Error == nil {
		t.Errorf("got id %q", m.ID)
	}
}

func TestStdioTokens(t *testing.T) {
	p := startStdio(t, newTestServer())
	p.send(initializeMessage("2025-11-25", `{}`))
	p.receive()
	for _, token := range oddIDs {
		p.send(toolCall("1", "steps", `"progressToken":`+token, ""))
		for range 10 {
			checkToken(t, parse(t, p.receiveRaw()), token)
		}
		p.receiveRaw()
	}
	for _, token := range []string{`null`, `{}`, `[1]`, `true`} { // not allowed, and no reason to fail
		p.send(toolCall("1", "steps", `"progressToken":`+token, ""))
		for m := parse(t, p.receiveRaw()); string(m.ID) != "1"; m = parse(t, p.receiveRaw()) {
			if m.Method != "notifications/progress" {
				t.Errorf("got %+v", m)
			}
		}
	}
}

func checkToken(t *testing.T, m rpc, want string) {
	t.Helper()
	var params struct {
		ProgressToken json.RawMessage `json:"progressToken"`
	}
	if err := json.Unmarshal(m.Params, &params); err != nil || !equalID(string(params.ProgressToken), want) {
		t.Errorf("token %.50s, want %.50s: %v", params.ProgressToken, want, err)
	}
}

func TestStdioCancelOddID(t *testing.T) {
	f := newTestServer()
	p := startStdio(t, f)
	for _, id := range []string{`9007199254740993`, `"\ud834"`, `1.5`} {
		p.send(toolCall(id, "hold", "", ""))
		<-f.started
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
		<-f.ended
	}
}

func TestHTTPIDs(t *testing.T) {
	f := newTestServer()
	s := startHTTP(t, f, HTTPOptions{})
	session := s.handshake(`{}`)
	read := func(r httpRequest) rpc {
		t.Helper()
		body, err := io.ReadAll(s.do(r).Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, data, ok := bytes.Cut(body, []byte("data: ")); ok {
			body = bytes.TrimSuffix(data, []byte("\n\n")) // the session has seen progress: its answers are events
		}
		wellFormed(t, body)
		return parse(t, body)
	}
	for _, id := range oddIDs {
		for era, r := range map[string]httpRequest{
			"2025-11-25": inSession(session, toolCall(id, "echo", "", `"text":"hello"`)),
			"2026-07-28": modernRequest(id, "echo", "", `"text":"hello"`),
		} {
			if m := read(r); !equalID(string(m.ID), id) || m.text(t) != "hello" {
				t.Errorf("%s, id %.50s: got id %.50s, %+v", era, id, m.ID, m.Error)
			}
		}
		all := readMessages(t, s.do(inSession(session, toolCall(id, "steps", `"progressToken":`+id, ""))))
		for _, m := range all[:10] {
			checkToken(t, m, id)
		}
		if last := all[10]; !equalID(string(last.ID), id) {
			t.Errorf("id %.50s: the stream ends with %.50s", id, last.ID)
		}
	}
	for _, id := range badIDs {
		resp := s.do(inSession(session, toolCall(id, "echo", "", "")))
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(body) {
			t.Errorf("id %q: the answer is not UTF-8: %q", id, body)
		}
		if !utf8.ValidString(id) && resp.StatusCode != http.StatusBadRequest {
			t.Errorf("id %q: got %s", id, resp.Status)
		}
	}
	if m := read(inSession(session, toolCall("7", "echo", "", "\"text\":\"\xff\""))); string(m.ID) != "7" ||
		m.Error == nil || m.Error.Code != mcp.PARSE_ERROR {
		t.Errorf("got id %s, %+v", m.ID, m.Error)
	}
	// A cancellation finds a call by its odd id.
	for _, id := range []string{`9007199254740993`, `"\ud834"`} {
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			s.do(inSession(session, toolCall(id, "hold", "", "")))
		}()
		<-f.started
		s.do(inSession(session,
			fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}`, id)))
		<-f.ended
		<-answered
	}
}

// FuzzPeer: whatever a client sends, what leaves is JSON-RPC, a message a line.
func FuzzPeer(f *testing.F) {
	for _, id := range append(oddIDs[:len(oddIDs)-1:len(oddIDs)-1], badIDs...) {
		f.Add([]byte(toolCall(id, "echo", `"progressToken":`+id, `"text":"x"`)))
	}
	f.Add([]byte(`[1]`))
	f.Add([]byte(`{"id":1,"ID":2,"method":"ping","jsonrpc":"2.0"}`))
	f.Add([]byte(initializeMessage("2025-11-25", `{}`)))
	server := newTestServer()
	close(server.release)
	go func() {
		for range server.started {
		}
	}()
	f.Fuzz(func(t *testing.T, line []byte) {
		var out [][]byte
		p := newPeer(server.MCPServer, server.logger(), func(message []byte, _ func(time.Time)) error {
			out = append(out, bytes.Clone(message))
			return nil
		}, false)
		p.receive(t.Context(), line, time.Now())
		p.running.Wait()
		for _, message := range out {
			wellFormed(t, message)
		}
	})
}
