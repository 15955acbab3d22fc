package statedir

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// A state folder has one name, whichever process uses it first, and another platform or
// folder makes another installation.
func TestInstallation(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	names := make(chan string, 16)
	var all sync.WaitGroup
	for range cap(names) {
		all.Go(func() {
			name, err := Installation(state, "https://api.fly.io")
			if err != nil {
				t.Error(err)
			}
			names <- name
		})
	}
	all.Wait()
	first := <-names
	for len(names) > 0 {
		if name := <-names; name != first {
			t.Fatalf("%q and %q", first, name)
		}
	}
	for dir, platform := range map[string]string{state: "http://127.0.0.1:1", t.TempDir(): "https://api.fly.io"} {
		if name, err := Installation(dir, platform); err != nil || name == first {
			t.Errorf("%s %s: got %q, %v", dir, platform, name, err)
		}
	}
	entries, err := os.ReadDir(state)
	if err != nil || len(entries) != 1 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := os.WriteFile(filepath.Join(state, installationFile), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if name, err := Installation(state, ""); err == nil {
		t.Errorf("a changed name was accepted: %q", name)
	}
}
