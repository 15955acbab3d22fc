package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

const ignored = "flyctl silently ignores keys that it does not know, at every depth"

// checkKeys checks every key of a value: whether flyctl knows it there and, if
// flyctl could not read the file, whether its value has the right shape. plain is
// the path without indexes, and around the table that contains the value.
func (l *linter) checkKeys(s spot, plain string, known, around *schema.Key) {
	switch value := s.value.(type) {
	case []any:
		if item := schema.ListItem(plain, known); item != nil {
			known = item
		}
		for i := range value {
			l.checkKeys(l.item(s, i), plain, known, around)
		}
	case map[string]any:
		if known.Keys == nil {
			return
		}
		table := &keyed{table: value}
		for _, key := range slices.Sorted(maps.Keys(value)) {
			here := l.step(s, layout.Join(s.path, key), value[key], true)
			name := ""
			if !known.Free {
				if name = l.knownKey(here, table, plain, key, known); name == "" {
					continue
				}
			}
			below := known.Keys[name]
			if known.Free {
				name = key
				if l.reportSwallowed(here, plain, key, below, around) {
					continue
				}
			}
			if len(plain)+len(name) > layout.MaxPath {
				continue
			}
			at := strings.TrimPrefix(plain+"."+name, ".")
			if l.refusal != nil {
				l.checkShape(here, at, below)
			}
			l.checkKeys(here, at, below, known)
		}
	}
}

// keyed is a table that counts the keys that flyctl treats as the same.
type keyed struct {
	table  map[string]any
	folded map[string]int
}

func (k *keyed) count(name string) int {
	if k.folded == nil {
		k.folded = make(map[string]int, len(k.table))
		for key := range k.table {
			k.folded[layout.FoldKey(key)]++
		}
	}
	return k.folded[layout.FoldKey(name)]
}

// knownKey returns the known name of a key of a table, or "" if flyctl ignores it.
func (l *linter) knownKey(here spot, table *keyed, plain, key string, known *schema.Key) string {
	if _, ok := known.Keys[key]; ok {
		if d, ok := deadKeys(plain, key); ok {
			l.reportDeadKey(here, d)
		}
		return key
	}
	for _, name := range known.SortedNames() {
		if strings.EqualFold(name, key) {
			l.reportKeyCase(here, table, plain, key, name, known.Keys[name])
			return name
		}
	}
	if d, ok := deadKeys(plain, key); ok {
		l.reportDeadKey(here, d)
		return ""
	}
	_, plural := known.Keys[strings.TrimSuffix(key, "s")] // of a key that is known here
	if n, ok := l.misplaced(plain, key); ok && !plural {
		l.warn(FindingMisplacedKey, here, n)
		return ""
	}
	n := message{
		fmt.Sprintf("flyctl does not know the key %s %s and ignores it", excerpt.Quote(key), placeOf(plain)), ignored,
		"remove it, or look up the name in Fly's configuration reference",
	}
	var edit *TextEdit
	s := l.vocabulary().Suggest(here.value, plain, key, known)
	if s.Fix != "" {
		n.fix = s.Fix
	}
	if s.Rename != "" && table.count(s.Rename) == 0 && fits(here.value, plain, s.Rename, known.Keys[s.Rename]) {
		edit = l.rename(here, s.Rename)
		table.folded[layout.FoldKey(s.Rename)]++ // the next one that is near has none
	}
	l.warn(FindingUnknownKey, here, n).Edit = edit
	return ""
}

// fits reports whether the value of a key is valid under a known name: it has the
// right type, and is not a duration without a unit, whose unit depends on the name.
func fits(value any, plain, name string, known *schema.Key) bool {
	_, isNumber := spelling.Number(value)
	return misfit(value, plain, name, known) == nil && !(known.IsDuration() && isNumber)
}

func (l *linter) reportKeyCase(here spot, table *keyed, plain, key, name string, known *schema.Key) {
	n := message{
		fmt.Sprintf("flyctl reads %s as %s, but does not translate old spellings or quoted numbers in it",
			excerpt.Quote(key), name),
		"flyctl accepts a key in any case, but translates old spellings and values only under keys in lower case",
		"write " + name,
	}
	switch {
	case plain != "":
	case name == "vm", name == "mounts", name == "metrics":
		n.what = fmt.Sprintf("flyctl ignores %s: it reads %s in lower case only", excerpt.Quote(key), name)
		n.why = "flyctl collects the sections with the lowercase name in one list, which replaces this one"
	}
	finding := l.warn(FindingKeyCase, here, n)
	if table.count(name) == 1 && fits(here.value, plain, name, known) {
		finding.Edit = l.rename(here, name)
	}
}

// placeOf names the table of a plain path in a sentence.
func placeOf(plain string) string {
	if plain == "" {
		return "at the top of the file"
	}
	return "in " + excerpt.Path(plain)
}

// deadKey is the text of a finding about a key that no longer does anything.
type deadKey struct{ what, fix string }

func (l *linter) reportDeadKey(s spot, d deadKey) {
	// As the templates of old had them: empty, zero, and auto_rollback on.
	severity := SeverityWarning
	if list, ok := s.value.([]any); ok && len(list) == 0 || legacy.Text(s.value) == "0" ||
		strings.HasSuffix(s.path, ".auto_rollback") {
		severity = SeverityInfo
	}
	l.add(severity, FindingDeadKey, s, message{
		d.what,
		"the key belongs to Fly's first platform or to an experiment that ended; flyctl no longer uses it",
		d.fix,
	})
}

// deadKeys returns the text for a key that only old files have.
func deadKeys(plain, key string) (deadKey, bool) {
	inCheck := strings.HasSuffix(plain, "checks") || strings.HasPrefix(plain, "checks.")
	switch {
	case plain == "services" && key == "script_checks":
		return deadKey{"script_checks no longer does anything: Machines have TCP and HTTP checks", "remove it"}, true
	case inCheck && key == "restart_limit":
		return deadKey{
			"restart_limit no longer does anything: a failing check does not restart a Machine",
			"remove it; [[restart]] sets what happens when the program exits",
		}, true
	case plain == "experimental" && key == "allowed_public_ports":
		return deadKey{
			"allowed_public_ports no longer does anything: it does not keep a port private",
			"remove it; the app's addresses and services decide what is public",
		}, true
	case plain == "experimental" && key == "private_network":
		return deadKey{
			"private_network no longer does anything: every app has a private network, and this does not make the " +
				"app less public",
			"remove it",
		}, true
	case plain == "experimental" && key == "auto_rollback":
		return deadKey{
			"auto_rollback no longer does anything: flyctl does not roll back a failed deploy",
			"remove it",
		}, true
	case (plain == "mounts" || plain == "mount") && key == "encrypted":
		return deadKey{
			"encrypted no longer does anything: encryption is chosen when a volume is created",
			"remove it",
		}, true
	case plain == "" && key == "redis", plain == "" && key == "scale":
		return deadKey{excerpt.Quote(key) + " no longer does anything", "remove it"}, true
	}
	return deadKey{}, false
}

// misplaced says where a key belongs that flyctl knows in another table.
func (l *linter) misplaced(plain, key string) (message, bool) {
	n := message{why: ignored}
	switch plain + "." + key {
	case "services.checks":
		n.what, n.fix = "[[services]] has no checks of this name, and flyctl ignores them",
			"rename it to [[services.http_checks]] or [[services.tcp_checks]]"
		return n, true
	case "http_service.ports":
		n.what, n.fix = "[http_service] has no ports: it always listens on 80 and 443, and flyctl ignores this key",
			"remove it, or write the service as [[services]] with [[services.ports]]"
		return n, true
	case "http_service.http_checks", "http_service.tcp_checks":
		n.what, n.fix = fmt.Sprintf("[http_service] has no %s, and flyctl ignores them", key),
			"rename it to [[http_service.checks]], which are HTTP checks; TCP checks work only in [[services]]"
		return n, true
	case "http_service.protocol":
		n.what, n.fix = "[http_service] has no protocol: it always uses TCP, and flyctl ignores this key",
			"remove it, or write the service as [[services]]"
		return n, true
	}
	home, ok := homeOf(plain, key, l.tablesWith()[key])
	if !ok {
		return n, false
	}
	n.what = fmt.Sprintf("the key %s has no meaning %s, and flyctl ignores it", excerpt.Quote(key), placeOf(plain))
	if plain != "" && l.file.Format() == syntax.TOML {
		n.why += "; in TOML a key belongs to the last header above it"
	}
	switch {
	case home.Own != "":
		n.fix = fmt.Sprintf("write it as its own section, %s", home.Own)
	case home.Path == "":
		n.fix = "move it to the top of the file, above the first table"
	default:
		n.fix = "move it to " + home.Title
	}
	return n, true
}

// tablesWith returns the tables that have each key.
func (l *linter) tablesWith() map[string][]schema.Home {
	if l.homes == nil {
		l.homes = schema.Root().Homes()
	}
	return l.homes
}

// vocabulary returns the words of flyctl's keys.
func (l *linter) vocabulary() spelling.Vocabulary {
	if l.words == nil {
		l.words = spelling.VocabularyOf(l.tablesWith())
	}
	return l.words
}

// homeOf returns the table that a key was probably meant for, of those that have
// it: the top of the file, a table nearby, or the only one.
func homeOf(plain, key string, homes []schema.Home) (schema.Home, bool) {
	common := func(home string) int { // steps that two paths share
		a, b := strings.Split(plain, "."), strings.Split(home, ".")
		n := 0
		for n < len(a) && n < len(b) && a[n] == b[n] {
			n++
		}
		return n
	}
	steps := func(path string) int { return strings.Count(path, ".") + 1 }
	everywhere := []string{"processes", "checks", "container"} // known at the top, and in many tables besides
	var best schema.Home
	found := 0
	for _, home := range homes {
		if home.Path == "" && !slices.Contains(everywhere, key) {
			return home, true
		}
		if n := common(home.Path); home.Path != "" && plain != "" && n > found && steps(home.Path) <= n+1 {
			best, found = home, n
		}
	}
	if found > 0 {
		return best, true
	}
	// Words of every day are no sign of the table they belong to.
	if slices.Contains([]string{"args", "command", "file", "headers", "image", "method", "name", "path",
		"policy", "port", "processes", "source", "type", "version"}, key) ||
		plain != "" && slices.Contains([]string{"retries", "size", "settings"}, key) {
		return schema.Home{}, false
	}
	families := map[string]bool{}
	for _, home := range homes {
		if steps(home.Path) > steps(homes[0].Path) {
			break
		}
		family, _, _ := strings.Cut(home.Path, ".")
		switch family {
		case "services":
			family = "http_service"
		case "compute", "computes":
			family = "vm"
		case "mount":
			family = "mounts"
		case "metric":
			family = "metrics"
		}
		families[family] = true
		if best.Path == "" || home.Path == family {
			best = home
		}
	}
	return best, len(families) == 1
}
