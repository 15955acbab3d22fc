package server

import (
	"log/slog"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// listTTL is how long, in milliseconds, a client may keep a list: they never
// change while the program runs and are the same for every caller.
const listTTL = 60_000

// BaseOptions are the options every MCP server of this program is made with,
// whatever it is served over: notifications that arrive before the response
// they belong to, one line in the log a request, panics that end in an answer
// which gives nothing away, and cache hints (SEP-2549: lists for a minute,
// reads never).
//
// Options given after these add their middleware inside the recovery. A nil
// log discards.
func BaseOptions(log *slog.Logger) []mcpserver.ServerOption {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	options := []mcpserver.ServerOption{
		// Outermost: what a handler sent, even one that panicked, is delivered.
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
		mcp.MethodResourcesList,
		mcp.MethodResourcesTemplatesList,
	} {
		options = append(options, mcpserver.WithMethodCacheHints(method, listTTL, mcp.CacheScopePublic))
	}
	return options
}
