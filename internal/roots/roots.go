// Package roots reads and replaces a person's files, which nothing else does. They
// must be in folders that were named at startup, each behind an [os.Root], so that
// neither ".." nor a symbolic link leads outside.
//
// Only regular files named *.toml, *.json or *.yaml of at most 1 MiB are read. A
// file is replaced atomically: the new content goes into a temporary file in the
// same folder, with the same mode, and is synced; then the file is compared with
// what the change was made from, and the temporary file is renamed over it. After
// any error the file is what it was. Where the system has flock, the folder is
// locked meanwhile: if several servers replace the same file, one wins. An editor
// that saves in the microseconds between comparison and rename loses what it saved.
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

// MaxSize is the size, in bytes, of the largest file that is read.
const MaxSize = 1 << 20

// Errors that callers tell apart.
var (
	ErrOutside = errors.New("outside the roots of this server")
	ErrChanged = errors.New("the file changed meanwhile")
	ErrKind    = errors.New("not a regular *.toml, *.json or *.yaml file of at most 1 MiB")
)

// ErrLinked wraps [ErrKind]: the file has several names. If it were replaced, the
// other names would keep the old content.
var ErrLinked error = kindError("the file has more than one hard link; it was not changed, " +
	"because the other names would keep the old content")

// ErrReadOnly wraps [ErrKind]: the file is read-only for its owner, too. A rename
// would replace it all the same.
var ErrReadOnly error = kindError("the file is read-only; it was not changed")

type kindError string

func (e kindError) Error() string { return string(e) }

// Unwrap returns [ErrKind].
func (kindError) Unwrap() error { return ErrKind }

// Roots are the folders in which a server may read and write files. The zero value
// has none: every path is outside.
type Roots struct {
	roots []rootDir
}

type rootDir struct {
	dir        string // absolute, symbolic links resolved
	fs         *os.Root
	replacing  *sync.Mutex
	beforeOpen func() // for tests: called between the check of a file and its opening
}

// Open opens the folders. Relative paths are relative to the working directory.
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

// Implicit returns the root of a server that was started without one: the folder
// it was started in. There is none, and the result false, if that is / or the home
// folder or a folder above it, directly or through symbolic links.
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

// contains reports whether a path is dir or in it.
func contains(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// resolve returns a path without symbolic links, or unchanged if that fails.
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

// Dirs returns the absolute paths of the folders.
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

// File is a file and its content.
type File struct {
	Path string // absolute
	Data []byte
}

// Read reads a file. A relative path is relative to the first root. A folder stands
// for the first of fly.toml, fly.json and fly.yaml that is in it, as in flyctl.
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

// configFile returns the file that a folder stands for; fly.toml if there is none.
func (r rootDir) configFile(folder string) string {
	for _, name := range []string{"fly.toml", "fly.json", "fly.yaml"} {
		if _, err := r.fs.Lstat(filepath.Join(folder, name)); err == nil {
			return filepath.Join(folder, name)
		}
	}
	return filepath.Join(folder, "fly.toml")
}

// CheckNew reports whether a file exists, and fails if [Roots.Create] could not write it.
func (r *Roots) CheckNew(path string) (exists bool, err error) {
	root, name, err := r.find(path)
	if err != nil {
		return false, err
	}
	if !hasAllowedName(name) {
		return false, fmt.Errorf("%s: %w", showPath(path), ErrKind)
	}
	if folder, err := root.fs.Stat(filepath.Dir(name)); err != nil || !folder.IsDir() {
		return false, fmt.Errorf("%s: its folder does not exist", showPath(path))
	}
	_, err = root.fs.Lstat(name)
	return err == nil, nil
}

// Create writes a new file. If there is one already, nothing is written and the error is
// [ErrChanged]. A file that could not be written completely is removed again.
func (r *Roots) Create(path string, data []byte) error {
	root, name, err := r.find(path)
	if err != nil {
		return err
	}
	if !hasAllowedName(name) {
		return fmt.Errorf("%s: %w", showPath(path), ErrKind)
	}
	f, err := root.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", showPath(path), ErrChanged)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", showPath(path), plainError(err))
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("%s: %w", showPath(path), errors.Join(plainError(err), root.fs.Remove(name)))
	}
	return nil
}

// Replace replaces the content of a file, if it is still old, with new. If it is
// not, nothing is written and the error is [ErrChanged]. It is [ErrLinked] for a file
// with several hard links, on systems that report them, and [ErrReadOnly] for a
// read-only file.
func (r *Roots) Replace(path string, old, new []byte) error {
	return r.replace(path, old, new, false)
}

// ReplaceReadOnly is [Roots.Replace] for a file that may be read-only, and stays so.
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

// find returns the root of a path, and the path within it. The folders of the path
// may be symbolic links, as temporary and home folders often are.
func (r *Roots) find(path string) (rootDir, string, error) {
	if r == nil || len(r.roots) == 0 {
		return rootDir{}, "", fmt.Errorf("%s: %w, which has none", showPath(path), ErrOutside)
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

// locate resolves symbolic links in a path: in all of it for a folder, and in its
// folder for a file, because a rename would replace a link and not its target. A
// part that does not exist stays as it is; os.Root checks it anyway.
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

// hasAllowedName reports whether files with this extension may be read.
func hasAllowedName(name string) bool {
	return slices.Contains([]string{".toml", ".json", ".yaml"}, filepath.Ext(name))
}

func (r rootDir) read(name string) ([]byte, fs.FileMode, error) {
	if !hasAllowedName(name) {
		return nil, 0, ErrKind
	}
	// Lstat, because a rename would replace a link and not its target.
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
	f, err := r.fs.OpenFile(name, os.O_RDONLY|disk.NoWait, 0) // it may be a FIFO by now
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
		defer dir.Close() // releases the lock
		if errors.Is(disk.TryLock(dir), disk.ErrLocked) {
			return fmt.Errorf("%w: its folder is locked by another process", ErrChanged)
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
	// Set the mode again: the umask may have cleared bits.
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
		// The file is replaced, even if syncing the folder fails.
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

// plainError removes the operation and the path that os adds to an error, and
// returns an error of this package if the path is not allowed.
func plainError(err error) error {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err
	}
	var errno syscall.Errno
	switch {
	case errors.Is(path.Err, fs.ErrClosed):
	case !errors.As(path.Err, &errno): // os.Root has no sentinel for a link that leads outside
		return ErrOutside
	case errno == syscall.ENOTDIR, errno == syscall.ELOOP, errno == syscall.ENAMETOOLONG:
		return fmt.Errorf("%w: %w", ErrKind, errno)
	}
	return path.Err
}

// showPath returns a path for a message, on one line.
func showPath(path string) string { return outside.Line(path, 200) }
