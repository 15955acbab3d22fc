package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

const panicText = "the secret of the panic"

// fixture is a server with small tools, and the ends by which a test holds them.
type testServer struct {
	*mcpserver.MCPServer
	log     *logBuffer
	started chan string   // "hold" sends its request's name argument, then waits
	release chan struct{} // lets one "hold" finish
	ended   chan error    // the context's error of a "hold" that was cancelled
	late    chan call.Answer
	within  chan time.Time // the time limit of "ask"
}

func newTestServer() *testServer {
	f := &testServer{
		log:     &logBuffer{},
		started: make(chan string, 200),
		release: make(chan struct{}),
		ended:   make(chan error, 200),
		late:    make(chan call.Answer, 1),
		within:  make(chan time.Time),
	}
	options := append(BaseOptions(f.logger()), mcpserver.WithToolCapabilities(true), mcpserver.WithCompletions(),
		mcpserver.WithPromptCompletionProvider(panickingCompletion{}))
	f.MCPServer = mcpserver.NewMCPServer("test", "1", options...)
	f.AddTool(mcp.NewTool("echo", mcp.WithString("text")), func(_ context.Context, r mcp.CallToolRequest) (
		*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("text", "")), nil
	})
	f.AddTool(mcp.NewTool("hold", mcp.WithString("name")), f.hold)
	f.AddTool(mcp.NewTool("steps"), steps)
	f.AddTool(mcp.NewTool("ask"), f.ask)
	f.AddTool(mcp.NewTool("caller"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		caller := call.CallerFrom(ctx)
		return mcp.NewToolResultText(fmt.Sprintf("%s|%s|%q", caller.ID, caller.Name, r.Header.Values("Authorization"))), nil
	})
	f.AddTool(mcp.NewTool("panic"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		panic(panicText)
	})
	f.AddPrompt(mcp.NewPrompt("panic"), func(context.Context, mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		panic(panicText)
	})
	f.AddResource(mcp.NewResource("test://panic", "panic"), func(context.Context, mcp.ReadResourceRequest) (
		[]mcp.ResourceContents, error) {
		panic(panicText)
	})
	return f
}

func (f *testServer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(f.log, nil)) }

func (f *testServer) hold(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	f.started <- r.GetString("name", "")
	select {
	case <-f.release:
		return mcp.NewToolResultText("released"), nil
	case <-ctx.Done():
		f.ended <- ctx.Err()
		return nil, ctx.Err()
	}
}

// steps sends ten notifications and returns at once, which is when mcp-go's own
// transports lose or misplace the last of them.
func steps(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	progress := call.NewProgress(ctx, r)
	for i := range 10 {
		progress.Step(i+1, 10, "")
	}
	return mcp.NewToolResultText("done"), nil
}

func (f *testServer) ask(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if kind := call.CanElicit(ctx); kind != call.ElicitSession {
		return mcp.NewToolResultText(kind.String()), nil
	}
	answer, err := call.RequestElicitation(ctx, mcp.ElicitationParams{Message: "Sure?",
		RequestedSchema: map[string]any{"type": "object"}},
		call.ElicitOptions{
			Within: time.Minute,
			After: func(d time.Duration) <-chan time.Time {
				if d == time.Minute {
					return f.within
				}
				return nil
			},
			Late: func(a call.Answer) { f.late <- a },
		})
	if err != nil {
		return mcp.NewToolResultError(err.Error()), nil
	}
	return mcp.NewToolResultText(fmt.Sprint(answer.Action, " ", answer.Content["sure"])), nil
}

type panickingCompletion struct{}

func (panickingCompletion) CompletePromptArgument(context.Context, string, mcp.CompleteArgument,
	mcp.CompleteContext) (*mcp.Completion, error) {
	panic(panicText)
}

type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// rpc is a message as a client sees it.
type rpc struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func parse(t *testing.T, raw []byte) rpc {
	t.Helper()
	var m rpc
	if err := json.Unmarshal(raw, &m); err != nil {
		t.Fatalf("not a message: %q: %v", raw, err)
	}
	return m
}

// text is the text of a tool's result.
func (m rpc) text(t *testing.T) string {
	t.Helper()
	var result struct {
		Content []struct{ Text string }
	}
	if m.Error != nil {
		return fmt.Sprintf("error %d: %s", m.Error.Code, m.Error.Message)
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || len(result.Content) != 1 {
		t.Fatalf("not a tool's result: %s", m.Result)
	}
	return result.Content[0].Text
}

const modernMeta = `"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientCapabilities":{}`

// toolCall is a tools/call; meta and arguments are the insides of objects.
func toolCall(id, name, meta, arguments string) string {
	return fmt.Sprintf(
		`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"_meta":{%s},"arguments":{%s}}}`,
		id, name, meta, arguments)
}

func initializeMessage(version, capabilities string) string {
	return fmt.Sprintf(
		`{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,`+
			`"clientInfo":{"name":"test","version":"1"}}}`,
		version, capabilities)
}

// checkPanic checks that an answer gives the log's id and nothing of the panic.
func checkPanic(t *testing.T, f *testServer, answer string) {
	t.Helper()
	if strings.Contains(answer, panicText) || strings.Contains(answer, ".go") {
		t.Errorf("the answer tells of the panic: %s", answer)
	}
	_, rest, _ := strings.Cut(answer, "under ")
	if len(rest) < 10 || !strings.Contains(f.log.String(), "id="+rest[:10]) {
		t.Errorf("no id of the log in %q", answer)
	}
	if log := f.log.String(); !strings.Contains(log, panicText) || !strings.Contains(log, "fixture_test.go") {
		t.Errorf("the log lacks the panic or its stack: %s", log)
	}
}
