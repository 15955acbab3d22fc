package layout

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// Positions maps the path of every key of a file, and of every item of its
// arrays, to where it stands. A path has the names joined by dots and an index
// behind each array: services[0].ports[1].port. Very long names and paths are
// cut, see [Join]: what stands deeper has no position.
type Positions map[string]Place

// Place is where a key and its value stand. An item of an array has no key:
// its own place stands for it.
type Place struct {
	Key   Span
	Value Span // empty if it is not one piece that can be replaced alone: TOML's tables with headers, YAML's blocks, anchors, aliases and tagged values
}

// Locate finds the keys of the file. What an alias of YAML repeats has the
// alias's place alone.
func Locate(f syntax.Format, data []byte) Positions {
	switch f {
	case syntax.JSON:
		return locateJSON(data)
	case syntax.YAML:
		return locateYAML(data)
	}
	return locateTOML(data)
}

// add notes a place, the first of those a path has.
func (p Positions) add(path string, at Place) {
	if _, seen := p[path]; !seen {
		p[path] = at
	}
}

// What a path holds of one name, and the length from which on it is not
// extended: a hostile file repeats a long name in the path of every key.
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
