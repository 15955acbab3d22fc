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

// MaxFileSize is the most bytes that Apply reads of another file.
const MaxFileSize = 1 << 20

// WithFiles is a copy of the file whose conversion reads the files it names
// from files: local_path of [[files]] and of containers, and machine_config =
// "x.json". flyctl takes such names relative to its working directory, so
// files is that folder. A name that is absolute or leaves the folder is
// refused, and so is what is no regular file or larger than [MaxFileSize]. To
// keep symbolic links from leaving the folder use [os.Root.FS]; [os.DirFS]
// follows them.
//
// Without it, and for a compose file in any case, Apply refuses to convert a
// file that names others.
func (f *File) WithFiles(files fs.FS) *File {
	out := *f
	out.files = localFiles{fs: files}
	return &out
}

// localFiles are the files that flyctl would read beside fly.toml. The zero
// value has none and knows that it has none.
type localFiles struct {
	fs      fs.FS
	assumed func(name string) // in place of fs: takes note of a file, which is taken for an empty one
}

func (l localFiles) given() bool { return l.fs != nil || l.assumed != nil }

// read fails in the words of Go's os package where the file is missing, so
// that flyctl's messages can be made of them.
func (l localFiles) read(name string) ([]byte, error) {
	if l.assumed != nil {
		l.assumed(name)
		return nil, nil
	}
	clean := path.Clean(name)
	if path.IsAbs(name) || !fs.ValidPath(clean) {
		return nil, fmt.Errorf("%s lies outside the folder: flyctl would read it, and here it is not read",
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

// base64 is a file's content as a Machine's configuration carries it.
func (l localFiles) base64(name string) (*string, error) {
	data, err := l.read(name)
	if err != nil {
		return nil, err
	}
	encoded := base64.StdEncoding.EncodeToString(data)
	return &encoded, nil
}

// withoutPath leaves out of an error the cleaned name, which nobody wrote.
func withoutPath(err error) error {
	var in *fs.PathError
	if errors.As(err, &in) {
		return in.Err
	}
	return err
}
