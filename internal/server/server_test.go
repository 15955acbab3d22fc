package server

import (
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// TestInstructions holds the contract's length (clients cut at 2,048
// characters), and that a read-only server names no tool that it does not have.
func TestInstructions(t *testing.T) {
	all := tools.All(tools.Deps{Deps: call.Deps{Clock: flytest.StillClock(time.Time{})}})
	for _, readOnly := range []bool{false, true} {
		for _, sandbox := range []bool{false, true} {
			text := Instructions(readOnly, sandbox)
			if n := len([]rune(text)); n > 1900 {
				t.Errorf("read-only %v, sandbox %v: %d characters, want at most 1900", readOnly, sandbox, n)
			}
			if strings.HasPrefix(text, "[sandbox]") != sandbox {
				t.Errorf("read-only %v, sandbox %v: marked wrongly: %.20q", readOnly, sandbox, text)
			}
			for _, tool := range all {
				name := tool.Spec().Name
				if named, served := strings.Contains(text, name), !readOnly ||
					len(tools.ReadOnly([]call.Tool{tool})) > 0; named != served {
					t.Errorf("read-only %v: %s is named: %v, served: %v", readOnly, name, named, served)
				}
			}
		}
	}
}
