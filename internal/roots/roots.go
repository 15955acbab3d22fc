// Package roots is the only way to a person's files: folders that were named
// at start, each behind an [os.Root], so that neither ".." nor a symbolic link
// leads out of them.
//
// Only regular files named *.toml, *.json or *.yaml of at most 1 MiB are read.
// Replacing one is atomic: a temporary file in the same folder, the mode kept,
// synced, and renamed over the old one after its bytes were compared with those
// the change was made from. On any error the file is what it was. Where the
// system has flock, the folder is locked meanwhile: of several servers that
// replace the same bytes one wins. An editor that saves between the comparison
// and the rename, some microseconds, loses what it saved.
package roots

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// MaxSize is the size of the largest file that is read, in bytes.
const MaxSize = 1 << 20

// Errors that callers tell apart.
var (
	ErrOutside = errors.New("outside the roots of this server")
	ErrChanged = errors.New("the file changed meanwhile")
	ErrKind    = errors.New("not a regular *.toml, *.json or *.yaml file of at most 1 MiB")
)

// ErrLinked is an [ErrKind] of its own: a file with several names. Replacing it
// would part them, and the other names would keep the old text.
var ErrLinked error = kindError("the file has more than one hard link, and was left as it is: replacing it would part its names")

// ErrReadOnly is an [ErrKind] of its own: a file whose mode says that its owner
// does not write it either. A rename would not mind.
var ErrReadOnly error = kindError("the file is read-only, and was left as it is")

type kindError string

func (e kindError) Error() string { return string(e) }

// Unwrap makes it an [ErrKind].
func (kindError) Unwrap() error { return ErrKind }

// Roots are the folders a server may read and write files in. The zero value
// has none: every path is outside.
type Roots struct {
	roots []rootDir
}

type rootDir struct {
	dir        string // absolute, symbolic links resolved
	fs         *os.Root
	replacing  *sync.Mutex
	beforeOpen func() // for tests: called between the look at a file and its opening
}

// Open opens the folders. Relative ones are taken from the working directory.
func Open(dirs ...string) (*Roots, error) {
	r := &Roots{}
	for _, dir := range dirs {
		abs, err := filepath.Abs(dir)
		if err == nil {
			abs, err = filepath.EvalSymlinks(abs)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("root %s: %w", dir, err), r.Close())
		}
		opened, err := os.OpenRoot(abs)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("root %s: %w", dir, err), r.Close())
		}
		r.roots = append(r.roots, rootDir{dir: abs, fs: opened, replacing: new(sync.Mutex)})
	}
	return r, nil
}

// Implicit is the root that a server has without being told: the folder it was
// started in, unless that is /, or the home folder or one above it, by whatever
// symbolic links the two are named. The second result is false when there is
// none.
func Implicit(cwd, home string) (string, bool) {
	clean := filepath.Clean(cwd)
	if cwd == "" || contains(clean, filepath.VolumeName(clean)+string(filepath.Separator)) {
		return "", false
	}
	if home != "" && (contains(clean, filepath.Clean(home)) || contains(resolve(clean), resolve(home))) {
		return "", false
	}
	return clean, true
}

// holds reports whether a path is dir or something in it.
func contains(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// resolved is a path without symbolic links, or as it is where that fails.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return filepath.Clean(path)
}

// Close closes the folders.
func (r *Roots) Close() error {
	var errs []error
	for _, root := range r.roots {
		errs = append(errs, root.fs.Close())
	}
	return errors.Join(errs...)
}

// Dirs are the folders, as absolute paths.
func (r *Roots) Dirs() []string {
	if r == nil {
		return nil
	}
	dirs := make([]string, len(r.roots))
	for i, root := range r.roots {
		dirs[i] = root.dir
	}
	return dirs
}

// File is a file as it was read.
type File struct {
	Path string // absolute
	Data []byte
}

// Read reads a file. A relative path is taken from the first root; a folder
// stands for the fly.toml in it, or for the fly.json or fly.yaml where there is
// none before it, as flyctl looks for them.
func (r *Roots) Read(path string) (File, error) {
	root, name, err := r.find(path)
	if err != nil {
		return File{}, err
	}
	if info, err := root.fs.Stat(name); err == nil && info.IsDir() {
		name = root.configFile(name)
	}
	data, _, err := root.read(name)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", showPath(path), err)
	}
	return File{Path: filepath.Join(root.dir, name), Data: data}, nil
}

// inFolder is the file that a folder stands for; fly.toml if there is none.
func (r rootDir) configFile(folder string) string {
	for _, name := range []string{"fly.toml", "fly.json", "fly.yaml"} {
		if _, err := r.fs.Lstat(filepath.Join(folder, name)); err == nil {
			return filepath.Join(folder, name)
		}
	}
	return filepath.Join(folder, "fly.toml")
}

// Replace writes new over a file that still holds old. [ErrChanged] means that
// it does not, and that nothing was written. A file with several hard links is
// refused with [ErrLinked], where the system tells their number, and a read-only
// one with [ErrReadOnly].
func (r *Roots) Replace(path string, old, new []byte) error {
	return r.replace(path, old, new, false)
}

// ReplaceReadOnly is Replace for a file that may be read-only, and stays so.
func (r *Roots) ReplaceReadOnly(path string, old, new []byte) error {
	return r.replace(path, old, new, true)
}

func (r *Roots) replace(path string, old, new []byte, readOnly bool) error {
	root, name, err := r.find(path)
	if err != nil {
		return err
	}
	if err := root.replace(name, old, new, readOnly); err != nil {
		return fmt.Errorf("%s: %w", showPath(path), err)
	}
	return nil
}

// find is the root of a path, and the path within it. The folder part of the
// path may come through symbolic links, as temporary and home folders often do.
func (r *Roots) find(path string) (rootDir, string, error) {
	if r == nil || len(r.roots) == 0 {
		return rootDir{}, "", fmt.Errorf("%s: %w: it has none", showPath(path), ErrOutside)
	}
	if path == "" || strings.ContainsRune(path, 0) {
		return rootDir{}, "", fmt.Errorf("%s: %w", showPath(path), ErrOutside)
	}
	abs := path
	if !filepath.IsAbs(path) {
		abs = filepath.Join(r.roots[0].dir, path)
	}
	abs = locate(filepath.Clean(abs))
	for _, root := range r.roots {
		rel, err := filepath.Rel(root.dir, abs)
		if err == nil && filepath.IsLocal(rel) {
			return root, rel, nil
		}
	}
	return rootDir{}, "", fmt.Errorf("%s: %w", showPath(path), ErrOutside)
}

// located is where a path leads: all of it for a folder, for a file its folder
// part, as a link is not the file that a rename would replace. What does not
// exist is taken as it is named; os.Root judges it anyway.
func locate(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		if info, err := os.Stat(real); err == nil && info.IsDir() {
			return real
		}
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(locate(parent), filepath.Base(path))
	}
	return path
}

func hasAllowedName(name string) bool {
	return slices.Contains([]string{".toml", ".json", ".yaml"}, filepath.Ext(name))
}

func (r rootDir) read(name string) ([]byte, fs.FileMode, error) {
	if !hasAllowedName(name) {
		return nil, 0, ErrKind
	}
	// Lstat: a link is not the file that a rename would replace.
	info, err := r.fs.Lstat(name)
	if err != nil {
		return nil, 0, plainError(err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxSize {
		return nil, 0, ErrKind
	}
	if r.beforeOpen != nil {
		r.beforeOpen()
	}
	f, err := r.fs.OpenFile(name, os.O_RDONLY|disk.NoWait, 0) // a FIFO may have taken its place
	if err != nil {
		return nil, 0, plainError(err)
	}
	defer f.Close()
	switch opened, err := f.Stat(); {
	case err != nil:
		return nil, 0, plainError(err)
	case !opened.Mode().IsRegular():
		return nil, 0, ErrKind
	case !os.SameFile(info, opened):
		return nil, 0, ErrChanged
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, 0, plainError(err)
	}
	if len(data) > MaxSize {
		return nil, 0, ErrKind
	}
	return data, info.Mode().Perm(), nil
}

func (r rootDir) replace(name string, old, new []byte, readOnly bool) (err error) {
	r.replacing.Lock()
	defer r.replacing.Unlock()
	if dir, err := r.fs.OpenFile(filepath.Dir(name), os.O_RDONLY|disk.NoWait, 0); err == nil {
		defer dir.Close() // and with it the lock
		if errors.Is(disk.TryLock(dir), disk.ErrLocked) {
			return fmt.Errorf("%w: another program has locked its folder", ErrChanged)
		}
	}
	current, mode, err := r.read(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(current, old) {
		return ErrChanged
	}
	if mode&0o200 == 0 && !readOnly {
		return ErrReadOnly
	}
	if info, err := r.fs.Lstat(name); err != nil {
		return plainError(err)
	} else if countLinks(info) > 1 {
		return ErrLinked
	}
	var suffix [6]byte
	rand.Read(suffix[:])
	tmp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+hex.EncodeToString(suffix[:]))
	f, err := r.fs.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return plainError(err)
	}
	defer func() {
		if err != nil {
			_ = r.fs.Remove(tmp)
		}
	}()
	_, writeErr := f.Write(new)
	// The umask may have taken bits away; the mode is the person's choice.
	if err := errors.Join(writeErr, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return plainError(err)
	}
	current, _, err = r.read(name)
	if err != nil {
		return err
	}
	if !bytes.Equal(current, old) {
		return ErrChanged
	}
	if err := r.fs.Rename(tmp, name); err != nil {
		return plainError(err)
	}
	if dir, err := r.fs.OpenFile(filepath.Dir(name), os.O_RDONLY|disk.NoWait, 0); err == nil {
		// The rename has happened; a failing sync of the folder cannot undo it.
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

// plain drops the operation and path that os puts before an error, and turns
// what is wrong with a path into an error of this package.
func plainError(err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	var errno syscall.Errno
	switch {
	case errors.Is(path.Err, fs.ErrClosed):
	case !errors.As(path.Err, &errno): // os.Root has no sentinel for a link that leads out
		return ErrOutside
	case errno == syscall.ENOTDIR, errno == syscall.ELOOP, errno == syscall.ENAMETOOLONG:
		return fmt.Errorf("%w: %w", ErrKind, errno)
	}
	return path.Err
}

// shown is a path in a message: on one line.
func showPath(path string) string { return outside.Line(path, 200) }
