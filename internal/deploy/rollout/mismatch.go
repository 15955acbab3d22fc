package rollout

import (
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// mismatch lists how the configuration that was read back differs from the one that
// was sent. What the platform adds by itself does not count. What should have been
// removed and is still there does: a value of services, checks or env that the Machine had before, or
// a whole service or port more than was sent.
func mismatch(sent, found, before machine.Config) []string {
	had := make(map[string]bool)
	for _, c := range machine.Diff(before, machine.Config{}) {
		had[c.Path] = true
	}
	entries := make(map[string]bool)
	for _, c := range machine.Diff(sent, machine.Config{}) {
		for entry := range serviceEntries(c.Path) {
			entries[entry] = true
		}
	}
	var out []string
	for _, c := range machine.Diff(sent, found) {
		switch {
		case c.Before != "":
			out = append(out, fmt.Sprintf("%s: sent %s, found %s", c.Path, c.Before, valueOrNothing(c.After)))
		case isReplaced(c.Path) && had[c.Path], isExtra(c.Path, entries):
			out = append(out, fmt.Sprintf("%s: sent nothing, found %s", c.Path, c.After))
		}
	}
	return out
}

// isReplaced reports whether a path lies in what a deploy replaces.
func isReplaced(path string) bool {
	for _, field := range []string{"services", "checks", "env"} {
		if rest, ok := strings.CutPrefix(path, field); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// isExtra reports whether a path lies in a service, or a port of one, that was not
// sent.
func isExtra(path string, sent map[string]bool) bool {
	for entry := range serviceEntries(path) {
		if !sent[entry] {
			return true
		}
	}
	return false
}

// serviceEntries returns the entries of services that a path lies in, such as services[0]
// and services[0].ports[1].
func serviceEntries(path string) map[string]bool {
	out := make(map[string]bool)
	rest, ok := strings.CutPrefix(path, "services[")
	if !ok {
		return out
	}
	index, rest, _ := strings.Cut(rest, "]")
	service := "services[" + index + "]"
	out[service] = true
	if rest, ok = strings.CutPrefix(rest, ".ports["); ok {
		index, _, _ = strings.Cut(rest, "]")
		out[service+".ports["+index+"]"] = true
	}
	return out
}

func valueOrNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
