//go:build unix

package call_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/call/calltest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestOneRunAmongProcesses has two servers with the same state folder: one does not
// change an app while the other has it.
func TestOneRunAmongProcesses(t *testing.T) {
	clock, state := calltest.NewClock(), t.TempDir()
	one, two := calltest.NewServer(t, clock, state, calltest.DeployByItself), calltest.NewServer(t, clock,
		state, calltest.DeployByItself)
	var during, additive, local, elsewhere calltest.Reply
	one.OnApply = func() {
		during = calltest.Serve(t.Context(), two.Tool("deploy", call.Restarts), calltest.ShopAPI())
		additive = calltest.Serve(t.Context(),
			two.Tool("allocate_flycast", call.Additive), calltest.ShopAPI())
		local = calltest.Serve(t.Context(), two.Tool("patch_services", call.Local),
			calltest.ShopAPI())
		elsewhere = calltest.Serve(t.Context(),
			two.Tool("allocate_flycast", call.Additive), map[string]any{"app": "blog"})
	}
	calltest.Expect(t, calltest.Serve(t.Context(), one.Tool("deploy", call.Restarts), calltest.ShopAPI()),
		plan.Applied, "")
	for _, got := range []calltest.Reply{during, additive} {
		calltest.Expect(t, got, plan.Refused, gate.Busy)
		if got.Retry != gate.RetryAfterWait || got.RetryAfterS == 0 || !strings.Contains(got.Summary, "another process") {
			t.Errorf("busy answer: %+v", got.Result)
		}
	}
	calltest.Expect(t, local, plan.Applied, "")
	calltest.Expect(t, elsewhere, plan.Applied, "")
	if got := two.Applied(); got != "[0 0]" {
		t.Errorf("the other server did %s, want only the local work and the other app's", got)
	}
	calltest.Expect(t, calltest.Serve(t.Context(), two.Tool("deploy", call.Restarts), calltest.ShopAPI()),
		plan.Applied, "")

	locks := filepath.Join(state, "locks")
	if info, err := os.Stat(locks); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of the locks: %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(locks, "shop-api.lock")); err != nil {
		t.Error(err)
	}
}
