package main

import (
	"strings"
	"testing"
)

// TestNotes holds that messages from before there is a screen are shown on it.
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
