package lint

import (
	"encoding/json"
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
)

var allNames = flag.Bool("allnames", false, "test every name within two mistakes of a known one, which takes minutes")

// Words that carry a meaning of their own in keys, each in a group of which it
// is one: a fix must never put one of them in the place of another.
var meanings = [][]string{
	{"min", "max"}, {"start", "stop"}, {"soft", "hard"}, {"http", "https", "tcp", "udp", "tls", "pg"},
	{"v4", "v6"}, {"h1", "h2", "h3"},
	{"cpu", "gpu"}, {"cpus", "gpus"},
	{"ns", "us", "ms", "s", "sec", "secs", "second", "seconds", "m", "mins", "minutes", "h", "hours"},
	{"b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "bytes"}, {"percent"},
	{"internal", "external"}, {"enable", "disable"}, {"include", "exclude"}, {"increment", "decrement"},
	{"available", "unavailable"}, {"compress", "decompress"}, {"signed", "unsigned"},
	{"attached", "detached"}, {"read", "write"}, {"local", "remote"}, {"host", "guest"}, {"load", "unload"},
	{"interval", "internal"},
	{"initial", "internal"}, {"primary", "private"}, {"no", "not", "non", "un", "dis"},
}

// The groups of meanings whose words must be there letter by letter.
const strictMeanings = 11

// checkSameMeaning fails if a name that a fix would turn into a known one has
// another unit, direction or protocol.
func checkSameMeaning(t *testing.T, name, known string) {
	t.Helper()
	count := func(s string) map[string]int {
		n := map[string]int{}
		for _, word := range spelling.SplitWords(s) {
			n[word]++
		}
		return n
	}
	before, after := count(name), count(known)
	for i, group := range meanings {
		for _, word := range group {
			if (before[word] > after[word] || i < strictMeanings && before[word] < after[word]) &&
				!spelling.SameLetters(name, known) {
				t.Errorf("%q became %q: %q", name, known, word)
			}
		}
	}
	// A unit or a negation without a separator.
	bare := func(s string) string { return strings.Join(spelling.SplitWords(s), "") }
	left, right := bare(name), bare(known)
	for _, group := range meanings {
		for _, word := range group {
			if left == right+word || left == word+right {
				t.Errorf("%q became %q: %q", name, known, word)
			}
		}
	}
}

// slips calls f with each name that one mistake makes of another.
func slips(name string, f func(string)) {
	const letters = "abcdefghijklmnopqrstuvwxyz_-26"
	for i := 0; i <= len(name); i++ {
		for _, r := range letters {
			f(name[:i] + string(r) + name[i:])
			if i < len(name) {
				f(name[:i] + string(r) + name[i+1:])
			}
		}
		if i < len(name) {
			f(name[:i] + name[i+1:])
		}
		if i+1 < len(name) {
			f(name[:i] + name[i+1:i+2] + name[i:i+1] + name[i+2:])
		}
	}
}

// TestFixNames: of every name within two mistakes of a known one, in every
// table, a fix keeps unit, direction and protocol, or there is none.
func TestFixNames(t *testing.T) {
	t.Parallel()
	homes := schema.Root().Homes()
	v := spelling.VocabularyOf(homes)
	tables := map[string][]string{} // the names of a table, by their list
	for name, at := range homes {
		for _, home := range at {
			tables[home.Path] = append(tables[home.Path], name)
		}
	}
	tried, fixed := 0, map[string]int{}
	seen := map[string]bool{}
	for _, names := range tables {
		slices.Sort(names)
		if key := strings.Join(names, " "); seen[key] {
			continue
		} else {
			seen[key] = true
		}
		try := func(name string) {
			tried++
			if _, ok := slices.BinarySearch(names, name); ok {
				return
			}
			if known := v.OnlyName(name, names); known != "" {
				fixed[known]++
				checkSameMeaning(t, name, known)
			}
		}
		for _, known := range names {
			n := 0
			slips(known, func(name string) {
				try(name)
				if n++; *allNames || n%211 == 0 {
					m := 0
					slips(name, func(name string) {
						if m++; *allNames || m%17 == 0 {
							try(name)
						}
					})
				}
			})
		}
	}
	if tried < 100_000 || len(fixed) < 60 {
		t.Errorf("%d names tried, fixes to %d known ones", tried, len(fixed))
	}
}

// TestFixMeanings: the same of whole files: every known key with a unit more or
// another one, with a negation, and with each word turned into its opposite.
func TestFixMeanings(t *testing.T) {
	t.Parallel()
	root := schema.Root()
	tried := 0
	var walk func(s *schema.Key, path []string)
	walk = func(s *schema.Key, path []string) {
		for _, known := range s.Names() {
			if below := s.Keys[known]; below.Keys != nil {
				if !below.Free && len(path) < 4 {
					walk(below, append(slices.Clone(path), known))
				}
				continue
			}
			var others []string
			for _, u := range []string{"ms", "s", "sec", "seconds", "m", "minutes", "kb", "mb", "gb", "bytes"} {
				others = append(others, known+"_"+u, known+u, known+strings.ToUpper(u[:1])+u[1:])
				for _, mine := range []string{"_mb", "_ms", "_s"} {
					if stem, ok := strings.CutSuffix(known, mine); ok && mine != "_"+u {
						others = append(others, stem+"_"+u, stem)
					}
				}
			}
			for _, prefix := range []string{"no_", "not_", "un", "non", "dis", "disable_", "max_", "min_", "tcp_",
				"udp_", "in"} {
				others = append(others, prefix+known)
				if stem, ok := strings.CutPrefix(known, prefix); ok {
					others = append(others, stem)
				}
			}
			parts := strings.FieldsFunc(known, func(r rune) bool { return r == '_' || r == '-' })
			for _, group := range meanings {
				for i, part := range parts {
					for _, other := range group {
						if part != other && slices.Contains(group, part) {
							others = append(others, strings.Join(slices.Replace(slices.Clone(parts), i, i+1, other), "_"))
						}
					}
				}
			}
			others = slices.DeleteFunc(others, func(other string) bool {
				return slices.ContainsFunc(s.Names(), func(name string) bool { return spelling.SameLetters(other, name) })
			})
			for _, value := range valuesFor(s.Keys[known]) {
				tried += len(others)
				checkUnfixed(t, path, others, value)
			}
		}
	}
	walk(root, nil)
	if tried < 5_000 {
		t.Errorf("%d files tried", tried)
	}
}

// valuesFor are values that a key takes, and others.
func valuesFor(s *schema.Key) []any {
	if s.Type == nil {
		return []any{"x"}
	}
	switch kindOf(s) {
	case reflect.Bool:
		return []any{true}
	case reflect.Int, reflect.Uint32, reflect.Float64:
		return []any{2.0}
	case reflect.Slice:
		return []any{[]any{"x"}}
	}
	return []any{"5s", 5.0}
}

// checkUnfixed fails if a fix gives one of the keys of a table another name.
func checkUnfixed(t *testing.T, path, keys []string, value any) {
	t.Helper()
	doc := map[string]any{}
	for _, key := range keys {
		doc[key] = value
	}
	for _, name := range slices.Backward(path) {
		doc = map[string]any{name: doc}
	}
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	f, err := flytoml.Parse("fly.json", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range Lint(f) {
		if finding.Code == FindingUnknownKey && finding.Edit != nil {
			t.Errorf("%s = %v became %s", finding.Path, value, finding.Edit.Text)
		}
	}
}
