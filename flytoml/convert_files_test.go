package flytoml

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// opened counts the files that are opened.
type opened struct {
	fstest.MapFS
	names *[]string
}

func (o opened) Open(name string) (fs.File, error) {
	*o.names = append(*o.names, name)
	return o.MapFS.Open(name)
}

func (o opened) Stat(name string) (fs.FileInfo, error) {
	*o.names = append(*o.names, name)
	return o.MapFS.Stat(name)
}

func TestWithFiles(t *testing.T) {
	files := fstest.MapFS{
		"conf/x.txt": {Data: []byte("hello")},
		"empty":      {},
		"m.json": {Data: []byte(
			`{"schedule":"daily","files":[{"guest_path":"/m","local_path":"empty"}],"containers":[{"name":"app",` +
				`"files":[{"guest_path":"/f","local_path":"conf/x.txt"},{"guest_path":"/g","secret_name":"S"}]}]}`)},
	}
	for _, tt := range []struct{ name, toml, field, want string }{
		{"a file", "[[files]]\nguest_path = '/f'\nlocal_path = 'conf/x.txt'", "files",
			`[{"guest_path":"/f","raw_value":"aGVsbG8="}]`},
		{"a name that is not clean", "[[files]]\nguest_path = '/f'\nlocal_path = './conf/../conf//x.txt'",
			"files", `[{"guest_path":"/f","raw_value":"aGVsbG8="}]`},
		{"an empty file has content",
			"[[files]]\nguest_path = '/f'\nraw_value = 'x'\n[[files]]\nguest_path = '/f'\nlocal_path = 'empty'",
			"files", `[{"guest_path":"/f","raw_value":""}]`},
		{"a file beats a secret",
			"[[files]]\nguest_path = '/f'\nlocal_path = 'conf/x.txt'\nsecret_name = 'S'\nraw_value = 'y'", "files",
			`[{"guest_path":"/f","raw_value":"aGVsbG8="}]`},
		{"machine_config", "machine_config = 'm.json'", "schedule", `"daily"`},
		{"a container's file", "machine_config = 'm.json'", "containers",
			`[{"name":"app","image":".","files":[{"guest_path":"/f","raw_value":"aGVsbG8="},{"guest_path":"/g",` +
				`"secret_name":"S"}]}]`},
		{"the Machine's files are fly.toml's", "machine_config = 'm.json'", "files", absent},
		{"the last of two for one path",
			`machine_config = '{"containers":[{"name":"a","files":[{"guest_path":"/f","local_path":"empty"},` +
				`{"guest_path":"/f","local_path":"conf/x.txt"}]}]}'`, "containers",
			`[{"name":"a","image":".","files":[{"guest_path":"/f","raw_value":"aGVsbG8="},{"guest_path":"/f",` +
				`"raw_value":"aGVsbG8="}]}]`},
		{"no compose file of a known name", "[build.compose]", "init", `{}`},
		{"a container's file without a name stays empty",
			`machine_config = '{"containers":[{"name":"a","files":[{"guest_path":"/f"}]}]}'`, "containers",
			`[{"name":"a","image":".","files":[{"guest_path":"/f"}]}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseFile(t, tt.toml).WithFiles(files).Apply("app", machine.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(got.Raw(tt.field)); !sameJSON(t, got, tt.want) {
				t.Errorf("%s:\n got %s\nwant %s", tt.field, got, tt.want)
			}
		})
	}
}

func TestWithFilesRefuses(t *testing.T) {
	files := fstest.MapFS{
		"big":                {Data: make([]byte, MaxFileSize+1)},
		"pipe":               {Mode: fs.ModeNamedPipe},
		"dir/x":              {Data: []byte("x")},
		"bad.json":           {Data: []byte(`{"env":{"PW":"hunter2"},"image":5}`)},
		"c.yml":              {Data: []byte("services: {}")},
		"docker-compose.yml": {Data: []byte("services: {}")},
	}
	inline := func(local string) string {
		return `machine_config = '{"containers":[{"name":"a","files":[{"guest_path":"/f","local_path":"` + local + `"}]}]}'`
	}
	for _, tt := range []struct{ toml, want string }{
		{"[[files]]\nlocal_path = './conf/none'",
			"could not read file ./conf/none: open ./conf/none: no such file or directory"},
		{"[[files]]\nlocal_path = 'dir'", "could not read file dir: read dir: is a directory"},
		{"[[files]]\nlocal_path = 'big'", "could not read file big: 'big' has more than the 1048576 bytes allowed"},
		{"[[files]]\nlocal_path = 'pipe'", "could not read file pipe: 'pipe' is not a regular file and is not read"},
		{"[[files]]\nlocal_path = '/etc/passwd'",
			"could not read file /etc/passwd: '/etc/passwd' is outside the folder, so it is not read here (flyctl " +
				"would read it)"},
		{"[[files]]\nlocal_path = 'dir/../../x'",
			"could not read file dir/../../x: 'dir/../../x' is outside the folder, so it is not read here (flyctl " +
				"would read it)"},
		{"machine_config = 'none.json'", "open none.json: no such file or directory"},
		{"machine_config = '../x.json'",
			"'../x.json' is outside the folder, so it is not read here (flyctl would read it)"},
		{"machine_config = 'bad.json'",
			`invalid machine config "bad.json": json: cannot unmarshal number into Go struct field ` +
				`MachineConfig.image of type string`},
		{inline("none"), "failed to read file at none: open none: no such file or directory"},
		{inline("../x"),
			"failed to read file at ../x: '../x' is outside the folder, so it is not read here (flyctl would read it)"},
		{`machine_config = '{"files":[{"guest_path":"/f","local_path":"none"}]}'`,
			"failed to read file at none: open none: no such file or directory"},
		{`machine_config = '{"files":[{"guest_path":"/f","local_path":5}]}'`,
			`invalid machine config "{\"files\":[{\"guest_path\":\"/f\",\"local_path\":5}]}": json: cannot unmarshal ` +
				`number into Go struct field LocalFile.files.local_path of type string`},
		{"build.compose.file = './none.yml'", "failed to read compose file: open none.yml: no such file or directory"},
		{"build.compose.file = 'c.yml'",
			"[build.compose] takes containers from a compose file, which is not supported here: use fly deploy"},
		{"[build.compose]",
			"[build.compose] takes containers from a compose file, which is not supported here: use fly deploy"},
		{"[build.compose]\nfile = '../c.yml'",
			"failed to read compose file: '../c.yml' is outside the folder, so it is not read here (flyctl would read it)"},
	} {
		var names []string
		_, err := parseFile(t, tt.toml).WithFiles(opened{files, &names}).Apply("app", machine.Config{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.toml, err, tt.want)
		}
		if outside := strings.Contains(tt.want, "outside"); outside && len(names) > 0 {
			t.Errorf("%q: opened %q", tt.toml, names)
		}
	}
}

// The copy has the files, and the original has none.
func TestWithFilesIsACopy(t *testing.T) {
	f := parseFile(t, "[[files]]\nguest_path = '/f'\nlocal_path = 'x'")
	with := f.WithFiles(fstest.MapFS{"x": {Data: []byte("1")}})
	if _, err := f.Apply("app", machine.Config{}); err == nil || !strings.Contains(err.Error(), "not supported here") {
		t.Errorf("without files: %v", err)
	}
	if _, err := with.Apply("app", machine.Config{}); err != nil {
		t.Errorf("with files: %v", err)
	}
	if with.SHA256() != f.SHA256() || with.Name() != f.Name() {
		t.Error("the copy is another file")
	}
}

// A folder that is opened as a root gives no access to files outside of it.
func TestWithFilesRoot(t *testing.T) {
	folder := t.TempDir()
	for name, link := range map[string]string{"inside": "target", "outside": filepath.Join("..", "secret")} {
		if err := os.Symlink(link, filepath.Join(folder, name)); err != nil {
			t.Skip(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "target"), []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	f := func(local string) error {
		f := parseFile(t, "[[files]]\nguest_path = '/f'\nlocal_path = '"+local+"'")
		_, err := f.WithFiles(root.FS()).Apply("app", machine.Config{})
		return err
	}
	if err := f("inside"); err != nil {
		t.Errorf("a link within the folder: %v", err)
	}
	if err := f("outside"); err == nil {
		t.Error("a link out of the folder was followed")
	}
	const want = "could not read file none: open none: no such file or directory"
	if err := f("none"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
