package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// client is an MCP client with this program as its server, in a child process.
type mcpClient struct {
	mcp     *mcpclient.Client
	ctx     context.Context // of the child
	version string          // of the protocol
}

// connect starts the server, in an environment made from nothing.
func (d *Demo) connect(
	ctx context.Context, work workspace, environment []string, answerer *person,
) (*mcpClient, error) {
	exe := d.Executable
	if exe == "" {
		var err error
		if exe, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	start := func(ctx context.Context, command string, env, args []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, command, args...) // killed when the demo is interrupted
		cmd.Env, cmd.Dir, cmd.Stderr = env, work.root, d.Stderr
		return cmd, nil
	}
	child := transport.NewStdioWithOptions(exe,
		append(append(environment, "HOME="+work.dir), d.Env...),
		[]string{"stdio", "--root", work.root, "--state-dir", work.state, "--app", d.App, "--log-level", "error"},
		transport.WithCommandFunc(start), transport.WithCommandLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	c := &mcpClient{mcp: mcpclient.NewClient(child, mcpclient.WithElicitationHandler(answerer)), ctx: ctx}
	c.mcp.OnNotification(func(n mcp.JSONRPCNotification) {
		if message, ok := n.Params.AdditionalFields["message"].(string); ok && n.Method == "notifications/progress" {
			answerer.page.progress(message)
		}
	})
	if err := c.mcp.Start(ctx); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	var request mcp.InitializeRequest
	request.Params.ClientInfo = mcp.Implementation{Name: "flycast-mcp demo", Version: cli.Version()}
	if _, err := c.mcp.Initialize(ctx, request); err != nil {
		_ = c.Close() // the first error says more
		return nil, fmt.Errorf("the server did not answer: %w", err)
	}
	c.version = c.mcp.ProtocolVersion()
	return c, nil
}

// Close ends the server and waits for it. After an interruption its exit status
// does not matter.
func (c *mcpClient) Close() error {
	if err := c.mcp.Close(); err != nil && c.ctx.Err() == nil {
		return fmt.Errorf("end the server: %w", err)
	}
	return nil
}

// listing is the part of a list_ips result that the demo shows.
type listing struct {
	Summary    string
	Verdict    string
	Exposed    string
	OwnNetwork string `json:"own_network"`
	Addresses  []struct {
		IP         string
		Kind       string
		CreatedAt  string `json:"created_at"`
		Network    string
		NetworkID  string  `json:"network_id"`
		OwnNetwork string  `json:"own_network"`
		MonthlyUSD float64 `json:"monthly_usd"`
	}
	Blockers []plan.Blocker
	Unknown  []string
}

// outcome is the part of a changing tool's result that the demo shows.
type outcome struct {
	plan.Result
	Diff string
}

// arguments are those of the demo's calls.
type callArguments struct {
	App     string `json:"app,omitempty"`
	Path    string `json:"path,omitempty"`
	Sleep   string `json:"sleep,omitempty"`
	Network string `json:"network,omitempty"`
}

// String returns the arguments as they are sent.
func (a callArguments) String() string {
	body, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err)) // strings always marshal
	}
	return string(body)
}

// callTool calls a tool and decodes the structured half of its result. While the
// server returns "running", it repeats the identical call.
func callTool[T any](ctx context.Context, c *mcpClient, tool string, with callArguments) (T, error) {
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = tool, with
	request.Params.Meta = &mcp.Meta{ProgressToken: tool}
	for {
		var out T
		result, err := c.mcp.CallTool(ctx, request)
		if err != nil {
			return out, fmt.Errorf("%s: %w", tool, err)
		}
		body, err := json.Marshal(result.StructuredContent)
		if err != nil {
			return out, fmt.Errorf("%s: %w", tool, err)
		}
		var status struct{ Status plan.Status }
		if err := json.Unmarshal(body, &status); err != nil {
			return out, fmt.Errorf("%s: %w", tool, err)
		}
		if status.Status == plan.Running {
			continue
		}
		if err := json.Unmarshal(body, &out); err != nil {
			return out, fmt.Errorf("%s: %w", tool, err)
		}
		return out, nil
	}
}
