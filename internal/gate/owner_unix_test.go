//go:build unix

package gate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOurs(t *testing.T) {
	for _, tt := range []struct {
		owner, euid int
		want        bool
	}{{1000, 1000, true}, {0, 1000, true}, {0, 0, true}, {1001, 1000, false}, {1000, 0, false}} {
		if got := isTrustedOwner(tt.owner, tt.euid); got != tt.want {
			t.Errorf("owner %d, user %d: got %v, want %v", tt.owner, tt.euid, got, tt.want)
		}
	}
}

func TestLoadPolicyOwner(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.toml")
	if err := os.WriteFile(file, []byte("[[rule]]\ndecision = \"ask\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if uid, known := ownerOf(info); !known || uid != os.Geteuid() {
		t.Errorf("owner %d, known %v; want %d", uid, known, os.Geteuid())
	}
	if _, err := LoadPolicy(file, testVocabulary); err != nil {
		t.Errorf("a file of one's own: %v", err)
	}
	const somebody = 54321
	if err := os.Chown(file, somebody, -1); err != nil {
		t.Skipf("files cannot be given away here: %v", err)
	}
	if _, err := LoadPolicy(file, testVocabulary); err == nil || !strings.Contains(err.Error(), "uid 54321") {
		t.Errorf("another user's file: got %v", err)
	}
}

// TestLoadPolicyFolder: a policy in a folder that others can write to, or below
// one, could be replaced at any time.
func TestLoadPolicyFolder(t *testing.T) {
	for _, tt := range []struct {
		outer, inner os.FileMode
		want         bool
	}{{0o755, 0o755, true}, {0o755, 0o777, false}, {0o777, 0o755, false}, {0o755, 0o777 | os.ModeSticky, true}} {
		outer := filepath.Join(t.TempDir(), "outer")
		inner := filepath.Join(outer, "inner")
		if err := os.MkdirAll(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(inner, "policy.toml")
		if err := os.WriteFile(file, []byte("[[rule]]\ndecision = \"ask\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(inner, tt.inner); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(outer, tt.outer); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadPolicy(file, testVocabulary); (err == nil) != tt.want {
			t.Errorf("%v in %v: %v", tt.inner, tt.outer, err)
		}
	}
}
