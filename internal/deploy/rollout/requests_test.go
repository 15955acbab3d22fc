package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestRequests counts what one Machine costs: flyctl takes 15 requests for an
// update with one check. The listening sockets are looked at once a group.
func TestRequests(t *testing.T) {
	tests := []struct {
		name  string
		group fleetGroup
		wake  bool
		want  string // of the first and of every other Machine; ps is the first's
	}{
		{"running, with a check", fleetGroup{running: 3, checks: true}, false,
			"lease.acquire machine.get machine.update machine.wait machine.wait machine.get machine.ps lease.release"},
		{"running, without checks", fleetGroup{running: 3}, false,
			"lease.acquire machine.get machine.update machine.wait machine.wait machine.get machine.ps lease.release"},
		{"running, without a service", fleetGroup{running: 3, worker: true}, false,
			"lease.acquire machine.get machine.update machine.wait machine.wait machine.get lease.release"},
		{"stopped", fleetGroup{stopped: 3, checks: true}, false,
			"lease.acquire machine.get machine.update machine.get lease.release"},
		{"stopped, woken, left to autostop", fleetGroup{stopped: 3, checks: true, autostop: true}, true,
			"lease.acquire machine.get machine.update machine.start machine.wait machine.wait machine.get machine.ps " +
				"lease.release"},
		{"stopped, woken, stopped again", fleetGroup{stopped: 3, checks: true}, true,
			"lease.acquire machine.get machine.update machine.start machine.wait machine.wait machine.get machine.ps " +
				"machine.stop machine.wait lease.release"},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			test.group.name = "api"
			b := newFleet(t, flysim.Options{StartDelay: 2 * time.Second}, test.group)
			w := b.upgrade()
			w.Wake = test.wake
			b.do(w)
			b.noLeases()
			for i := range 3 {
				want := test.want
				if i > 0 {
					want = strings.Replace(want, " machine.ps", "", 1)
				}
				if got := strings.Join(b.operations(w.member("api", i).Before.ID), " "); got != want {
					t.Errorf("Machine %d: got %s, want %s", i, got, want)
				}
			}
			all := 0
			for i := range 3 {
				all += len(b.operations(w.member("api", i).Before.ID))
			}
			if all != len(b.Calls()) {
				t.Errorf("%d requests more are about no Machine", len(b.Calls())-all)
			}
		})
	}
}
