// Package deployed reads the configuration of an app as the platform has it,
// as a fly.toml.
package deployed

import (
	"context"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// Read renders the definition that the app's current release stores; an app
// without one is read from its Machines, whose values a fly.toml can not always
// say (comments at the top name what is left out). With [flytoml.Masked] no
// environment value is in the text. Code precondition if there is neither a
// definition nor a Machine that fly deploy made.
func Read(ctx context.Context, client fly.Client, app string, values flytoml.Values) ([]byte, error) {
	release, err := client.Release(ctx, app)
	if err == nil {
		return flytoml.RenderTOML(release.Definition, values)
	}
	if fly.CodeOf(err) != gate.NotFound {
		return nil, err
	}
	machines, err := client.Machines(ctx, app)
	if err != nil {
		return nil, err
	}
	groups := make(map[string]machine.Config)
	alike := make(map[[2]string]int) // group, hash of a configuration → Machines
	region := ""
	for _, m := range machines {
		if !m.Whole() || !m.Config.FlyLaunch() {
			continue
		}
		group := m.Config.ProcessGroup()
		if group == "" {
			group = "app"
		}
		// The most common one; of equally common ones the one found first.
		alike[[2]string{group, m.Config.Hash()}]++
		if have, ok := groups[group]; !ok || alike[[2]string{group, m.Config.Hash()}] > alike[[2]string{group, have.Hash()}] {
			groups[group] = m.Config
		}
		if env, err := m.Config.Env(); err == nil && region == "" {
			region = env["PRIMARY_REGION"]
		}
	}
	if len(groups) == 0 {
		return nil, &fly.Error{
			Code:    gate.Precondition,
			Message: fmt.Sprintf("%s has no release with a stored configuration and no Machine that fly deploy made", app),
			Hint:    "give path or content of its fly.toml",
		}
	}
	return flytoml.FromMachines(app, region, groups, values)
}
