package plan_test

import (
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// wordings are those of the packages that make plans.
func wordings() plan.Wordings {
	return plan.Wordings{
		address.AllocateTool: address.AllocateWording{},
		address.ReleaseTool:  address.ReleaseWording{},
		deploy.Tool:          deploy.Wording{},
	}
}
