package tools

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// redirecting are services that redirect plain HTTP.
const redirecting = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"],` +
	`"force_https":true},{"port":443,"handlers":["http","tls"]}]}]`

// Machines that fly deploy did not make: list_ips names them, and both ways that
// it offers end with a ready app.
func TestAdoptJourney(t *testing.T) {
	deploys(t, "inner-circle", flysim.Options{}, func(b *appServer) {
		t := b.t
		ids := b.MachineIDs(b.app)
		b.MakeByAPI(b.app, redirecting, ids...)
		image := b.MachineConfig(b.app, ids[0]).Image()
		listed, err := b.toolset.readIPs(t.Context(), listInput{App: b.app})
		if err != nil {
			t.Fatal(err)
		}
		line := "fly machine update " + ids[0] +
			" -a inner-circle --port 80:8080/tcp:- --port 80:8080/tcp:http --port 443:8080/tcp:http:tls"
		switch {
		case !slices.Equal(blockerIDs(listed.Blockers), []string{plan.ForceHTTPS}) ||
			!strings.Contains(listed.Blockers[0].What, ids[0]) || !strings.Contains(listed.Blockers[0].Fix, line):
			t.Fatalf("got %+v, want %q", listed.Blockers, line)
		case len(listed.Next) != 2 || listed.Next[0].Tool != "patch_services" ||
			!strings.Contains(listed.Next[0].Why, "adopt: true") || listed.Next[1].Command != line:
			t.Fatalf("next %+v", listed.Next)
		}

		proposal, patched := b.patch()
		if len(proposal.Plan.Steps) != 1 || !patched.Next[0].Arguments.Adopt {
			t.Fatalf("patch_services: next %+v, steps %+v", patched.Next, proposal.Plan.Steps)
		}
		content := b.draft(patched.Draft)

		// Without adopt they are left alone, and that is said.
		left := b.planOf(deployInput{Content: content, Image: image})
		if left.Out.Machines.Left != len(ids) || !flytest.Mentions(left.Out.Remarks, "adopt: true") ||
			len(left.Work.Rollout.Updates) != 0 {
			t.Errorf("without adopt: %+v, remarks %q", left.Out.Machines, left.Out.Remarks)
		}

		planned := b.planOf(deployInput{Content: content, Adopt: true})
		question := planned.Plan.Question().Text()
		switch {
		case len(planned.Work.Rollout.Updates) != len(ids) || len(planned.Work.Rollout.Creates) != 0:
			t.Fatalf("%d changes and %d creations, want %d and none", len(planned.Work.Rollout.Updates),
				len(planned.Work.Rollout.Creates), len(ids))
		case !strings.Contains(question, "not made by fly deploy") || !strings.Contains(question, ids[0]) ||
			!strings.Contains(question, `will belong to group "app"`):
			t.Errorf("question:\n%s", question)
		case !flytest.Mentions(planned.Out.Remarks, "adopted: "):
			t.Errorf("remarks %q", planned.Out.Remarks)
		case planned.Plan.Has(plan.ImageChange):
			t.Error("the image is said to change")
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied {
			t.Fatalf("got %s, %v: %s", out.Status, err, out.Summary)
		}
		if now := b.MachineIDs(b.app); !slices.Equal(now, ids) {
			t.Errorf("Machines %q, want %q", now, ids)
		}
		for _, id := range ids {
			config := b.MachineConfig(b.app, id)
			if !config.IsFlyLaunch() || config.ProcessGroup() != "app" || config.Image() != image {
				t.Errorf("%s: group %q, image %q", id, config.ProcessGroup(), config.Image())
			}
		}
		if listed, err = b.toolset.readIPs(t.Context(), listInput{App: b.app}); err != nil || len(listed.Blockers) > 0 {
			t.Errorf("afterwards: %+v, %v", listed.Blockers, err)
		}
	})
}
