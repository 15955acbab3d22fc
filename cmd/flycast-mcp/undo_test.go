package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
)

// The list names what can be undone, and an unknown run changes nothing.
func TestUndoList(t *testing.T) {
	clock := flytest.NewClock(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	state := filepath.Join(t.TempDir(), "state")
	call := func(args ...string) (int, string, string) {
		var out, errs strings.Builder
		code := run(context.Background(), program{
			args: append([]string{"undo", "--state-dir", state}, args...), clock: stillClock{clock},
			lookup: func(string) (string, bool) { return "", false }, stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
		})
		return code, out.String(), errs.String()
	}
	if code, _, stderr := call(); code == 0 || !strings.Contains(stderr, "no server has used") {
		t.Errorf("without a journal: %d %s", code, stderr)
	}
	j, err := journal.Open(filepath.Join(state, "journal.jsonl"), clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	store := undo.Store{Dir: filepath.Join(state, "undo"), Now: clock.Now}
	hash, err := store.Put(plan.Snapshot{File: &plan.SavedFile{Path: "/home/me/fly.toml"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []journal.Entry{
		{Event: journal.Started, Tool: "patch_services", App: "shop-api", Run: "run_1"},
		{Event: journal.Saved, Tool: "patch_services", App: "shop-api", Run: "run_1", Config: hash},
		{Event: journal.Finished, Tool: "patch_services", App: "shop-api", Run: "run_1", Status: "applied"},
		{Event: journal.Saved, Tool: "deploy", App: "shop-api", Run: "run_2", Config: strings.Repeat("0", 64)},
	} {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := call()
	for _, want := range []string{"run_1", "/home/me/fly.toml", "applied", "run_2", "no longer kept"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("%d, no %q in\n%s%s", code, want, stdout, stderr)
		}
	}
	if code, _, stderr := call("run_3"); code == 0 || !strings.Contains(stderr, "Nothing was changed") {
		t.Errorf("an unknown run: %d %s", code, stderr)
	}
	// A run that can be undone gets as far as Fly, which needs a token.
	if _, _, stderr := call("run_2"); strings.Contains(stderr, "--verify") {
		t.Errorf("a known run: %s", stderr)
	}
}
