package fly

import (
	"errors"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// TestLeaseAgain: one step covers every try for one lease, and no try comes
// without being asked for.
func TestLeaseAgain(t *testing.T) {
	const app, id = "shop-api", "148e21ea7d9d89"
	enough := errors.New("enough")
	tests := []struct {
		name  string
		fault flysim.Fault
		tries int // that again allows
		asked int
		sent  int
		err   bool
	}{
		{"free", flysim.Fault{Operation: "none"}, 0, 0, 1, false},
		{"held by somebody", flysim.Fault{Status: 409, Body: `{"error":"lease currently held by x"}`, Times: 2}, 5, 2,
			3, false},
		{"held for longer", flysim.Fault{Status: 409, Times: -1}, 2, 3, 3, true},
		{"too many requests", flysim.Fault{Status: 429}, 5, 1, 2, false},
		{"lost before", flysim.Fault{Reset: flysim.ResetBefore}, 5, 1, 2, false},
		{"lost after: it is held, by nobody who knows", flysim.Fault{Reset: flysim.ResetAfter}, 2, 3, 3, true},
		{"forbidden", flysim.Fault{Status: 403}, 5, 0, 1, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, client := sandboxClient(t, flysim.Options{})
			if test.fault.Operation == "" {
				test.fault.Operation = "lease.acquire"
			}
			p.Inject(test.fault)
			grant := grantFor(t, gate.Step{Verb: gate.LeaseMachine, App: app, Target: id})
			asked := 0
			lease, err := client.LeaseMachine(t.Context(), grant, app, id, time.Minute, func(error) error {
				if asked++; asked > test.tries {
					return enough
				}
				return nil
			})
			if (err != nil) != test.err || (lease != nil) == test.err || asked != test.asked || len(p.Calls()) != test.sent {
				t.Errorf("got %v, asked %d times, %d requests", err, asked, len(p.Calls()))
			}
			if test.asked > test.tries && !errors.Is(err, enough) {
				t.Errorf("got %v", err)
			}
		})
	}
}
