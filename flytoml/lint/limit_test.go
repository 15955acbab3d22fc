package lint

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// overfull is a file with 1 error, 2,000 warnings of one kind and 1 of another,
// and 1,500 notes, in the worst order.
func overfull() string {
	return "app = 'x'\n[checks]\n" + strings.Repeat("[[services]]\ninternal_port = 1\nprotocol = 'tcp'\n"+
		"protocl = 1\n[[services.tcp_checks]]\ninterval = 15000\n", 2_000) +
		"[[mounts]]\nsource = 'd'\ndestination = '/d'\nencrypted = true\n[[vm]]\nsize = 'none'\n"
}

// TestLintLimit: of many findings the errors are left, then some of each kind,
// and all are counted.
func TestLintLimit(t *testing.T) {
	f := parseTOML(t, overfull())
	findings := Lint(f)
	if len(findings) > maxFound+3 {
		t.Fatalf("%d findings", len(findings))
	}
	if !reflect.DeepEqual(findings, Lint(f)) {
		t.Error("another time there are others")
	}
	counts, codes := map[Severity]int{}, map[string]int{}
	for i, finding := range findings {
		counts[finding.Severity] += max(finding.Count, 1)
		codes[finding.Code]++
		if finding.Code == FindingMore && i < maxFound {
			t.Errorf("%d: %+v is not at the end", i, finding)
		}
	}
	if codes[FindingUnconvertible] != 1 || codes[FindingDeadKey] != 1 ||
		codes[FindingUnknownKey] < maxOfKind || codes[FindingNoPorts] < maxOfKind {
		t.Errorf("got %v", codes)
	}
	if codes[FindingBareDuration] != 0 {
		t.Errorf("%d notes are listed, and warnings are not", codes[FindingBareDuration])
	}
	if counts[SeverityError] != 1 || counts[SeverityWarning] < 4_001 || counts[SeverityInfo] != 2_000 {
		t.Errorf("got %v", counts)
	}
	if !slices.IsSortedFunc(findings[:maxFound], byPlace) {
		t.Error("not in the order of lines")
	}
}

// TestLintLimitMemory: findings that are not returned are not kept.
func TestLintLimitMemory(t *testing.T) {
	f, err := flytoml.Parse("fly.json", []byte(`{"services": [`+strings.TrimSuffix(strings.Repeat(`{"a":1},`,
		20_000), ",")+`]}`))
	if err != nil {
		t.Fatal(err)
	}
	findings := Lint(f)
	if last := findings[len(findings)-1]; len(findings) > maxFound+3 || last.Code != FindingMore {
		t.Errorf("%d are returned, the last is %+v", len(findings), last)
	}
	l := &linter{file: f}
	for range 20_000 {
		l.warn(FindingUnknownKey, spot{}, message{})
	}
	if len(l.findings) > maxFound {
		t.Errorf("%d are kept", len(l.findings))
	}
}
