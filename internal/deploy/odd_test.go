package deploy

import (
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeployRestless: of a Machine that was woken and could not be stopped again
// the summary says that it runs, and not that its configuration is another.
func TestDeployRestless(t *testing.T) {
	withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		for _, id := range b.MachineIDs(b.app) {
			b.StopMachine(b.app, id)
		}
		b.Inject(flysim.Fault{Operation: "machine.stop", Status: 403, Times: -1})
		wake := true
		content := strings.NewReplacer(`"stop"`, `"off"`, "auto_stop_machines = true",
			"auto_stop_machines = false", "autostop = true", "autostop = false").
			Replace(b.file("soft_limit = 200", "soft_limit = 20"))
		out, err := b.apply(b.planOf(input{Content: content, Wake: &wake}))
		if err != nil {
			t.Fatal(err)
		}
		if out.Status != plan.Partial || !strings.Contains(out.Summary, "could not be stopped again") {
			t.Errorf("got %s %q", out.Status, out.Summary)
		}
	})
}
