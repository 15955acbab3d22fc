package edit

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// author writes random fly.toml files: every shape of services that flyctl accepts,
// with comments wherever TOML allows one. The fuzzer rarely gets from one valid shape
// to another.
type author struct {
	*rand.Rand
	strings.Builder
	eol      string
	comments int
}

func (w *author) pick(list ...string) string { return list[w.IntN(len(list))] }

// end ends a line, now and then with a comment, blanks or empty lines.
func (w *author) end() {
	if w.IntN(4) == 0 {
		w.comments++
		fmt.Fprintf(w, "%s# comment %d [x] 'y' }", w.pick(" ", "", "\t"), w.comments)
	}
	w.WriteString(w.pick("", "", " ") + w.eol)
	for w.IntN(6) == 0 {
		w.comments++
		fmt.Fprintf(w, "%s%s%s", w.pick("", "  ", "\t"), w.pick("", fmt.Sprintf("# line %d = {", w.comments)), w.eol)
	}
}

// gap is what may stand between the items of an array or inline table.
func (w *author) gap() {
	switch w.IntN(8) {
	case 0:
		w.end()
		w.WriteString(w.pick("", "  "))
	case 1, 2, 3:
		w.WriteString(" ")
	}
}

func (w *author) name(key string) string {
	switch w.IntN(8) {
	case 0:
		return `"` + key + `"`
	case 1:
		return `'` + key + `'`
	case 2:
		return strings.ToUpper(key[:1]) + key[1:]
	}
	return key
}

// pairs are keys of a service with values, right and wrong ones.
func (w *author) pairs() [][2]string {
	all := [][2]string{
		{"internal_port", w.pick("8080", `"80"`, "0x50")},
		{"protocol", w.pick(`"tcp"`, `'udp'`, `"""t\u0063p"""`)},
		{"force_https", w.pick("true", "false", "'true'")},
		{"auto_stop_machines", w.pick("true", "false", "'off'", `"stop"`, `"susp\u0065nd"`, "'''stop'''", "7")},
		{"auto_start_machines", w.pick("true", "false", "[ 1, [2], ]")},
		{"min_machines_running", w.pick("0", "2", "+1", "0b10", "1.0", "'1'")},
		{"unknown", w.pick("1979-05-27 07:32:00", "nan", "[ '#', { a = ']' } ]", "1e3")},
	}
	w.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:w.IntN(len(all)+1)]
}

// inline is an inline table of pairs, with more given as text.
func (w *author) inline(pairs [][2]string, more ...string) string {
	var items []string
	for _, p := range pairs {
		items = append(items, w.name(p[0])+w.pick(" = ", "=", "  =  ")+p[1])
	}
	return w.list("{", "}", append(items, more...))
}

func (w *author) list(open, closing string, items []string) string {
	in := &author{Rand: w.Rand, eol: w.eol, comments: w.comments}
	in.WriteString(open)
	for i, item := range items {
		in.gap()
		in.WriteString(item)
		in.gap()
		if i < len(items)-1 || in.IntN(4) == 0 {
			in.WriteString(",")
		}
	}
	in.gap()
	in.WriteString(closing)
	w.comments = in.comments
	return in.String()
}

func (w *author) ports() []string {
	var ports []string
	for range w.IntN(3) {
		ports = append(ports, w.inline([][2]string{
			{"handlers", w.pick(`["http"]`, `['tls', "http"]`, "[]")},
			{"force_https", w.pick("true", "false")},
		}[:w.IntN(3)]))
	}
	return ports
}

func (w *author) concurrency() string {
	return w.inline([][2]string{{"soft_limit", "20"}, {"hard_limit", "99"}, {"type", "'connections'"}}[w.IntN(4):])
}

// keys writes a table's keys one a line, dotted ones among them.
func (w *author) keys(prefix string, single bool) {
	indent := w.pick("", "  ", "\t")
	for _, p := range w.pairs() {
		fmt.Fprintf(w, "%s%s%s%s%s", indent, prefix, w.name(p[0]), w.pick(" = ", "=", "   = "), p[1])
		w.end()
	}
	switch w.IntN(6) {
	case 0:
		fmt.Fprintf(w, "%s%sconcurrency = %s", indent, prefix, w.concurrency())
		w.end()
	case 1:
		fmt.Fprintf(w, "%s%sconcurrency . soft_limit = 3", indent, prefix)
		w.end()
	case 2:
		if !single {
			fmt.Fprintf(w, "%s%sconcurrency = '20, 99'", indent, prefix)
			w.end()
		}
	}
	if w.IntN(3) == 0 {
		fmt.Fprintf(w, "%s%sports = %s", indent, prefix, w.list("[", "]", w.ports()))
		w.end()
	}
}

func (w *author) header(open, name, closing string) {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if w.IntN(8) == 0 {
			parts[i] = `"` + part + `"`
		}
	}
	fmt.Fprintf(w, "%s%s%s%s", w.pick("", "  "), open, strings.Join(parts, w.pick(".", " . ")), closing)
	w.end()
}

// randomFile is the same file for the same seed.
func randomFile(seed uint64) []byte {
	w := &author{Rand: rand.New(rand.NewPCG(seed, 1)), eol: "\n"}
	if seed%3 == 0 {
		w.eol = "\r\n"
	}
	return w.file()
}

func (w *author) file() []byte {
	w.WriteString(w.pick("", "app = 'x'"+w.eol))
	dotted := w.IntN(4) == 0
	if dotted {
		w.keys("http_service.", true)
	}
	services := w.IntN(4)
	if services == 0 {
		var items []string
		for range w.IntN(4) {
			items = append(items, w.inline(w.pairs(), w.pick("concurrency = ", "Concurrency=")+w.concurrency(),
				"ports = "+w.list("[", "]", w.ports())))
		}
		fmt.Fprintf(w, "services = %s", w.list("[", "]", items))
		w.end()
	}
	if !dotted && w.IntN(3) == 0 {
		fmt.Fprintf(w, "http_service = %s", w.inline(w.pairs(), w.pick("concurrency.type = 'requests'", "processes = []")))
		w.end()
	} else if !dotted {
		if w.IntN(6) > 0 {
			w.header("[", "http_service", "]")
			w.keys("", true)
		}
		w.header("[[", "http_service.checks", "]]")
	}
	if services > 1 {
		for range w.IntN(4) {
			w.header("[[", "services", "]]")
			w.keys("", false)
			for range w.IntN(3) {
				w.header("[[", "services.tcp_checks", "]]")
			}
		}
	}
	w.WriteString("[env]" + w.eol + "NOTE = '''" + w.eol + "force_https = true'''")
	w.WriteString(w.pick("", " ", w.eol, w.eol+w.eol))
	return []byte(w.String())
}

func TestEditRandomFiles(t *testing.T) {
	t.Parallel()
	const files = 150
	parsed, changed := 0, 0
	edits := manyEdits()
	for seed := range uint64(files) {
		data := randomFile(seed)
		f, err := flytoml.Parse("fly.toml", data)
		if err != nil {
			continue // a key written twice, say
		}
		parsed++
		for name, e := range edits {
			if edited := checkEdit(t, f, e); edited != nil && len(edited.Changes) > 0 {
				changed++
			}
			if t.Failed() {
				t.Fatalf("seed %d, edit %q of\n%s", seed, name, data)
			}
		}
	}
	if parsed < files/3 || changed < files {
		t.Errorf("of %d files %d could be read, and %d edits changed something: too few to mean much", files, parsed, changed)
	}
	t.Logf("of %d files %d could be read, and %d edits changed something", files, parsed, changed)
}
