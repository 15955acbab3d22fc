// Package disk holds what every part of the program that touches files must get
// right: only regular files are opened, and never one that makes the program
// wait; nobody else can write where keys, policy and state lie; and an error of
// the disk is told as what it is.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNotRegular means that a path does not lead to a regular file.
var ErrNotRegular = errors.New("not a regular file")

// ErrTooLarge means that a file is larger than the caller reads.
var ErrTooLarge = errors.New("the file is too large")

// ErrLocked means that another process has the lock of a file.
var ErrLocked = errors.New("another process has the lock")

// Open opens a regular file for reading. It does not wait: a FIFO or a device,
// also one that takes the file's place at this very moment, is [ErrNotRegular].
func Open(path string) (*os.File, fs.FileInfo, error) {
	return open(path, os.Stat)
}

func open(path string, look func(string) (fs.FileInfo, error)) (*os.File, fs.FileInfo, error) {
	// Opening a device can have an effect of its own, so look first.
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

// Read reads a regular file of at most that many bytes.
func Read(path string, most int64) ([]byte, error) {
	f, info, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Size() > most {
		return nil, fmt.Errorf("%s: %w: %d bytes, more than %d", path, ErrTooLarge, info.Size(), most)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: %w: more than %d bytes", path, ErrTooLarge, most)
	}
	return data, err
}
