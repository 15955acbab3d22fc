// Package journal is the append-only record of what was planned, approved and
// done, and of which approvals were used. It is a file with one JSON object per
// line, synced to disk before a call returns. Several processes can share it: they
// append and look up under a file lock.
//
// A journal that was deleted, truncated, changed or replaced is noticed at the next
// entry and, through a head file beside it, after a restart. From then on nothing
// is recorded ([ErrLost]), so nothing that needs a record is done.
//
// The journal holds names, addresses, digests and hashes; never a token, an
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

// The events.
const (
	Refused   Event = "refused"   // a call was refused
	Declined  Event = "declined"  // a person said no to a plan
	Asked     Event = "asked"     // a person was asked about a plan
	Burnt     Event = "burnt"     // an approval was used; precedes the first write of its run
	Started   Event = "started"   // a run began
	Step      Event = "step"      // a run made one change
	Halted    Event = "halted"    // a call asked a run to stop
	Finished  Event = "finished"  // a run ended
	Recovered Event = "recovered" // the journal begins in place of one that was lost
	Rotated   Event = "rotated"   // the journal continues the one that Archive names
	Saved     Event = "saved"     // what a run found before it changed anything was kept, for undo
)

// Entry is one line of the journal. Empty fields are left out.
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
	Group   string    `json:"group,omitempty"` // process group, if the target has no id yet
	Status  string    `json:"status,omitempty"`
	Code    string    `json:"code,omitempty"`
	Reason  string    `json:"reason,omitempty"` // a person's words with a no
	Hazards []string  `json:"hazards,omitempty"`
	// Instance is the version of a Machine, Config the hash of a configuration.
	Instance string `json:"instance,omitempty"`
	Config   string `json:"config,omitempty"`
	// Archive is the name of the file that the journal continues, in Rotated.
	Archive string `json:"archive,omitempty"`
	// Carried marks the copy of an entry that is in an archive too.
	Carried bool `json:"carried,omitempty"`
	// Chain is the hash of everything before the line; in Rotated, of the archive.
	Chain string `json:"chain,omitempty"`
}

// Journal is an open journal. It is safe for concurrent use, also by several
// processes.
type Journal struct {
	path  string
	mu    sync.Mutex
	file  *os.File // nil: the file was missing when this process opened it
	now   func() time.Time
	id    string // from the head
	born  time.Time
	prev  string               // hash of the journal that this one continues; empty: none
	read  int64                // how much of the file was read or written
	sum   hash.Hash            // of these bytes
	tail  []byte               // the last of them
	burnt map[string]time.Time // nonce → expiry
	sweep int                  // expired nonces are removed when there are this many

	uses    map[string][]time.Time  // by policy rule
	denials map[planKey]Entry       // the last no to each plan
	runs    map[runKey][]*runRecord // oldest first
	steps   map[[16]byte]struct{}   // every step, by stepKey
}

// retention is how long uses of a rule are remembered for limits per hour, and
// nonces after they expire: an approval that was accepted just before it expired
// may be used just after, and clocks are set back.
const retention = 2 * time.Hour

// Open opens the file, which it creates if necessary (mode 0600, in a folder of
// mode 0700), and reads it. Lines that cannot be read, such as one cut off by a
// crash, are skipped. A lost journal is not an error here: see [Journal.Check].
func Open(path string, now func() time.Time) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal{path: path, now: now}
	j.reset()
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
		j.prev = continues(file)
		err = j.start()
	}
	if err != nil && !errors.Is(err, ErrLost) {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	return j, nil
}

// reset forgets everything that was read.
func (j *Journal) reset() {
	j.read, j.sum, j.tail, j.sweep = 0, sha256.New(), nil, 0
	j.burnt, j.uses = map[string]time.Time{}, map[string][]time.Time{}
	j.denials, j.runs = map[planKey]Entry{}, map[runKey][]*runRecord{}
	j.steps = map[[16]byte]struct{}{}
}

// start reads the file for the first time, and writes the head of a new one.
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
		h, err := readHead(j.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && j.isOutdated(h) {
			return j.writeHead()
		}
		return nil
	})
}

// Close closes the file. Methods that are called later return an error.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// Append records an entry, with the current time. After an error the entry may or
// may not be on disk.
func (j *Journal) Append(e Entry) error {
	return j.withLock(func() error { return j.append(e) })
}

// Burn records the use of the entry's nonce, and reports whether it was fresh: a
// nonce that was already used is not recorded again. The entry needs Nonce and
// Expires. If a condition fails, nothing is recorded and its error is returned. No
// other process can record anything between the checks and the entry.
func (j *Journal) Burn(e Entry, conditions ...Condition) (fresh bool, err error) {
	if e.Nonce == "" || e.Expires.IsZero() {
		return false, errors.New("journal: burn: the entry has no nonce or no expiry")
	}
	e.Event = Burnt
	err = j.withLock(func() error {
		if j.isUsed(e.Nonce) {
			return nil
		}
		for _, check := range conditions {
			if err := check(j, e); err != nil {
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

// IsBurnt reports whether a nonce was used, by any process. If the journal cannot be
// read, every nonce counts as used.
func (j *Journal) IsBurnt(nonce string) bool {
	used := true
	err := j.withLock(func() error {
		used = j.isUsed(nonce)
		return nil
	})
	return used || err != nil
}

// isUsed reports whether a nonce was used and is still remembered.
func (j *Journal) isUsed(nonce string) bool {
	expires, burnt := j.burnt[nonce]
	return burnt && expires.Add(retention).After(j.now())
}

// CountUses returns how often a policy rule approved something since a time, which may
// be at most two hours ago.
func (j *Journal) CountUses(rule string, since time.Time) (int, error) {
	n := 0
	err := j.withLock(func() error {
		n = j.countUses(rule, since)
		return nil
	})
	return n, err
}

// HasStep reports whether a step with this verb and target was ever recorded for
// an app. Its cost does not grow with the file.
func (j *Journal) HasStep(app, verb, target string) (bool, error) {
	found := false
	err := j.withLock(func() error {
		_, found = j.steps[stepKey(app, verb, target)]
		return nil
	})
	return found, err
}

// stepKey returns the key of a step: part of a hash, because names have any length.
func stepKey(app, verb, target string) [16]byte {
	sum := sha256.Sum256([]byte(app + "\x00" + verb + "\x00" + target))
	return [16]byte(sum[:16])
}

func (j *Journal) countUses(rule string, since time.Time) (n int) {
	for _, at := range j.uses[rule] {
		if at.After(since) {
			n++
		}
	}
	return n
}

// Any reports whether match returns true for any entry of the whole file.
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

// withLock takes the lock, checks that the journal is the one that was written,
// reads what other processes wrote, and calls do.
func (j *Journal) withLock(do func() error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return lostError(j.path, "was deleted")
	}
	h, err := j.lock()
	if err != nil {
		return err
	}
	defer func() { disk.Unlock(j.file) }()
	err = j.catchUp(h)
	if errors.Is(err, ErrLost) {
		return err // names the journal already
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return do()
}

// lock takes the lock of the file that has the journal now, and checks it. After an error
// the lock is not held.
func (j *Journal) lock() (head, error) {
	for {
		if err := disk.WaitLock(j.file); err != nil {
			return head{}, fmt.Errorf("journal: %w", err)
		}
		h, err := j.checkIntact()
		if err == nil {
			return h, nil
		}
		followed := errors.Is(err, errReplaced) && j.follow()
		if followed {
			continue // follow closed the old file, which gave its lock back
		}
		disk.Unlock(j.file)
		if errors.Is(err, ErrLost) {
			return head{}, err // names the journal already
		}
		return head{}, fmt.Errorf("journal: %w", err)
	}
}

func (j *Journal) append(e Entry) error {
	e.Time, e.Chain = j.now().UTC(), shortSum(j.sum)
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	line = append(line, '\n')
	if _, err := j.file.Write(line); err != nil {
		// Remove the part of the line that was written.
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

// catchUp reads from where the last read ended. If a crash left a last line
// without a newline, it adds one, so that the next entry begins a line. Up to the
// size in the head, the content must have the hash in the head.
func (j *Journal) catchUp(h head) error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(io.NewSectionReader(j.file, j.read, info.Size()-j.read), 64<<10)
	for {
		if !j.matchesHead(h) {
			return lostError(j.path, "does not match its head file")
		}
		before := j.read
		line, err := r.ReadBytes('\n')
		if err == io.EOF && len(line) > 0 {
			// Write the newline first: if that fails, the next attempt begins here again.
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
		case before < h.Size && h.Size < j.read: // the head's size is not the end of a line
			return lostError(j.path, "does not match its head file")
		case err == io.EOF && j.matchesHead(h):
			return nil
		case err != nil && err != io.EOF:
			return err
		}
	}
}

// matchesHead reports whether the head's hash is that of what was read. A head of
// another size is judged when that much was read.
func (j *Journal) matchesHead(h head) bool {
	return h.Journal == "" || h.Size != j.read || h.SHA256 == hex.EncodeToString(j.sum.Sum(nil))
}

// index keeps in memory what look-ups need of an entry.
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
		recent := slices.DeleteFunc(j.uses[e.By], func(at time.Time) bool { return now.Sub(at) >= retention })
		j.uses[e.By] = append(recent, e.Time)
	}
	if len(j.burnt) < j.sweep {
		return
	}
	isOld := func(_ string, expires time.Time) bool { return !expires.Add(retention).After(now) }
	maps.DeleteFunc(j.burnt, isOld)
	j.sweep = 2*len(j.burnt) + 64
}
