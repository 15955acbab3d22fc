package main

import (
	"strings"
	"testing"
)

// TestNotes holds that what is said before there is a screen is messages on it.
func TestNotes(t *testing.T) {
	var n notes
	var messages []string
	n.add("early")
	n.showWith(func(text string) { messages = append(messages, text) })
	n.add("late")
	if got := strings.Join(messages, ","); got != "early,late" {
		t.Errorf("got %q", got)
	}
}
