package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// logPanic logs a panic and returns its id in the log. A client is told only the id:
// the text of a panic may contain anything.
func logPanic(ctx context.Context, log *slog.Logger, where string, value any) (id string) {
	id = rand.Text()[:10]
	log.LogAttrs(ctx, slog.LevelError, "panic",
		slog.String("id", id),
		slog.String("in", where),
		slog.String("panic", fmt.Sprint(value)),
		slog.String("stack", string(debug.Stack())))
	return id
}

// internalMessage returns what a client is told of a panic.
func internalMessage(id string) string {
	return "internal error; the server's log has the details under " + id
}

func recoverTools(log *slog.Logger) mcpserver.ToolHandlerMiddleware {
	return func(next mcpserver.ToolHandlerFunc) mcpserver.ToolHandlerFunc {
		return func(ctx context.Context, request mcp.CallToolRequest) (result *mcp.CallToolResult, err error) {
			defer func() {
				value := recover()
				if value == nil {
					return
				}
				id := logPanic(ctx, log, "tool "+request.Params.Name, value)
				summary := "The server failed: " + internalMessage(id) +
					". It may have changed something before that: read the state first."
				reason := plan.ReasonFor(gate.Internal)
				reason.RequestID = id
				result, err = mcp.NewToolResultStructured(plan.Result{
					Status: plan.Failed, Summary: summary, Reason: reason, Next: []plan.Next{},
				}, summary), nil
				result.IsError = true
			}()
			return next(ctx, request)
		}
	}
}

func recoverPrompts(log *slog.Logger) mcpserver.PromptHandlerMiddleware {
	return func(next mcpserver.PromptHandlerFunc) mcpserver.PromptHandlerFunc {
		return func(ctx context.Context, request mcp.GetPromptRequest) (result *mcp.GetPromptResult, err error) {
			defer func() {
				if value := recover(); value != nil {
					id := logPanic(ctx, log, "prompt "+request.Params.Name, value)
					result, err = nil, fmt.Errorf("%s", internalMessage(id))
				}
			}()
			return next(ctx, request)
		}
	}
}

func recoverResources(log *slog.Logger) mcpserver.ResourceHandlerMiddleware {
	return func(next mcpserver.ResourceHandlerFunc) mcpserver.ResourceHandlerFunc {
		return func(ctx context.Context, request mcp.ReadResourceRequest) (contents []mcp.ResourceContents, err error) {
			defer func() {
				if value := recover(); value != nil {
					id := logPanic(ctx, log, "resource "+request.Params.URI, value)
					contents, err = nil, fmt.Errorf("%s", internalMessage(id))
				}
			}()
			return next(ctx, request)
		}
	}
}
