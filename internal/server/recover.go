package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// logPanic writes a panic to the log and returns the id under which it is
// found there. The id is all that a client is told: a panic's text may hold
// anything.
func logPanic(ctx context.Context, log *slog.Logger, where string, value any) (id string) {
	id = rand.Text()[:10]
	log.LogAttrs(ctx, slog.LevelError, "panic",
		slog.String("id", id),
		slog.String("in", where),
		slog.String("panic", fmt.Sprint(value)),
		slog.String("stack", string(debug.Stack())))
	return id
}

// internalMessage is what a client is told of a bug of ours.
func internalMessage(id string) string {
	return "internal error; the server's log has it under " + id
}

// internalResult is the answer to a tool call that ended in a panic: complete
// in its text and in its structured half, because clients show the model only
// one of them.
type internalResult struct {
	Status    string   `json:"status"`
	Summary   string   `json:"summary"`
	Code      string   `json:"code"`
	Retry     string   `json:"retry"`
	RequestID string   `json:"request_id"`
	Next      []string `json:"next"`
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
					". Whether anything was changed before that is not known: read the state before anything else."
				result, err = mcp.NewToolResultStructured(internalResult{
					Status:    "failed",
					Summary:   summary,
					Code:      "internal",
					Retry:     "never",
					RequestID: id,
					Next:      []string{},
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
