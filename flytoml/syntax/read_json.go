package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// nullReason is the reason for a document that is null: flyctl's translations write into it and
// crash.
const nullReason = "the file contains null, and flyctl crashes on it: write a table ({} for an empty one)"

func decodeJSON(data []byte) (map[string]any, error) {
	doc := map[string]any{}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// readJSON accepts what encoding/json accepts: no comments, no trailing commas,
// no byte order mark, and nothing after the value. If a key is repeated, the last
// one counts. Strings may contain bytes that are not UTF-8, as in flyctl.
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

// jsonError converts encoding/json's error.
func jsonError(data []byte, err error) *Error {
	reason := excerpt.Line(err.Error())
	offset := firstByte(data) // for a document that is not an object
	var syntaxErr *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntaxErr):
		// The offset is after the wrong byte, or at the end if a byte is missing.
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
		// Too large. The offset is after the number, or after the byte that ends it.
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

// firstByte returns the offset at which a JSON document begins.
func firstByte(data []byte) int {
	return len(data) - len(bytes.TrimLeft(data, " \t\r\n"))
}

func inNumber(b byte) bool {
	return strings.IndexByte("+-.eE0123456789", b) >= 0
}
