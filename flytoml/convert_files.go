package flytoml

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// MaxFileSize is the size in bytes of the largest other file that Apply reads.
const MaxFileSize = 1 << 20

// WithFiles returns a copy of the file whose conversion reads the files it refers
// to from files: local_path of [[files]] and of containers, and machine_config =
// "x.json". flyctl resolves such names relative to its working directory, so
// files must be that folder. Absolute names, names that leave the folder, files
// that are not regular and files larger than [MaxFileSize] are refused. Use
// [os.Root.FS] to keep symbolic links inside the folder; [os.DirFS] follows them.
//
// Without WithFiles, Apply refuses to convert a file that refers to others. It
// always refuses a compose file.
func (f *File) WithFiles(files fs.FS) *File {
	out := *f
	out.files = localFiles{fs: files}
	return &out
}

// localFiles are the files next to fly.toml that flyctl would read. The zero
// value means that there is no folder to read them from.
type localFiles struct {
	fs     fs.FS
	record func(name string) // used instead of fs: it receives the name, and the content is empty
}

func (l localFiles) isSet() bool { return l.fs != nil || l.record != nil }

// read reads a file. If the file is missing, the error has the words of Go's os
// package, because flyctl's messages contain them.
func (l localFiles) read(name string) ([]byte, error) {
	if l.record != nil {
		l.record(name)
		return nil, nil
	}
	clean := path.Clean(name)
	if path.IsAbs(name) || !fs.ValidPath(clean) {
		return nil, fmt.Errorf("%s is outside the folder, so it is not read here (flyctl would read it)",
			excerpt.Quote(name))
	}
	info, err := fs.Stat(l.fs, clean)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open %s: no such file or directory", name)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open %s: permission denied", name)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", name, withoutPath(err))
	case info.IsDir():
		return nil, fmt.Errorf("read %s: is a directory", name)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file and is not read", excerpt.Quote(name))
	}
	file, err := l.fs.Open(clean)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, withoutPath(err))
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, withoutPath(err))
	}
	if len(data) > MaxFileSize {
		return nil, fmt.Errorf("%s has more than the %d bytes allowed", excerpt.Quote(name), MaxFileSize)
	}
	return data, nil
}

// base64 returns a file's content in the encoding of a Machine's configuration.
func (l localFiles) base64(name string) (*string, error) {
	data, err := l.read(name)
	if err != nil {
		return nil, err
	}
	encoded := base64.StdEncoding.EncodeToString(data)
	return &encoded, nil
}

// withoutPath removes the cleaned path from an error: the user wrote another spelling.
func withoutPath(err error) error {
	var in *fs.PathError
	if errors.As(err, &in) {
		return in.Err
	}
	return err
}
