//go:build unix

package call

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Two servers with the same state folder: what one is at work on, the other
// leaves alone.
func TestOneRunAmongProcesses(t *testing.T) {
	clock, state := newTestClock(), t.TempDir()
	one, two := newTestServer(t, clock, state, deployByItself), newTestServer(t, clock, state, deployByItself)
	var during, additive, local, elsewhere served
	one.onApply = func() {
		during = serve(t.Context(), two.tool("deploy", Restarts), shopAPI())
		additive = serve(t.Context(), two.tool("allocate_flycast", Additive), shopAPI())
		local = serve(t.Context(), two.tool("patch_services", Local), shopAPI())
		elsewhere = serve(t.Context(), two.tool("allocate_flycast", Additive), map[string]any{"app": "blog"})
	}
	expect(t, serve(t.Context(), one.tool("deploy", Restarts), shopAPI()), plan.Applied, "")
	for _, got := range []served{during, additive} {
		expect(t, got, plan.Refused, gate.Busy)
		if got.Retry != gate.RetryAfterWait || got.RetryAfterS == 0 || !strings.Contains(got.Summary, "another process") {
			t.Errorf("busy answer: %+v", got.Result)
		}
	}
	expect(t, local, plan.Applied, "")
	expect(t, elsewhere, plan.Applied, "")
	if got := two.did(); got != "[0 0]" {
		t.Errorf("the other server did %s, want only the local work and the other app's", got)
	}
	expect(t, serve(t.Context(), two.tool("deploy", Restarts), shopAPI()), plan.Applied, "")

	locks := filepath.Join(state, "locks")
	if info, err := os.Stat(locks); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder of the locks: %v, %v", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(locks, "shop-api.lock")); err != nil {
		t.Error(err)
	}
}

// A process that dies holds no app.
func TestLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("LOCK_AND_HANG"); dir != "" {
		f, err := lockApp(dir, "shop-api")
		fmt.Println("locked", err)
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // until killed
		_ = f.Close()
		return
	}
	dir := filepath.Join(t.TempDir(), "locks")
	other := exec.Command(os.Args[0], "-test.run=^TestLockEndsWithItsProcess$")
	other.Env = append(os.Environ(), "LOCK_AND_HANG="+dir)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked <nil>\n" {
		t.Errorf("other process: %q, %v", line, err)
	}
	if _, err := lockApp(dir, "shop-api"); !errors.Is(err, errAppLocked) {
		t.Errorf("got %v while another process has it", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = other.Wait()
	f, err := lockApp(dir, "shop-api")
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	f.Close()
}
