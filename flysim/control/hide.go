package control

import (
	"encoding/json"
	"slices"
	"strings"
)

// hidden replaces a value that must not be shown.
const hidden = "(hidden)"

// shownBody returns a call's body without the values of environments, secrets and files. ok is
// false, and nothing is shown, if the body is not a complete JSON document.
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

// hide replaces the secret parts of a value, or all of it if secret is set.
func hide(value any, secret bool) any {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			v[key] = hide(inner, secret || isSecretKey(key))
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

// isSecretKey reports whether the value of a key may be a secret. The key may be at any depth in the
// body of a call to either API. Command lines count as secret too, because no one has reviewed the
// body. (machine.IsSecret, which flysim may not import, decides by paths of a configuration.)
func isSecretKey(key string) bool {
	return slices.Contains([]string{
		"env", "secrets", "values", "raw_value", "headers", "build_args", "machine_config", "token",
		"cmd", "command", "entrypoint", "exec", "stdin",
	}, strings.ToLower(key))
}
