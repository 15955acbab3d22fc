package edit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// patchText applies a unified diff and insists on every number and line of it.
func patchText(before, diff string) (string, error) {
	old := strings.SplitAfter(before, "\n")
	lines := strings.SplitAfter(diff, "\n")
	if len(lines) < 3 {
		return before, nil
	}
	var out []string
	at := 0
	for i := 2; i < len(lines) && lines[i] != ""; {
		var from, to string
		if _, err := fmt.Sscanf(lines[i], "@@ -%s +%s @@", &from, &to); err != nil {
			return "", fmt.Errorf("%q: %v", lines[i], err)
		}
		olds, news := parseRange(from), parseRange(to)
		for ; at < olds.Start; at++ {
			out = append(out, old[at])
		}
		if len(out) != news.Start {
			return "", fmt.Errorf("%q: the new text is at line %d", lines[i], len(out))
		}
		i++
		seenOld, seenNew := 0, 0
		for ; i < len(lines) && lines[i] != "" && lines[i][0] != '@'; i++ {
			line := lines[i][1:]
			if i+1 < len(lines) && strings.HasPrefix(lines[i+1], `\`) {
				line = strings.TrimSuffix(line, "\n")
			}
			switch lines[i][0] {
			case '\\':
				continue
			case '+':
				out, seenNew = append(out, line), seenNew+1
				continue
			case ' ':
				out, seenNew = append(out, line), seenNew+1
			}
			if at >= len(old) || old[at] != line {
				return "", fmt.Errorf("line %d is not %q", at+1, line)
			}
			at, seenOld = at+1, seenOld+1
		}
		if seenOld != olds.End || seenNew != news.End {
			return "", fmt.Errorf("hunk -%s +%s has %d and %d lines", from, to, seenOld, seenNew)
		}
	}
	return strings.Join(append(out, old[at:]...), ""), nil
}

// parseRange returns the number of lines before a range as start, and its length.
func parseRange(s string) layout.Span {
	start, count := 0, 1
	if n, _ := fmt.Sscanf(s, "%d,%d", &start, &count); n < 2 {
		count = 1
	}
	if count > 0 {
		start--
	}
	return layout.Span{Start: start, End: count}
}

func TestDiff(t *testing.T) {
	far := strings.Repeat("x = 1\n", 9)
	tests := []struct {
		name, before string
		splices      []splice
		want         string
	}{
		{"nothing", "a\n", nil, ""},
		{"value", "a = 1\nb = 2\n", []splice{{at: layout.Span{Start: 4, End: 5}, text: "3"}},
			"@@ -1,2 +1,2 @@\n-a = 1\n+a = 3\n b = 2\n"},
		{"line", "a = 1\nb = 2\n", []splice{{at: layout.Span{Start: 6, End: 6}, text: "c = 3\n"}},
			"@@ -1,2 +1,3 @@\n a = 1\n+c = 3\n b = 2\n"},
		{"last line without newline", "a = 1", []splice{{at: layout.Span{Start: 5, End: 5}, text: "\nb = 2"}},
			"@@ -1 +1,2 @@\n-a = 1\n\\ No newline at end of file\n+a = 1\n+b = 2\n\\ No newline at end of file\n"},
		{"neighbours", "a = 1\nb = 2\n", []splice{{at: layout.Span{Start: 4, End: 5}, text: "3"},
			{at: layout.Span{Start: 10, End: 11}, text: "4"}, {at: layout.Span{Start: 12, End: 12}, text: "c = 5\n"}},
			"@@ -1,2 +1,3 @@\n-a = 1\n-b = 2\n+a = 3\n+b = 4\n+c = 5\n"},
		{"two hunks", "a = 1\n" + far + "b = 2\n", []splice{{at: layout.Span{Start: 6, End: 6}, text: "n = 0\n"},
			{at: layout.Span{Start: 64, End: 65}, text: "4"}},
			"@@ -1,4 +1,5 @@\n a = 1\n+n = 0\n x = 1\n x = 1\n x = 1\n@@ -8,4 +9,4 @@\n x = 1\n x = 1\n x = 1\n" +
				"-b = 2\n+b = 4\n"},
		{"empty file", "", []splice{{text: "a = 1\n"}}, "@@ -0,0 +1 @@\n+a = 1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := &Result{Before: []byte(tt.before), splices: tt.splices}
			want := tt.want
			if want != "" {
				want = "--- f\n+++ f\n" + want
			}
			if got := e.Diff("f"); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// TestDiffOfEqualServices checks that unchanged lines are context even if all
// services have the same lines. A diff that is anchored at unique lines, such as that
// of rogpeppe/go-internal, would show them as removed and added.
func TestDiffOfEqualServices(t *testing.T) {
	edited, err := Apply(parse(t, string(flytomltest.ManyServices(3))), blueprint())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(edited.Diff("fly.toml")) {
		if strings.HasPrefix(line, "-") && strings.Contains(line, "[[services.ports]]") {
			t.Errorf("a line that stays is shown as removed:\n%s", edited.Diff("fly.toml"))
			break
		}
	}
}
