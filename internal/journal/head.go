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

// ErrLost is wrapped by the errors of a journal that was deleted, truncated,
// changed or replaced. Which approvals were used is unknown then, and nothing is
// recorded until a person begins a new journal with [Recover].
var ErrLost = errors.New("which approvals were used is no longer known")

func lostError(path, what string) error {
	return fmt.Errorf("the journal %s %s: %w", path, what, ErrLost)
}

// head is the file beside a journal. It holds the journal's length after the last
// entry, and the hash of its content up to there. It shows that a journal is not
// the one that was written, and that a missing journal is not a first start.
type head struct {
	Journal string    `json:"journal"` // id
	Born    time.Time `json:"born,omitzero"`
	Size    int64     `json:"size"`
	SHA256  string    `json:"sha256"` // of the first Size bytes
}

// headPath returns the path of a journal's head.
func headPath(path string) string { return strings.TrimSuffix(path, filepath.Ext(path)) + ".head" }

// maxHead is far more than a head needs.
const maxHead = 4 << 10

// readHead reads the head beside a journal. The error wraps [fs.ErrNotExist] if
// there is none, and [ErrLost] if it is damaged.
func readHead(path string) (head, error) {
	var h head
	data, err := disk.Read(headPath(path), maxHead)
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(data, &h); err != nil || h.Journal == "" || h.Size < 0 {
		return h, lostError(path, "has a damaged head file")
	}
	return h, nil
}

// writeHead writes the head of the journal as it is now. The caller holds the
// journal's lock.
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

// adoptHead sets the journal's identity: from the head file, or a new one if this
// is the first start.
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
	if info.Size() == 0 { // otherwise an earlier version wrote it, without a head
		j.born = j.now().UTC()
	}
	return nil
}

func newID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// maxTail is how many bytes before the end are compared with what this process
// read or wrote. A change before them is noticed when the file is opened again.
const maxTail = 4 << 10

// checkIntact returns an error that wraps [ErrLost] if the file at the path is not
// the one that was opened, with the content that was read; otherwise the head.
// Its cost does not depend on the size of the file.
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
		return head{}, fmt.Errorf("the journal %s %w: %w", j.path, errReplaced, ErrLost)
	case opened.Size() < j.read:
		return head{}, lostError(j.path, "was truncated")
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
	case j.isOutdated(h):
		return head{}, nil
	case h.Size > opened.Size():
		return head{}, lostError(j.path, "was truncated")
	}
	return h, nil
}

// advance records bytes that were read from the file or written to it.
func (j *Journal) advance(data []byte) {
	j.read += int64(len(data))
	j.sum.Write(data)
	if j.tail = append(j.tail, data[max(len(data)-maxTail, 0):]...); len(j.tail) > maxTail {
		j.tail = bytes.Clone(j.tail[len(j.tail)-maxTail:])
	}
}

// errReplaced means that there is another file at the journal's path.
var errReplaced = errors.New("was replaced by another file")

// isOutdated reports whether a head is that of the journal that this one continues: a
// rotation was cut short before it wrote the new one.
func (j *Journal) isOutdated(h head) bool {
	return j.prev != "" && strings.HasPrefix(h.SHA256, j.prev)
}

// ErrOpenFolder means that others can write to the journal's folder: they could
// replace the files in it.
var ErrOpenFolder = errors.New("others can write to the state folder")

// Check returns nil if entries can be recorded. The error wraps [ErrLost] if the
// journal is not the one that was written, and [ErrOpenFolder] if others can write
// to its folder.
func (j *Journal) Check() error {
	if err := disk.CheckTrusted(filepath.Dir(j.path)); err != nil {
		return fmt.Errorf("journal: %w: %w", ErrOpenFolder, err)
	}
	return j.withLock(func() error { return nil })
}

// Began returns when the journal was begun: earlier approvals may have been used
// without an entry. It is zero if the version that began it did not record it.
func (j *Journal) Began() time.Time { return j.born }
