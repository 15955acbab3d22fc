package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// TestMain lets scripts run the program as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"flysim": main})
}

// TestScripts runs testdata/script/*.txtar.
// background is ended by the end of its script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=10") // not a second for each process
			return nil
		},
	})
}

// writeFile writes a file in a temporary folder.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExports holds that the printed lines are all that a client needs, and that
// --write-configs writes the file of every example app.
func TestExports(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "configs")
	env, end := startProgram(t, t.Output(), "--write-configs", dir)
	endpoints, token, err := fly.ParseEnvironment(lookupIn(env), false)
	if err != nil {
		t.Fatal(err)
	}
	client, err := fly.New(fly.Options{Endpoints: endpoints, Token: token, UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := client.Addresses(t.Context(), "inner-circle")
	if err != nil || len(addresses.List) != 1 || addresses.List[0].Kind != fly.Flycast {
		t.Errorf("addresses %+v, %v; want one, for Flycast", addresses, err)
	}
	for _, app := range []string{"shop-api", "legacy-api", "inner-circle", "game-server", "tenant-7"} {
		if _, err := os.Stat(filepath.Join(dir, app, "fly.toml")); err != nil {
			t.Error(err)
		}
	}
	if code := end(); code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
}
