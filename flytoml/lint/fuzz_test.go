package lint

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// FuzzLint: no input makes lint panic; every place and every edit lies inside
// the file; errors and refusals go together; and the edits of all findings do
// what they are for.
func FuzzLint(f *testing.F) {
	for _, data := range flytomltest.Files(f) {
		f.Add("fly.toml", data)
	}
	for _, tt := range lintCases() {
		f.Add("fly.toml", []byte(tt.text))
	}
	f.Add("fly.json",
		[]byte(`{"http_service": {"internal_port": "80", "checks": [null, {"interval": 5}]}, "services": [{}]}`))
	f.Add("fly.yaml", []byte("http_service:\n  internal_port: 80\n  checks:\n  - interval: 5\n"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		file, err := flytoml.Parse(name, data)
		if err != nil {
			return
		}
		findings := Lint(file)
		checkPlaces(t, data, findings)
		checkErrors(t, file, findings)
		edited, err := Fix(file, findings)
		if err != nil {
			t.Fatalf("%v\n%s", err, findingLines(findings))
		}
		checkNoWorse(t, file, &edited.Result)
	})
}

func checkPlaces(t *testing.T, data []byte, findings []Finding) {
	t.Helper()
	lines := bytes.Split(data, []byte("\n"))
	row := 0
	for _, finding := range findings {
		if finding.Code == FindingMore {
			continue // behind the others
		}
		if finding.Row < row || finding.Row > len(lines) {
			t.Fatalf("row: %+v", finding)
		}
		row = finding.Row
		if (row == 0) != (finding.Column == 0) || row > 0 && (finding.Column < 1 || finding.Column > len(lines[row-1])) {
			t.Fatalf("column: %+v", finding)
		}
		if e := finding.Edit; e != nil && (e.Offset < 0 || e.Length < 0 || e.Offset+e.Length > len(data)) {
			t.Fatalf("edit: %+v", finding)
		}
	}
}

// failsLater reports whether a finding is about a deploy that fails although
// flyctl accepts the file and makes a configuration of it.
func failsLater(f Finding) bool {
	switch f.Code {
	case FindingBluegreenChecks, FindingCheckCommand, FindingGuestSize, FindingVolumeName, FindingMountDestination:
		return true
	}
	return f.Code == FindingUnconvertible && strings.HasPrefix(strings.ToLower(f.Path), "deploy.release_command_vm")
}

// checkErrors compares with Validate and Apply.
func checkErrors(t *testing.T, file *flytoml.File, findings []Finding) {
	t.Helper()
	errors, outside, beyond := 0, false, 0
	for _, finding := range findings {
		if finding.Severity == SeverityError {
			errors++
		}
		outside = outside || finding.Code == FindingOutsideFile
		if failsLater(finding) {
			beyond++
		}
	}
	refused := file.Validate() != nil
	for _, group := range file.Groups()[:min(len(file.Groups()), 9)] {
		_, err := file.Apply(group, machine.Config{})
		refused = refused || err != nil
	}
	switch {
	case refused && errors == 0 && !outside:
		t.Fatalf("refused (%v) without an error", file.Validate())
	case !refused && errors > beyond && len(file.Groups()) < 10:
		t.Fatalf("not refused:\n%s", findingLines(slices.DeleteFunc(slices.Clone(findings),
			func(f Finding) bool { return f.Severity != SeverityError })))
	}
}
