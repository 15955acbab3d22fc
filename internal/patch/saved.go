package patch

import "github.com/flycast-mcp/flycast-mcp/internal/plan"

// Saved returns the person's file as it is before the edit, for undo; a draft needs none.
func (w Work) Saved() plan.Snapshot {
	if w.path == "" {
		return plan.Snapshot{}
	}
	return plan.Snapshot{File: &plan.SavedFile{Path: w.path, Before: w.before, After: w.result.SHA256}}
}
