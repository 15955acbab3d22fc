package resources

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Hostnames are the names under which an app is reached.
type Hostnames struct {
	App     string   `json:"app"`
	Public  string   `json:"public"`            // leads to the app while it has public addresses
	Custom  []string `json:"custom"`            // with certificates on Fly
	Reach   []string `json:"reach"`             // how callers reach it now
	Network string   `json:"network,omitempty"` // the app's own, if it is not the default one
	Unknown []string `json:"unknown,omitempty"`
}

func (r Resources) hostnames(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	app := variable(request, "app")
	s, err := rules.Read(ctx, r.Fly, app)
	if err != nil {
		return nil, plainError(err)
	}
	out := Hostnames{App: app, Public: app + ".fly.dev", Custom: []string{}, Reach: s.Reach(), Network: plan.Clean(s.OwnNetwork())}
	if out.Reach == nil {
		out.Reach = []string{}
	}
	certificates, err := r.Fly.Certificates(ctx, app)
	var problem *plan.Problem
	switch {
	case errors.As(err, &problem) && problem.Code == gate.Unauthorized:
		out.Unknown = []string{plan.CertsUnread.Sentence()}
	case err != nil:
		return nil, plainError(err)
	}
	for _, c := range certificates {
		out.Custom = append(out.Custom, plan.Clean(c.Hostname))
	}
	body, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("hostnames of %s: %w", app, err)
	}
	return newContents(request, "application/json", string(body)), nil
}
