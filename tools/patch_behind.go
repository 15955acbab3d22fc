package tools

import (
	"context"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// behind says how the Machines are not as the deployed configuration has it.
// Machines that fly deploy did not make count if they have blockers. It is empty
// if deploying its services again would do nothing.
func (a *toolset) behind(ctx context.Context, app string, file *flytoml.File, list []fly.Machine) (why string, err error) {
	lacking, untested, err := a.deployer().Behind(ctx, app, file, list)
	if err != nil {
		return "", err
	}
	lacking += len(inNeed(list))
	switch {
	case lacking > 0:
		return fmt.Sprintf("%d of %s do not have its services", lacking, plan.Machines(len(list))), nil
	case untested > 0:
		return fmt.Sprintf("%d of %s were not tested with it, because a deploy was interrupted", untested, plan.Machines(len(list))), nil
	}
	return "", nil
}
