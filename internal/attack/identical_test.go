package attack

import (
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

// TestIdenticalCallsAtOnce: calls that attach to one run each get an answer of
// their own, which mcp-go may write into. The race detector sees if they do not.
func TestIdenticalCallsAtOnce(t *testing.T) {
	const calls = 8
	every := append(wires(), struct{ name, transport, version string }{"SSE, handshake", "sse", mcp.ProtocolVersion20241105})
	for _, wire := range every {
		t.Run(wire.name, func(t *testing.T) {
			s := newSite(t, 0)
			// The write waits until all calls have attached to it.
			s.each(func(body string) {
				for strings.Contains(body, "allocateIpAddress") && s.clock.holding() < calls {
					runtime.Gosched()
				}
			})
			c := s.open(t, wire.transport, wire.version, nil)
			var all sync.WaitGroup
			for range calls {
				all.Go(func() {
					got := callTool(t, c, "allocate_flycast", map[string]any{"app": secondApp})
					if got.Status != "applied" {
						s.clock.After(hold) // it waits no more: let the write go on
						t.Errorf("got %v", got)
					}
				})
			}
			all.Wait()
			writes := 0
			for _, call := range s.Calls() {
				if call.Operation == "graphql.allocateIpAddress" {
					writes++
				}
			}
			if writes != 1 {
				t.Errorf("%d allocations, want 1", writes)
			}
		})
	}
}
