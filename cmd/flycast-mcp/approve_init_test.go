package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

func TestApproveInit(t *testing.T) {
	d := newApprovalTest(t)
	p := d.sit("approve", "--init")
	p.sees("New passphrase")
	p.enters(testPassphrase)
	p.sees("Repeat the passphrase")
	p.enters(testPassphrase)
	p.sees("accept the key from now on")
	p.ends(0)

	private, public := filepath.Join(d.configDir(), statedir.SigningKey), filepath.Join(d.configDir(), statedir.PublicKey)
	sealed, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(public)
	if err != nil {
		t.Fatal(err)
	}
	key, err := gate.ParsePublicKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := gate.OpenSigningKey(sealed, testPassphrase)
	if err != nil || opened.Public().ID() != key.ID() {
		t.Errorf("got key %v, %v; want the private half of %s", opened.Public(), err, key.ID())
	}
	if !strings.Contains(p.shown, key.ID()) {
		t.Errorf("the key's id %s was not shown:\n%s", key.ID(), p.shown)
	}
	for path, want := range map[string]fs.FileMode{private: 0o600, public: 0o644, d.configDir(): 0o700} {
		info, err := os.Stat(path)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v; want mode %v", path, info, err, want)
		}
	}

	for _, gone := range []string{"", private} { // whichever of the two is left
		if gone != "" {
			if err := os.Remove(gone); err != nil {
				t.Fatal(err)
			}
		}
		again := d.sit("approve", "--init")
		again.sees("never overwritten: to replace it, move approver.key and approver.pub away")
		again.sees("No key was created.")
		again.ends(1)
		if now, err := os.ReadFile(public); err != nil || !bytes.Equal(now, text) {
			t.Errorf("the public key changed: %v", err)
		}
	}
}

func TestApproveInitRefusesPassphrases(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"empty":     {[]string{""}, "must be protected by a passphrase"},
		"short":     {[]string{"7 chars"}, "at least 8 characters. No key"},
		"different": {[]string{testPassphrase, "correct horse batteri"}, "differ"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newApprovalTest(t)
			p := d.sit("approve", "--init")
			prompts := []string{"New passphrase", "Repeat the passphrase"}
			for i, line := range test.lines {
				p.sees(prompts[i])
				p.enters(line)
			}
			p.sees(test.want)
			p.ends(1)
			if _, err := os.Stat(d.configDir()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
}
