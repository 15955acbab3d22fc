package roots

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestReplace(t *testing.T) {
	dir, _ := newFolders(t)
	r := open(t, dir)
	for _, text := range []string{"", "app = \"new\"\n", strings.Repeat("# long\r\n", 10_000), "no newline at the end"} {
		file, err := r.Read("sub/fly.toml")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Replace("sub/fly.toml", file.Data, []byte(text)); err != nil {
			t.Fatal(err)
		}
		wantText(t, filepath.Join(dir, "sub", "fly.toml"), text)
	}
	wantFiles(t, filepath.Join(dir, "sub"), "fly.toml")
	wantText(t, filepath.Join(dir, "fly.toml"), content)
}

// TestReplaceIsARename: who has the file open reads the old bytes to their end,
// never half of each.
func TestReplaceIsARename(t *testing.T) {
	dir, _ := newFolders(t)
	path := filepath.Join(dir, "fly.toml")
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := open(t, dir).Replace(path, []byte(content), []byte("app = \"new\"\n")); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(reader); err != nil || got.String() != content {
		t.Errorf("a reader that had opened it got %q, %v", got.String(), err)
	}
}

func TestReplaceAfterAChange(t *testing.T) {
	dir, _ := newFolders(t)
	path := filepath.Join(dir, "fly.toml")
	r := open(t, dir)
	file, err := r.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	const theirs = "app = \"shop-api\" # somebody else's\n"
	writeFile(t, path, theirs)
	if err := r.Replace(path, file.Data, []byte("app = \"mine\"\n")); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v, want %v", err, ErrChanged)
	}
	wantText(t, path, theirs)
	wantFiles(t, dir, "fly.toml", "sub")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := r.Replace(path, file.Data, []byte("app = \"mine\"\n")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is gone: got %v", err)
	}
	wantFiles(t, dir, "sub")
}

// TestReplaceCannotMakeItsFile: the name is legal, that of the temporary file
// beside it is too long.
func TestReplaceCannotMakeItsFile(t *testing.T) {
	dir, _ := newFolders(t)
	name := strings.Repeat("n", 245) + ".toml"
	writeFile(t, filepath.Join(dir, name), content)
	if err := open(t, dir).Replace(name, []byte(content), []byte("x = 1\n")); err == nil {
		t.Error("no error")
	}
	wantText(t, filepath.Join(dir, name), content)
	wantFiles(t, dir, "fly.toml", name, "sub")
}

// TestReplaceAtOnce: of several that replace the same bytes exactly one wins,
// and the file is that one's, whole. Each has its own Roots, as several servers
// have.
func TestReplaceAtOnce(t *testing.T) {
	dir, _ := newFolders(t)
	path := filepath.Join(dir, "fly.toml")
	const writers, rounds = 8, 40
	all := make([]*Roots, writers)
	for i := range all {
		all[i] = open(t, dir)
		if i%2 == 1 {
			all[i] = all[i-1] // two goroutines of one server
		}
	}
	old := []byte(content)
	for round := range rounds {
		errs := make([]error, writers)
		texts := make([][]byte, writers)
		start := make(chan struct{})
		var done sync.WaitGroup
		for i := range writers {
			texts[i] = bytes.Repeat([]byte{'#', byte('a' + i), byte('0' + round%10), '\n'}, 2000)
			done.Go(func() {
				<-start
				errs[i] = all[i].Replace(path, old, texts[i])
			})
		}
		close(start)
		done.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner >= 0:
				t.Fatalf("round %d: %d and %d both won", round, winner, i)
			case err == nil:
				winner = i
			case !errors.Is(err, ErrChanged):
				t.Fatalf("round %d: %v", round, err)
			}
		}
		if winner < 0 {
			t.Fatalf("round %d: nobody won", round)
		}
		wantText(t, path, string(texts[winner]))
		old = texts[winner]
	}
	wantFiles(t, dir, "fly.toml", "sub")
}

// TestReplaceReadOnly: a rename would not mind that a file is read-only; its owner
// does.
func TestReplaceReadOnly(t *testing.T) {
	dir, _ := newFolders(t)
	path := filepath.Join(dir, "fly.toml")
	for _, mode := range []os.FileMode{0o444, 0o400} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		r := open(t, dir)
		if err := r.Replace(path, []byte(content), []byte("app = \"new\"\n")); !errors.Is(err, ErrReadOnly) ||
			!errors.Is(err, ErrKind) {
			t.Errorf("%v: got %v, want %v", mode, err, ErrReadOnly)
		}
		wantText(t, path, content)
	}
	if err := open(t, dir).ReplaceReadOnly(path, []byte(content), []byte("app = \"new\"\n")); err != nil {
		t.Fatal(err)
	}
	wantText(t, path, "app = \"new\"\n")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o200 != 0 {
		t.Errorf("it is %v, %v", info.Mode(), err)
	}
}
