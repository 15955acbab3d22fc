package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tomlKey returns a key, quoted if necessary.
func tomlKey(key string) string {
	for _, r := range key {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return basicString(key)
		}
	}
	if key == "" {
		return `""`
	}
	return key
}

// tomlText returns a string as TOML: a multi-line string if it has several lines
// (in double quotes if single quotes would end it), in single quotes if that
// avoids escapes, else in double quotes.
func tomlText(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f })
	switch {
	case plain && strings.Contains(s, "\n") && !strings.Contains(s, "'''") && !strings.HasSuffix(s, "'"):
		return "'''\n" + s + "'''"
	case plain && strings.Contains(s, "\n"):
		return "\"\"\"\n" + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"""`
	case plain && strings.ContainsAny(s, `"\`) && !strings.ContainsAny(s, "'\n"):
		return "'" + s + "'"
	}
	return basicString(s)
}

func basicString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// isDuration reports whether the value at a path of a definition is a duration.
func isDuration(path []string) bool {
	switch path[0] {
	case "kill_timeout":
		return len(path) == 1
	case "deploy", "http_service", "services", "checks", "machine_checks":
	default:
		return false
	}
	switch path[len(path)-1] {
	case "interval", "timeout", "grace_period", "kill_timeout", "wait_timeout", "release_command_timeout":
		return !slices.Contains(path, "headers")
	}
	return false
}

// readableDuration shortens a duration written by Go: 1m instead of 1m0s. Other text stays as
// it is.
func readableDuration(s string) string {
	d, err := time.ParseDuration(s)
	if err != nil || d.String() != s {
		return s
	}
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// tomlFloat returns a number in a form that TOML does not read as an integer.
func tomlFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// shellJoin joins words so that they split into the same words again.
func shellJoin(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		switch {
		case word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !shellSafe(r) }):
			quoted[i] = word
		case !strings.Contains(word, "'"):
			quoted[i] = "'" + word + "'"
		default:
			quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
		}
	}
	return strings.Join(quoted, " ")
}

func shellSafe(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,@%+", r)
}
