package plan

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Change is one value that a step changes in a Machine's configuration. Before and After are
// literals, empty if there is no value. Both mask what Fly holds and may be a secret.
type Change struct {
	Path   string `json:"path"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// FromFile says that After is at a place where values are masked, and is
	// here because the file or the call brings it: who approves it must see it.
	FromFile bool   `json:"from_file,omitempty"`
	Note     string `json:"note,omitempty"` // of this program
}

// key returns a string that differs between different changes.
func (c Change) key() string {
	return strings.Join([]string{c.Path, c.Before, c.After, strconv.FormatBool(c.FromFile), c.Note}, "\x00")
}

const (
	valueLimit = 40 // characters of a value, where values are cut
	unlimited  = 1 << 30
	imageLimit = 200 // of an image, of which the end tells which one it is
)

// imageText matches the reference of an image. It has no blanks, so that it cannot pass for
// anything else.
var imageText = regexp.MustCompile(`^"[A-Za-z0-9._:/@-]*"$`)

// text returns the change on one line. With cut, a long old value ends after 40 characters and
// says how many more there are; wasCut reports whether one does. A new value is never cut:
// nobody approves what they were not shown.
func (c Change) text(cut bool) (text string, wasCut bool) {
	value := func(literal string, cut bool) string {
		n := valueLimit
		if strings.HasPrefix(literal, "‹hidden") { // this program's words, and a path
			n = imageLimit
		}
		if (c.Path == "image" || strings.HasSuffix(c.Path, ".image")) && imageText.MatchString(literal) {
			n = imageLimit
		}
		if !cut {
			n = unlimited
		}
		short, left := shorten(quoteLiteral(autostopWord(c.Path, literal)), n)
		wasCut = wasCut || left
		return short
	}
	decoded, isDecoded := c.decode()
	if isDecoded {
		c.After = strconv.Quote(decoded)
	}
	path := outside.Line(c.Path, unlimited)
	switch {
	case c.Before == "":
		text = path + " = " + value(c.After, false)
	case c.After == "":
		text = path + " removed (was " + value(c.Before, cut) + ")"
	default:
		text = path + ": " + value(c.Before, cut) + " → " + value(c.After, false)
	}
	if isDecoded {
		text += " (in base64)"
	}
	if c.Note != "" {
		text += " (" + Line(c.Note) + ")"
	}
	if c.FromFile {
		text += " (file)"
	}
	return strings.Join(strings.Fields(text), " "), wasCut
}

// shorten cuts a text and says how much is missing.
func shorten(text string, limit int) (short string, wasCut bool) {
	end := ""
	if strings.HasPrefix(text, "'") {
		limit, end = limit+1, "'"
	}
	n := utf8.RuneCountInString(text)
	if n <= limit+1 {
		return text, false
	}
	return fmt.Sprintf("%s…%s and %d more characters", string([]rune(text)[:limit]), end, n-limit-len(end)), true
}

// decode returns the content of a file that a configuration holds in base64.
func (c Change) decode() (string, bool) {
	if !c.FromFile || !strings.HasSuffix(c.Path, "raw_value") {
		return "", false
	}
	encoded, err := strconv.Unquote(c.After)
	if err != nil {
		return "", false
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(data) == 0 || !utf8.Valid(data) {
		return "", false
	}
	return string(data), true
}

// quoteLiteral returns a literal with its strings in single quotes, which nothing in the
// strings ends.
func quoteLiteral(literal string) string {
	var b strings.Builder
	for literal != "" {
		if literal[0] == '"' {
			if quoted, err := strconv.QuotedPrefix(literal); err == nil {
				text, err := strconv.Unquote(quoted)
				if err == nil {
					b.WriteString(outside.QuoteSingle(text, unlimited))
					literal = literal[len(quoted):]
					continue
				}
			}
		}
		next := strings.IndexByte(literal[1:], '"') + 1
		if next == 0 {
			next = len(literal)
		}
		b.WriteString(outside.Line(strings.ReplaceAll(literal[:next], `"`, "'"), unlimited))
		literal = literal[next:]
	}
	return b.String()
}

// autostopPath matches the path of a service's autostop.
var autostopPath = regexp.MustCompile(`^services\[[0-9]+\]\.autostop$`)

// autostopWord returns an autostop in the words of a fly.toml, and other literals unchanged.
func autostopWord(path, literal string) string {
	if !autostopPath.MatchString(path) {
		return literal
	}
	switch literal {
	case "false":
		return "off"
	case "true":
		return "stop"
	case `"suspend"`:
		return "suspend"
	}
	return literal
}

// autostopChange matches the autostop of a service in a line of a configuration diff, with or
// without the group before it and a note after it.
var autostopChange = regexp.MustCompile(
	`^((?:[^" :]+: )?services\[[0-9]+\]\.autostop(?: = |: | removed \(was ))(false|true|"suspend")( → ` +
		`)?(false|true|"suspend")?(\)?(?: \(.*\))?)$`)

// PlainChange returns a line of a configuration diff in the words of a fly.toml: autostop is
// false or true on the platform, and off or stop in the file.
func PlainChange(line string) string {
	m := autostopChange.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	words := strings.NewReplacer("false", "off", "true", "stop", `"suspend"`, "suspend")
	return m[1] + words.Replace(m[2]) + m[3] + words.Replace(m[4]) + m[5]
}
