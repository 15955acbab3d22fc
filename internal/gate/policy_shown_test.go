package gate

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestPolicyNamesStayOnTheirLine: the path of a policy and the name of a rule
// start no line of their own in a message.
func TestPolicyNamesStayOnTheirLine(t *testing.T) {
	_, missing := LoadPolicy(filepath.Join(t.TempDir(), "x\nINJECTED\x1b[31m"), Vocabulary{})
	_, wrong := ParsePolicy([]byte("[[rule]]\nname = \"x\\nINJECTED\\u001b[31m\"\ndecision = 'perhaps'\n"), Vocabulary{})
	for _, err := range []error{missing, wrong} {
		if err == nil || strings.Contains(err.Error(), "\nINJECTED") || strings.Contains(err.Error(), "\x1b") ||
			!strings.Contains(err.Error(), `x\nINJECTED`) {
			t.Errorf("got %q", err)
		}
	}
}
