package tools

import (
	"context"
	"net/netip"

	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/peer"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Client is what the tools need of Fly; [fly.Client] has it, and documents it.
type Client interface {
	deploy.Client
	addressChanger
	audit.Reader
	audit.Apps
	peer.Client
	AppNames(ctx context.Context) ([]string, error)
}

// Looker reads what list_ips shows.
type Looker interface {
	rules.Reader
	Certificates(ctx context.Context, app string) ([]fly.Certificate, error)
}

// addressChanger allocates and releases addresses, and reads what depends on them.
type addressChanger interface {
	Organization(ctx context.Context, slug string) (fly.Organization, error)
	Certificates(ctx context.Context, app string) ([]fly.Certificate, error)
	AllocateFlycast(ctx context.Context, grant *gate.Grant, app string, network fly.Network) (fly.Address, error)
	CreateApp(ctx context.Context, grant *gate.Grant, app string, network fly.Network) error
	AllocatePublic(ctx context.Context, grant *gate.Grant, app string, kind fly.Kind) error
	ReleaseAddress(ctx context.Context, grant *gate.Grant, app string, ip netip.Addr) error
}
