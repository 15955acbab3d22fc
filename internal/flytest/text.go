package flytest

import (
	"slices"
	"strings"
)

// Mentions reports whether one of the lines has the text in it.
func Mentions(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) })
}
