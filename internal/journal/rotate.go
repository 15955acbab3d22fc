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
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// savedRetention is how long a rotation carries over what undo needs.
const savedRetention = 90 * 24 * time.Hour

// chainLength is how many characters of a hash a line has.
const chainLength = 32

// shortSum returns the hash of what was written so far, as lines have it.
func shortSum(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil))[:chainLength] }

// Rotate begins a new file, and returns the path of the old one. The new file begins with
// the hash of the old one, so that both can still be verified, and has copies of what is
// still needed: used approvals that may come again, recent declines, open and recent runs,
// which addresses were released from here, and what can be undone. Servers that run go on
// with the new file.
//
// If it is cut short at any step, the journal is either the old one or the new one.
func (j *Journal) Rotate() (archive string, err error) {
	err = j.withLock(func() error {
		archive, err = j.rotate()
		return err
	})
	return archive, err
}

func (j *Journal) rotate() (string, error) {
	archive, err := j.archivePath()
	if err != nil {
		return "", err
	}
	first := Entry{Time: j.now().UTC(), Event: Rotated, Archive: filepath.Base(archive), Chain: shortSum(j.sum)}
	var body bytes.Buffer
	sum := sha256.New()
	add := func(e Entry) error {
		line, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		line = append(line, '\n')
		body.Write(line)
		sum.Write(line)
		return nil
	}
	if err := add(first); err != nil {
		return "", err
	}
	kept, err := j.needed()
	if err != nil {
		return "", err
	}
	for _, e := range kept {
		e.Carried, e.Chain = true, shortSum(sum)
		if err := add(e); err != nil {
			return "", err
		}
	}
	tmp := j.path + ".new"
	if err := writeSynced(tmp, body.Bytes()); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	defer os.Remove(tmp)
	// From here on, each step leaves a journal: first the old one under two names, then the
	// new one with the head of the old one, which is recognized.
	if err := os.Link(j.path, archive); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("journal: %w", err)
	}
	if err := os.Rename(tmp, j.path); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	next := Journal{path: j.path, id: j.id, born: j.born, read: int64(body.Len()), sum: sum}
	if err := next.writeHead(); err != nil {
		return archive, fmt.Errorf("journal: head: %w", err)
	}
	return archive, nil
}

// maxArchives bounds the search for a free name.
const maxArchives = 10_000

// archivePath returns the name for the old file: the first that is free, or that a rotation
// that was cut short gave to the journal already.
func (j *Journal) archivePath() (string, error) {
	opened, err := j.file.Stat()
	if err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	extension := filepath.Ext(j.path)
	for i := 1; i < maxArchives; i++ {
		path := fmt.Sprintf("%s.%d%s", strings.TrimSuffix(j.path, extension), i, extension)
		there, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && os.SameFile(opened, there) {
			return path, nil
		}
	}
	return "", fmt.Errorf("journal: %d archives beside %s: move them away", maxArchives, j.path)
}

// writeSynced writes a file that must be on disk before anything depends on it.
func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|disk.NoWait, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// needed returns the entries that the new file has to have, in their order.
func (j *Journal) needed() ([]Entry, error) {
	all, err := parseEntries(io.NewSectionReader(j.file, 0, j.read))
	if err != nil {
		return nil, err
	}
	now, runs := j.now(), map[string]bool{}
	for key := range j.runs {
		j.prune(key)
		for _, r := range j.runs[key] {
			runs[r.start.Run] = true
		}
	}
	for _, e := range all {
		if e.Event == Saved && now.Sub(e.Time) < savedRetention {
			runs[e.Run] = true
		}
	}
	delete(runs, "")
	unfinished, steps := map[string]bool{}, map[[16]byte]bool{} // apps with a run that is carried, at this place of the file
	var out []Entry
	for _, e := range all {
		keep := false
		switch e.Event {
		case Burnt:
			keep = j.isUsed(e.Nonce) || e.Channel == "policy" && now.Sub(e.Time) < retention
		case Declined:
			keep = now.Sub(e.Time) < denialRetention
		case Started, Saved, Finished:
			keep = runs[e.Run]
			if e.Event != Saved {
				unfinished[e.App] = keep && e.Event == Started
			}
		case Step:
			step := stepKey(e.App, e.Verb, e.Target)
			keep, steps[step] = unfinished[e.App] || !steps[step], true
		}
		if keep {
			out = append(out, e)
		}
	}
	return out, nil
}

// parseEntries reads the lines that can be read.
func parseEntries(from io.Reader) ([]Entry, error) {
	var out []Entry
	r := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		var e Entry
		if json.Unmarshal(bytes.TrimSpace(line), &e) == nil {
			out = append(out, e)
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
	}
}

// maxLine is more than the first line of a rotated journal needs.
const maxLine = 4 << 10

// firstEntry returns the first entry of a file.
func firstEntry(file io.ReaderAt) (Entry, bool) {
	line, err := bufio.NewReader(io.NewSectionReader(file, 0, maxLine)).ReadBytes('\n')
	var e Entry
	return e, err == nil && json.Unmarshal(line, &e) == nil
}

// continues returns the hash of the journal that a file continues; empty if it continues none.
func continues(file io.ReaderAt) string {
	if e, ok := firstEntry(file); ok && e.Event == Rotated && len(e.Chain) == chainLength {
		return e.Chain
	}
	return ""
}

// follow changes over to the file that continues this journal, if there is one: another
// process rotated it, once or several times. The caller holds the lock of the old file, which
// follow closes.
func (j *Journal) follow() bool {
	if !j.isContinued() {
		return false
	}
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_APPEND|disk.NoWait, 0)
	if err != nil {
		return false
	}
	_ = j.file.Close() // nothing is left to write to it
	j.file = file
	j.reset()
	j.prev = continues(file)
	return true
}

// isContinued reports whether the file at the path continues this journal, through any number
// of archives.
func (j *Journal) isContinued() bool {
	if _, err := io.Copy(j.sum, io.NewSectionReader(j.file, j.read, 1<<62)); err != nil {
		return false
	}
	want, path := shortSum(j.sum), j.path
	for range maxArchives {
		file, err := os.OpenFile(path, os.O_RDONLY|disk.NoWait, 0)
		if err != nil {
			return false
		}
		first, ok := firstEntry(file)
		_ = file.Close()
		if !ok || first.Event != Rotated || first.Archive != filepath.Base(first.Archive) {
			return false
		}
		if first.Chain == want {
			return true
		}
		path = filepath.Join(filepath.Dir(j.path), first.Archive)
		if sum, err := sumFile(path); err != nil || sum != first.Chain {
			return false
		}
	}
	return false
}

// sumFile returns the hash of a file, as lines have it.
func sumFile(path string) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|disk.NoWait, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return shortSum(sum), nil
}
