package resources

import (
	"context"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxCompletions is MCP's limit of values in a completion.
const maxCompletions = 100

// Lister lists the names of apps.
type Lister interface {
	AppNames(ctx context.Context) ([]string, error)
}

// Completer completes names of apps, in resource templates and in prompts.
type Completer struct {
	Fly Lister
}

// CompleteResourceArgument completes {app}.
func (c Completer) CompleteResourceArgument(
	ctx context.Context, _ string, argument mcp.CompleteArgument, _ mcp.CompleteContext,
) (*mcp.Completion, error) {
	return c.complete(ctx, argument), nil
}

// CompletePromptArgument completes the argument app.
func (c Completer) CompletePromptArgument(
	ctx context.Context, _ string, argument mcp.CompleteArgument, _ mcp.CompleteContext,
) (*mcp.Completion, error) {
	return c.complete(ctx, argument), nil
}

// complete returns the apps whose names begin with what was typed; none if the token
// cannot list apps.
func (c Completer) complete(ctx context.Context, argument mcp.CompleteArgument) *mcp.Completion {
	out := &mcp.Completion{Values: []string{}}
	if argument.Name != "app" {
		return out
	}
	names, err := c.Fly.AppNames(ctx)
	if err != nil {
		return out
	}
	for _, name := range names {
		if strings.HasPrefix(name, argument.Value) {
			out.Values = append(out.Values, name)
		}
	}
	out.Total = len(out.Values)
	if out.Total > maxCompletions {
		out.Values, out.HasMore = out.Values[:maxCompletions], true
	}
	return out
}
