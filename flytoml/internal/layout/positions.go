package layout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Positions maps the path of every key of a file, and of every item of its
// arrays, to its place. A path joins names by dots and has an index after each
// array: services[0].ports[1].port. Very long names and paths are cut (see
// [Join]); keys below a cut path have no place.
type Positions map[string]Place

// Place is the place of a key and its value. An item of an array has no key: its
// Key is the item itself.
type Place struct {
	Key Span
	// Value is empty unless the value is one piece that can be replaced alone. TOML's tables
	// with headers are not, nor are YAML's blocks, anchors, aliases and tagged values.
	Value Span
}

// Locate returns the places of the keys of a file that its format's decoder has read
// without an error. It refuses nothing, unlike [Scan]: the linter must be able to point at
// duplicate and odd keys. What a YAML alias repeats has no places beside the alias's.
func Locate(f syntax.Format, data []byte) Positions {
	switch f {
	case syntax.JSON:
		return locateJSON(data)
	case syntax.YAML:
		return locateYAML(data)
	}
	return locateTOML(data)
}

// add records a place. The first one of a path counts.
func (p Positions) add(path string, at Place) {
	if _, seen := p[path]; !seen {
		p[path] = at
	}
}

// The longest part of a name that a path has, and the length from which it is not
// extended. A hostile file repeats a long name in the path of every key.
const (
	maxName = 128
	MaxPath = 512
)

// Join adds a name to a path.
func Join(path, name string) string {
	if len(path) > MaxPath {
		return path
	}
	if len(name) > maxName {
		name = name[:maxName] + "…"
	}
	if name == "" || strings.ContainsAny(name, ".[] \t\"'") {
		name = fmt.Sprintf("%q", name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// ItemOf adds an index to a path.
func ItemOf(path string, i int) string {
	if len(path) > MaxPath {
		return path
	}
	return path + "[" + strconv.Itoa(i) + "]"
}
