package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// reportSwallowed reports a key of flyctl's that became an entry of a table in which
// names are free, such as headers or env: in TOML a key belongs to the last
// header above it, whatever its indentation says. around is the shape of the
// table that this one is in.
func (l *linter) reportSwallowed(s spot, plain, key string, below, around *schema.Key) bool {
	if around == nil || !l.isSwallowed(plain, key, around) {
		return false
	}
	last := plain[strings.LastIndexByte(plain, '.')+1:]
	home := strings.TrimSuffix(strings.TrimSuffix(plain, last), ".")
	title := "the top of the file"
	if home != "" {
		title = around.Header(home)
	}
	if around.Keys[key] == nil {
		title = "its own section"
	}
	n := message{
		fmt.Sprintf("%s is an entry of %s here, not a setting", excerpt.Quote(key), excerpt.Path(plain)),
		fmt.Sprintf("it is in the table %s, where any name is allowed", last),
		"move it to " + title,
	}
	if l.file.Format() == syntax.TOML {
		header := "[" + plain + "]"
		n.why = fmt.Sprintf(
			"in TOML a key belongs to the last header above it, whatever its indentation, and that is %s", excerpt.Path(header))
		n.fix += ", above " + excerpt.Path(header)
	}
	if l.refusal != nil && misfit(s.value, plain, key, below) != nil {
		l.error(FindingSwallowedKey, s, n)
	} else {
		l.warn(FindingSwallowedKey, s, n)
	}
	return true
}

// isSwallowed reports whether a free name can only be a setting of the table
// around it. In env and other tables with free names, that is a name of several
// words in flyctl's own spelling.
func (l *linter) isSwallowed(plain, key string, around *schema.Key) bool {
	if strings.HasSuffix(plain, "headers") {
		return around.Keys[key] != nil && key != "headers" && around.Keys["headers"] != nil
	}
	if !strings.ContainsAny(key, "_-") || plain == "checks" {
		return false
	}
	for _, home := range l.tablesWith()[key] {
		if home.Own == "" && slices.Contains([]string{"", "http_service", "build", "deploy"}, home.Path) {
			return true
		}
	}
	return false
}
