package flytoml

import (
	"fmt"
	"strconv"
	"strings"
)

// positions maps the path of every key of a file, and of every item of its
// arrays, to where it stands. A path has the names joined by dots and an index
// behind each array: services[0].ports[1].port. Very long names and paths are
// cut, see join: what stands deeper has no position.
type positions map[string]place

// place is where a key and its value stand. An item of an array has no key:
// its own place stands for it.
type place struct {
	key   span
	value span // empty if it is not one piece that can be replaced alone: TOML's tables with headers, YAML's blocks, anchors, aliases and tagged values
}

// locate finds the keys of the file. What an alias of YAML repeats has the
// alias's place alone.
func (f *File) locate() positions {
	switch f.format {
	case formatJSON:
		return locateJSON(f.data)
	case formatYAML:
		return locateYAML(f.data)
	}
	return locateTOML(f.data)
}

// add notes a place, the first of those a path has.
func (p positions) add(path string, at place) {
	if _, seen := p[path]; !seen {
		p[path] = at
	}
}

// What a path holds of one name, and the length from which on it is not
// extended: a hostile file repeats a long name in the path of every key.
const (
	maxName = 128
	maxPath = 512
)

// join adds a name to a path.
func join(path, name string) string {
	if len(path) > maxPath {
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

// itemOf adds an index to a path.
func itemOf(path string, i int) string {
	if len(path) > maxPath {
		return path
	}
	return path + "[" + strconv.Itoa(i) + "]"
}
