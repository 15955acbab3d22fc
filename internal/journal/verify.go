package journal

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// Verification is what [Verify] found.
type Verification struct {
	Files   int `json:"files"` // the journal and its archives
	Entries int `json:"entries"`
	// Unchained counts entries without a hash, of versions that wrote none: only what
	// follows them proves them.
	Unchained int `json:"unchained,omitempty"`
	// Unreadable counts lines that a crash cut off. The hashes cover them.
	Unreadable int `json:"unreadable,omitempty"`
	// Bad is the first line that is not as it was written; nil: all are.
	Bad *BadLine `json:"bad,omitempty"`
}

// BadLine is the first line of a journal that is not as it was written.
type BadLine struct {
	File string `json:"file"`
	Line int    `json:"line"`
	What string `json:"what"`
}

// Verify reads a journal with its archives and checks every hash, without changing anything.
// Servers may run. The error wraps [fs.ErrNotExist] if there is no journal.
func Verify(path string) (Verification, error) {
	files, release, err := openAll(path)
	if err != nil {
		return Verification{}, err
	}
	defer release()
	v := Verification{Files: len(files)}
	before := ""
	for i, file := range files {
		sum, err := v.verifyFile(file, before, i == 0)
		if err != nil || v.Bad != nil {
			return v, err
		}
		before = sum
	}
	return v, v.verifyHead(path, files[len(files)-1])
}

// openAll opens the archives, oldest first, and the journal, which stays locked until
// release is called.
func openAll(path string) (files []*os.File, release func(), err error) {
	release = func() {
		for _, f := range files {
			_ = f.Close() // only read
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|disk.NoWait, 0) // locks need a file that can be written
	if err != nil {
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	files = []*os.File{file}
	if err := disk.WaitLock(file); err != nil {
		release()
		return nil, nil, fmt.Errorf("journal: %w", err)
	}
	for range maxArchives {
		first, ok := firstEntry(files[0])
		if !ok || first.Event != Rotated || first.Archive != filepath.Base(first.Archive) {
			break
		}
		archive, err := os.OpenFile(filepath.Join(filepath.Dir(path), first.Archive), os.O_RDONLY|disk.NoWait, 0)
		if errors.Is(err, fs.ErrNotExist) {
			break // moved away: the journal is verified from here on
		}
		if err != nil {
			release()
			return nil, nil, fmt.Errorf("journal: %w", err)
		}
		files = slices.Insert(files, 0, archive)
	}
	return files, release, nil
}

// verifyFile checks the lines of a file, and returns the hash of its content. before is the hash
// of the file that it continues; it is unknown for the oldest one.
func (v *Verification) verifyFile(file *os.File, before string, oldest bool) (string, error) {
	sum, r := sha256.New(), bufio.NewReaderSize(io.NewSectionReader(file, 0, 1<<62), 64<<10)
	chained := 0 // the last line whose hash was right
	for line := 1; ; line++ {
		text, err := r.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("journal: %w", err)
		}
		if len(bytes.TrimSpace(text)) > 0 {
			var e Entry
			want := shortSum(sum)
			if line == 1 {
				want = before
			}
			switch {
			case json.Unmarshal(text, &e) != nil:
				v.Unreadable++
			case e.Chain == "":
				v.Entries++
				v.Unchained++
			case e.Chain != want && !(line == 1 && (oldest || e.Event != Rotated)):
				v.Bad = &BadLine{File: filepath.Base(file.Name()), Line: max(line-1, 1),
					What: fmt.Sprintf("it was changed, or lines were added or removed between lines %d and %d",
						max(chained, 1), line)}
				if line == 1 {
					v.Bad.What = "the file that it continues was changed"
				}
				return "", nil
			default:
				v.Entries++
				chained = line
			}
		}
		sum.Write(text)
		if err == io.EOF {
			return shortSum(sum), nil
		}
	}
}

// verifyHead checks that the journal's last lines are still there.
func (v *Verification) verifyHead(path string, file *os.File) error {
	h, err := readHead(path)
	lines := func() int {
		data, _ := io.ReadAll(io.NewSectionReader(file, 0, 1<<62)) // a count in a message
		return bytes.Count(data, []byte("\n"))
	}
	bad := func(what string) {
		v.Bad = &BadLine{File: filepath.Base(path), Line: lines(), What: what}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		bad("the head file is missing: entries after this line may have been removed")
		return nil
	case errors.Is(err, ErrLost):
		bad("the head file is damaged")
		return nil
	case err != nil:
		return fmt.Errorf("journal: %w", err)
	}
	if prev := continues(file); prev != "" && h.SHA256[:min(chainLength, len(h.SHA256))] == prev {
		return nil // a rotation was cut short; the next server writes the head
	}
	sum := sha256.New()
	n, err := io.Copy(sum, io.NewSectionReader(file, 0, h.Size))
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	switch {
	case n < h.Size:
		bad("entries after this line were removed")
	case hex.EncodeToString(sum.Sum(nil)) != h.SHA256:
		bad("it was changed")
	}
	return nil
}

// All returns the entries of a journal and its archives, oldest first, each once. Lines that
// cannot be read are left out.
func All(path string) ([]Entry, error) {
	files, release, err := openAll(path)
	if err != nil {
		return nil, err
	}
	defer release()
	var out []Entry
	for i, file := range files {
		all, err := parseEntries(io.NewSectionReader(file, 0, 1<<62))
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(all, func(e Entry) bool { return e.Carried && i > 0 })...)
	}
	return out, nil
}

// Entries returns the entries of the journal, without its archives. Lines that cannot be read are
// left out.
func (j *Journal) Entries() (out []Entry, err error) {
	err = j.withLock(func() error {
		out, err = parseEntries(io.NewSectionReader(j.file, 0, j.read))
		return err
	})
	return out, err
}
