package deploy

import (
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestDeployDriftAsked: the person who is asked is told what the deploy would
// undo; that a file was edited is news only beside the edit of its services.
func TestDeployDriftAsked(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		asked := func(s stages) string { return s.plan().Question().Text() }
		s := b.stages(b.file("min_machines_running = 0", "min_machines_running = 1"))
		if text := asked(s); strings.Contains(text, "of what differs") {
			t.Errorf("an edited file: %s", text)
		}
		s.origins.edited = true
		if text := asked(s); !strings.Contains(text, "1 value was edited in the file since then") {
			t.Errorf("of what differs: %s", text)
		}
		for _, id := range b.MachineIDs(b.app) {
			b.SetMachineConfig(b.app, id, oracleWith(t, b.MachineConfig(b.app, id), "env",
				map[string]string{"FLY_PROCESS_GROUP": "app", "DEBUG": "1"}))
		}
		time.Sleep(10 * time.Minute)
		s = b.stages(b.file("", ""))
		if text := asked(s); !strings.Contains(text, "UNDOES that") {
			t.Errorf("changed by hand: %s\n%v", text, s.origins.drifted())
		}
	})
}
