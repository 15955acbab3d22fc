package fly

import (
	"errors"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// TestLeaseAgain: one step covers every try for one lease, and no try comes
// without being asked for.
func TestLeaseAgain(t *testing.T) {
	const app, id = "shop-api", "148e21ea7d9d89"
	enough := errors.New("enough")
	tests := []struct {
		name  string
		fault sandbox.Fault
		tries int // that again allows
		asked int
		sent  int
		err   bool
	}{
		{"free", sandbox.Fault{Operation: "none"}, 0, 0, 1, false},
		{"held by somebody", sandbox.Fault{Status: 409, Body: `{"error":"lease currently held by x"}`, Times: 2}, 5, 2, 3, false},
		{"held for longer", sandbox.Fault{Status: 409, Times: -1}, 2, 3, 3, true},
		{"too many requests", sandbox.Fault{Status: 429}, 5, 1, 2, false},
		{"lost before", sandbox.Fault{Reset: sandbox.ResetBefore}, 5, 1, 2, false},
		{"lost after: it is held, by nobody who knows", sandbox.Fault{Reset: sandbox.ResetAfter}, 2, 3, 3, true},
		{"forbidden", sandbox.Fault{Status: 403}, 5, 0, 1, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, client := sandboxClient(t, sandbox.Options{})
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
