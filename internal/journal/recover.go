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

// Recover begins a new journal in place of a lost one. It returns the path under
// which the rest of the old one is kept, empty if nothing is left of it. If the
// journal is not lost, the error is [ErrInOrder].
//
// A running server does not notice the new journal: it does nothing that needs an
// approval until it is restarted.
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
		return "", fmt.Errorf("journal: %s already exists: try again in a second", kept)
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
