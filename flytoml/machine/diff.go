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

// Change is one value that differs between two configurations. Before and
// After are compact JSON, empty when the value is absent; what may be a secret
// (environment values, file contents, check headers) is masked and only says
// how long it is.
type Change struct {
	Path   string
	Before string
	After  string
	Given  bool // After is at a place of secrets, and not masked: see [DiffGiven]
}

// String is the change on one line.
func (c Change) String() string {
	switch {
	case c.Before == "":
		return c.Path + " = " + c.After
	case c.After == "":
		return c.Path + " removed (was " + c.Before + ")"
	}
	return c.Path + ": " + c.Before + " → " + c.After
}

// Key is the top-level field that the value lies in.
func (c Change) Key() string {
	if end := strings.IndexAny(c.Path, ".["); end > 0 {
		return c.Path[:end]
	}
	return c.Path
}

// Equal reports whether two configurations mean the same to Fly: absent, null
// and empty values are alike, "off"/"stop" and false/true of autostop are
// alike, and the headers of a check are a set. An empty string is a value in a
// list (an argument of a command) and in an environment.
func Equal(a, b Config) bool {
	return a.Hash() == b.Hash()
}

// Hash is the SHA-256 of the canonical form, in hex. Configurations that are
// [Equal] have the same hash.
func (c Config) Hash() string {
	var buf bytes.Buffer
	writeCanonical(&buf, c.normalised())
	sum := sha256.Sum256(buf.Bytes())
	return hex.EncodeToString(sum[:])
}

// Diff lists what has to change to make b of a, sorted by path.
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

// tree is a JSON value: map[string]tree, []tree, or a literal. Numbers stay as
// they were written so that no precision is lost.
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

// normalise drops what is null or empty and brings the spellings that Fly
// treats alike to one. It returns nil for what is to be dropped.
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
		if checkHeaders(path) {
			slices.SortFunc(out, compareCanonical)
		}
		return out
	case string:
		switch {
		case v == "" && !environment(path):
			return nil
		case path == "services.autostop" && v == "off":
			return false
		case path == "services.autostop" && v == "stop":
			return true
		}
		return v
	case bool:
		// A port's false is written by nobody (omitempty) and echoed by some.
		if !v && strings.HasSuffix(path, ".force_https") {
			return nil
		}
		return v
	}
	return value
}

// checkHeaders reports whether a path, without indices, is the list of headers
// of a service's check (services.checks.headers) or of a top-level one
// (checks.NAME.headers).
func checkHeaders(path string) bool {
	return strings.HasSuffix(path, ".checks.headers") ||
		strings.HasPrefix(path, "checks.") && strings.HasSuffix(path, ".headers")
}

// environment reports whether a path is a variable of the Machine's environment
// or of that of one of its processes or containers.
func environment(path string) bool {
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

// flatten turns a value into path → literal. Arrays are addressed by index; a
// key that could be taken for a path is quoted, so that no two values share one.
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

// Held are values that the platform holds and that may be secrets, with the
// place where each is.
type Held map[string]string

// Add adds the secrets of a configuration.
func (h Held) Add(c Config) {
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

// literals are the elements of a list, and the list; else the value alone.
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

// shortest is how long a variable's value is that can be a secret at all: a 1
// or a true is in the environment of many programs.
const shortest = 6

// where is the place at which the platform holds a value already, or an element
// of it; empty if there is none.
func (h Held) where(path, value string) string {
	for _, literal := range literals(value) {
		// A variable has its place by its name: it was not moved there from
		// another one, as an element of a list may have been.
		if environment(path) && !strings.HasPrefix(value, "[") && len(literal) < shortest+len(`""`) {
			continue
		}
		if at, ok := h[literal]; ok && literal != `""` {
			return at
		}
	}
	return ""
}

// DiffGiven is [Diff] for the person who has to approve what b brings: a value of b at a
// place of secrets is shown, unless it is one that the platform holds. Its answer
// is never for a model or a log.
func DiffGiven(a, b Config, held Held) []Change {
	return diff(a, b, func(c Change) Change {
		if !IsSecret(c.Path) || c.After == "" {
			return maskChange(c)
		}
		if at := held.where(c.Path, c.After); at != "" {
			c.Before, c.After = Mask(c.Before, ""),
				Mask(c.After, ", the value that Fly holds at "+strings.ReplaceAll(at, "›", ""))
			return c
		}
		c.Before, c.Given = Mask(c.Before, ""), true
		return c
	})
}

// maskChange hides the values of a change that may hold a secret.
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
// of a fly.toml, may hold a secret: environment values other than the two that
// Fly sets, build arguments, the contents of files, the values of headers that
// checks send, and JSON in machine_config.
//
// Command lines (init, processes, containers) may hold secrets too, but are shown:
//
//   - A plan has one set of changes. The person who approves reads it, the model
//     reads it, and its digest is what was approved. If command lines were secret,
//     [DiffGiven] would mask the earlier command and every one that Fly already
//     holds, so the person could not see what will run, and digests would change.
//   - A masked fly.toml is what a model edits. It needs [processes] to do that, and
//     a file with a mask cannot be deployed ([HoldsMask]).
//
// Errors that quote text nobody has parsed do hide command lines (flytoml).
func IsSecret(path string) bool {
	if path == "env.FLY_PROCESS_GROUP" || path == "env.PRIMARY_REGION" {
		return false
	}
	path = strings.ToLower(path)
	switch {
	case path == "env", environment(path), strings.HasSuffix(path, ".env"):
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

// Mask is what stands in place of a secret: its length in bytes, and a note.
// An empty value stays empty.
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

// HoldsMask reports whether a text holds what [Mask] makes. Sent as a value, it
// would take the place of the secret that it stands for.
func HoldsMask(text string) bool { return maskForm.MatchString(text) }
