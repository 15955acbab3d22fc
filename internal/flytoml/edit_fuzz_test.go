package flytoml

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
	"github.com/pelletier/go-toml/v2/unstable"
)

func ptr[T any](v T) *T { return &v }

// blueprint is what the Flycast blueprint asks of every service.
func blueprint() Edit {
	return Edit{
		ForceHTTPS:  ptr(false),
		Autostop:    ptr(machine.AutostopStop),
		Autostart:   ptr(true),
		MinMachines: ptr(0),
	}
}

// manyEdits are edits that between them touch and add every key there is.
func manyEdits() map[string]Edit {
	all := blueprint()
	all.SoftLimit = ptr(10)
	all.ConcurrencyType = requests
	all.Create = &Create{InternalPort: 8080}
	return map[string]Edit{
		"nothing":   {},
		"blueprint": blueprint(),
		"all":       all,
		"limits":    {SoftLimit: ptr(3)},
		"counted":   {ConcurrencyType: connections},
		"suspend":   {Autostop: ptr(machine.AutostopSuspend), MinMachines: ptr(2)},
		"off":       {Autostop: ptr(machine.AutostopOff), Autostart: ptr(false), ForceHTTPS: ptr(true)},
		"one group": {Groups: []string{"app"}, Autostop: ptr(machine.AutostopSuspend), SoftLimit: ptr(7), Create: &Create{InternalPort: 1}},
	}
}

// oracleCases are the fly.toml files that flyctl's answers are known for.
func oracleCases(t testing.TB) map[string][]byte {
	t.Helper()
	cases := map[string][]byte{}
	for _, dir := range []string{"testdata/oracle/cases", "../../../shared/oracle/cases", "testdata/edit"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*.toml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			cases[filepath.Base(path)] = data
		}
	}
	return cases
}

// checkEdit holds an edit to the invariants of every edit.
func checkEdit(t *testing.T, f *File, e Edit) {
	t.Helper()
	edited, err := f.Edit(e)
	if err != nil {
		if errors.Is(err, ErrEdit) {
			t.Fatalf("%v\n%s", err, f.data)
		}
		return
	}
	before, after := edited.Before, edited.After
	if len(edited.Changes) == 0 && !bytes.Equal(before, after) {
		t.Errorf("no changes listed, but the bytes differ:\n%s", edited.Diff("fly.toml"))
	}
	if (edited.Diff("fly.toml") == "") != bytes.Equal(before, after) {
		t.Errorf("Diff is empty: %v, bytes equal: %v", edited.Diff("fly.toml") == "", bytes.Equal(before, after))
	}
	if got, err := patchText(string(before), edited.Diff("fly.toml")); err != nil || got != string(after) {
		t.Errorf("the diff does not lead to the new text: %v\n%s", err, edited.Diff("fly.toml"))
	}
	if got, want := comments(t, after), comments(t, before); !slices.Equal(got, want) {
		t.Errorf("comments = %q, want %q", got, want)
	}
	checkLineEndings(t, before, after)
	rows := bytes.Split(after, []byte("\n"))
	for _, c := range edited.Changes {
		if c.Row < 1 || c.Row > len(rows) || !bytes.Contains(rows[c.Row-1], []byte(firstLine(c.After))) {
			t.Errorf("%s: row %d does not hold %s:\n%s", c.Path, c.Row, c.After, after)
		}
	}
	again, err := Parse(f.name, after)
	if err != nil {
		t.Fatalf("after the edit: %v", err)
	}
	twice, err := again.Edit(e)
	if err != nil {
		t.Fatalf("the second time: %v\n%s", err, after)
	}
	if len(twice.Changes) > 0 || !bytes.Equal(twice.After, after) {
		t.Errorf("the second time there are %v:\n%s", twice.Changes, twice.Diff("fly.toml"))
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func checkLineEndings(t *testing.T, before, after []byte) {
	t.Helper()
	if len(before) > 0 && bytes.HasSuffix(before, []byte("\n")) != bytes.HasSuffix(after, []byte("\n")) {
		t.Errorf("the final newline came or went:\n%q\n%q", before, after)
	}
	crlf := bytes.Count(before, []byte("\r\n"))
	lf := bytes.Count(before, []byte("\n")) - crlf
	crlfAfter := bytes.Count(after, []byte("\r\n"))
	lfAfter := bytes.Count(after, []byte("\n")) - crlfAfter
	switch {
	case crlf > 0 && lf == 0 && lfAfter > 0:
		t.Errorf("LF in a CRLF file:\n%q", after)
	case crlf == 0 && crlfAfter > 0:
		t.Errorf("CRLF in a LF file:\n%q", after)
	}
}

// comments lists the comments of a document in their order, as go-toml sees
// them.
func comments(t *testing.T, data []byte) []string {
	t.Helper()
	p := unstable.Parser{KeepComments: true}
	p.Reset(data)
	type comment struct {
		at   uint32
		text string
	}
	var list []comment
	var walk func(n *unstable.Node)
	walk = func(n *unstable.Node) {
		for ; n.Valid(); n = n.Next() {
			if n.Kind == unstable.Comment {
				list = append(list, comment{n.Raw.Offset, string(p.Raw(n.Raw))})
			}
			walk(n.Child())
		}
	}
	for p.NextExpression() {
		walk(p.Expression())
	}
	if err := p.Error(); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b comment) int { return int(a.at) - int(b.at) })
	texts := make([]string, len(list))
	for i, c := range list {
		texts[i] = c.text
	}
	return texts
}

// The seeds, which run in every test, are the oracle's cases, the files of the
// other tests, and random ones.
func FuzzEdit(f *testing.F) {
	for _, data := range oracleCases(f) {
		f.Add(data)
	}
	for _, tt := range editTests() {
		f.Add([]byte(tt.before))
	}
	for seed := range uint64(100) {
		f.Add(randomFile(seed))
	}
	edits := manyEdits()
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("fly.toml", data)
		if err != nil {
			return
		}
		for _, e := range edits {
			checkEdit(t, file, e)
		}
	})
}
