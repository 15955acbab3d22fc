package fly

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// TestWaitTellsTheTime: whole seconds, rounded up, and no second request for the
// rest of one.
func TestWaitTellsTheTime(t *testing.T) {
	p, client := sandboxClient(t, flysim.Options{})
	id := p.MachineIDs("shop-api")[0]
	instance := p.Machine("shop-api", id).InstanceID
	for within, want := range map[time.Duration]string{
		10 * time.Second: "10", 9940 * time.Millisecond: "10", time.Millisecond: "1", time.Hour: "60",
	} {
		p.ResetCalls()
		if err := client.Wait(t.Context(), "shop-api", id, instance, "started", within); err != nil {
			t.Fatal(err)
		}
		if calls := p.Calls(); len(calls) != 1 || !strings.HasSuffix(calls[0].Query, "&timeout="+want) {
			t.Errorf("%v: got %+v, want one call that waits for %s s", within, calls, want)
		}
	}
	p.ResetCalls()
	p.Inject(flysim.Fault{Operation: "machine.wait", Status: http.StatusRequestTimeout, Times: -1})
	checkCode(t, client.Wait(t.Context(), "shop-api", id, instance, "stopped", 900*time.Millisecond), gate.PlatformError)
	if calls := p.Calls(); len(calls) != 1 {
		t.Errorf("%d calls for less than a second", len(calls))
	}
}
