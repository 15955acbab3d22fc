package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// sandboxDir is the folder, in the state folder, of what is tried out: it must
// not count towards the caps of what is real. Each embedded platform has a folder
// of its own in embeddedDir below it.
const (
	sandboxDir  = "sandbox"
	embeddedDir = "embedded"
)

// state is the server's state folder. It is empty where there is no place for
// one: then nothing is done that needs an approval, and the rest works.
func (s *serving) state(p program, app *application) (string, error) {
	dir, err := p.stateDir(s.stateDir)
	homeless := errors.Is(err, errNoHome)
	switch {
	case homeless && app.embedded != nil:
		return temporaryState(app)
	case homeless:
		app.log.Error("nothing that needs an approval will be done", "err", err)
		return "", nil
	case err != nil:
		return "", err
	}
	switch {
	case s.stateDir != "": // as the operator says
	case app.embedded != nil:
		parent := filepath.Join(dir, sandboxDir, embeddedDir)
		if err := trustedState(parent); err != nil {
			return "", err
		}
		if err := os.MkdirAll(parent, 0o700); err != nil {
			app.log.Warn("the state folder cannot be made: a temporary one takes its place", "err", err)
			return temporaryState(app)
		}
		return ownState(parent, app)
	case app.sandbox:
		dir = filepath.Join(dir, sandboxDir)
	}
	return dir, trustedState(dir)
}

// temporaryState is a state folder for an embedded platform that has no other
// place. It is removed when the application is closed.
func temporaryState(app *application) (string, error) {
	dir, err := os.MkdirTemp("", "flycast-mcp-sandbox-*")
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	app.close = append(app.close, func() error { return os.RemoveAll(dir) })
	return dir, nil
}

func trustedState(dir string) error {
	if err := disk.Trusted(dir); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}

// inUse is the file in an embedded platform's folder whose lock its server has
// for as long as it runs.
const inUse = "in-use"

// ownState makes a state folder that no other server has, in parent, which
// exists, and removes it when the application is closed. The folders of servers that were killed are
// removed first.
func ownState(parent string, app *application) (string, error) {
	// Nobody sweeps while a folder is there without its lock.
	door, err := os.OpenFile(filepath.Join(parent, "lock"), os.O_RDWR|os.O_CREATE|disk.NoWait, 0o600)
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	defer door.Close()
	alone := lockWithin(door, time.Second)
	if alone {
		sweepStates(parent)
	}
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%d-*", os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, inUse), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		if err = disk.TryLock(lock); errors.Is(err, errors.ErrUnsupported) {
			err = nil // then nobody sweeps either
		}
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("state folder: %w", err), os.RemoveAll(dir))
	}
	app.close = append(app.close, func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) })
	return dir, nil
}

// lockWithin waits a little for a lock that is held for moments.
func lockWithin(f *os.File, within time.Duration) bool {
	for begun := time.Now(); ; time.Sleep(time.Millisecond) {
		if err := disk.TryLock(f); err == nil {
			return true
		} else if !errors.Is(err, disk.ErrLocked) || time.Since(begun) > within {
			return false
		}
	}
}

// sweepStates removes the folders of embedded platforms whose servers are dead:
// those whose lock can be had.
func sweepStates(parent string) {
	folders, _ := os.ReadDir(parent) // what cannot be read stays
	for _, folder := range folders {
		dir := filepath.Join(parent, folder.Name())
		if !folder.IsDir() {
			continue
		}
		lock, err := os.OpenFile(filepath.Join(dir, inUse), os.O_RDWR|disk.NoWait, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it died before it had one
			_ = os.Remove(dir) // if it is empty
		case err == nil && disk.TryLock(lock) == nil:
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		case err == nil:
			_ = lock.Close()
		}
	}
}
