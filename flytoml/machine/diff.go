package machine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Change is one value that differs between two configurations. Before and After
// are compact JSON, empty if the value is absent. Values that may be secrets
// (environment values, file contents, check headers) are masked and show only
// their length.
type Change struct {
	Path   string
	Before string
	After  string
	Given  bool // After may be a secret and is not masked: see [DiffGiven]
}

// String returns the change on one line.
func (c Change) String() string {
	switch {
	case c.Before == "":
		return c.Path + " = " + c.After
	case c.After == "":
		return c.Path + " removed (was " + c.Before + ")"
	}
	return c.Path + ": " + c.Before + " → " + c.After
}

// Key returns the top-level field that contains the value.
func (c Change) Key() string {
	if end := strings.IndexAny(c.Path, ".["); end > 0 {
		return c.Path[:end]
	}
	return c.Path
}

// Equal reports whether two configurations mean the same to Fly. Absent, null and
// empty values are equal; so are autostop's "off" and false, and "stop" and true.
// The order of a check's headers does not matter. In a list (the arguments of a
// command) and in an environment, an empty string is a value.
func Equal(a, b Config) bool {
	return a.Hash() == b.Hash()
}

// Hash returns the SHA-256 of the canonical form, in hex. Configurations that are
// [Equal] have the same hash.
func (c Config) Hash() string {
	var buf bytes.Buffer
	writeCanonical(&buf, c.normalised())
	sum := sha256.Sum256(buf.Bytes())
	return hex.EncodeToString(sum[:])
}

// Diff lists the changes from a to b, sorted by path.
func Diff(a, b Config) []Change { return diff(a, b, maskChange) }

func diff(a, b Config, mask func(Change) Change) []Change {
	before, after := make(map[string]string), make(map[string]string)
	flatten(before, "", a.normalised())
	flatten(after, "", b.normalised())
	var changes []Change
	for path, was := range before {
		if now := after[path]; now != was {
			changes = append(changes, mask(Change{Path: path, Before: was, After: now}))
		}
	}
	for path, now := range after {
		if _, ok := before[path]; !ok {
			changes = append(changes, mask(Change{Path: path, After: now}))
		}
	}
	slices.SortFunc(changes, func(x, y Change) int { return strings.Compare(x.Path, y.Path) })
	return changes
}

// DiffKeys lists the top-level fields in which a and b differ, sorted.
func DiffKeys(a, b Config) []string {
	x, y := a.normalised(), b.normalised()
	keys := maps.Clone(x)
	maps.Copy(keys, y)
	var differ []string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		var left, right bytes.Buffer
		writeCanonical(&left, x[key])
		writeCanonical(&right, y[key])
		if !bytes.Equal(left.Bytes(), right.Bytes()) {
			differ = append(differ, key)
		}
	}
	return differ
}

// tree is a JSON value: map[string]tree, []tree, or a literal. Numbers keep their
// spelling, so that no precision is lost.
type tree any

func (c Config) normalised() map[string]tree {
	out := make(map[string]tree, len(c.fields))
	for key, raw := range c.fields {
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		var value tree
		if dec.Decode(&value) != nil {
			value = string(raw)
		}
		if value = normalise(key, value); value != nil {
			out[key] = value
		}
	}
	return out
}

// normalise removes null and empty values, and unifies spellings that mean the
// same to Fly. It returns nil for a value that is removed.
func normalise(path string, value tree) tree {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]tree, len(v))
		for key, child := range v {
			if n := normalise(path+"."+key, child); n != nil {
				out[key] = n
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		out := make([]tree, 0, len(v))
		for _, child := range v {
			n := normalise(path, child)
			if child == "" {
				n = "" // redis-server --save ""
			}
			if n != nil {
				out = append(out, n)
			}
		}
		if len(out) == 0 {
			return nil
		}
		if isCheckHeaders(path) {
			slices.SortFunc(out, compareCanonical)
		}
		return out
	case string:
		switch {
		case v == "" && !isEnvironment(path):
			return nil
		case path == "services.autostop" && v == "off":
			return false
		case path == "services.autostop" && v == "stop":
			return true
		}
		return v
	case bool:
		// Clients leave out a port's false (omitempty), and the API sometimes returns it.
		if !v && strings.HasSuffix(path, ".force_https") {
			return nil
		}
		return v
	}
	return value
}

// isCheckHeaders reports whether a path, without indices, is the list of headers of
// a service's check (services.checks.headers) or of a top-level check
// (checks.NAME.headers).
func isCheckHeaders(path string) bool {
	return strings.HasSuffix(path, ".checks.headers") ||
		strings.HasPrefix(path, "checks.") && strings.HasSuffix(path, ".headers")
}

// isEnvironment reports whether a path is an environment variable of the Machine or
// of one of its processes or containers.
func isEnvironment(path string) bool {
	return strings.HasPrefix(path, "env.") || strings.Contains(path, ".env.")
}

func compareCanonical(a, b tree) int {
	var x, y bytes.Buffer
	writeCanonical(&x, a)
	writeCanonical(&y, b)
	return bytes.Compare(x.Bytes(), y.Bytes())
}

func writeCanonical(buf *bytes.Buffer, value tree) {
	switch v := value.(type) {
	case map[string]tree:
		buf.WriteByte('{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				buf.WriteByte(',')
			}
			buf.WriteString(strconv.Quote(key))
			buf.WriteByte(':')
			writeCanonical(buf, v[key])
		}
		buf.WriteByte('}')
	case []tree:
		buf.WriteByte('[')
		for i, child := range v {
			if i > 0 {
				buf.WriteByte(',')
			}
			writeCanonical(buf, child)
		}
		buf.WriteByte(']')
	case string:
		buf.WriteString(strconv.Quote(v))
	case nil:
		buf.WriteString("null")
	default: // bool, json.Number
		fmt.Fprint(buf, v)
	}
}

// flatten stores the literals of a value in out, by path. Items of lists are
// addressed by index. A key that looks like a path is quoted, so that no two
// values have the same path.
func flatten(out map[string]string, path string, value tree) {
	switch v := value.(type) {
	case map[string]tree:
		for key, child := range v {
			next := key
			if key == "" || strings.ContainsAny(key, `.[]"`) {
				next = strconv.Quote(key)
			}
			if path != "" {
				next = path + "." + next
			}
			flatten(out, next, child)
		}
	case []tree:
		if scalars(v) {
			out[path] = canonical(v)
			return
		}
		for i, child := range v {
			flatten(out, fmt.Sprintf("%s[%d]", path, i), child)
		}
	default:
		out[path] = canonical(value)
	}
}

func scalars(values []tree) bool {
	for _, v := range values {
		switch v.(type) {
		case map[string]tree, []tree:
			return false
		}
	}
	return true
}

func canonical(value tree) string {
	var buf bytes.Buffer
	writeCanonical(&buf, value)
	return buf.String()
}

// HeldValues is the set of values that the platform already has and that may be
// secrets, with the path of each.
type HeldValues map[string]string

// Add adds the values of a configuration that may be secrets.
func (h HeldValues) Add(c Config) {
	flat := make(map[string]string)
	flatten(flat, "", c.normalised())
	for _, path := range slices.Sorted(maps.Keys(flat)) {
		if !IsSecret(path) {
			continue
		}
		for _, literal := range literals(flat[path]) {
			if _, ok := h[literal]; !ok {
				h[literal] = path
			}
		}
	}
}

// literals returns the items of a list and the list itself, or just the value if it is not a
// list.
func literals(value string) []string {
	out := []string{value}
	rest, ok := strings.CutPrefix(value, "[")
	for ok && strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			break
		}
		out = append(out, quoted)
		rest = strings.TrimPrefix(rest[len(quoted):], ",")
	}
	return out
}

// minSecretLength is the minimum length of a variable's value that can be a secret.
// Values such as 1 and true are in the environment of many programs.
const minSecretLength = 6

// placeOf returns the path at which the platform already has the value, or an item
// of it; empty if there is none.
func (h HeldValues) placeOf(path, value string) string {
	for _, literal := range literals(value) {
		// A short value of a variable is not a secret that was moved here from another
		// variable. An item of a list may have been moved.
		if isEnvironment(path) && !strings.HasPrefix(value, "[") && len(literal) < minSecretLength+len(`""`) {
			continue
		}
		if at, ok := h[literal]; ok && literal != `""` {
			return at
		}
	}
	return ""
}

// DiffGiven is [Diff] for the person who approves b. It shows the values of b
// that may be secrets, except for those that the platform already has. The result
// must never reach a model or a log.
func DiffGiven(a, b Config, held HeldValues) []Change {
	return diff(a, b, func(c Change) Change {
		if !IsSecret(c.Path) || c.After == "" {
			return maskChange(c)
		}
		if at := held.placeOf(c.Path, c.After); at != "" {
			c.Before, c.After = Mask(c.Before, ""),
				Mask(c.After, ", the value that Fly holds at "+strings.ReplaceAll(at, "›", ""))
			return c
		}
		c.Before, c.Given = Mask(c.Before, ""), true
		return c
	})
}

// maskChange masks the values of a change that may be secrets.
func maskChange(c Change) Change {
	if !IsSecret(c.Path) {
		return c
	}
	suffix := ""
	if c.Before != "" && c.After != "" {
		suffix = ", changed"
	}
	c.Before, c.After = Mask(c.Before, ""), Mask(c.After, suffix)
	return c
}

// IsSecret reports whether the value at a path of a Machine's configuration, or
// of a fly.toml, may be a secret: environment values other than the two that
// Fly sets, build arguments, the contents of files, the values of headers that
// checks send, and JSON in machine_config.
//
// Command lines (init, processes, containers) may hold secrets too, but are shown:
//
//   - A plan has one set of changes. The person who approves reads it, the model
//     reads it, and its digest is what was approved. If command lines were secret,
//     [DiffGiven] would mask the earlier command and every one that Fly already
//     has, so the person could not see what will run, and digests would change.
//   - A masked fly.toml is what a model edits. It needs [processes] to do that, and
//     a file with a mask cannot be deployed ([HoldsMask]).
//
// Errors of package flytoml that quote unparsed text do hide command lines.
func IsSecret(path string) bool {
	if path == "env.FLY_PROCESS_GROUP" || path == "env.PRIMARY_REGION" {
		return false
	}
	path = strings.ToLower(path)
	switch {
	case path == "env", isEnvironment(path), strings.HasSuffix(path, ".env"):
		return true
	case strings.Contains(path, "raw_value"), strings.HasPrefix(path, "build.args"):
		return true
	case strings.HasPrefix(path, "machine_config"), strings.HasSuffix(path, ".machine_config"):
		return true
	case strings.Contains(path, "headers"):
		return strings.HasSuffix(path, ".values") || strings.Contains(path, "checks") && !strings.HasSuffix(path, "].name")
	}
	return false
}

// Mask returns the text that replaces a secret: its length in bytes, and a note.
// The mask of an empty value is empty.
func Mask(value, note string) string {
	if value == "" {
		return ""
	}
	n := len(value)
	if unquoted, err := strconv.Unquote(value); err == nil {
		n = len(unquoted)
	}
	return fmt.Sprintf("‹hidden, %d bytes%s›", n, note)
}

var maskForm = regexp.MustCompile(`‹hidden, [0-9]+ bytes[^›]*›`)

// HoldsMask reports whether a text contains a [Mask]. Sent as a value, the mask
// would replace the secret.
func HoldsMask(text string) bool { return maskForm.MatchString(text) }
