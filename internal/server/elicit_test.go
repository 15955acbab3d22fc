package server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// The capabilities of one modern request are not those of the session.
func TestStdioErasDoNotMix(t *testing.T) {
	p := startStdio(t, newTestServer())
	capable := strings.Replace(modernMeta, `"io.modelcontextprotocol/clientCapabilities":{}`,
		`"io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}`, 1)
	p.send(initializeMessage("2025-11-25", `{}`), toolCall("1", "ask", capable, ""), toolCall("2", "ask", "", ""))
	p.receive()
	got := map[string]string{}
	for range 2 {
		m := p.receive()
		got[string(m.ID)] = m.text(t)
	}
	if got["1"] != "roundtrip" || got["2"] != "none" {
		t.Errorf("got %v, want 1 roundtrip, 2 none", got)
	}
}

func TestStdioElicitation(t *testing.T) {
	tests := []struct {
		name, reply string
		want        string
	}{
		{"accept", `"result":{"action":"accept","content":{"sure":true}}`, "accept true"},
		{"accept beside a null error", `"error":null,"result":{"action":"accept","content":{"sure":true}}`, "accept true"},
		{"decline", `"result":{"action":"decline"}`, "decline <nil>"},
		{"not supported after all", `"error":{"code":-32601,"message":"Method not found"}`, "error -32601: Method not found"},
		{"nonsense", `"result":"yes"`, "could not be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := startStdio(t, newTestServer())
			p.send(initializeMessage("2025-06-18", `{"elicitation":{}}`), toolCall("1", "ask", "", ""))
			p.receive()
			question := p.receive()
			if question.Method != "elicitation/create" {
				t.Fatalf("got %+v", question)
			}
			p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, question.ID, tt.reply))
			if got := p.receive().text(t); !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStdioLateAnswer(t *testing.T) {
	f := newTestServer()
	p := startStdio(t, f)
	p.send(initializeMessage("2025-06-18", `{"elicitation":{}}`), toolCall("1", "ask", "", ""))
	p.receive()
	question := p.receive()
	f.within <- time.Time{}
	if got := p.receive().text(t); !strings.Contains(got, "no answer") {
		t.Errorf("got %q", got)
	}
	p.send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"action":"accept","content":{"sure":true}}}`, question.ID))
	if late := <-f.late; late.Action != "accept" {
		t.Errorf("got %+v", late)
	}
}

type person struct{}

func (person) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: "accept",
		Content: map[string]any{"sure": true}}}, nil
}

// elicitThrough calls "ask" with a real client and gives back what it says.
func elicitThrough(t *testing.T, via transport.Interface, version string, declares bool) string {
	t.Helper()
	options := []client.ClientOption{client.WithProtocolVersion(version)}
	if declares {
		options = append(options, client.WithElicitationHandler(person{}))
	}
	c := client.NewClient(via, options...)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	initialize := mcp.InitializeRequest{}
	initialize.Params.ProtocolVersion = version
	initialize.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(t.Context(), initialize); err != nil {
		t.Fatal(err)
	}
	call := mcp.CallToolRequest{}
	call.Params.Name = "ask"
	result, err := c.CallTool(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return result.Content[0].(mcp.TextContent).Text
}

var elicitations = []struct {
	version  string
	declares bool
	want     string
}{
	{mcp.ProtocolVersion20260728, true, "roundtrip"},
	{mcp.ProtocolVersion20260728, false, "none"},
	{mcp.ProtocolVersion20251125, true, "accept true"},
	{mcp.ProtocolVersion20251125, false, "none"},
	{mcp.ProtocolVersion20250618, true, "accept true"},
}

func TestStdioWithRealClient(t *testing.T) {
	for _, tt := range elicitations {
		t.Run(fmt.Sprintf("%s declares %v", tt.version, tt.declares), func(t *testing.T) {
			inR, inW := io.Pipe()
			outR, outW := io.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- ServeStdio(t.Context(), newTestServer().MCPServer, inR, outW, StdioOptions{})
				_ = outW.Close()
			}()
			via := transport.NewIO(outR, inW, io.NopCloser(strings.NewReader("")))
			if got := elicitThrough(t, via, tt.version, tt.declares); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
