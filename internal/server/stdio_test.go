package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// pipes is a client's end of a stdio session, as bytes.
type stdioClient struct {
	t      *testing.T
	in     *io.PipeWriter
	lines  chan []byte // what the server wrote; closed when it ends
	done   chan error
	stop   context.CancelFunc
	timers map[time.Duration]chan time.Time
}

func startStdio(t *testing.T, f *testServer) *stdioClient {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	p := &stdioClient{t: t, in: inW, lines: make(chan []byte, 1000), done: make(chan error, 1), stop: stop,
		timers: map[time.Duration]chan time.Time{finishTime: make(chan time.Time), stopTime: make(chan time.Time)}}
	transport := stdio{server: f.MCPServer, log: f.logger(), now: time.Now,
		after: func(d time.Duration) <-chan time.Time { return p.timers[d] }}
	go func() {
		p.done <- transport.serve(ctx, inR, outW)
		_ = outW.Close()
	}()
	go func() {
		defer close(p.lines)
		out := bufio.NewReader(outR)
		for {
			line, err := out.ReadBytes('\n')
			if err != nil {
				return
			}
			p.lines <- line
		}
	}()
	t.Cleanup(func() {
		stop()
		_ = inW.Close()
		_ = outR.Close()
	})
	return p
}

func (p *stdioClient) send(messages ...string) {
	p.t.Helper()
	for _, m := range messages {
		if _, err := io.WriteString(p.in, m+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *stdioClient) receive() rpc {
	p.t.Helper()
	line, ok := <-p.lines
	if !ok {
		p.t.Fatal("the server ended")
	}
	return parse(p.t, line)
}

// rest is whatever else the server writes before it ends.
func (p *stdioClient) rest() []rpc {
	p.t.Helper()
	var messages []rpc
	for line := range p.lines {
		messages = append(messages, parse(p.t, line))
	}
	return messages
}

func (p *stdioClient) wantEnd(want error) {
	p.t.Helper()
	if err := <-p.done; !errors.Is(err, want) {
		p.t.Errorf("ended with %v, want %v", err, want)
	}
}

func TestStdioEras(t *testing.T) {
	t.Run("2026-07-28", func(t *testing.T) {
		p := startStdio(t, newTestServer())
		p.send(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{` + modernMeta + `}}}`)
		var discovered struct {
			SupportedVersions []string
			ResultType        string
			TTLMs             int
			CacheScope        string
		}
		if err := json.Unmarshal(p.receive().Result, &discovered); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(discovered.SupportedVersions, "2026-07-28") || discovered.ResultType != "complete" {
			t.Errorf("discovered %+v", discovered)
		}
		if discovered.TTLMs != 60_000 || discovered.CacheScope != "public" {
			t.Errorf("cache hints %d %s, want 60000 public", discovered.TTLMs, discovered.CacheScope)
		}
		p.send(toolCall("2", "echo", modernMeta, `"text":"hello"`))
		if got := p.receive().text(t); got != "hello" {
			t.Errorf("got %q", got)
		}
	})
	for _, version := range []string{"2025-11-25", "2025-06-18", "2024-11-05"} {
		t.Run(version, func(t *testing.T) {
			p := startStdio(t, newTestServer())
			// All at once: what follows initialize may rely on it.
			p.send(initializeMessage(version, `{"elicitation":{}}`),
				`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
				toolCall("2", "echo", "", `"text":"hello"`))
			var initialized struct{ ProtocolVersion string }
			if err := json.Unmarshal(p.receive().Result, &initialized); err != nil || initialized.ProtocolVersion != version {
				t.Errorf("initialized %+v, %v", initialized, err)
			}
			if got := p.receive().text(t); got != "hello" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestStdioAnswersByID(t *testing.T) {
	f := newTestServer()
	p := startStdio(t, f)
	// More held calls than mcp-go has workers; an answer overtakes them all.
	for i := range 20 {
		p.send(toolCall(fmt.Sprint(i), "hold", "", ""))
	}
	for range 20 {
		<-f.started
	}
	p.send(toolCall(`"9007199254740993"`, "echo", "", `"text":"string"`))
	if m := p.receive(); string(m.ID) != `"9007199254740993"` || m.text(t) != "string" {
		t.Errorf("got %s", m.ID)
	}
	p.send(toolCall(`9007199254740993`, "echo", "", `"text":"number"`))
	if m := p.receive(); string(m.ID) != `9007199254740993` || m.text(t) != "number" {
		t.Errorf("got %s", m.ID)
	}
	seen := map[string]bool{}
	for range 20 {
		f.release <- struct{}{}
		seen[string(p.receive().ID)] = true
	}
	if len(seen) != 20 {
		t.Errorf("answers for %v", seen)
	}
}

func TestStdioBadInput(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		name, send string
		wantCode   int
		wantID     string
	}{
		{"not JSON", `{"jsonrpc":"2.0",`, mcp.PARSE_ERROR, "null"},
		{"nothing like JSON", `hello`, mcp.PARSE_ERROR, "null"},
		{"a batch", `[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, mcp.INVALID_REQUEST, "null"},
		{"a number", `1`, mcp.INVALID_REQUEST, "null"},
		{"no method", `{"jsonrpc":"2.0","id":7}`, mcp.INVALID_REQUEST, "7"},
		{"null id", `{"jsonrpc":"2.0","id":null,"method":"ping"}`, mcp.INVALID_REQUEST, "null"},
		{"object id", `{"jsonrpc":"2.0","id":{},"method":"ping"}`, mcp.INVALID_REQUEST, "null"},
		{"wrong version", `{"jsonrpc":"1.0","id":7,"method":"ping"}`, mcp.INVALID_REQUEST, "7"},
		{"unknown method", `{"jsonrpc":"2.0","id":7,"method":"nothing"}`, mcp.METHOD_NOT_FOUND, "7"},
		{"unknown tool", toolCall("7", "nothing", "", ""), mcp.INVALID_PARAMS, "7"},
		{"params of a wrong type", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[]}`, mcp.INVALID_REQUEST, "7"},
		{"too long", toolCall("7", "echo", "", `"text":"`+long+`"`), mcp.INVALID_REQUEST, "7"},
		{"too long, no id in sight", `{"params":"` + long + `","id":7}`, mcp.INVALID_REQUEST, "null"},
	}
	p := startStdio(t, newTestServer())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.send(tt.send)
			m := p.receive()
			if m.Error == nil || m.Error.Code != tt.wantCode || string(m.ID) != tt.wantID && !(tt.wantID == "null" &&
				m.ID == nil) {
				t.Errorf("got id %s, error %+v; want id %s, code %d", m.ID, m.Error, tt.wantID, tt.wantCode)
			}
		})
	}
	p.send("", "\r", toolCall("8", "echo", "", `"text":"still here"`)+"\r")
	if got := p.receive().text(t); got != "still here" {
		t.Errorf("got %q", got)
	}
	p.send(`{"jsonrpc":"2.0","id":99,"result":{}}`, `{"jsonrpc":"2.0","id":"x","error":{}}`,
		`{"jsonrpc":"2.0","method":"notifications/unknown"}`)
	_ = p.in.Close()
	if rest := p.rest(); rest != nil {
		t.Errorf("answers to what needs none: %+v", rest)
	}
	p.wantEnd(nil)
}

func TestStdioLongestLine(t *testing.T) {
	p := startStdio(t, newTestServer())
	empty := toolCall("1", "echo", "", `"text":""`)
	p.send(toolCall("1", "echo", "", `"text":"`+strings.Repeat("x", maxLine-len(empty))+`"`))
	if m := p.receive(); m.Error != nil {
		t.Errorf("a message of exactly the limit: %+v", m.Error)
	}
}

func TestStdioCancel(t *testing.T) {
	f := newTestServer()
	p := startStdio(t, f)
	p.send(toolCall("7", "hold", "", ""), toolCall(`"7"`, "hold", "", ""))
	<-f.started
	<-f.started
	// An id that is not the same one, although it prints alike.
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	if err := <-f.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	f.release <- struct{}{}
	if m := p.receive(); string(m.ID) != `"7"` || m.text(t) != "released" {
		t.Errorf("got %s %s, want the other call", m.ID, m.Result)
	}
	_ = p.in.Close()
	if rest := p.rest(); rest != nil {
		t.Errorf("a cancelled request was answered: %+v", rest)
	}
	p.wantEnd(nil)
}

func TestStdioEndOfInput(t *testing.T) {
	t.Run("calls finish", func(t *testing.T) {
		f := newTestServer()
		p := startStdio(t, f)
		p.send(toolCall("1", "hold", "", ""))
		// The last line has no line feed.
		if _, err := io.WriteString(p.in, toolCall("2", "hold", "", "")); err != nil {
			t.Fatal(err)
		}
		_ = p.in.Close()
		<-f.started
		<-f.started
		f.release <- struct{}{}
		f.release <- struct{}{}
		for _, m := range p.rest() {
			if m.text(t) != "released" {
				t.Errorf("got %s", m.Result)
			}
		}
		p.wantEnd(nil)
	})
	t.Run("calls that do not are cancelled", func(t *testing.T) {
		f := newTestServer()
		p := startStdio(t, f)
		p.send(toolCall("1", "hold", "", ""))
		<-f.started
		_ = p.in.Close()
		p.timers[finishTime] <- time.Time{}
		<-f.ended
		_ = p.rest()
		p.wantEnd(nil)
	})
	t.Run("a question ends at once", func(t *testing.T) {
		p := startStdio(t, newTestServer())
		p.send(initializeMessage("2025-11-25", `{"elicitation":{}}`), toolCall("1", "ask", "", ""))
		p.receive()
		if m := p.receive(); m.Method != "elicitation/create" {
			t.Fatalf("got %+v", m)
		}
		_ = p.in.Close()
		if rest := p.rest(); len(rest) != 1 || !strings.Contains(rest[0].text(t), "the client left") {
			t.Errorf("got %+v", rest)
		}
		p.wantEnd(nil)
	})
	t.Run("a subscription ends at once, with its result", func(t *testing.T) {
		p := startStdio(t, newTestServer())
		p.send(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{` + modernMeta +
			`},"notifications":{"toolsListChanged":true}}}`)
		if m := p.receive(); m.Method != "notifications/subscriptions/acknowledged" {
			t.Errorf("got %+v", m)
		}
		_ = p.in.Close()
		if rest := p.rest(); len(rest) != 1 || string(rest[0].ID) != "1" || rest[0].Result == nil {
			t.Errorf("got %+v", rest)
		}
		p.wantEnd(nil)
	})
}

func TestStdioStops(t *testing.T) {
	f := newTestServer()
	p := startStdio(t, f)
	p.send(toolCall("1", "hold", "", ""))
	<-f.started
	p.stop()
	if err := <-f.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call got %v", err)
	}
	_ = p.rest()
	p.wantEnd(nil)
}

func TestStdioBrokenPipe(t *testing.T) {
	broken := errors.New("broken")
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	_ = outR.CloseWithError(broken)
	done := make(chan error)
	go func() { done <- ServeStdio(t.Context(), newTestServer().MCPServer, inR, outW, StdioOptions{}) }()
	if _, err := io.WriteString(inW, toolCall("1", "echo", "", "")+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, broken) {
		t.Errorf("ended with %v, want %v", err, broken)
	}
	_ = inW.Close()
}

func TestStdioNotificationsComeFirst(t *testing.T) {
	for _, era := range []string{"", modernMeta + ","} {
		f := newTestServer()
		p := startStdio(t, f)
		if era == "" {
			p.send(initializeMessage("2025-11-25", `{}`))
			p.receive()
		}
		for i := range 50 {
			p.send(toolCall(fmt.Sprint(i), "steps", era+fmt.Sprintf(`"progressToken":%d`, i), ""))
			for step := range 10 {
				var params struct{ ProgressToken, Progress int }
				m := p.receive()
				if err := json.Unmarshal(m.Params, &params); err != nil || params.ProgressToken != i || params.Progress != step+1 {
					t.Fatalf("message %d of call %d is %s %s", step, i, m.Params, m.Result)
				}
			}
			if m := p.receive(); string(m.ID) != fmt.Sprint(i) {
				t.Fatalf("got %+v, want the response of %d", m, i)
			}
		}
		_ = p.in.Close()
		if rest := p.rest(); rest != nil {
			t.Errorf("after the last response: %+v", rest)
		}
	}
}

func TestStdioPanic(t *testing.T) {
	tests := []struct{ name, send string }{
		{"tool", toolCall("1", "panic", "", "")},
		{"prompt", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"panic"}}`},
		{"resource", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"test://panic"}}`},
		{"completion",
			`{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt",` +
				`"name":"panic"},"argument":{"name":"a","value":""}}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newTestServer()
			p := startStdio(t, f)
			p.send(tt.send)
			m := p.receive()
			answer := m.text(t)
			checkPanic(t, f, answer)
			if tt.name != "tool" {
				return
			}
			var result struct {
				IsError           bool
				StructuredContent plan.Result
			}
			if err := json.Unmarshal(m.Result, &result); err != nil {
				t.Fatal(err)
			}
			s := result.StructuredContent
			if !result.IsError || s.Status != "failed" || s.Code != "internal" || s.Retry != "never" ||
				s.Next == nil || !strings.Contains(answer, s.RequestID) {
				t.Errorf("got %+v", result)
			}
		})
	}
}
