package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

// Keys are read whenever they are needed: made, replaced and taken away while a
// server runs.
func TestApproversWhileTheServerRuns(t *testing.T) {
	home := t.TempDir()
	var log strings.Builder
	var s serverSettings
	a := s.approvers(programWith(map[string]string{"HOME": home}), slog.New(slog.NewTextHandler(&log, nil)))
	file := filepath.Join(home, ".config", "flycast-mcp", statedir.PublicKey)
	ids := func() string {
		var out []string
		for _, k := range a.keys() {
			out = append(out, k.ID())
		}
		return strings.Join(out, " ")
	}
	writeKey := func(text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := ids(); got != "" || log.String() != "" {
		t.Errorf("before there is one: %q, log %q", got, &log)
	}
	for range 2 { // made, then replaced
		key, err := gate.NewSigningKey()
		if err != nil {
			t.Fatal(err)
		}
		writeKey(key.Public().String() + "\n")
		if got := ids(); got != key.Public().ID() {
			t.Errorf("got %q, want %s", got, key.Public().ID())
		}
	}
	writeKey("nonsense")
	for range 2 {
		if got := ids(); got != "" {
			t.Errorf("a broken file: %q", got)
		}
	}
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if got := ids(); got != "" {
		t.Errorf("taken away: %q", got)
	}
	// One that was named must be there at start.
	s.approverKeys = []string{file}
	if _, err := s.approvers(programWith(nil), slog.New(slog.NewTextHandler(io.Discard, nil))).read(); err == nil {
		t.Error("a named key that is not there was accepted")
	}
}

// programWith returns a program whose environment is env.
func programWith(env map[string]string) program {
	return program{lookup: func(name string) (string, bool) { value, ok := env[name]; return value, ok }}
}
