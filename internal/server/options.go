package server

import (
	"log/slog"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// listTTL is how long, in milliseconds, a client may keep a list. Lists do not change
// while the program runs, and are the same for every caller.
const listTTL = 60_000

// BaseOptions returns the options of every MCP server of this program, for every
// transport: notifications are written before their response, each request is logged
// in one line, a panic becomes a response that reveals nothing, and lists may be
// cached for a minute, reads never (SEP-2549).
//
// The middleware of options added after these runs inside the recovery. A nil log
// discards.
func BaseOptions(log *slog.Logger) []mcpserver.ServerOption {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	options := []mcpserver.ServerOption{
		// Outermost, so that what a panicking handler sent is delivered, too.
		mcpserver.WithToolHandlerMiddleware(deliverForTools),
		mcpserver.WithPromptHandlerMiddleware(deliverForPrompts),
		mcpserver.WithResourceHandlerMiddleware(deliverForResources),
		mcpserver.WithLogger(log),
		mcpserver.WithToolHandlerMiddleware(recoverTools(log)),
		mcpserver.WithPromptHandlerMiddleware(recoverPrompts(log)),
		mcpserver.WithResourceHandlerMiddleware(recoverResources(log)),
		mcpserver.WithCacheHints(0, mcp.CacheScopePrivate),
	}
	for _, method := range []mcp.MCPMethod{
		mcp.MethodServerDiscover,
		mcp.MethodToolsList,
		mcp.MethodPromptsList,
		mcp.MethodResourcesTemplatesList,
	} {
		options = append(options, mcpserver.WithMethodCacheHints(method, listTTL, mcp.CacheScopePublic))
	}
	// The apps depend on the token.
	return append(options, mcpserver.WithMethodCacheHints(mcp.MethodResourcesList, listTTL, mcp.CacheScopePrivate))
}
