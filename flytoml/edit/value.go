package edit

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
)

// scalar is a value that an edit writes: a Bool, Integer or String, or an Array of strings.
type scalar struct {
	kind layout.Kind
	on   bool
	n    int64
	text string
	list []string
}

func integer(n int) scalar { return scalar{kind: layout.KindInteger, n: int64(n)} }

// write returns the value as text, with strings in the given quotes; 0 means no
// quotes. The text is the same in every format.
func (v scalar) write(quote byte) string {
	switch v.kind {
	case layout.KindBool:
		return strconv.FormatBool(v.on)
	case layout.KindInteger:
		return strconv.FormatInt(v.n, 10)
	case layout.KindArray:
		items := make([]string, len(v.list))
		for i, item := range v.list {
			items[i] = quoteText(item, quote)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return quoteText(v.text, quote)
}

// bareWord matches text that YAML reads as a string without quotes, except for the
// words that some readers take for a value of another type.
var (
	bareWord  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)
	otherWord = regexp.MustCompile(`(?i)^(true|false|yes|no|on|y|n|null)$`)
)

// quoteText quotes a string. A string that cannot be written in the given quotes
// gets double quotes and escapes, which mean the same in every format.
func quoteText(s string, quote byte) string {
	if quote == 0 {
		if bareWord.MatchString(s) && !otherWord.MatchString(s) {
			return s
		}
		quote = '"'
	}
	escape := func(r rune) bool { return r < 0x10000 && !unicode.IsPrint(r) }
	plain := !strings.ContainsFunc(s, func(r rune) bool {
		return escape(r) || r == rune(quote) || r == '\\' && quote == '"'
	})
	if plain {
		return string(quote) + s + string(quote)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case escape(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// decodesTo reports whether got is what the file's decoder returns for the
// written value. Numbers are int64 in TOML, float64 in JSON and int in YAML.
func (v scalar) decodesTo(got any) bool {
	switch got := got.(type) {
	case bool:
		return v.kind == layout.KindBool && got == v.on
	case int64:
		return v.kind == layout.KindInteger && got == v.n
	case int:
		return v.kind == layout.KindInteger && int64(got) == v.n
	case float64:
		return v.kind == layout.KindInteger && got == float64(v.n)
	case string:
		return v.kind == layout.KindString && got == v.text
	case []any:
		return v.kind == layout.KindArray && slices.EqualFunc(v.list, got, func(want string, item any) bool {
			return item == want
		})
	}
	return false
}

// equalsScalar reports whether a value already means v. In flyctl, true and false
// are spellings of stop and off.
func equalsScalar(n *layout.Node, v scalar) bool {
	switch {
	case v.kind == layout.KindInteger:
		return n.Whole && n.Number == v.n
	case n.Kind == layout.KindBool && v.kind == layout.KindString:
		return v.text == "stop" && n.On || v.text == "off" && !n.On
	case n.Kind != v.kind:
		return false
	case v.kind == layout.KindBool:
		return v.on == n.On
	}
	return n.Text == v.text
}

// set sets a key of a table: it replaces the existing value unless that already
// means the same, or adds the key.
func (ed *editor) set(s service, table *layout.Node, path keyPath, key string, v scalar) error {
	present, name := table.Get(key)
	if present != nil {
		return ed.put(s, present, path.with(pathStep{key: name}), v)
	}
	if err := ed.checkUnlocked(table, path); err != nil {
		return err
	}
	return ed.addKey(table, ed.record(s, path, []setting{{key, v}})[0])
}

// put replaces a value unless it already means the same. Strings keep their quotes.
func (ed *editor) put(s service, n *layout.Node, path keyPath, v scalar) error {
	if n.Kind == layout.KindTable || n.Kind == layout.KindTables {
		return ed.Refuse(n.At.Start, path.String()+" is a table, but flyctl expects a single value")
	}
	if equalsScalar(n, v) {
		return nil
	}
	if err := ed.checkUnlocked(n, path); err != nil {
		return err
	}
	was := ed.Source[n.At.Start:n.At.End]
	if n.Kind != layout.KindString && bytes.IndexByte(was, '#') >= 0 {
		return ed.Refuse(n.At.Start, path.String()+" is not a single value, and contains a comment")
	}
	quote := ed.Quote
	if n.Kind == layout.KindString && was[0] != '*' {
		quote = 0
		if was[0] == '"' || was[0] == '\'' {
			quote = was[0]
		}
	}
	text := v.write(quote)
	ed.addChange(Change{Path: path.String(), Before: shownValue(string(was), n.Kind, v.kind), After: text,
		Groups: s.groups, Comment: ed.commentOn(n.At)}, path, v)
	ed.writer.set(n, text, len(ed.changes)-1)
	return nil
}

// shownValue returns a value as a change shows it. The content of a table or list
// in place of a single value is not shown.
func shownValue(text string, is, wanted layout.Kind) string {
	switch {
	case is == layout.KindInline:
		return "a table"
	case is == layout.KindArray && wanted != layout.KindArray:
		return "a list"
	}
	return text
}

// checkUnlocked refuses to change a value that cannot be changed safely.
func (ed *editor) checkUnlocked(n *layout.Node, path keyPath) error {
	if n.Locked == "" {
		return nil
	}
	return ed.Refuse(n.At.Start, path.String()+" "+n.Locked)
}

// record records new keys as changes, and returns them for the writer.
func (ed *editor) record(s service, path keyPath, list []setting) []newKey {
	keys := make([]newKey, len(list))
	for i, item := range list {
		at := path.with(pathStep{key: item.key})
		text := item.value.write(ed.Quote)
		ed.addChange(Change{Path: at.String(), After: text, Groups: s.groups}, at, item.value)
		keys[i] = newKey{name: item.key, text: text, change: len(ed.changes) - 1}
	}
	return keys
}

// addChange records a change.
func (ed *editor) addChange(change Change, path keyPath, v scalar) {
	if ed.changes == nil {
		room := 5 * len(ed.services) // enough for most edits
		ed.changes = make([]Change, 0, room)
		ed.paths = make([]keyPath, 0, room)
		ed.values = make([]scalar, 0, room)
		ed.list = slices.Grow(ed.list, room)
	}
	ed.changes = append(ed.changes, change)
	ed.paths = append(ed.paths, path)
	ed.values = append(ed.values, v)
}
