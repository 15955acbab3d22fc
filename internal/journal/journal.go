// Package journal is the append-only record of what was planned, approved and
// done, and of which approvals were used. One JSON object a line, synced to
// disk before a call returns. Several processes may share a file: appends and
// look-ups are made under a file lock.
//
// A journal that is deleted, cut short, changed or replaced is noticed at the next
// entry, and by a head file beside it also after a restart. From then on nothing
// is recorded ([ErrLost]), and so nothing is done that needs a record.
//
// It stores names, addresses, digests and hashes: never a token, an
// environment value or a configuration.
package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// Event is what an entry records.
type Event string

// The events. Declined is a person's no to a plan. Burnt is the use of an
// approval; it precedes the first write of its run. Started … Finished bracket a
// run; Step is one change that was made; Halted is somebody's wish that a run
// under way ends.
const (
	Refused  Event = "refused"
	Declined Event = "declined"
	Asked    Event = "asked"
	Burnt    Event = "burnt"
	Started  Event = "started"
	Step     Event = "step"
	Halted   Event = "halted"
	Finished Event = "finished"
	// Recovered begins a journal in place of one that was lost.
	Recovered Event = "recovered"
)

// Entry is one line. Empty fields are left out.
type Entry struct {
	Time    time.Time `json:"time"`
	Event   Event     `json:"event"`
	Tool    string    `json:"tool,omitempty"`
	App     string    `json:"app,omitempty"`
	Run     string    `json:"run,omitempty"` // id of a run, in Started and Finished
	Caller  string    `json:"caller,omitempty"`
	Digest  string    `json:"digest,omitempty"`
	Nonce   string    `json:"nonce,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Channel string    `json:"channel,omitempty"`
	By      string    `json:"by,omitempty"`
	Verb    string    `json:"verb,omitempty"`
	Target  string    `json:"target,omitempty"`
	Group   string    `json:"group,omitempty"` // process group, of what has no id yet
	Status  string    `json:"status,omitempty"`
	Code    string    `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"` // a person's, of a no
	Hazards []string  `json:"hazards,omitempty"`
	// Instance is the version of a Machine, Config the hash of a configuration.
	Instance string `json:"instance,omitempty"`
	Config   string `json:"config,omitempty"`
}

// Journal is safe for concurrent use, also by other processes.
type Journal struct {
	path  string
	mu    sync.Mutex
	file  *os.File // nil: it was gone when this process came
	now   func() time.Time
	id    string // as the head has it
	born  time.Time
	read  int64                // how far the file has been taken in
	sum   hash.Hash            // of what was taken in
	tail  []byte               // the end of it
	burnt map[string]time.Time // nonce → expiry
	sweep int                  // how many nonces there are when the old ones are swept

	byRule  map[string][]time.Time
	denials map[planKey]Entry       // the last no to each plan
	runs    map[runKey][]*runRecord // the oldest first
	steps   map[[16]byte]struct{}   // of every step, by stepKey
}

// keep is how long uses by a rule are remembered for limits per hour, and nonces
// beyond their expiry: an approval that was accepted a moment before it expired
// may be burnt a moment after, and clocks are set back.
const retention = 2 * time.Hour

// Open opens or makes the file (mode 0600, in a folder of mode 0700) and reads
// back what is still of interest. A line that cannot be read (a crash in the
// middle of a write) is passed over. A journal that was lost is no error here:
// [Journal.Check] tells.
func Open(path string, now func() time.Time) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{
		path: path, now: now, sum: sha256.New(), burnt: map[string]time.Time{}, byRule: map[string][]time.Time{},
		denials: map[planKey]Entry{}, runs: map[runKey][]*runRecord{}, steps: map[[16]byte]struct{}{},
	}
	flags := os.O_RDWR | os.O_APPEND | os.O_CREATE | disk.NoWait
	if _, err := os.Lstat(headPath(path)); err == nil {
		flags &^= os.O_CREATE // there was a journal before
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) && flags&os.O_CREATE == 0 {
		return j, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j.file = file
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: disk.ErrNotRegular}
	}
	if err == nil {
		err = j.start()
	}
	if err != nil && !errors.Is(err, ErrLost) {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	return j, nil
}

// begin reads the file for the first time, and writes the head of a new one.
func (j *Journal) start() error {
	if err := disk.WaitLock(j.file); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	err := j.adoptHead()
	disk.Unlock(j.file)
	if err != nil {
		return err
	}
	return j.withLock(func() error {
		if _, err := os.Lstat(headPath(j.path)); errors.Is(err, fs.ErrNotExist) {
			return j.writeHead()
		}
		return nil
	})
}

// Close closes the file.
func (j *Journal) Close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// Append records an entry; its time is set here. On an error the entry may or
// may not be on disk.
func (j *Journal) Append(e Entry) error {
	return j.withLock(func() error { return j.append(e) })
}

// Burn records the use of the entry's nonce unless it was used before; fresh
// tells. The entry needs Nonce and Expires. Nothing is recorded if a condition
// fails, whose error is returned: conditions and record are one act among all
// processes.
func (j *Journal) Burn(e Entry, conditions ...Condition) (fresh bool, err error) {
	if e.Nonce == "" || e.Expires.IsZero() {
		return false, errors.New("journal: burn: nonce and expiry are needed")
	}
	e.Event = Burnt
	err = j.withLock(func() error {
		if j.isUsed(e.Nonce) {
			return nil
		}
		for _, holds := range conditions {
			if err := holds(j, e); err != nil {
				return err
			}
		}
		if err := j.append(e); err != nil {
			return err
		}
		fresh = true
		return nil
	})
	return fresh, err
}

// Burnt reports whether a nonce was used, here or by another process. When the
// journal cannot be read, everything counts as used.
func (j *Journal) Burnt(nonce string) bool {
	used := true
	err := j.withLock(func() error {
		used = j.isUsed(nonce)
		return nil
	})
	return used || err != nil
}

// used reports whether a nonce was burnt and is still remembered.
func (j *Journal) isUsed(nonce string) bool {
	expires, burnt := j.burnt[nonce]
	return burnt && expires.Add(retention).After(j.now())
}

// Uses counts how often a policy rule approved something since a time, at most
// two hours back.
func (j *Journal) Uses(rule string, since time.Time) (int, error) {
	n := 0
	err := j.withLock(func() error {
		n = j.countUses(rule, since)
		return nil
	})
	return n, err
}

// HasStep reports whether a step with that verb and target was ever recorded for
// an app. What the call costs does not grow with the file.
func (j *Journal) HasStep(app, verb, target string) (bool, error) {
	found := false
	err := j.withLock(func() error {
		_, found = j.steps[stepKey(app, verb, target)]
		return nil
	})
	return found, err
}

// stepKey is what a step is found by: a part of a hash, as names have any length.
func stepKey(app, verb, target string) [16]byte {
	sum := sha256.Sum256([]byte(app + "\x00" + verb + "\x00" + target))
	return [16]byte(sum[:16])
}

func (j *Journal) countUses(rule string, since time.Time) (n int) {
	for _, at := range j.byRule[rule] {
		if at.After(since) {
			n++
		}
	}
	return n
}

// Any reports whether some entry of the whole file satisfies match.
func (j *Journal) Any(match func(Entry) bool) (bool, error) {
	found := false
	err := j.withLock(func() error {
		r := bufio.NewReaderSize(io.NewSectionReader(j.file, 0, j.read), 64<<10)
		for !found {
			line, err := r.ReadBytes('\n')
			var e Entry
			if json.Unmarshal(bytes.TrimSpace(line), &e) == nil {
				found = match(e)
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("journal: %w", err)
			}
		}
		return nil
	})
	return found, err
}

// locked makes sure that the journal is the one that was written, takes in what
// others wrote and runs do, all under the lock.
func (j *Journal) withLock(do func() error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return lostError(j.path, "was deleted")
	}
	if err := disk.WaitLock(j.file); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	defer disk.Unlock(j.file)
	h, err := j.checkIntact()
	if err == nil {
		err = j.catchUp(h)
	}
	if errors.Is(err, ErrLost) {
		return err // it names the journal
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return do()
}

func (j *Journal) append(e Entry) error {
	e.Time = j.now().UTC()
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	line = append(line, '\n')
	if _, err := j.file.Write(line); err != nil {
		// What was written of the line goes again, so that the file is what it was.
		return fmt.Errorf("journal: %w", errors.Join(err, j.file.Truncate(j.read)))
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.advance(line)
	j.index(e)
	if err := j.writeHead(); err != nil {
		return fmt.Errorf("journal: head: %w", err)
	}
	return nil
}

// catchUp reads from where the last read ended. A last line without its newline
// is what a crash left: it gets one, so that the next entry starts a line. Up to
// the size that the head names, the file must hold what the head says.
func (j *Journal) catchUp(h head) error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(j.file, j.read, info.Size()-j.read), 64<<10)
	for {
		if !j.matchesHead(h) {
			return lostError(j.path, "does not hold what its head file says")
		}
		before := j.read
		line, err := r.ReadBytes('\n')
		if err == io.EOF && len(line) > 0 {
			// Not taken in before its newline stands: should that fail, the
			// next try begins here again.
			if _, err := j.file.Write([]byte{'\n'}); err != nil {
				return err
			}
			line = append(line, '\n')
		}
		if len(line) > 0 {
			j.advance(line)
			var e Entry
			if json.Unmarshal(bytes.TrimSpace(line), &e) == nil {
				j.index(e)
			}
		}
		switch {
		case before < h.Size && h.Size < j.read: // entries end there
			return lostError(j.path, "does not hold what its head file says")
		case err == io.EOF && j.matchesHead(h):
			return nil
		case err != nil && err != io.EOF:
			return err
		}
	}
}

// follows reports whether the head is right about what was read; one that is
// about more, or about less, is not judged yet, or was before.
func (j *Journal) matchesHead(h head) bool {
	return h.Journal == "" || h.Size != j.read || h.SHA256 == hex.EncodeToString(j.sum.Sum(nil))
}

func (j *Journal) index(e Entry) {
	j.indexRun(e)
	if e.Event == Step {
		j.steps[stepKey(e.App, e.Verb, e.Target)] = struct{}{}
	}
	j.indexDenial(e)
	now := j.now()
	if e.Event != Burnt {
		return
	}
	j.burnt[e.Nonce] = e.Expires
	if e.Channel == "policy" && now.Sub(e.Time) < retention {
		recent := slices.DeleteFunc(j.byRule[e.By], func(at time.Time) bool { return now.Sub(at) >= retention })
		j.byRule[e.By] = append(recent, e.Time)
	}
	if len(j.burnt) < j.sweep {
		return
	}
	maps.DeleteFunc(j.burnt, func(_ string, expires time.Time) bool { return !expires.Add(retention).After(now) })
	j.sweep = 2*len(j.burnt) + 64
}
