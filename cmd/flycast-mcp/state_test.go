//go:build unix

package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

func sandboxServer() *application {
	return &application{embedded: &embedded{}, sandbox: true, log: slog.New(slog.DiscardHandler)}
}

// TestEmbeddedStates: each server with a platform of its own has a state folder
// of its own, as long as it runs, and what killed servers left is swept.
func TestEmbeddedStates(t *testing.T) {
	home := t.TempDir()
	p := programWith(map[string]string{"HOME": home})
	parent := filepath.Join(home, ".local", "state", "flycast-mcp", "sandbox", "embedded")
	one, two := sandboxServer(), sandboxServer()
	first, err := (&serverSettings{}).state(p, one)
	if err != nil {
		t.Fatal(err)
	}
	killed, bare, alien := filepath.Join(parent, "1-dead"), filepath.Join(parent, "1-bare"), filepath.Join(parent, "notes")
	err = errors.Join(
		os.MkdirAll(filepath.Join(killed, "approvals"), 0o700), os.WriteFile(filepath.Join(killed, "in-use"), nil, 0o600),
		os.Mkdir(bare, 0o700), os.Mkdir(alien, 0o700), os.WriteFile(filepath.Join(alien, "keep"), nil, 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	second, err := (&serverSettings{}).state(p, two)
	if err != nil {
		t.Fatal(err)
	}
	if first == second || filepath.Dir(first) != parent || filepath.Dir(second) != parent {
		t.Errorf("got %s and %s, want two folders in %s", first, second, parent)
	}
	gone := func(dir string, want bool) {
		t.Helper()
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) != want {
			t.Errorf("%s: gone is not %v (%v)", dir, want, err)
		}
	}
	gone(first, false)
	gone(killed, true)
	gone(bare, true)
	gone(alien, false)
	if info, err := os.Stat(second); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, app := range []*application{one, two} {
		if err := app.Close(); err != nil {
			t.Error(err)
		}
	}
	gone(first, true)
	gone(second, true)
}

func TestStateDir(t *testing.T) {
	home, given, shared := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	here := map[string]string{"HOME": home}
	real := func() *application { return &application{log: slog.New(slog.DiscardHandler)} }
	elsewhere := func() *application { return &application{sandbox: true} }
	for _, tt := range []struct {
		name string
		env  map[string]string
		flag string
		app  *application
		want string // empty: none; a word in brackets: the error
	}{
		{"home", here, "", real(), filepath.Join(home, ".local/state/flycast-mcp")},
		{"XDG", map[string]string{"XDG_STATE_HOME": given}, "", real(), filepath.Join(given, "flycast-mcp")},
		{"XDG, relative", map[string]string{"XDG_STATE_HOME": "x", "HOME": home}, "", real(),
			filepath.Join(home, ".local/state/flycast-mcp")},
		{"configuration folder", map[string]string{"XDG_CONFIG_HOME": given}, "", real(),
			filepath.Join(given, "flycast-mcp/state")},
		{"Windows", map[string]string{"AppData": given}, "", real(), filepath.Join(given, "flycast-mcp/state")},
		{"nothing", nil, "", real(), ""},
		{"nothing, relative", map[string]string{"HOME": "x"}, "", real(), ""},
		{"named without a home", nil, given, real(), given},
		{"another's sandbox", here, "", elsewhere(), filepath.Join(home, ".local/state/flycast-mcp/sandbox")},
		{"named, embedded", here, given, sandboxServer(), given},
		{"named, another's sandbox", here, given, elsewhere(), given},
		{"open to all", here, shared, real(), "[others can write]"},
		{"below a folder open to all", map[string]string{"HOME": shared}, "", real(), "[others can write]"},
		{"embedded, open to all", map[string]string{"HOME": shared}, "", sandboxServer(), "[others can write]"},
	} {
		got, err := (&serverSettings{stateDir: tt.flag}).state(programWith(tt.env), tt.app)
		if word, refused := strings.CutPrefix(tt.want, "["); refused {
			if err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(word, "]")) {
				t.Errorf("%s: got %q, %v", tt.name, got, err)
			}
		} else if err != nil || got != tt.want {
			t.Errorf("%s: got %q, %v; want %q", tt.name, got, err, tt.want)
		}
	}

	app := sandboxServer()
	dir, err := (&serverSettings{}).state(programWith(nil), app)
	if err != nil || disk.CheckTrusted(dir) != nil {
		t.Errorf("a sandbox without a home: got %q, %v", dir, err)
	}
	if err := app.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left (%v)", dir, err)
	}
	p := programWith(nil)
	p.accountHome = func() string { return home }
	if got, err := p.folders().State(""); err != nil || got != filepath.Join(home, ".local/state/flycast-mcp") {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestOpenFolders: keys that somebody else could replace are refused.
func TestOpenFolders(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "approver.pub")
	const text = "flycast-mcp-approver-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	if err := os.WriteFile(key, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, p := serverSettings{approverKeys: []string{key}}, programWith(map[string]string{"HOME": dir})
	if keys, err := s.approvers(p, nil).read(); err != nil || len(keys) != 1 {
		t.Fatalf("got %v, %v", keys, err)
	}
	for _, change := range []struct{ file, folder fs.FileMode }{{0o644, 0o777}, {0o666, 0o755}, {0o664, 0o755}} {
		if err := errors.Join(os.Chmod(key, change.file), os.Chmod(dir, change.folder)); err != nil {
			t.Fatal(err)
		}
		if keys, err := s.approvers(p, nil).read(); err == nil {
			t.Errorf("%v in %v: got %v", change.file, change.folder, keys)
		}
	}
	// The default key, too.
	config := filepath.Join(dir, ".config", "flycast-mcp")
	err := errors.Join(
		os.Chmod(dir, 0o755), os.MkdirAll(config, 0o755),
		os.WriteFile(filepath.Join(config, statedir.PublicKey), []byte(text), 0o644), os.Chmod(config, 0o777),
	)
	if err != nil {
		t.Fatal(err)
	}
	if keys, err := (&serverSettings{}).approvers(p, nil).read(); err == nil {
		t.Errorf("the default key: got %v", keys)
	}
	token := filepath.Join(config, "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("x", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bearer(token); err == nil {
		t.Error("a bearer token that others could replace was taken")
	}
}

// TestEmbeddedStateWithoutPlace: a home folder in which nothing can be made, as
// service accounts have it, keeps nobody from trying the sandbox.
func TestEmbeddedStateWithoutPlace(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	if err := os.WriteFile(home, nil, 0o600); err != nil { // root may write into any folder, but not below a file
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	app := sandboxServer()
	dir, err := (&serverSettings{}).state(programWith(map[string]string{"HOME": home}), app)
	if err != nil || filepath.Dir(dir) != os.TempDir() {
		t.Fatalf("got %q, %v", dir, err)
	}
	if err := app.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary folder is left: %v", err)
	}
}
