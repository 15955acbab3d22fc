package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
	"github.com/pelletier/go-toml/v2/unstable"
	"go.yaml.in/yaml/v4"
)

func ptr[T any](v T) *T { return &v }

// blueprint is what the Flycast blueprint asks of every service.
func blueprint() Request {
	return Request{
		ForceHTTPS:  ptr(false),
		Autostop:    ptr(machine.AutostopStop),
		Autostart:   ptr(true),
		MinMachines: ptr(0),
	}
}

// manyEdits are edits that between them touch and add every key there is.
func manyEdits() map[string]Request {
	all := blueprint()
	all.SoftLimit = ptr(10)
	all.ConcurrencyType = machine.CountRequests
	all.Create = &Create{InternalPort: 8080}
	return map[string]Request{
		"nothing":   {},
		"blueprint": blueprint(),
		"all":       all,
		"limits":    {SoftLimit: ptr(3)},
		"port":      {PlainPorts: []int{8080}, Autostart: ptr(true)},
		"redirect":  {PlainPorts: []int{8080}, ForceHTTPS: ptr(true), SoftLimit: ptr(4)},
		"counted":   {ConcurrencyType: machine.CountConnections},
		"suspend":   {Autostop: ptr(machine.AutostopSuspend), MinMachines: ptr(2)},
		"off":       {Autostop: ptr(machine.AutostopOff), Autostart: ptr(false), ForceHTTPS: ptr(true)},
		"ports":     {PlainPorts: []int{8080, 8081}, Engines: true, Autostop: ptr(machine.AutostopStop)},
		"tcp": {Create: &Create{InternalPort: 7000, TCP: true}, Autostop: ptr(machine.AutostopStop),
			Autostart: ptr(true), SoftLimit: ptr(3)},
		"database": {Create: &Create{InternalPort: 6379, TCP: true}, Autostop: ptr(machine.AutostopStop),
			MinMachines: ptr(0)},
		"one group": {Groups: []string{"app"}, Autostop: ptr(machine.AutostopSuspend), SoftLimit: ptr(7),
			Create: &Create{InternalPort: 1}},
	}
}

// checkEdit checks the invariants of every edit. It returns the result, nil if the
// edit was refused.
func checkEdit(t *testing.T, f *flytoml.File, e Request) *Result {
	t.Helper()
	edited, err := Apply(f, e)
	if err != nil {
		if errors.Is(err, ErrUnintended) {
			t.Fatalf("%v\n%s", err, f.Bytes())
		}
		return nil
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
	checkComments(t, f.Format(), edited)
	checkLineEndings(t, before, after)
	rows := bytes.Split(after, []byte("\n"))
	for _, c := range edited.Changes {
		if c.Row < 1 || c.Row > len(rows) || !bytes.Contains(rows[c.Row-1], []byte(firstLine(c.After))) {
			t.Errorf("%s: row %d does not hold %s:\n%s", c.Path, c.Row, c.After, after)
		}
	}
	again, err := flytoml.Parse(f.Name(), after)
	if err != nil {
		t.Fatalf("after the edit: %v", err)
	}
	checkSleepRemark(t, f, again, edited)
	twice, err := Apply(again, e)
	if err != nil {
		t.Fatalf("the second time: %v\n%s", err, after)
	}
	if len(twice.Changes) > 0 || !bytes.Equal(twice.After, after) {
		t.Errorf("the second time there are %v:\n%s", twice.Changes, twice.Diff("fly.toml"))
	}
	return edited
}

// checkSleepRemark compares the groups in the remarks on sleep with those whose
// converted services can newly sleep.
func checkSleepRemark(t *testing.T, f, again *flytoml.File, edited *Result) {
	t.Helper()
	if !isReadable(f) || !isReadable(again) || !slices.ContainsFunc(edited.Changes, func(c Change) bool {
		return strings.HasSuffix(strings.ToLower(c.Path), "auto_stop_machines") ||
			strings.HasSuffix(strings.ToLower(c.Path), "min_machines_running")
	}) {
		return
	}
	var got, want []string
	for _, r := range edited.Remarks {
		if r.Code == RemarkInternalCallers {
			got = r.Groups
		}
	}
	for _, group := range again.Groups() {
		was, err1 := f.Services(group)
		is, err2 := again.Services(group)
		switch {
		case err1 != nil || err2 != nil:
			return
		case machine.NewlySleeps(was, is):
			want = append(want, group)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the edit says that %q can sleep now, and %q can:\n%s", got, want, edited.Diff("fly.toml"))
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

// checkComments checks that no comment was removed. The edit itself checks what YAML
// decodes to, so for YAML it is enough that no # outside of a string was removed.
func checkComments(t *testing.T, format syntax.Format, e *Result) {
	t.Helper()
	switch format {
	case syntax.TOML:
		if got, want := tomlComments(t, e.After), tomlComments(t, e.Before); !slices.Equal(got, want) {
			t.Errorf("comments = %q, want %q", got, want)
		}
	case syntax.YAML:
		for _, sp := range e.splices {
			if was := e.Before[sp.at.Start:sp.at.End]; bytes.Contains(was, []byte(" #")) && was[0] != '"' && was[0] != '\'' {
				t.Errorf("cut out: %q", was)
			}
		}
	}
}

// tomlComments are the comments as go-toml sees them.
func tomlComments(t *testing.T, data []byte) []string {
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
	for _, data := range flytomltest.Files(f) {
		f.Add(data)
	}
	fuzzEdit(f, "fly.toml", editTests(), randomFile)
}

// FuzzEditJSON has the oracle's cases as JSON among its seeds.
func FuzzEditJSON(f *testing.F) {
	for _, data := range converted(f, func(doc map[string]any) ([]byte, error) {
		return json.MarshalIndent(doc, "", "  ")
	}) {
		f.Add(data)
	}
	for _, text := range []string{
		"{\"http_service\": {\"internal_port\": 1,\n \"ports\" : [ ] , \"concurrency\":{} } , \"services\":[]}",
		"{\"services\":[\n{\n\"a\":1\n,\n\"b\":[{}]}\n,{\"Concurrency\":null}]}\r\n",
		"{\"http_service\":{\"auto_stop_machines\":\"\\ud800\",\"\\u0000\":1e400}}",
		"[{}]", "null", "{\"services\":[null,{}]}",
	} {
		f.Add([]byte(text))
	}
	fuzzEdit(f, "fly.json", jsonTests(), randomJSON)
}

// FuzzEditYAML has the oracle's cases as YAML among its seeds.
func FuzzEditYAML(f *testing.F) {
	for _, data := range converted(f, func(doc map[string]any) ([]byte, error) { return yaml.Marshal(doc) }) {
		f.Add(data)
	}
	for _, text := range []string{
		"http_service: &a\n  <<: {x: 1}\nservices: [*a, &b {y: *a}]\n",
		"%YAML 1.1\n---\nhttp_service: !!map\n  ? x\n  : y\n",
		"http_service:\n  x: |2-\n      a\n     b",
		"http_service: {a: [b: c], \"d\" : , ? e : f}\n...\n---\n",
		"\xef\xbb\xbfservices:\n- - a\n- !t {}\n-\tx: 1\n",
		"services:\n- internal_port: &p !!int 1\n  min_machines_running: *p\n- \"a\\\n  b\": 'c\n\n  d'\n",
		"http_service: {1: x, null: y, .nan: z, [a]: b}\n",
		"'http_service':\n  auto_stop_machines: !!str off\n  ports: &p\n  - &q {force_https: true}\n  - *q\nx: *p\n",
	} {
		f.Add([]byte(text))
	}
	fuzzEdit(f, "fly.yaml", yamlTests(), randomYAML)
}

// converted are the oracle's cases that an edit changes, in another format.
func converted(t testing.TB, marshal func(map[string]any) ([]byte, error)) [][]byte {
	var list [][]byte
	for name, data := range flytomltest.Files(t) {
		f, err := flytoml.Parse(name, data)
		if err != nil {
			continue
		}
		if edited, err := Apply(f, blueprint()); err != nil || len(edited.Changes) == 0 {
			continue
		}
		if data, err = marshal(f.Document()); err == nil {
			list = append(list, data)
		}
	}
	return list
}

func fuzzEdit(f *testing.F, name string, tests []editTest, random func(uint64) []byte) {
	for _, tt := range tests {
		f.Add([]byte(tt.before))
	}
	for seed := range uint64(5) { // the tests of random files have more
		f.Add(random(seed))
	}
	edits := manyEdits()
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := flytoml.Parse(name, data)
		if err != nil {
			return
		}
		for _, e := range edits {
			checkEdit(t, file, e)
		}
	})
}

// isReadable reports whether flyctl accepts the shape of a file.
func isReadable(f *flytoml.File) bool {
	_, err := f.SharedDefinition()
	return err == nil
}
