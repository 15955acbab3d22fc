package syntax

import (
	"bytes"
	"fmt"
)

// MaxDepth is how deep tables and arrays may nest.
const MaxDepth = 64

func TooDeepReason() string { return fmt.Sprintf("nested deeper than %d levels", MaxDepth) }

// tooDeepJSON finds the bracket that nests a JSON text deeper than MaxDepth;
// -1 if there is none.
func tooDeepJSON(data []byte) int {
	brackets := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			if brackets++; brackets > MaxDepth {
				return i
			}
		case ']', '}':
			brackets--
		}
	}
	return -1
}

// tooDeep finds where a text nests deeper than MaxDepth, before the decoder
// is let near it: brackets inside brackets, and dots inside one key. It knows
// TOML's strings and comments, nothing else; -1 if the text is shallow.
func tooDeep(data []byte) int {
	brackets, dots := 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '#':
			next := bytes.IndexByte(data[i:], '\n')
			if next < 0 {
				return -1
			}
			i += next
			dots = 0
		case '"', '\'':
			i = stringEnd(data, i) - 1
		case '[', '{':
			brackets++
			dots = 0
		case ']', '}':
			brackets = max(brackets-1, 0)
			dots = 0
		case '\n', ',', '=':
			dots = 0
		case '.':
			dots++
		}
		if brackets > MaxDepth || dots >= MaxDepth {
			return i
		}
	}
	return -1
}

// stringEnd is the offset just behind the string that begins at start, or the
// end of the line (of the text for a multi-line string) if it is not closed.
func stringEnd(data []byte, start int) int {
	quote := data[start]
	long := bytes.HasPrefix(data[start:], []byte{quote, quote, quote})
	i := start + 1
	if long {
		i = start + 3
	}
	for ; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] == '\n' && !long:
			return i
		case data[i] != quote:
		case !long:
			return i + 1
		case bytes.HasPrefix(data[i:], []byte{quote, quote, quote}):
			for i += 3; i < len(data) && data[i] == quote; i++ {
			}
			return i
		}
	}
	return len(data)
}

// Depth is how deep a value nests, counted no further than limit.
func Depth(value any, limit int) int {
	if limit == 0 {
		return 0
	}
	deepest := 0
	switch value := value.(type) {
	case map[string]any:
		for _, item := range value {
			deepest = max(deepest, Depth(item, limit-1))
		}
	case map[any]any: // in YAML, of keys that are not all strings
		for _, item := range value {
			deepest = max(deepest, Depth(item, limit-1))
		}
	case []any:
		for _, item := range value {
			deepest = max(deepest, Depth(item, limit-1))
		}
	default:
		return 0
	}
	return deepest + 1
}
