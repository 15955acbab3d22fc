package syntax

import (
	"bytes"
	"fmt"
)

// MaxDepth is how deep tables and arrays may nest.
const MaxDepth = 64

// TooDeepReason returns the reason of an [Error] for a file that nests too deep.
func TooDeepReason() string { return fmt.Sprintf("nested deeper than %d levels", MaxDepth) }

// tooDeepJSON returns the offset of the bracket that nests a JSON text deeper
// than MaxDepth, -1 if there is none.
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

// tooDeep returns the offset at which a text nests deeper than MaxDepth, -1 if
// there is none. It runs before the decoder, and counts brackets inside brackets
// and dots in a key. All it knows of TOML is strings and comments.
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

// stringEnd returns the offset after the string that begins at start. If the
// string is not closed, it returns the end of the line, or of the text for a
// multi-line string.
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

// Depth returns how deep a value nests. It stops counting at limit.
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
	case map[any]any: // YAML mappings whose keys are not all strings
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
