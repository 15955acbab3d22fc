package lint

import (
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Recognize reports whether a file is a fly.toml, fly.json or fly.yaml by what
// it says: it names an app at its top, or has the name of such a file, and its
// keys are flyctl's. The configuration of another program is not one, whatever
// its name, even where it shares a word such as env, build or services. A file
// with a syntax error is judged by the keys that can be recognized, so that a
// fly.toml still counts as one while somebody edits it.
//
// Callers must not show anything of a file that is not recognized.
func Recognize(name string, data []byte) bool {
	if len(data) > flytoml.MaxSize {
		return false
	}
	format := syntax.FormatOf(name)
	doc, err := format.Read(data)
	if err != nil {
		return looksLikeFly(name, outline(format, data), true)
	}
	return looksLikeFly(name, doc, false)
}

// looksLikeFly judges a document, or, if it is broken, the outline of one.
func looksLikeFly(name string, doc map[string]any, broken bool) bool {
	if !broken && len(doc) == 0 {
		return hasFlyName(name) // there is nothing in it
	}
	var known, telling, foreign int
	app, secrets := false, false
	root := schema.Root()
	homes := root.Homes()
	for key, value := range doc {
		below, title := root.Child(key)
		switch {
		case below == nil && isForeign(root, homes, "", key):
			foreign++
		case below == nil: // a slip, or a key of old
		case !isOurs(value, title, below, homes):
			foreign++
		default:
			known++
			text, isText := value.(string)
			switch {
			case title == "app":
				app = app || isText && text != ""
			case isDistinctive(title, value):
				telling++
			case title == "env", title == "files":
				secrets = true
			}
		}
	}
	switch {
	case !app && !hasFlyName(name):
		return false
	case known == 0:
		return false
	case telling == 0 && secrets && !hasFlyName(name): // a chart's values, say, have an app and an env too
		return false
	case telling == 0:
		return foreign == 0
	}
	return foreign <= known+telling
}

// hasFlyName reports whether a file has a name as flyctl uses: fly.toml,
// fly.staging.toml, staging.fly.toml, or the same as JSON or YAML.
func hasFlyName(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	return slices.ContainsFunc([]string{"fly", "fly.*", "*.fly"}, func(pattern string) bool {
		ok, _ := path.Match(pattern, stem)
		return ok
	})
}

// isForeign reports whether an unknown key belongs to another program, and is not
// misspelled, in the wrong table, or obsolete.
func isForeign(under *schema.Key, homes map[string][]schema.Home, plain, key string) bool {
	if _, dead := deadKeys(plain, key); dead {
		return false
	}
	if (spelling.Vocabulary{}).OnlyName(key, under.Names()) != "" {
		return false
	}
	_, misplaced := homeOf(plain, key, homes[key])
	return !misplaced
}

// isOurs reports whether a value can be flyctl's for a key: a table where flyctl
// has one, with more keys of flyctl's than of others.
func isOurs(value any, title string, known *schema.Key, homes map[string][]schema.Home) bool {
	switch value := value.(type) {
	case nil, outlineValue:
		return true
	case map[string]any:
		switch {
		case known.Keys == nil:
			return false
		case title == "env":
			return len(value) == 0 || slices.ContainsFunc(slices.Collect(maps.Values(value)),
				func(v any) bool { return !legacy.IsTable(v) })
		case known.Free:
			return true
		}
		mine, foreign := 0, 0
		for key := range value {
			if below, _ := known.Child(key); below != nil {
				mine++
			} else if isForeign(known, homes, title, key) {
				foreign++
			}
		}
		return foreign == 0 || foreign <= mine
	case []any:
		if known.Keys == nil {
			return !slices.ContainsFunc(value, legacy.IsTable)
		}
		for _, item := range value {
			if legacy.IsTable(item) && known.Free {
				continue // such as a list of processes, as flyctl once wrote it
			}
			if !legacy.IsTable(item) || !isOurs(item, title, known, homes) {
				return false
			}
		}
		return true
	}
	return known.Keys == nil
}

// isDistinctive reports whether a key of flyctl's tells a fly.toml from the files of
// other programs, which have tables called build, env, deploy or services too.
func isDistinctive(title string, value any) bool {
	switch title {
	case "build", "checks", "container", "deploy", "env", "files", "metric", "metrics", "processes", "restart":
		return false
	case "services":
		has := func(item any) bool {
			table, _ := item.(map[string]any)
			_, port := table["internal_port"]
			_, ports := table["ports"].([]any)
			return port || ports && table["protocol"] != nil
		}
		list, _ := value.([]any)
		return has(value) || slices.ContainsFunc(list, has)
	}
	return true
}

// unreadValue stands in an outline for a value that was not read.
const unreadValue = outlineValue("seen")

type outlineValue string

// Lines of broken files that show a key: in TOML the header of a table and a key
// before its equals sign, in YAML a key in the first column.
var (
	tomlHeader = regexp.MustCompile(`^\s*\[\[?\s*["']?([A-Za-z0-9_-]+)`)
	tomlLine   = regexp.MustCompile(`^\s*["']?([A-Za-z0-9_-]+)["']?(?:\s*\.[^=]*)?\s*=\s*(.*)$`)
	yamlLine   = regexp.MustCompile(`^["']?([A-Za-z0-9_-]+)["']?\s*:(?:\s+(.*))?$`)
)

// outline finds the top-level keys of a file that cannot be read, with the text
// of app, and unreadValue for everything else.
func outline(format syntax.Format, data []byte) map[string]any {
	doc := make(map[string]any)
	note := func(key, value string) {
		doc[key] = unreadValue
		if value = strings.Trim(strings.TrimSpace(value), `"', `); strings.EqualFold(key, "app") && value != "" &&
			!strings.HasPrefix(value, "{") {
			doc[key] = value
		}
	}
	if format == syntax.JSON {
		outlineJSON(data, note)
		return doc
	}
	inTable := false
	for line := range strings.Lines(strings.TrimPrefix(string(data), syntax.ByteOrderMark)) {
		line = strings.TrimRight(line, "\r\n")
		switch header, key := tomlHeader.FindStringSubmatch(line), tomlLine.FindStringSubmatch(line); {
		case format == syntax.YAML:
			if key := yamlLine.FindStringSubmatch(line); key != nil {
				note(key[1], key[2])
			}
		case header != nil:
			inTable = true
			note(header[1], "")
		case key != nil && !inTable:
			note(key[1], key[2])
		}
	}
	return doc
}

// outlineJSON finds the keys of the outermost object: strings at its depth with
// a colon after them.
func outlineJSON(data []byte, note func(key, value string)) {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			text, end := jsonString(data, i)
			i = end
			rest := strings.TrimLeft(string(data[min(end+1, len(data)):min(end+200, len(data))]), " \t\r\n")
			if value, isKey := strings.CutPrefix(rest, ":"); isKey && depth == 1 {
				value, _, _ = strings.Cut(value, "\n")
				note(text, value)
			}
		}
	}
}

// jsonString returns the string that begins at a quote, and where it ends: at the
// next quote, or at the end of its line.
func jsonString(data []byte, start int) (text string, end int) {
	for i := start + 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"', '\n':
			return string(data[start+1 : i]), i
		}
	}
	return string(data[start+1:]), len(data)
}
