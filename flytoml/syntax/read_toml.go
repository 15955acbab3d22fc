package syntax

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

func decodeTOML(data []byte) (map[string]any, error) {
	doc := map[string]any{}
	if err := toml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	return doc, nil
}

func readTOML(data []byte) (map[string]any, *Error) {
	if offset := tooDeep(data); offset >= 0 {
		return nil, ErrorAt("", data, offset, TooDeepReason())
	}
	if offset := findCrowded(data); offset >= 0 {
		return nil, ErrorAt("", data, offset, "too many keys in one table")
	}
	doc, err := decodeTOML(data)
	if err != nil {
		return nil, tomlError(data, err)
	}
	if offset, reason := unsafeBytes(data); offset >= 0 {
		return nil, ErrorAt("", data, offset, reason)
	}
	return doc, nil
}

// tomlError converts go-toml's error. If the cause is a byte that TOML does not
// allow, the reason names that byte instead of the symptom.
func tomlError(data []byte, err error) *Error {
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		// Only go-toml's errors about the whole document have no position.
		return ErrorAt("", data, 0, excerpt.Line(strings.TrimPrefix(err.Error(), "toml: "))).withText(err.Error())
	}
	row, column := decode.Position()
	e := ErrorAt("", data, offsetOf(data, row, column), excerpt.Line(strings.TrimPrefix(decode.Error(), "toml: ")))
	if offset, reason := unsafeBytes(data); offset >= 0 {
		e = ErrorAt("", data, offset, reason)
	}
	return e.withText(fmt.Sprintf("row %d column %d\n%s", row, column, decode.String()))
}
