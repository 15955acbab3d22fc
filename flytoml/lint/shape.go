package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// checkShape reports a value that flyctl cannot decode. It runs only for files that
// flyctl could not decode. at is the plain path of the key.
func (l *linter) checkShape(s spot, at string, known *schema.Key) {
	plain, key := "", at
	if i := strings.LastIndexByte(at, '.'); i >= 0 {
		plain, key = at[:i], at[i+1:]
	}
	if key == "auto_stop_machines" {
		l.checkAutostop(s)
		return
	}
	if err := misfit(s.value, plain, key, known); err != nil {
		finding := l.error(FindingInvalid, s, message{
			fmt.Sprintf("flyctl cannot read the value of %s, and refuses the file", excerpt.Quote(key)),
			"flyctl says: " + excerpt.Line(err.Error()), shapeFix(s.value, plain, known),
		})
		finding.Edit = unquoted(s, plain, key, known)
		if known.Type == reflect.TypeFor[flytoml.MachinePersistRootfs]() {
			finding.Edit = l.spelling(s, "never", "restart", "always")
		}
	}
}

// unquoted returns the edit that removes the quotes of a number, true or false, or
// nil if the text is something else or flyctl could not read the result.
func unquoted(s spot, plain, key string, known *schema.Key) *TextEdit {
	word, ok := s.value.(string)
	if !ok || known.Type == nil || known.IsDuration() {
		return nil
	}
	var value any
	switch kindOf(known) {
	case reflect.Bool:
		word = strings.ToLower(word)
		if word != "true" && word != "false" {
			return nil
		}
		value = word == "true"
	case reflect.Int, reflect.Uint32:
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != word {
			return nil
		}
		value = n
	case reflect.Float64:
		n, err := strconv.ParseFloat(word, 64)
		if err != nil || strings.Trim(word, "0123456789.") != "" || word[0] == '.' || word[len(word)-1] == '.' ||
			word[0] == '0' && len(word) > 1 && word[1] != '.' {
			return nil
		}
		value = n
	default:
		return nil
	}
	if misfit(value, plain, key, known) != nil {
		return nil
	}
	return replaceValue(s, word)
}

// kindOf returns the kind of a key's value; for a pointer, of what it points to.
func kindOf(known *schema.Key) reflect.Kind {
	if known.Type.Kind() == reflect.Pointer {
		return known.Type.Elem().Kind()
	}
	return known.Type.Kind()
}

// shapeFix says what a value must be.
func shapeFix(value any, plain string, known *schema.Key) string {
	_, isText := value.(string)
	forgiven := isText && strings.HasPrefix(plain, "http_service")
	switch known.Type {
	case reflect.TypeFor[flytoml.MachinePersistRootfs]():
		return `write "never", "restart" or "always"`
	case reflect.TypeFor[flytoml.Duration](), reflect.TypeFor[*flytoml.Duration]():
		return `write a duration with a unit, for example "15s"`
	case nil:
		return "correct the value"
	}
	kind := known.Type
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch kind.Kind() {
	case reflect.Float64:
		return "write a number without quotes: a share, for example 0.33 for a third, or a whole number"
	case reflect.Int, reflect.Uint32:
		if forgiven {
			return "write a whole number without quotes: flyctl accepts quotes under [[services]], but not under [http_service]"
		}
		return "write a whole number of 0 or more, without quotes"
	case reflect.Bool:
		return "write true or false, without quotes"
	case reflect.String:
		return "write text in quotes"
	case reflect.Slice:
		if known.Keys == nil {
			return `write a list of strings, for example ["app"]`
		}
		return "write a list of tables, each under a header in double brackets"
	case reflect.Struct:
		return "write one table, under a header in single brackets"
	case reflect.Map:
		return "write one table of names and values"
	}
	return "correct the value"
}

// misfit returns why flyctl cannot decode a value, in flyctl's words. It translates
// the value as flyctl does, and then decodes it with encoding/json.
func misfit(value any, plain, key string, known *schema.Key) error {
	table := map[string]any{key: legacy.Clone(value)}
	inServices := plain == "services" || strings.HasPrefix(plain, "services.")
	inCheck := inServices && strings.HasSuffix(plain, "_checks") || plain == "checks" ||
		strings.HasPrefix(plain, "checks.")
	var err error
	switch {
	case known.Type == nil:
		return nil
	case plain == "" && slices.Contains([]string{"compute", "computes", "vm", "mount", "mounts", "metric",
		"metrics"}, key):
		_, err = legacy.Tables(value)
		return err
	case plain == "" && key == "env":
		_, err = legacy.EnvStrings(value)
		return err
	case plain == "" && (key == "services" || key == "processes" || key == "checks" || key == "experimental" ||
		key == "build"):
		return topShape(key, value)
	case inServices && (key == "internal_port" || key == "port"):
		err = legacy.ToInt(table, key)
	case inServices && (key == "tcp_checks" || key == "http_checks" || key == "ports"):
		_, err = legacy.Tables(value)
		return err
	case plain == "services" && key == "concurrency":
		if text, ok := value.(string); ok {
			_, err = legacy.LegacyConcurrency(text)
			return err
		}
		if _, ok := value.(map[string]any); !ok {
			return fmt.Errorf("Unknown type for service concurrency: %T", value)
		}
		return nil
	case inCheck && key == "headers":
		_, err = legacy.CheckHeaders(value)
		return err
	case inCheck && (key == "interval" || key == "timeout" || key == "grace_period"):
		table[key] = legacy.DurationIn(value, time.Millisecond)
	case (plain == "" || plain == "experimental") && key == "kill_timeout":
		table[key] = legacy.DurationIn(value, time.Second)
	case plain == "experimental" && (key == "cmd" || key == "entrypoint" || key == "exec"):
		_, err = legacy.StringList(value, key)
		return err
	case schema.IsVM(plain) && key == "memory", (plain == "mount" || plain == "mounts") && key == "initial_size":
		return nil
	case known.Keys != nil:
		return tableShape(value, known)
	}
	if err != nil {
		return err
	}
	data, err := json.Marshal(table[key])
	if err != nil {
		return err
	}
	err = json.Unmarshal(data, reflect.New(known.Type).Interface())
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return fmt.Errorf("json: cannot unmarshal %s into a field of type %s", mismatch.Value,
			legacy.TypeNames().Replace(known.Type.String()))
	}
	return err
}

func topShape(key string, value any) error {
	switch value := value.(type) {
	case map[string]any:
		return nil
	case []any:
		switch key {
		case "processes":
			return nil
		case "services":
			_, err := legacy.Tables(value)
			return err
		case "checks":
			for _, item := range value {
				check, ok := item.(map[string]any)
				if !ok {
					return fmt.Errorf("check item of unknown type: %T", item)
				}
				if _, ok := check["name"].(string); !ok {
					return errors.New("check item name not a string")
				}
			}
			return nil
		}
	}
	return fmt.Errorf("'%s' section of unknown type: %T", key, value)
}

// tableShape is misfit for tables and lists of tables. Their contents are checked
// separately.
func tableShape(value any, known *schema.Key) error {
	kind := known.Type
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	list := kind.Kind() == reflect.Slice
	got := "number"
	switch value := value.(type) {
	case nil:
		return nil
	case map[string]any:
		if !list {
			return nil
		}
		got = "object"
	case []any:
		for _, item := range value {
			if _, ok := item.(map[string]any); !ok && item != nil && list {
				return fmt.Errorf("json: cannot unmarshal an item into a field of type %s",
					legacy.TypeNames().Replace(known.Type.String()))
			}
		}
		if list {
			return nil
		}
		got = "array"
	case string:
		got = "string"
	case bool:
		got = fmt.Sprintf("bool %t", value)
	}
	return fmt.Errorf("json: cannot unmarshal %s into a field of type %s", got,
		legacy.TypeNames().Replace(known.Type.String()))
}

// checkAutostop reports a value of auto_stop_machines that flyctl refuses.
func (l *linter) checkAutostop(s spot) {
	const right = "off, stop or suspend"
	word, isText, shown := "", false, ""
	switch value := s.value.(type) {
	case nil, bool:
		return
	case string:
		if _, err := machine.ParseAutostop(value); err == nil {
			return
		}
		word, isText, shown = value, true, excerpt.Quote(value)
	case map[string]any:
		shown = "a table"
	case []any:
		shown = "a list"
	default:
		word = legacy.Text(value)
		shown = excerpt.Quote(word)
	}
	meant := ""
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "on", "true", "yes", "stop", "stopped", "enabled", "1":
		meant = "stop"
	case "off", "false", "no", "none", "never", "disabled", "0":
		meant = "off"
	case "suspend", "suspended", "pause", "paused", "sleep":
		meant = "suspend"
	}
	n := message{
		fmt.Sprintf("auto_stop_machines cannot be %s: flyctl refuses the file", shown),
		`flyctl accepts "off", "stop" and "suspend" and, without quotes, true for "stop" and false for "off"`,
		"write one of " + right,
	}
	if meant != "" {
		n.fix = fmt.Sprintf("did you mean %q?", meant)
	}
	finding := l.error(FindingAutostop, s, n)
	// "pause" and "sleep" are guesses; the others mean one thing.
	guess := slices.Contains([]string{"pause", "paused", "sleep"}, strings.ToLower(strings.TrimSpace(word)))
	if meant != "" && isText && !guess {
		finding.Edit = replaceValue(s, l.quoted(s, meant))
	}
}
