package plan_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestRecordedPlans reads plans as servers left them for a terminal, with the digests that
// they had. Both must stay: an approval is for a digest. There is no flag that records them
// again.
func TestRecordedPlans(t *testing.T) {
	data, err := os.ReadFile("testdata/recorded_plans.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		digest, name, _ := strings.Cut(lines[i], " ")
		p, err := plan.Parse([]byte(lines[i+1]), wordings())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := p.Digest(); got != digest {
			t.Errorf("%s: digest %s, want %s", name, got, digest)
		}
		again, err := json.Marshal(p)
		if err != nil || string(again) != lines[i+1] {
			t.Errorf("%s: got %s, want %s, err %v", name, again, lines[i+1], err)
		}
	}
}
