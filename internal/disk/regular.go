// Package disk opens, locks and checks files safely: it opens only regular files,
// never waits to open one, checks that others cannot write to the folders of keys,
// policy and state, and describes errors of the disk.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotRegular means that a path is not that of a regular file.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge means that a file is larger than the caller's limit.
var ErrTooLarge = errors.New("the file is too large")

// ErrLocked means that another process has the lock of a file.
var ErrLocked = errors.New("another process has the lock")

// Open opens a regular file for reading. It never waits: for a FIFO or a device,
// even one that replaces the file during the call, the error is [ErrNotRegular].
func Open(path string) (*os.File, fs.FileInfo, error) {
	return open(path, os.Stat)
}

func open(path string, look func(string) (fs.FileInfo, error)) (*os.File, fs.FileInfo, error) {
	// Opening a device can have an effect, so check first.
	if info, err := look(path); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|NoWait, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

// Read reads a regular file of at most limit bytes; a larger one is [ErrTooLarge].
func Read(path string, limit int64) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %w: %d bytes, more than %d", path, ErrTooLarge, info.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: %w: more than %d bytes", path, ErrTooLarge, limit)
	}
	return data, err
}
