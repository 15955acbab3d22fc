package tools

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// spoken returns lines of a configuration diff in the words of a fly.toml.
func spoken(changes []string) []string {
	out := make([]string, len(changes))
	for i, line := range changes {
		out[i] = plan.PlainChange(line)
	}
	return out
}

// deployText returns what the text half of an answer has beside the envelope.
func deployText(out deploy.Result) string {
	var b strings.Builder
	if m := out.Machines; m != nil {
		fmt.Fprintf(&b, "Machines: %d in all, %d updated, %d unchanged, %d healthy, %d unproven",
			m.Total, m.Updated, m.Unchanged, m.Healthy, m.Unproven)
		for _, more := range []struct {
			n    int
			what string
		}{{m.Created, "created"}, {m.Left, "left alone"}, {m.PutBack, "put back"},
			{m.Failed, "failed and not put back"}, {m.NotStarted, "as before"}, {m.Unclear, "unknown"}} {
			if more.n > 0 {
				fmt.Fprintf(&b, ", %d %s", more.n, more.what)
			}
		}
		b.WriteByte('\n')
	}
	for _, list := range []struct {
		name  string
		lines []string
	}{{"change", spoken(out.Changes)}, {"order", out.Order}, {"remark", out.Remarks}} {
		for _, line := range list.lines {
			fmt.Fprintf(&b, "%s: %s\n", list.name, line)
		}
	}
	if out.Expected != "" {
		fmt.Fprintf(&b, "expected: %s\n", out.Expected)
	}
	if out.Release > 0 {
		fmt.Fprintf(&b, "release: version %d\n", out.Release)
	}
	return b.String()
}
