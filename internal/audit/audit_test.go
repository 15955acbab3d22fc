package audit_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares a text with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date: run go test ./internal/audit -update and read the diff\n%s", path, got)
	}
}

func auditorFor(client *fly.Client, p *platformtest.Platform) audit.Auditor {
	return audit.Auditor{Fly: client, Apps: client, Now: p.Clock().Now, Catalogue: audit.Catalogue()}
}

// examples are the apps of the example organization.
func examples() []string {
	return []string{"shop-api", "legacy-api", "inner-circle", "game-server", "tenant-7"}
}

// TestExamples holds what the audit and why_awake say of the example apps.
func TestExamples(t *testing.T) {
	p := platformtest.NewStill(t, flysim.Options{}).Seeded()
	client := p.Client()
	auditor := auditorFor(client, p)
	for _, app := range examples() {
		report, err := auditor.App(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		fmt.Fprintln(&b, report.Summary())
		for _, f := range report.Findings {
			fmt.Fprintf(&b, "%s %s: %s → %s\n", f.Severity, f.ID, f.Evidence, remedyText(t, f.Remedy))
		}
		for _, u := range report.Unchecked {
			fmt.Fprintf(&b, "unknown: %s\n", u.Sentence())
		}
		s, err := rules.Read(t.Context(), client, app)
		if err != nil {
			t.Fatal(err)
		}
		e := audit.Explain(app, s, "", p.Clock().Now())
		fmt.Fprintf(&b, "\n%s\n", e.Summary(app))
		for _, a := range e.Awake {
			fmt.Fprintf(&b, "awake %s %v in %s: %s → %s\n", a.Cause, a.Machines, a.Region, a.Why, remedyText(t, a.Fix))
		}
		for _, o := range e.Obstacles {
			fmt.Fprintf(&b, "not woken %v: %s → %s\n", o.Machines, o.Why, remedyText(t, o.Fix))
		}
		golden(t, app+".golden", b.String())
	}
	if n := len(p.Writes()); n != 0 {
		t.Errorf("%d writes, want none", n)
	}
}

// remedyText is who does what. The sentences of steps are tested where they are made.
func remedyText(t *testing.T, next plan.Next) string {
	t.Helper()
	text := next.Who
	if next.Blocking {
		text += " (blocking)"
	}
	if next.Arguments != nil {
		arguments, err := json.Marshal(next.Arguments)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintf(" %s %s", next.Tool, arguments)
	}
	return strings.TrimSpace(text + " " + next.Command)
}
