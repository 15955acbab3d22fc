package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// stringer is a value that prints as text from outside.
type stringer string

func (s stringer) String() string { return string(s) }

// valuer is one that slog resolves late.
type valuer string

func (v valuer) LogValue() slog.Value { return slog.StringValue(string(v)) }

// TestLogShowsOnlyText: whatever is logged, a terminal obeys nothing of it, and
// an entry stays on its line.
func TestLogShowsOnlyText(t *testing.T) {
	const hostile = "shop\x1b[2J\x1b]0;owned\a\u009b8m\r\n\u202eFORGED \x9b\u2800"
	var b bytes.Buffer
	log := slog.New(personLog(&b, slog.LevelDebug, true))
	log.Error(hostile, hostile, hostile)
	log.Warn("m", "err", errors.New(hostile), "wrapped", fmt.Errorf("x: %w", errors.New(hostile)))
	log.Info(
		"m",
		"any",
		stringer(hostile),
		"late",
		valuer(hostile),
		"list",
		[]string{hostile},
		"map",
		map[string]any{hostile: hostile},
	)
	log.With("k", hostile).WithGroup("part").Debug("m", slog.Group("g", "k", hostile), "raw", []byte(hostile))
	colours := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	text := colours.ReplaceAllString(b.String(), "")
	for _, r := range text {
		if r != '\n' && !outside.IsVisible(r) {
			t.Errorf("the terminal gets %q in %q", r, text)
			break
		}
	}
	if newlines := strings.Count(text, "\n"); newlines != 4 {
		t.Errorf("%d lines, want 4:\n%s", newlines, text)
	}
	// Of the escape sequences those that are left are colours of the log's own.
	for _, sequence := range colours.FindAllString(b.String(), -1) {
		if strings.Contains(sequence, "8m") {
			t.Errorf("the terminal gets %q", sequence)
		}
	}

	b.Reset()
	asJSON, err := logger(program{}, &b, "info")
	if err != nil {
		t.Fatal(err)
	}
	asJSON.Info("m", "err", errors.New(hostile))
	for _, r := range b.String() {
		if r != '\n' && !outside.IsVisible(r) {
			t.Errorf("JSON has %q: %s", r, b.String())
			break
		}
	}
}
