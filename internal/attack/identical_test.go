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
	every := append(wires(), struct{ name, transport, version string }{"SSE, handshake", "sse",
		mcp.ProtocolVersion20241105})
	for _, wire := range every {
		t.Run(wire.name, func(t *testing.T) {
			s := newSingleServer(t, 0)
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

// TestManyAtOnce: nothing that mcp-go may write into, or that somebody sorts or
// cuts, is shared between answers: not a reading that others share, not a schema,
// not a resource.
func TestManyAtOnce(t *testing.T) {
	const each = 8
	for _, wire := range append(wires(), struct{ name, transport, version string }{"SSE, handshake", "sse",
		mcp.ProtocolVersion20241105}) {
		t.Run(wire.name, func(t *testing.T) {
			s := newSingleServer(t, 0)
			c := s.openPlain(t, wire.transport, wire.version)
			work := map[string]func() error{
				"tools/list":   func() error { _, err := c.ListTools(t.Context(), mcp.ListToolsRequest{}); return err },
				"prompts/list": func() error { _, err := c.ListPrompts(t.Context(), mcp.ListPromptsRequest{}); return err },
				"templates/list": func() error {
					_, err := c.ListResourceTemplates(t.Context(), mcp.ListResourceTemplatesRequest{})
					return err
				},
				"resources/read": func() error {
					var r mcp.ReadResourceRequest
					r.Params.URI = "flycast://apps/" + firstApp + "/status"
					_, err := c.ReadResource(t.Context(), r)
					return err
				},
				"prompts/get": func() error {
					var r mcp.GetPromptRequest
					r.Params.Name, r.Params.Arguments = "make_private", map[string]string{"app": firstApp}
					_, err := c.GetPrompt(t.Context(), r)
					return err
				},
			}
			for tool, args := range map[string]map[string]any{
				"list_ips":           {"app": firstApp},
				"patch_services":     {"app": firstApp},
				"deploy_status":      {"app": firstApp},
				"release_public_ips": {"app": firstApp},
				"allocate_flycast":   {"app": secondApp, "dry_run": true},
			} {
				work[tool] = func() error {
					callTool(t, c, tool, args)
					return nil
				}
			}
			var all sync.WaitGroup
			for name, do := range work {
				for range each {
					all.Go(func() {
						if err := do(); err != nil {
							t.Errorf("%s: %v", name, err)
						}
					})
				}
			}
			all.Wait()
		})
	}
}
