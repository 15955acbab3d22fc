package main

import (
	"os"
	"strings"
	"testing"
)

// TestDocument holds that docs/flysim.md has a row for every flag.
func TestDocument(t *testing.T) {
	page, err := os.ReadFile("../../docs/flysim.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]int)
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| `--") {
			continue
		}
		flags, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), "|")
		for flag := range strings.SplitSeq(flags, ",") {
			name, _, _ := strings.Cut(strings.Trim(flag, " `"), " ")
			rows[name]++
		}
	}
	for usage := range strings.Lines(program{}.command().Flags().FlagUsages()) {
		name, _, _ := strings.Cut(strings.TrimSpace(usage), " ")
		if rows[name] != 1 {
			t.Errorf("%s is in %d rows, want 1", name, rows[name])
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("%s is documented and no flag", name)
	}
}
