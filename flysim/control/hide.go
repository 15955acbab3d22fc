package control

import (
	"encoding/json"
	"slices"
	"strings"
)

// hidden is what stands in the place of a value that nobody should read.
const hidden = "(hidden)"

// shownBody is a call's body without the values of environments, secrets and
// files. One that is no whole JSON document is not shown: it might hold them.
func shownBody(body []byte) (text string, ok bool) {
	if len(body) == 0 {
		return "", true
	}
	var document any
	if json.Unmarshal(body, &document) != nil {
		return "", false
	}
	out, err := json.Marshal(hide(document, false))
	return string(out), err == nil
}

// hide replaces what is secret; all of the value is where secret says so.
func hide(value any, secret bool) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = hide(inner, secret || secretKey(key))
		}
	case []any:
		for i, inner := range v {
			v[i] = hide(inner, secret)
		}
	case nil:
	default:
		if secret {
			return hidden
		}
	}
	return value
}

// secretKey reports whether what a key holds is not for everybody's eyes.
func secretKey(key string) bool {
	return slices.Contains([]string{"env", "secrets", "values", "raw_value", "headers", "build_args", "token",
		"cmd", "command", "stdin"}, strings.ToLower(key))
}
