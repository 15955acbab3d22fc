package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// nullReason is said of a document that holds nothing: flyctl's translations
// write into it, and crash.
const nullReason = "the file holds null, on which flyctl crashes: write a table, {} if it is to be empty"

func decodeJSON(data []byte) (map[string]any, error) {
	doc := map[string]any{}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// readJSON reads what encoding/json does: no comments, no trailing commas, no
// byte order mark, nothing behind the value; of equal keys the last counts.
// Bytes that are not UTF-8 are read in strings, as flyctl reads them.
func readJSON(data []byte) (map[string]any, *Error) {
	if offset := tooDeepJSON(data); offset >= 0 {
		return nil, ErrorAt("", data, offset, TooDeepReason())
	}
	doc, err := decodeJSON(data)
	if err != nil {
		return nil, jsonError(data, err)
	}
	if doc == nil {
		return nil, ErrorAt("", data, firstByte(data), nullReason)
	}
	return doc, nil
}

// jsonError turns encoding/json's error into ours.
func jsonError(data []byte, err error) *Error {
	reason := excerpt.Line(err.Error())
	offset := firstByte(data) // of a document that is no object
	var syntaxErr *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntaxErr):
		// The offset is behind the byte to blame, and at the end where one is missing.
		offset = int(syntaxErr.Offset) - 1
		switch {
		case bytes.HasPrefix(data, []byte(ByteOrderMark)):
			offset, reason = unsafeBytes(data)
		case int(syntaxErr.Offset) == len(data) && reason == "unexpected end of JSON input":
			offset = len(data)
		case data[offset] == '/':
			reason += ": there are no comments in JSON"
		case (data[offset] == '}' || data[offset] == ']') &&
			bytes.HasSuffix(bytes.TrimRight(data[:offset], " \t\r\n"), []byte(",")):
			reason += ": there are no trailing commas in JSON"
		}
	case errors.As(err, &mismatch) && strings.HasPrefix(mismatch.Value, "number "):
		// Too large. The offset is behind the number, or behind the byte that ends it.
		offset = min(int(mismatch.Offset), len(data))
		if offset > 0 && !inNumber(data[offset-1]) {
			offset--
		}
		for offset > 0 && inNumber(data[offset-1]) {
			offset--
		}
	}
	return ErrorAt("", data, min(max(offset, 0), len(data)), reason).withText(err.Error())
}

// firstByte is where a JSON document begins.
func firstByte(data []byte) int {
	return len(data) - len(bytes.TrimLeft(data, " \t\r\n"))
}

func inNumber(b byte) bool {
	return strings.IndexByte("+-.eE0123456789", b) >= 0
}
