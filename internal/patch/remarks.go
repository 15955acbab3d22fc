package patch

import (
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Bounds of the remarks of an answer.
const (
	maxRemarks  = 20
	maxComments = 10
)

// remarks returns the comments on replaced values and the remarks of the edit, then the
// errors and warnings of the edited file, in the order of its lines.
func remarks(edited *edit.Result, after *flytoml.File) []Remark {
	out := commentRemarks(edited.Changes)
	for _, r := range edited.Remarks {
		out = append(out, Remark{Code: r.Code, What: r.What, Fix: r.Fix})
	}
	for _, f := range lint.LintPrivate(after) {
		if len(out) >= maxRemarks {
			break
		}
		if f.Severity != lint.SeverityInfo {
			out = append(out, Remark{Code: f.Code, Row: f.Row, What: f.What, Fix: f.Fix})
		}
	}
	return out
}

// commentRemarks quotes the file's comments on the values that are replaced: the person who
// wrote them may have had a reason.
func commentRemarks(changes []edit.Change) []Remark {
	var out []Remark
	for _, change := range changes {
		if change.Comment == "" || len(out) == maxComments {
			continue
		}
		out = append(out, Remark{
			Code: "comment", Row: change.Row,
			What: fmt.Sprintf("%s was %s, and a comment there says %s",
				outside.Line(change.Path, 120), outside.Line(change.Before, 80), outside.Quote(change.Comment, 200)),
			Fix: "ask the user whether the change is still right; process_groups limits the edit, and autostop has other values",
		})
	}
	return out
}
