package edit

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// tree is a document to write at random in JSON or YAML: a table if it has keys, a
// list if it has items, else a value in JSON.
type tree struct {
	keys  []string
	items []tree
	list  bool
	value string
}

func (t *tree) set(key string, value tree) {
	t.keys, t.items = append(t.keys, key), append(t.items, value)
}

// grower makes and writes random documents.
type grower struct {
	*rand.Rand
	strings.Builder
	eol      string
	comments int
}

func newGrower(seed uint64) *grower {
	g := &grower{Rand: rand.New(rand.NewPCG(seed, 2)), eol: "\n"}
	if seed%3 == 0 {
		g.eol = "\r\n"
	}
	return g
}

func (g *grower) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *grower) value(list ...string) tree { return tree{value: g.pick(list...)} }

// some is a table of some of the keys, in any order.
func (g *grower) some(all map[string]tree, order ...string) tree {
	t := tree{keys: []string{}}
	g.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, key := range order[:g.IntN(len(order)+1)] {
		t.set(key, all[key])
	}
	return t
}

func (g *grower) port() tree {
	return g.some(map[string]tree{
		"port":        g.value("80", "443", `"80"`),
		"handlers":    {list: true, items: []tree{{value: g.pick(`"http"`, `"tls"`)}, {value: `"http"`}}[g.IntN(3):]},
		"force_https": g.value("true", "false", "null"),
		"x":           g.value("null", `"# no comment"`, `"a: b"`),
	}, "port", "handlers", "force_https", "x")
}

func (g *grower) service() tree {
	ports := tree{list: true}
	for range g.IntN(3) {
		ports.items = append(ports.items, g.port())
	}
	if g.IntN(6) == 0 {
		ports = g.port()
	}
	limits := g.some(map[string]tree{
		"type":       g.value(`"connections"`, `"requests"`),
		"soft_limit": g.value("20", "1e1", "null"),
		"hard_limit": g.value("99", "null", "100.0"),
	}, "type", "soft_limit", "hard_limit")
	switch g.IntN(8) {
	case 0:
		limits = tree{value: "null"}
	case 1:
		limits = tree{value: `"20,99"`}
	}
	return g.some(map[string]tree{
		"internal_port":        g.value("8080", `"80"`),
		"protocol":             g.value(`"tcp"`, `"udp"`),
		"auto_stop_machines":   g.value("true", "false", `"off"`, `"stop"`, `"suspend"`, "null", "7"),
		"auto_start_machines":  g.value("true", "false", "null", `"yes"`),
		"min_machines_running": g.value("0", "2", "1.0", "null", `"1"`),
		"processes":            {list: true, items: []tree{{value: `"app"`}, {value: `""`}}[g.IntN(3):]},
		"note":                 g.value(`"two\nlines\n"`, `"ends # here"`, `"é ü"`, `"it's \\ \"so\""`),
		"ports":                ports,
		"concurrency":          limits,
		"checks":               {list: true, items: []tree{{keys: []string{}}, g.port()}[g.IntN(3):]},
	}, "internal_port", "protocol", "auto_stop_machines", "auto_start_machines", "min_machines_running",
		"processes", "note", "ports", "concurrency", "checks")
}

func (g *grower) document() tree {
	services := tree{list: true}
	for range g.IntN(4) {
		services.items = append(services.items, g.service())
	}
	if g.IntN(6) == 0 {
		services = g.service()
	}
	single := g.service()
	if g.IntN(6) == 0 {
		single = tree{value: "null"}
	}
	return g.some(map[string]tree{
		"app":          g.value(`"x"`, `"é"`),
		"http_service": single,
		"services":     services,
		"env": {
			keys:  []string{"A", "a"},
			items: []tree{g.value(`"b"`, `"force_https: true"`), g.value("1", "null")},
		},
		"x": g.service(),
	}, "app", "http_service", "services", "env", "x")
}

// json writes a tree as JSON, on one line or on many.
func (g *grower) json(t tree, indent string) {
	open, closing := "{", "}"
	switch {
	case t.keys == nil && !t.list:
		g.WriteString(t.value)
		return
	case t.list:
		open, closing = "[", "]"
	}
	g.WriteString(open)
	broken := g.IntN(3) > 0 && indent != "one line"
	inner := indent + "  "
	if !broken {
		inner = "one line"
	}
	for i, item := range t.items {
		if i > 0 {
			g.WriteString(g.pick("", "", "", " ") + ",")
		}
		if broken {
			g.WriteString(g.pick("", "", " ") + g.eol + inner)
		} else {
			g.WriteString(g.pick("", " "))
		}
		if t.keys != nil {
			g.WriteString(strconv.Quote(g.spell(t.keys[i])) + g.pick(":", ": ", " : "))
		}
		g.json(item, inner)
	}
	if broken {
		g.WriteString(g.eol + indent)
	}
	g.WriteString(closing)
}

func (g *grower) spell(key string) string {
	if g.IntN(10) == 0 && strings.Contains(key, "_") {
		return strings.ToUpper(key[:1]) + key[1:]
	}
	return key
}

// comment may end a line with a comment, and add lines of comments.
func (g *grower) comment(indent string) {
	if g.IntN(4) == 0 {
		g.comments++
		fmt.Fprintf(g, " # comment %d: [x] 'y' }", g.comments)
	}
	g.WriteString(g.pick("", "", " ") + g.eol)
	for g.IntN(6) == 0 {
		g.comments++
		fmt.Fprintf(g, "%s%s%s", g.pick("", indent, indent+"  "), g.pick("", fmt.Sprintf("# line %d: {", g.comments)), g.eol)
	}
}

// yaml writes what stands behind a colon or dash, to the end of the line.
func (g *grower) yaml(t tree, indent string) {
	switch {
	case len(t.items) == 0 && t.keys != nil:
		g.WriteString(g.pick(" {}", " { }"))
		g.comment(indent)
	case len(t.items) == 0 && t.list:
		g.WriteString(g.pick(" []", " [ ]"))
		g.comment(indent)
	case len(t.items) == 0:
		g.scalar(t.value, indent)
	case g.IntN(4) == 0:
		g.WriteString(" ")
		g.flow(t)
		g.comment(indent)
	case t.list:
		g.comment(indent)
		g.block(t, indent+g.pick("", "  "))
	default:
		g.comment(indent)
		g.block(t, indent+g.pick("  ", "  ", "    "))
	}
}

// block writes the lines of a mapping or list.
func (g *grower) block(t tree, indent string) {
	for i, item := range t.items {
		g.WriteString(indent)
		g.member(t, i, item, indent)
	}
}

// member writes a key or a dash with its value. A table in a list may begin on
// the line of the dash.
func (g *grower) member(t tree, i int, item tree, indent string) {
	if t.keys != nil {
		fmt.Fprintf(g, "%s%s:", g.name(t.keys[i]), g.pick("", "", " "))
		g.yaml(item, indent)
		return
	}
	g.WriteString("-")
	if item.keys == nil || len(item.items) == 0 || g.IntN(4) == 0 {
		if len(item.items) == 0 || item.keys == nil {
			g.yaml(item, indent)
			return
		}
		g.comment(indent)
		g.block(item, indent+"  ")
		return
	}
	blanks := g.pick(" ", " ", "   ")
	g.WriteString(blanks)
	inner := indent + " " + blanks
	for j, value := range item.items {
		if j > 0 {
			g.WriteString(inner)
		}
		g.member(item, j, value, inner)
	}
}

func (g *grower) name(key string) string {
	key = g.spell(key)
	return g.pick(key, key, key, strconv.Quote(key), "'"+key+"'")
}

// flow writes a collection in braces or brackets.
func (g *grower) flow(t tree) {
	open, closing := "{", "}"
	if t.list {
		open, closing = "[", "]"
	}
	if t.keys == nil && !t.list {
		text := t.value
		if text == "null" {
			text = g.pick("null", "~", "")
		}
		g.WriteString(text)
		return
	}
	g.WriteString(open)
	for i, item := range t.items {
		g.WriteString(g.pick("", " ", " "))
		if g.IntN(8) == 0 {
			g.comments++
			fmt.Fprintf(g, " # in %d ]%s      ", g.comments, g.eol)
		}
		if t.keys != nil {
			g.WriteString(g.name(t.keys[i]) + ": ")
		} else if item.value == "null" {
			item.value = "~"
		}
		g.flow(item)
		g.WriteString(g.pick("", " "))
		if i < len(t.items)-1 || g.IntN(4) == 0 {
			g.WriteString(",")
		}
	}
	g.WriteString(closing)
}

// scalar writes a value in one of its spellings, and ends the line.
func (g *grower) scalar(value, indent string) {
	text, err := strconv.Unquote(value)
	switch {
	case value == "null":
		g.WriteString(g.pick("", " ~", " null"))
	case err != nil:
		g.WriteString(g.pick(" ", "  ") + value)
	case strings.HasSuffix(text, "\n"):
		g.WriteString(g.pick(" |", " |-", " |+", " >") + g.eol)
		for line := range strings.Lines(text) {
			g.WriteString(indent + "  " + strings.TrimSuffix(line, "\n") + g.eol)
		}
		return
	case bareWord.MatchString(text) && g.IntN(2) == 0:
		g.WriteString(" " + text)
	case g.IntN(2) == 0:
		g.WriteString(" '" + strings.ReplaceAll(text, "'", "''") + "'")
	default:
		g.WriteString(" " + value)
	}
	g.comment(indent)
}

func randomJSON(seed uint64) []byte {
	g := newGrower(seed)
	g.json(g.document(), "")
	g.WriteString(g.pick("", g.eol, g.eol+g.eol))
	return []byte(g.String())
}

func randomYAML(seed uint64) []byte {
	g := newGrower(seed)
	g.WriteString(g.pick("", "", "# top"+g.eol, "---"+g.eol, "--- # doc"+g.eol+"# top"+g.eol))
	document := g.document()
	switch {
	case len(document.items) == 0:
	case g.IntN(8) == 0:
		g.flow(document)
		g.comment("")
	default:
		g.block(document, "")
	}
	text := g.String()
	switch g.IntN(6) {
	case 0:
		text = strings.TrimRight(text, "\r\n ")
	case 1:
		text += "..." + g.eol
	}
	return []byte(text)
}

func TestEditRandomFormats(t *testing.T) {
	t.Parallel()
	const files = 50
	for name, random := range map[string]func(uint64) []byte{"fly.json": randomJSON, "fly.yaml": randomYAML} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, refused, changed := 0, 0, 0
			edits := manyEdits()
			for seed := range uint64(files) {
				data := random(seed)
				f, err := flytoml.Parse(name, data)
				if err != nil {
					t.Logf("seed %d: %v\n%s", seed, err, data)
					continue
				}
				parsed++
				for what, e := range edits {
					switch edited := checkEdit(t, f, e); {
					case edited == nil:
						refused++
					case len(edited.Changes) > 0:
						changed++
					}
					if t.Failed() {
						t.Fatalf("seed %d, edit %q of\n%s", seed, what, data)
					}
				}
			}
			if parsed < files*9/10 || changed < files*3 {
				t.Errorf("of %d files %d could be read, and %d edits changed something: too few to mean much", files,
					parsed, changed)
			}
			t.Logf("of %d files %d could be read; %d edits changed something, %d were refused", files, parsed, changed, refused)
		})
	}
}
