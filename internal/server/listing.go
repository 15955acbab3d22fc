package server

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/resources"
)

// listing returns the hooks that fill resources/list when a client asks for it: apps and files come
// and go, and nothing is read when the program starts.
func listing(r resources.Resources) *mcpserver.Hooks {
	hooks := &mcpserver.Hooks{}
	hooks.AddAfterListResources(func(ctx context.Context, _ any, request *mcp.ListResourcesRequest,
		result *mcp.ListResourcesResult) {
		page, next := r.List(ctx, string(request.Params.Cursor))
		result.Resources, result.NextCursor = append(result.Resources, page...), mcp.Cursor(next)
	})
	return hooks
}
