package roots

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const content = "app = \"shop-api\"\n"

// folder is a root folder, by its real name, with what it holds, beside a
// folder that is not served.
func newFolders(t *testing.T) (dir, outside string) {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir, outside = filepath.Join(base, "root"), filepath.Join(base, "outside")
	for _, d := range []string{dir, outside, filepath.Join(dir, "sub"), filepath.Join(outside, "sub")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "fly.toml"), content)
	writeFile(t, filepath.Join(dir, "sub", "fly.toml"), content)
	writeFile(t, filepath.Join(outside, "fly.toml"), "app = \"secret\"\n")
	return dir, outside
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

func open(t *testing.T, dirs ...string) *Roots {
	t.Helper()
	r, err := Open(dirs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// holdsExactly checks the names in a folder: no temporary file is left behind.
func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

func wantText(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s holds %.80q, want %.80q", path, got, want)
	}
}

func TestRead(t *testing.T) {
	dir, outside := newFolders(t)
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	out := func(parts ...string) string { return filepath.Join(append([]string{outside}, parts...)...) }
	writeFile(t, in("notes.txt"), content)
	writeFile(t, in("fly"), content)
	writeFile(t, in("fly.TOML"), content)
	writeFile(t, in("fly.json"), "{}")
	writeFile(t, in("fly.yaml"), "app: shop-api\n")
	writeFile(t, in("full.toml"), strings.Repeat("#", MaxSize))
	writeFile(t, in("large.toml"), strings.Repeat("#", MaxSize+1))
	if err := os.MkdirAll(in("empty", "odd.toml"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"two/fly.yaml", "two/fly.json", "one/fly.yaml", "one/fly.yml"} {
		if err := os.MkdirAll(filepath.Dir(in(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, in(name), content)
	}
	symlink(t, "fly.toml", in("link.toml"))
	symlink(t, out("fly.toml"), in("out.toml"))
	symlink(t, "sub", in("inner"))
	symlink(t, in("sub"), in("inner-absolute"))
	symlink(t, outside, in("outer"))
	symlink(t, filepath.Join("..", "outside"), in("outer-relative"))
	symlink(t, out("nowhere"), in("dangling"))
	symlink(t, "loop", in("loop"))
	symlink(t, dir, out("in"))

	tests := []struct {
		name string
		path string
		want string // Path; empty: an error
		err  error
	}{
		{name: "relative", path: "fly.toml", want: in("fly.toml")},
		{name: "relative, below", path: "sub/fly.toml", want: in("sub", "fly.toml")},
		{name: "relative, with a dot", path: "./sub/../fly.toml", want: in("fly.toml")},
		{name: "absolute", path: in("fly.toml"), want: in("fly.toml")},
		{name: "absolute, not clean", path: dir + "/sub/..//./fly.toml", want: in("fly.toml")},
		{name: "the root", path: dir, want: in("fly.toml")},
		{name: "the root, as a dot", path: ".", want: in("fly.toml")},
		{name: "the root, with a slash", path: dir + "/", want: in("fly.toml")},
		{name: "a folder", path: "sub", want: in("sub", "fly.toml")},
		{name: "JSON", path: "fly.json", want: in("fly.json")},
		{name: "YAML", path: "fly.yaml", want: in("fly.yaml")},
		{name: "a folder with fly.json and fly.yaml", path: "two", want: in("two", "fly.json")},
		{name: "a folder with fly.yaml", path: "one", want: in("one", "fly.yaml")},
		{name: "exactly the largest", path: "full.toml", want: in("full.toml")},
		{name: "a linked folder inside", path: "inner/fly.toml", want: in("sub", "fly.toml")},
		{name: "a linked folder inside, itself", path: "inner", want: in("sub", "fly.toml")},
		{name: "an absolute link to a folder inside", path: "inner-absolute/fly.toml", want: in("sub", "fly.toml")},
		{name: "an absolute link to a folder inside, itself", path: "inner-absolute", want: in("sub", "fly.toml")},
		{name: "through a link from outside", path: out("in", "fly.toml"), want: in("fly.toml")},
		{name: "through a link from outside, itself", path: out("in"), want: in("fly.toml")},

		{name: "dots out of the root", path: "../outside/fly.toml", err: ErrOutside},
		{name: "many dots", path: "sub/../../../../../../../../etc/fly.toml", err: ErrOutside},
		{name: "absolute, outside", path: out("fly.toml"), err: ErrOutside},
		{name: "absolute, dots", path: dir + "/../outside/fly.toml", err: ErrOutside},
		{name: "the folder above", path: filepath.Dir(dir), err: ErrOutside},
		{name: "a sibling that begins alike", path: dir + "-2/fly.toml", err: ErrOutside},
		{name: "a linked folder out of the root", path: "outer/fly.toml", err: ErrOutside},
		{name: "a linked folder out of the root, itself", path: "outer", err: ErrOutside},
		{name: "a linked folder out of the root, below", path: "outer/sub/fly.toml", err: ErrOutside},
		{name: "a linked folder out of the root, no such file", path: "outer/no/fly.toml", err: ErrOutside},
		{name: "a relative link out of the root", path: "outer-relative/fly.toml", err: ErrOutside},
		{name: "a link to nowhere outside", path: "dangling/fly.toml", err: ErrOutside},
		{name: "empty", path: "", err: ErrOutside},
		{name: "NUL", path: "fly.toml\x00.txt", err: ErrOutside},
		{name: "NUL, absolute", path: in("fly.toml") + "\x00", err: ErrOutside},

		{name: "a linked file inside", path: "link.toml", err: ErrKind},
		{name: "a linked file outside", path: "out.toml", err: ErrKind},
		{name: "a link to itself", path: "loop/fly.toml", err: ErrKind},
		{name: "another extension", path: "notes.txt", err: ErrKind},
		{name: "no extension", path: "fly", err: ErrKind},
		{name: "an extension in capitals", path: "fly.TOML", err: ErrKind},
		{name: "too large", path: "large.toml", err: ErrKind},
		{name: "a folder with an extension and no file", path: "empty/odd.toml", err: fs.ErrNotExist},
		{name: "a folder without fly.toml", path: "empty", err: fs.ErrNotExist},
		{name: "not there", path: "none.toml", err: fs.ErrNotExist},
		{name: "folder not there", path: "none/fly.toml", err: fs.ErrNotExist},
		{name: "below a file", path: "fly.toml/fly.toml", err: ErrKind},
		{name: "a name that is too long", path: strings.Repeat("n", 300) + ".toml", err: ErrKind},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := open(t, dir)
			file, err := r.Read(test.path)
			if !errors.Is(err, test.err) || test.err == nil && err != nil {
				t.Fatalf("got error %v, want %v", err, test.err)
			}
			if file.Path != test.want {
				t.Errorf("got path %s, want %s", file.Path, test.want)
			}
			if err != nil {
				if len(file.Data) != 0 || strings.Contains(err.Error(), "secret") {
					t.Errorf("%q came with the error %v", file.Data, err)
				}
				return
			}
			wantText(t, test.want, string(file.Data))

			// What was read can be replaced under the path that came back.
			if err := r.Replace(file.Path, file.Data, file.Data); err != nil {
				t.Errorf("replacing it: %v", err)
			}
		})
	}
	wantText(t, out("fly.toml"), "app = \"secret\"\n")
}

// TestReplaceRefuses: what Read refuses Replace refuses, and nothing appears.
func TestReplaceRefuses(t *testing.T) {
	dir, outside := newFolders(t)
	secret := "app = \"secret\"\n"
	symlink(t, filepath.Join(outside, "fly.toml"), filepath.Join(dir, "out.toml"))
	symlink(t, "fly.toml", filepath.Join(dir, "link.toml"))
	symlink(t, outside, filepath.Join(dir, "outer"))
	writeFile(t, filepath.Join(dir, "notes.txt"), content)
	r := open(t, dir)
	tests := []struct {
		path string
		old  string
		want error
	}{
		{"../outside/fly.toml", secret, ErrOutside},
		{filepath.Join(outside, "fly.toml"), secret, ErrOutside},
		{"outer/fly.toml", secret, ErrOutside},
		{"fly.toml\x00", content, ErrOutside},
		{"", content, ErrOutside},
		{"out.toml", secret, ErrKind},
		{"link.toml", content, ErrKind},
		{"notes.txt", content, ErrKind},
		{"sub", content, ErrKind},
		{"new.toml", "", fs.ErrNotExist},
		{"fly.toml", content + " ", ErrChanged},
		{"fly.toml", "", ErrChanged},
	}
	for _, test := range tests {
		if err := r.Replace(test.path, []byte(test.old), []byte("app = \"mine\"\n")); !errors.Is(err, test.want) {
			t.Errorf("%q: got %v, want %v", test.path, err, test.want)
		}
	}
	wantFiles(t, dir, "fly.toml", "link.toml", "notes.txt", "out.toml", "outer", "sub")
	wantFiles(t, outside, "fly.toml", "sub")
	wantText(t, filepath.Join(dir, "fly.toml"), content)
	wantText(t, filepath.Join(dir, "notes.txt"), content)
	wantText(t, filepath.Join(outside, "fly.toml"), secret)
}

// TestLinkedRoot: as on macOS, where /tmp is a link, a person names the folder
// by one way and the working directory by another.
func TestLinkedRoot(t *testing.T) {
	dir, _ := newFolders(t)
	link := filepath.Join(filepath.Dir(dir), "link")
	symlink(t, dir, link)
	symlink(t, filepath.Dir(dir), filepath.Join(filepath.Dir(dir), "up"))
	for name, as := range map[string]string{"opened by its name": dir, "opened by the link": link} {
		t.Run(name, func(t *testing.T) {
			r := open(t, as)
			if got := r.Dirs(); !slices.Equal(got, []string{dir}) {
				t.Errorf("got folders %q, want %q", got, dir)
			}
			for _, path := range []string{
				dir, link, dir + "/fly.toml", link + "/fly.toml", link + "/sub/../fly.toml",
				filepath.Join(filepath.Dir(dir), "up", "link", "fly.toml"), "fly.toml",
			} {
				file, err := r.Read(path)
				if err != nil || file.Path != filepath.Join(dir, "fly.toml") {
					t.Errorf("%s: got %s, %v", path, file.Path, err)
				}
			}
			if err := r.Replace(link+"/fly.toml", []byte(content), []byte(content)); err != nil {
				t.Error(err)
			}
			for _, missing := range []string{link + "/none/fly.toml", link + "/none.toml"} {
				if _, err := r.Read(missing); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: got %v", missing, err)
				}
			}
		})
	}
}

func TestSeveralRoots(t *testing.T) {
	dir, outside := newFolders(t)
	r := open(t, filepath.Join(dir, "sub"), outside)
	if file, err := r.Read("fly.toml"); err != nil || file.Path != filepath.Join(dir, "sub", "fly.toml") {
		t.Errorf("relative: %s, %v", file.Path, err)
	}
	if file, err := r.Read(filepath.Join(outside, "fly.toml")); err != nil ||
		file.Path != filepath.Join(outside, "fly.toml") {
		t.Errorf("the second root: %s, %v", file.Path, err)
	}
	if _, err := r.Read(filepath.Join(dir, "fly.toml")); !errors.Is(err, ErrOutside) {
		t.Errorf("above the first root: %v", err)
	}
}

func TestNoRoots(t *testing.T) {
	dir, _ := newFolders(t)
	var none *Roots
	for name, r := range map[string]*Roots{"nil": none, "zero": {}, "opened without folders": open(t)} {
		if _, err := r.Read(filepath.Join(dir, "fly.toml")); !errors.Is(err, ErrOutside) {
			t.Errorf("%s: read: %v", name, err)
		}
		if err := r.Replace(filepath.Join(dir, "fly.toml"), []byte(content), nil); !errors.Is(err, ErrOutside) {
			t.Errorf("%s: replace: %v", name, err)
		}
		if got := r.Dirs(); len(got) != 0 {
			t.Errorf("%s: folders %q", name, got)
		}
	}
	wantText(t, filepath.Join(dir, "fly.toml"), content)
}

func TestOpenRefuses(t *testing.T) {
	dir, _ := newFolders(t)
	for _, bad := range []string{filepath.Join(dir, "none"), filepath.Join(dir, "fly.toml")} {
		if r, err := Open(dir, bad); err == nil || r != nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v, %v", bad, r, err)
		}
	}
}

func TestImplicit(t *testing.T) {
	dir, _ := newFolders(t)
	home := filepath.Join(dir, "sub")
	project := filepath.Join(home, "project")
	if err := os.Mkdir(project, 0o755); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(filepath.Dir(dir), "linked-home")
	symlink(t, home, linked)
	tests := []struct {
		cwd, home string
		want      string // empty: none
	}{
		{"/srv/shop", "/home/me", "/srv/shop"},
		{"/srv/shop/", "/home/me", "/srv/shop"},
		{"/srv/../srv/shop", "", "/srv/shop"},
		{"/home/me/shop", "/home/me", "/home/me/shop"},
		{"/home/me/shop", "/home/me/", "/home/me/shop"},
		{"/home/me2", "/home/me", "/home/me2"},
		{"/work", "/", "/work"},
		{"", "/home/me", ""},
		{"/", "/home/me", ""},
		{"/", "", ""},
		{"//", "", ""},
		{"/..", "", ""},
		{"/home/me", "/home/me", ""},
		{"/home/me/", "/home/me", ""},
		{"/home/me", "/home/me/.", ""},
		{"/home/me/shop/..", "/home/me", ""},
		{"/home", "/home/me", ""}, // everybody's homes
		{project, home, project},
		{project, linked, project},
		{filepath.Join(linked, "project"), home, filepath.Join(linked, "project")},
		{home, linked, ""},
		{linked, home, ""},
		{dir, linked, ""},
	}
	for _, test := range tests {
		got, ok := Implicit(test.cwd, test.home)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("in %s, home %s: got %q, %t, want %q", test.cwd, test.home, got, ok, test.want)
		}
	}
}
