package render

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tomlKey writes a key, quoted if it must be.
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

// tomlText writes a string: over several lines if it has several (in double
// quotes if single ones would end it), in single quotes if that saves escapes,
// else in double quotes.
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

// isDuration tells the paths of a definition that hold a length of time.
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

// readableDuration leaves out the zeros at the end of a duration that Go
// wrote: 1m for 1m0s. Any other text stays as it is.
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

// tomlFloat writes a number that TOML does not take for an integer.
func tomlFloat(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// shellJoin writes words so that they split again into the same ones.
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
