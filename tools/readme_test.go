package tools

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
)

const (
	tableStart = "<!-- tools: generated from the declarations by go test ./tools -update -->\n"
	tableEnd   = "<!-- /tools -->"
)

// readmeTable is the README's list of tools.
func readmeTable(all []call.Tool) string {
	effects := map[call.Effect]string{
		call.Reads: "nothing", call.Local: "a file here", call.Halts: "ends a deploy",
		call.Joins: "nothing of an app", call.Creates: "creates an app",
		call.Additive: "adds an address", call.Restarts: "Machines restart", call.Exposes: "who can reach it",
		call.Irreversible: "**for good**",
	}
	var b strings.Builder
	b.WriteString("| tool | what it does | changes | asks a person |\n|---|---|---|---|\n")
	for _, t := range all {
		s := t.Spec()
		asks := "no"
		if s.Effect.Gated() {
			asks = "yes, unless a policy answers"
		} else if s.Effect == call.Additive {
			asks = "for another network"
		} else if s.Effect == call.Joins {
			asks = "before a peer joins, unless `--verify auto`"
		}
		first, _, _ := strings.Cut(s.Description, ". ")
		fmt.Fprintf(&b, "| `%s` | %s. | %s | %s |\n", s.Name, first, effects[s.Effect], asks)
	}
	return b.String()
}

func TestReadmeTable(t *testing.T) {
	path := filepath.Join("..", "README.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), tableStart)
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatal("the README has no place for the table")
	}
	want := head + tableStart + readmeTable(declared()) + tableEnd + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(data) != want {
		t.Error("the README's table is out of date: run go test ./tools -update")
	}
}
