package journal

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// ErrLost is wrapped by every error of a journal that was deleted, cut short,
// changed or replaced: which approvals were used is no longer known, and nothing
// is recorded until somebody starts a new one with [Recover].
var ErrLost = errors.New("which approvals were used is no longer known")

func lostError(path, what string) error {
	return fmt.Errorf("the journal %s %s: %w", path, what, ErrLost)
}

// head is the file beside a journal. It says how long the journal was after its
// last entry, and what it held up to there. A journal that does not begin with
// that is not the one that was written, and one that is missing is not a first
// start.
type head struct {
	Journal string    `json:"journal"` // id
	Born    time.Time `json:"born,omitzero"`
	Size    int64     `json:"size"`
	SHA256  string    `json:"sha256"` // of the first Size bytes
}

// headOf is the path of a journal's head.
func headPath(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + ".head" }

// maxHead is far more than a head needs.
const maxHead = 4 << 10

// readHead reads the head beside a journal. The error wraps [fs.ErrNotExist]
// where there is none, and [ErrLost] where it cannot be understood.
func readHead(path string) (head, error) {
	var h head
	data, err := disk.Read(headPath(path), maxHead)
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(data, &h); err != nil || h.Journal == "" || h.Size < 0 {
		return h, lostError(path, "has a head file that is damaged")
	}
	return h, nil
}

// writeHead replaces the head of the journal as it is now. The caller holds
// the journal's lock.
func (j *Journal) writeHead() error {
	h := head{Journal: j.id, Born: j.born, Size: j.read, SHA256: hex.EncodeToString(j.sum.Sum(nil))}
	data, err := json.Marshal(h)
	if err != nil {
		return err
	}
	tmp := headPath(j.path) + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|disk.NoWait, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(tmp, headPath(j.path))
	}
	if err != nil {
		_ = os.Remove(tmp)
	}
	return err
}

// adopt takes the head for that of this journal: at the first look the one that
// is there, or a new one at a first start.
func (j *Journal) adoptHead() error {
	h, err := readHead(j.path)
	if err == nil {
		j.id, j.born = h.Journal, h.Born
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	j.id = newID()
	if info.Size() == 0 { // else it is of a version that wrote no heads
		j.born = j.now().UTC()
	}
	return nil
}

func newID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// maxTail is how much before the end is compared with what this process read or
// wrote there. A change further back shows when the file is opened again.
const maxTail = 4 << 10

// intact reports whether the file at the path still is the one that was opened,
// with what was read of it, and gives the head. It costs the same whatever the
// size of the file.
func (j *Journal) checkIntact() (head, error) {
	opened, err := j.file.Stat()
	if err != nil {
		return head{}, err
	}
	there, err := os.Stat(j.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return head{}, lostError(j.path, "was deleted")
	case err != nil:
		return head{}, err
	case !os.SameFile(opened, there):
		return head{}, lostError(j.path, "was replaced by another file")
	case opened.Size() < j.read:
		return head{}, lostError(j.path, "was cut short")
	}
	tail := make([]byte, len(j.tail))
	if _, err := j.file.ReadAt(tail, j.read-int64(len(tail))); err != nil && err != io.EOF {
		return head{}, err
	}
	if !bytes.Equal(tail, j.tail) {
		return head{}, lostError(j.path, "was changed")
	}
	h, err := readHead(j.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return head{}, nil // the next entry writes it
	case err != nil:
		return head{}, err
	case h.Journal != j.id:
		return head{}, lostError(j.path, "has the head file of another journal")
	case h.Size > opened.Size():
		return head{}, lostError(j.path, "was cut short")
	}
	return h, nil
}

// taken notes bytes that were read from the file or written to it.
func (j *Journal) advance(data []byte) {
	j.read += int64(len(data))
	j.sum.Write(data)
	if j.tail = append(j.tail, data[max(len(data)-maxTail, 0):]...); len(j.tail) > maxTail {
		j.tail = bytes.Clone(j.tail[len(j.tail)-maxTail:])
	}
}

// ErrOpenFolder means that others can write to the folder of the journal: they
// could replace it, and what lies beside it.
var ErrOpenFolder = errors.New("the state folder is open to others")

// Check reports whether entries can be recorded: an error wraps [ErrLost] if
// the journal is not the one that was written, and [ErrOpenFolder] if its folder
// is no longer this user's alone.
func (j *Journal) Check() error {
	if err := disk.Trusted(filepath.Dir(j.path)); err != nil {
		return fmt.Errorf("journal: %w: %w", ErrOpenFolder, err)
	}
	return j.withLock(func() error { return nil })
}

// Born is when the journal was begun: approvals that were given before may have
// been used, and no entry says so. It is zero for a journal of a version that
// did not write it down.
func (j *Journal) Born() time.Time { return j.born }
