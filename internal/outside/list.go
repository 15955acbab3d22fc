package outside

import (
	"fmt"
	"slices"
	"strings"
)

// List joins names with commas. It names the first most of them and counts the rest:
// "a, b and 3 more".
func List(names []string, most int) string {
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

// First returns the first most lines and, if there are more, a line that counts them:
// "and 3 more".
func First(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clip(lines[:most]), More(len(lines)-most))
}

// More counts what a list leaves out: "and 3 more".
func More(n int) string { return fmt.Sprintf("and %d more", n) }
