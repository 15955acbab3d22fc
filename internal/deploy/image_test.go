package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// tagged gives all Machines an image by a tag that may be moved.
func (b *deployedApp) tagged(image string) {
	b.t.Helper()
	for _, id := range b.MachineIDs(b.app) {
		b.SetMachineConfig(b.app, id, oracleWith(b.t, b.MachineConfig(b.app, id), "image", image))
	}
	time.Sleep(10 * time.Minute)
}

// TestDeployKeepsTheBuild: a deploy that leaves the image alone sends a tag with
// the digest of what runs, says so, and calls it no other image; new Machines get
// the same build. Afterwards there is nothing to do.
func TestDeployKeepsTheBuild(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		const tag = "registry.fly.io/inner-circle:stable"
		b.tagged(tag)
		if planned := b.plan(b.file("", "")); !planned.Plan.Empty() {
			t.Errorf("a tag alone is something to do: %q", planned.Out.Changes)
		}
		content := strings.Replace(b.newGroup(), "min_machines_running = 0", "min_machines_running = 1", 1)
		planned := b.plan(content)
		if planned.Plan.Has(plan.ImageChange) || !flytest.Mentions(planned.Out.Remarks,
			"is pinned to the build that is running") || slices.Contains(planned.Plan.Unknown, plan.BuildUnknown) {
			t.Errorf("hazards %q, unknown %q, remarks %q", planned.Plan.Hazards, planned.Plan.Unknown, planned.Out.Remarks)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied {
			t.Fatalf("got %s %q, %v", out.Status, out.Summary, err)
		}
		for _, id := range b.MachineIDs(b.app) {
			if image := b.MachineConfig(b.app, id).Image(); !strings.Contains(image, "@sha256:") ||
				!strings.HasPrefix(image, tag+"@") {
				t.Errorf("Machine %s got %s", id, image)
			}
		}
		if image := b.Releases(b.app)[0].Image; !strings.HasPrefix(image, tag+"@") {
			t.Errorf("the release has %s", image)
		}
		if again := b.plan(content); !again.Plan.Empty() {
			t.Errorf("a second one would change %q", again.Out.Changes)
		}
	})
}

// TestDeployServicesPin: scope services keeps the build, too. That a tag is sent
// with its digest for that is in the plan, the text and the question, and no
// other change beside the services is.
func TestDeployServicesPin(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		b.tagged("registry.fly.io/inner-circle:stable")
		planned := b.planOf(input{Content: b.file("auto_stop_machines = \"stop\"",
			"auto_stop_machines = \"off\""), Scope: ScopeServices})
		if planned.Plan.Has(plan.ImageChange) || planned.Plan.Has(plan.OtherConfigChanges) ||
			!flytest.Mentions(planned.Out.Remarks, "is pinned to the build that is running") {
			t.Errorf("hazards %q, remarks %q", planned.Plan.Hazards, planned.Out.Remarks)
		}
		question := strings.Join(strings.Fields(strings.ReplaceAll(planned.Plan.Question().Text(), "│", "")), "")
		for _, change := range planned.Out.Changes {
			if !strings.HasPrefix(change, "app: services") && (!strings.HasPrefix(change, "app: image: ") ||
				!strings.HasSuffix(change, " (the same build)")) {
				t.Errorf("change %s", change)
			}
		}
		if !strings.Contains(question, "(thesamebuild)") || !strings.Contains(question, "services[0].autostop:stop→off") {
			t.Errorf("question %s", question)
		}
		// What is structured has the platform's words, the text a person's.
		if !flytest.Mentions(planned.Out.Changes, "autostop: true → false") ||
			!slices.ContainsFunc(planned.Out.Changes,
				func(change string) bool { return strings.Contains(plan.PlainChange(change), "autostop: stop → off") }) {
			t.Errorf("changes %q", planned.Out.Changes)
		}
	})
}

// TestDeployTag: an image that is named by a tag is sent so; the plan and the
// question say what that means.
func TestDeployTag(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a1", 32)
	for image, open := range map[string]bool{
		"registry.fly.io/inner-circle:latest": true, "registry.fly.io/inner-circle:deployment-01J9": false,
		"registry.fly.io/inner-circle:latest" + digest: false,
	} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			planned := b.planOf(input{Content: b.file("", ""), Image: image})
			if !planned.Plan.Has(plan.ImageChange) || flytest.Mentions(planned.Out.Remarks,
				"is a tag: Fly looks it up for each Machine") != open {
				b.t.Errorf("%s: hazards %q, remarks %q", image, planned.Plan.Hazards, planned.Out.Remarks)
			}
			if got := strings.Contains(planned.Plan.Question().Text(), plan.BuildUnknown.Sentence()); got != open {
				b.t.Errorf("%s: the question says so: %v", image, got)
			}
			if _, err := b.apply(planned); err != nil {
				b.t.Fatal(err)
			}
			for _, id := range b.MachineIDs(b.app) {
				if got := b.MachineConfig(b.app, id).Image(); got != image {
					b.t.Errorf("Machine %s got %s, want %s", id, got, image)
				}
			}
		})
	}
}
