// Package flytoml reads, edits and converts fly.toml files.
//
// [Parse] keeps the file's bytes beside what they say, so that an edit can
// leave everything it is not about as it was. [File.Apply] converts a file to
// the Machine configuration that `fly deploy` would send, by flyctl's own
// rules, its quirks included (flyctl, internal/appconfig): unknown keys are
// ignored, key names match in any case, old spellings are translated first.
//
//	file, err := flytoml.Parse("fly.toml", data)
//	for _, group := range file.Groups() {
//		config, err := file.Apply(group, existing)
//	}
package flytoml

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// Limits of what Parse reads.
const (
	MaxSize  = 1 << 20 // bytes
	MaxDepth = 64      // nested tables and arrays
)

// File is a fly.toml as it was read: its bytes, and what they say. It is
// immutable, and safe for concurrent use.
type File struct {
	name   string
	format format
	data   []byte
	doc    map[string]any // as its format's decoder has it; nobody may change it
	def    *Definition    // doc as flyctl understands it
	err    error          // why flyctl would not accept doc's shape; def then holds app alone
	files  localFiles     // what the conversion may read beside it
}

// Parse reads a file. The name is used in messages and decides the format:
// *.json is JSON, *.yaml is YAML, everything else is TOML.
//
// An error is a [*SyntaxError]: the file is not TOML, or it is larger than
// [MaxSize], nested deeper than [MaxDepth], or holds bytes that cannot be
// edited safely (a byte order mark, NUL, lines that end in CR alone, invalid
// UTF-8). A file that is TOML but not a configuration that flyctl accepts is
// read; see [File.Definition] and [File.Validate].
func Parse(name string, data []byte) (*File, error) {
	format := formatOf(name)
	if len(data) > MaxSize {
		return nil, &SyntaxError{Name: name, Reason: fmt.Sprintf("the file has %d bytes, more than the %d allowed", len(data), MaxSize)}
	}
	if offset := tooDeep(data); offset >= 0 {
		return nil, syntaxErrorAt(name, data, offset, fmt.Sprintf("nested deeper than %d levels", MaxDepth))
	}
	data = bytes.Clone(data)
	doc, err := format.decode(data)
	if err != nil {
		return nil, decodeError(name, data, err)
	}
	if offset, reason := unsafeBytes(data); offset >= 0 {
		return nil, syntaxErrorAt(name, data, offset, reason)
	}
	if depth(doc, MaxDepth+1) > MaxDepth {
		return nil, &SyntaxError{Name: name, Reason: fmt.Sprintf("nested deeper than %d levels", MaxDepth)}
	}
	f := &File{name: name, format: format, data: data, doc: doc}
	f.def, f.err = define(doc)
	return f, nil
}

// Name is the name the file was read under.
func (f *File) Name() string { return f.name }

// Bytes returns a copy of the file's bytes.
func (f *File) Bytes() []byte { return bytes.Clone(f.data) }

// SHA256 is the hexadecimal digest of the file's bytes.
func (f *File) SHA256() string {
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

// App is the app the file names, empty if it names none.
func (f *File) App() string { return f.def.App }

// SyntaxError tells why a file could not be read, and where.
type SyntaxError struct {
	Name   string // of the file
	Row    int    // from 1; 0 if the error has no place
	Column int    // from 1, in bytes
	Line   string // the line, shortened around Column
	Caret  string // blanks and a ^ under the place in Line
	Reason string
	Text   string // go-toml's own excerpt, if the error is go-toml's
}

// Error is name:row:column: reason, followed by the line and the caret.
func (e *SyntaxError) Error() string {
	if e.Row == 0 {
		return fmt.Sprintf("%s: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("%s:%d:%d: %s\n%s\n%s", e.Name, e.Row, e.Column, e.Reason, e.Line, e.Caret)
}

// decodeError turns go-toml's error into ours. Where a byte that no TOML file
// may hold is to blame, the reason says so instead of naming the symptom.
func decodeError(name string, data []byte, err error) *SyntaxError {
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		return &SyntaxError{Name: name, Reason: strings.TrimPrefix(err.Error(), "toml: ")}
	}
	row, column := decode.Position()
	e := syntaxErrorAt(name, data, offsetOf(data, row, column), oneLine(strings.TrimPrefix(decode.Error(), "toml: ")))
	if offset, reason := unsafeBytes(data); offset >= 0 {
		e = syntaxErrorAt(name, data, offset, reason)
	}
	// One replacement character for each byte that is not UTF-8, as JSON has it.
	e.Text = string([]rune(fmt.Sprintf("row %d column %d\n%s", row, column, decode.String())))
	return e
}

func offsetOf(data []byte, row, column int) int {
	offset := 0
	for ; row > 1; row-- {
		next := bytes.IndexByte(data[offset:], '\n')
		if next < 0 {
			break
		}
		offset += next + 1
	}
	return min(offset+column-1, len(data))
}

// The widest piece of a line that an error shows.
const maxLine = 120

func syntaxErrorAt(name string, data []byte, offset int, reason string) *SyntaxError {
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	end := len(data)
	if next := bytes.IndexByte(data[start:], '\n'); next >= 0 {
		end = start + next
	}
	e := &SyntaxError{
		Name:   name,
		Row:    bytes.Count(data[:start], []byte("\n")) + 1,
		Column: offset - start + 1,
		Reason: reason,
	}
	if offset-start > maxLine*2/3 {
		start = offset - maxLine*2/3
	}
	end = max(min(end, start+maxLine), start)
	at := min(offset, end)
	before := printable(data[start:at])
	e.Line = before + printable(data[at:end])
	e.Caret = strings.Repeat(" ", utf8.RuneCountInString(before)) + "^"
	return e
}

// printable shows text on one line, one rune for each: control characters and
// bytes that are not UTF-8 become the replacement character.
func printable(text []byte) string {
	text = bytes.TrimSuffix(text, []byte("\r"))
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !visible(r):
			return utf8.RuneError
		}
		return r
	}, string(text))
}

// unsafeBytes finds the first byte that keeps a file from being read and
// edited faithfully; the offset is -1 if there is none.
func unsafeBytes(data []byte) (offset int, reason string) {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return 0, "the file begins with a UTF-8 byte order mark, which flyctl refuses: save it without"
	}
	for i := 0; i < len(data); {
		switch b := data[i]; {
		case b == 0:
			return i, "the file holds a NUL byte"
		case b == '\r' && (i+1 == len(data) || data[i+1] != '\n'):
			return i, "a line ends in CR alone: use LF or CRLF"
		case b < utf8.RuneSelf:
			i++
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i, "a byte is not valid UTF-8: save the file as UTF-8"
		}
		i += size
	}
	return -1, ""
}
