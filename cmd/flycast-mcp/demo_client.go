package main

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

// demoClient is the demo's side of MCP: a client with this program as its
// server in a child process.
type demoClient struct {
	mcp     *mcpclient.Client
	ctx     context.Context // of the child
	version string          // of the protocol
}

// connect starts the server in an environment made from nothing, so that no
// token and no FLY_* variable of the user can reach it.
func (d *demo) connect(ctx context.Context, place demoPlace, environment []string, asker *asker) (*demoClient, error) {
	exe := d.executable
	if exe == "" {
		var err error
		if exe, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	start := func(ctx context.Context, command string, env, args []string) (*exec.Cmd, error) {
		cmd := exec.CommandContext(ctx, command, args...) // killed when the demo is interrupted
		cmd.Env, cmd.Dir, cmd.Stderr = env, place.root, d.stderr
		return cmd, nil
	}
	child := transport.NewStdioWithOptions(exe,
		append(append(environment, "HOME="+place.dir), d.env...),
		[]string{"stdio", "--root", place.root, "--state-dir", place.state, "--app", d.app, "--log-level", "error"},
		transport.WithCommandFunc(start), transport.WithCommandLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	c := &demoClient{mcp: mcpclient.NewClient(child, mcpclient.WithElicitationHandler(asker)), ctx: ctx}
	c.mcp.OnNotification(func(n mcp.JSONRPCNotification) {
		if message, ok := n.Params.AdditionalFields["message"].(string); ok && n.Method == "notifications/progress" {
			asker.page.progress(message)
		}
	})
	if err := c.mcp.Start(ctx); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	var request mcp.InitializeRequest
	request.Params.ClientInfo = mcp.Implementation{Name: "flycast-mcp demo", Version: cli.Version()}
	if _, err := c.mcp.Initialize(ctx, request); err != nil {
		_ = c.Close() // the first error tells more
		return nil, fmt.Errorf("the server did not answer: %w", err)
	}
	c.version = c.mcp.ProtocolVersion()
	return c, nil
}

// Close ends the server and waits for it. How an interrupted one ended is no news.
func (c *demoClient) Close() error {
	if err := c.mcp.Close(); err != nil && c.ctx.Err() == nil {
		return fmt.Errorf("end the server: %w", err)
	}
	return nil
}

// listing is the answer of list_ips, as far as the demo shows it.
type listing struct {
	Summary   string
	Verdict   string
	Exposed   string
	Addresses []struct {
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

// outcome is the answer of a changing tool, as far as the demo shows it.
type outcome struct {
	plan.Result
	Diff  string
	Draft string
}

// demoArguments are what the demo's calls are made with.
type demoArguments struct {
	App   string `json:"app,omitempty"`
	Path  string `json:"path,omitempty"`
	Draft string `json:"draft,omitempty"`
}

// String is the arguments as they are sent.
func (a demoArguments) String() string {
	body, err := json.Marshal(a)
	if err != nil {
		panic(fmt.Sprintf("demo: %v", err)) // strings always marshal
	}
	return string(body)
}

// callTool calls a tool and decodes the structured half of its answer. While the
// server says that it is still at work, it repeats the identical call.
func callTool[T any](ctx context.Context, c *demoClient, tool string, arguments demoArguments) (T, error) {
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = tool, arguments
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
