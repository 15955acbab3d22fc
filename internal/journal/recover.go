package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ErrInOrder means that a journal needs no recovery.
var ErrInOrder = errors.New("the journal is in order")

// Recover begins a new journal in place of one that was lost, and gives the path
// under which what was left of the old one is kept; empty if nothing was.
// It refuses a journal that is in order with [ErrInOrder].
//
// A server that runs keeps to the journal that it lost, and does nothing that
// needs an approval until it is started again.
func Recover(path string, now func() time.Time) (kept string, err error) {
	j, err := Open(path, now)
	if err != nil {
		return "", err
	}
	defer j.Close()
	switch err := j.Check(); {
	case err == nil:
		return "", ErrInOrder
	case !errors.Is(err, ErrLost):
		return "", err
	}
	kept = fmt.Sprintf("%s.lost-%s", path, now().UTC().Format("20060102-150405"))
	if _, err := os.Lstat(kept); err == nil {
		return "", fmt.Errorf("journal: %s exists: try again in a second", kept)
	}
	if err := os.Rename(path, kept); errors.Is(err, fs.ErrNotExist) {
		kept = ""
	} else if err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	if err := os.Remove(headPath(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return kept, fmt.Errorf("journal: %w", err)
	}
	fresh, err := Open(path, now)
	if err != nil {
		return kept, err
	}
	defer fresh.Close()
	return kept, fresh.Append(Entry{Event: Recovered, Status: "the journal before it was lost"})
}
