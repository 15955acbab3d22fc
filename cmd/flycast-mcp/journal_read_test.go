package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
)

// stillClock is a clock that a test moves, and on which nothing waits.
type stillClock struct{ *flytest.Clock }

// After never fires.
func (stillClock) After(time.Duration) <-chan time.Time { return nil }

// runJournal runs a journal command on a state folder.
func runJournal(state string, clock *flytest.Clock, args ...string) (code int, stdout, stderr string) {
	var out, errs strings.Builder
	code = run(context.Background(), program{
		args: append([]string{"journal", args[0], "--state-dir", state}, args[1:]...), clock: stillClock{clock},
		lookup: func(string) (string, bool) { return "", false }, stdin: strings.NewReader(""), stdout: &out, stderr: &errs,
	})
	return code, out.String(), errs.String()
}

func TestJournalCommands(t *testing.T) {
	clock := flytest.NewClock(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	state := filepath.Join(t.TempDir(), "state")
	if code, _, stderr := runJournal(state, clock, "verify"); code == 0 || !strings.Contains(stderr, "no server has used") {
		t.Errorf("without a journal: %d %s", code, stderr)
	}
	path := filepath.Join(state, "journal.jsonl")
	j, err := journal.Open(path, clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	record := func(e journal.Entry) {
		t.Helper()
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Hour)
	}
	record(journal.Entry{Event: journal.Finished, Tool: "deploy", App: "shop-api", Run: "run_1", Status: "applied"})
	record(journal.Entry{Event: journal.Declined, Tool: "deploy", App: "legacy-api", Reason: "\x1b[31mno"})
	for _, test := range []struct {
		args      []string
		want, not string
	}{
		{[]string{"verify"}, "is as it was written: 2 entries in 1 file.", ""},
		{[]string{"verify", "--json"}, `"entries":2`, "written"},
		{[]string{"show"}, "run_1", "\x1b"},
		{[]string{"show", "--app", "legacy-api"}, "declined", "shop-api"},
		{[]string{"show", "--since", "90m"}, "legacy-api", "shop-api"},
		{[]string{"show", "--since", "2026-11-30T12:30:00Z", "--json"}, `"app":"legacy-api"`, "shop-api"},
		{[]string{"show", "--limit", "1"}, "legacy-api", "shop-api"},
		{[]string{"rotate"}, "The old one is kept: " + filepath.Join(state, "journal.1.jsonl"), ""},
		{[]string{"verify"}, "in 2 files.", ""},
		{[]string{"show", "--app", "shop-api"}, "run_1", "legacy-api"},
	} {
		code, stdout, stderr := runJournal(state, clock, test.args...)
		if code != 0 || !strings.Contains(stdout, test.want) || test.not != "" && strings.Contains(stdout, test.not) {
			t.Errorf("%v: %d\n%s%s", test.args, code, stdout, stderr)
		}
	}
	record(journal.Entry{Event: journal.Refused, Tool: "deploy", App: "shop-api"}) // the server goes on
	for _, args := range [][]string{{"show", "--since", "yesterday"}, {"show", "--app", "../x"}} {
		if code, _, _ := runJournal(state, clock, args...); code == 0 {
			t.Errorf("%v was accepted", args)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "deploy", "deplox", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runJournal(state, clock, "verify")
	if code == 0 || !strings.Contains(stderr, "first bad line is line") {
		t.Errorf("a changed journal: %d %s", code, stderr)
	}
	if code, _, stderr := runJournal(state, clock, "rotate"); code == 0 || !strings.Contains(stderr, "was not rotated") {
		t.Errorf("a changed journal was rotated: %d %s", code, stderr)
	}
}
