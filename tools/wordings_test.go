package tools

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/private"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// TestWordings checks that every tool whose plans a person may be asked about has a wording,
// and that its plans have the same one: a form and flycast-mcp approve ask the same question.
func TestWordings(t *testing.T) {
	deploys(t, "shop-api", flysim.Options{}, func(b *appServer) {
		t := b.t
		plans := make(map[string]plan.Plan)
		allocation, err := address.NewAllocator(b.toolset.fly, flytest.WallClock{}, nil).Plan(t.Context(),
			address.AllocateInput{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		release, err := b.toolset.releaser().Plan(t.Context(),
			address.ReleaseInput{App: b.app, AllowUnreachable: true})
		if err != nil {
			t.Fatal(err)
		}
		deployment, err := b.toolset.planDeploy(t.Context(),
			deployInput{App: b.app, Content: b.file("soft_limit = 200", "soft_limit = 20")})
		if err != nil {
			t.Fatal(err)
		}
		journey, err := b.toolset.maker().Plan(t.Context(), private.Input{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		check, err := b.toolset.verifier().Plan(t.Context(), verify.Input{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		publication, err := b.toolset.maker().PlanPublic(t.Context(), private.PublicInput{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		creator := private.Creator{Maker: b.toolset.maker(), Fly: b.toolset.fly}
		creation, err := creator.PlanCreate(t.Context(), private.CreateInput{App: "new-app", Image: "nginx:1.29", InternalPort: 80})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []plan.Plan{allocation.Plan, release.Plan, deployment.Plan, journey.Plan, check.Plan,
			publication.Plan, creation.Plan} {
			plans[p.Tool] = p
		}
		for _, tool := range declared() {
			spec := tool.Spec()
			if spec.Effect.ReadOnly() || spec.Effect == call.Local || spec.Effect == call.Halts {
				continue // nobody is asked
			}
			p, hasPlan := plans[spec.Name]
			wording, hasWording := Wordings()[spec.Name]
			if !hasPlan || !hasWording || p.Wording != wording {
				t.Errorf("%s: the plan has the wording %T, and approve has %T", spec.Name, p.Wording, wording)
			}
		}
	})
}
