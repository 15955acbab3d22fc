// Package journaltest opens journals for tests; production code must not import it.
package journaltest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// Open opens the journal of a state folder as a process would, until the test ends.
func Open(tb testing.TB, state string, now func() time.Time) *journal.Journal {
	tb.Helper()
	j, err := journal.Open(filepath.Join(state, "journal.jsonl"), now)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := j.Close(); err != nil {
			tb.Error(err)
		}
	})
	return j
}
