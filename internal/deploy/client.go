package deploy

import (
	"context"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Client is what a deploy needs of Fly; [fly.Client] has it, and documents it.
type Client interface {
	rules.Reader
	rollout.Client
	Release(ctx context.Context, app string) (fly.Release, error)
}
