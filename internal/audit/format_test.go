package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/audit"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestFormats holds the two formats for CI. The SARIF file was checked against the schema of
// SARIF 2.1.0 when it was written.
func TestFormats(t *testing.T) {
	p := platformtest.NewStill(t, flysim.Options{}).Seeded()
	p.Inject(flysim.Fault{Operation: "certificate.list", Status: 403, Times: -1})
	auditor := auditorFor(p.Client(), p)
	auditor.Catalogue = slices.DeleteFunc(audit.Catalogue(), func(r audit.Rule) bool {
		return !slices.Contains([]string{"PUBLIC_IP_WITH_SERVICES", "UDP_SERVICE", "SMALL_MEMORY", "CERT_ON_PRIVATE_APP",
			"CONCURRENCY_CONNECTIONS_FOR_HTTP"}, r.ID)
	})
	report, err := auditor.List(t.Context(), []string{"game-server", "inner-circle"}, func(int, int) {})
	if err != nil {
		t.Fatal(err)
	}
	body, err := report.SARIF("1.2.3", "fly.toml", auditor.Catalogue, audit.Info)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.sarif", string(body)+"\n")
	golden(t, "report.md", report.Markdown(audit.Warning))
}

// TestMarkdownCells holds that text from outside cannot leave its cell.
func TestMarkdownCells(t *testing.T) {
	report := audit.Report{Subject: "a|b\nc", Findings: []audit.Finding{{
		Severity: audit.Critical, App: "shop-api", ID: "X", Evidence: "`<b>` | [link](https://example.com)",
	}}}
	text := report.Markdown(audit.Info)
	if !strings.Contains(text, "| \\`\\<b\\>\\` \\| \\[link\\](https://example.com) |") {
		t.Errorf("got:\n%s", text)
	}
}

// Where docs/audit.md has the table of rules.
const (
	tableStart = "<!-- rules: go test ./internal/audit -update -->\n"
	tableEnd   = "<!-- end of rules -->\n"
)

// TestDocument holds that docs/audit.md lists the rules as they are.
func TestDocument(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "audit.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), tableStart)
	_, tail, closed := strings.Cut(rest, tableEnd)
	if !ok || !closed {
		t.Fatal("the document has no place for the rules")
	}
	var b strings.Builder
	b.WriteString("| rule | severity | what | why | needs |\n|---|---|---|---|---|\n")
	for _, r := range audit.Catalogue() {
		var needs []string
		for _, input := range r.Needs {
			needs = append(needs, string(input))
		}
		fmt.Fprintf(&b, "| [`%s`](%s) | %s | %s | %s | %s |\n", r.ID, r.Docs, r.Severity, r.Title, r.Why, strings.Join(needs, ", "))
	}
	want := head + tableStart + b.String() + tableEnd + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(data) != want {
		t.Error("docs/audit.md is out of date: run go test ./internal/audit -update")
	}
}

// TestOrganization holds that one audit of an organization sends each read once, settles calls
// between its apps, and reports what could not be read.
func TestOrganization(t *testing.T) {
	p := platformtest.NewStill(t, flysim.Options{}).Seeded()
	id := p.MachineIDs("shop-api")[0]
	config := p.MachineConfig("shop-api", id)
	p.SetMachineConfig("shop-api", id, platformtest.WithField(t, config, "env", map[string]string{
		"PRIMARY_REGION": "iad", "SLEEPS": "http://inner-circle.internal:8081", "RUNS": "http://game-server.internal:8080",
		"ELSEWHERE": "http://unknown-app.internal",
	}))
	p.Inject(flysim.Fault{Operation: "machine.list", App: "tenant-7", Status: 403, Times: -1})
	p.ResetCalls()
	var steps []int
	report, err := auditorFor(p.Client(), p).Organization(t.Context(), "personal", func(done, _ int) { steps = append(steps, done) })
	if err != nil {
		t.Fatal(err)
	}
	if report.Apps != 5 || !slices.Equal(steps, []int{1, 2, 3, 4, 5}) {
		t.Errorf("%d apps, progress %v", report.Apps, steps)
	}
	if !slices.Equal(report.Exposed, []string{"game-server", "legacy-api", "shop-api"}) ||
		!slices.Equal(report.Unproven, []string{"tenant-7"}) {
		t.Errorf("exposed %v, unproven %v", report.Exposed, report.Unproven)
	}
	got := make(map[string]audit.Severity)
	for _, f := range report.Findings {
		if f.ID == "CLIENT_USES_INTERNAL" {
			got[strings.Fields(f.Evidence)[4]] = f.Severity
		}
	}
	for host, want := range map[string]audit.Severity{
		"inner-circle.internal,": audit.Error, "unknown-app.internal": audit.Warning, "game-server.internal": "",
	} {
		if got[host] != want {
			t.Errorf("a call of %s is %q, want %q (all: %v)", host, got[host], want, got)
		}
	}
	seen := make(map[string]int)
	for _, c := range p.Calls() {
		seen[c.Operation+" "+c.App+" "+c.Target]++
	}
	for call, n := range seen {
		if limit := 2; n > limit { // graphql.app is both the addresses and the release
			t.Errorf("%s was sent %d times", call, n)
		}
	}
}
