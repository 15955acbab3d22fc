package call

import "testing"

func TestLockNamesOnlyApps(t *testing.T) {
	dir := t.TempDir()
	for _, app := range []string{"", "..", "../x", "a/b", "A", "a\x00b"} {
		if f, err := lockApp(dir, app); err == nil {
			f.Close()
			t.Errorf("locked %q", app)
		}
	}
}
