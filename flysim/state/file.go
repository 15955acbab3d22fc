// Package state keeps the state of an emulated platform in a file, so that it survives the end of
// the program.
//
//	p, err := state.Open("fly.state", flysim.Options{})
//	if err == nil && p.Empty() {
//		err = p.Seed(ctx) // a new file: the example apps
//	}
//	…
//	err = p.Close()
//
// The file is a bbolt database of JSON documents, each with a checksum. Open refuses a file that is
// damaged, in use, of a newer format or of another program, and does not change it.
package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// stateFormat is the format of the file. A change that an older program would misread increases it.
const stateFormat = 1

// The buckets of the file. Each value is JSON followed by a checksum.
const (
	bucketAccount  = "account"  // format, clock, totals and the platform's own sections
	bucketApps     = "apps"     // by app id
	bucketMachines = "machines" // by app id, a slash and Machine id
	bucketReleases = "releases" // by app id, a slash and release id
)

// fileWait is how long to wait for a file that another process has open.
const fileWait = time.Second

// File is an open file. It implements [flysim.Storage].
type File struct {
	path string
	db   *bbolt.DB

	loaded   *flysim.Records    // until Load; nil if the file is new
	clock    flysim.ClockRecord // as stored
	totals   totals             // as stored
	children map[string]int     // how many keys there are, by bucket, slash and app id
	apps     map[string]bool
}

// Open returns a platform whose state is kept in a file. If the file does not exist it is created,
// with mode 0600 because it holds the environment of the apps; its folder must exist. See
// [flysim.Open] for what is kept.
func Open(path string, options flysim.Options) (*flysim.Platform, error) {
	return openPlatform(path, options, false)
}

func openPlatform(path string, options flysim.Options, unsynced bool) (*flysim.Platform, error) {
	file, err := openFile(path, unsynced)
	if err != nil {
		return nil, err
	}
	p, err := flysim.Open(file, options)
	if err != nil {
		return nil, file.wrap(err)
	}
	return p, nil
}

// OpenFile opens a file and reads it.
func OpenFile(path string) (*File, error) { return openFile(path, false) }

// OpenUnsynced is OpenFile for tests: writes do not wait for the disk, so that a crash of the
// computer may lose some of them. A crash of the program loses none.
func OpenUnsynced(path string) (*File, error) { return openFile(path, true) }

func openFile(path string, unsynced bool) (*File, error) {
	f := &File{path: path, children: make(map[string]int), apps: make(map[string]bool)}
	var handle *os.File
	options := &bbolt.Options{Timeout: fileWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true,
		NoSync: unsynced, NoGrowSync: unsynced,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			handle, err = openOwn(name, flag, mode)
			return handle, err
		}}
	err := guardPages(func() (err error) {
		f.db, err = bbolt.Open(path, 0o600, options)
		return err
	})
	if err == nil {
		err = guardPages(func() (err error) {
			f.loaded, err = f.read()
			return err
		})
	}
	if err == nil && f.loaded == nil {
		err = f.begin(handle)
	}
	if err == nil {
		return f, nil
	}
	switch {
	case f.db != nil:
		return nil, errors.Join(f.wrap(err), f.db.Close())
	case handle != nil: // otherwise the lock would stay
		_ = handle.Close()
	}
	return nil, f.wrap(err)
}

// Load implements [flysim.Storage].
func (f *File) Load() (*flysim.Records, error) {
	loaded := f.loaded
	f.loaded = nil
	return loaded, nil
}

// openOwn opens a file, or the target of a symbolic link. It sets the mode of an empty file before
// anything is written, which fails if the file belongs to another user.
func openOwn(name string, flag int, mode os.FileMode) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // opening a pipe or a device may have effects
		return nil, errors.New("it is not a regular file")
	}
	file, err := os.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.Size() == 0 {
		err = file.Chmod(0o600)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// ErrDamaged means that the content of a file cannot be right.
var ErrDamaged = errors.New("damaged")

// guardPages runs f, which reads pages of the file. If a damaged page causes a panic or an access
// outside of the file, it returns an error.
func guardPages(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, cause)
		}
	}()
	return f()
}

// wrap adds the file's name to an error, and replaces bbolt's errors by plain sentences.
func (f *File) wrap(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("state file %s is in use by another process", f.path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch),
		errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("state file %s is damaged or not a state file: %w", f.path, err)
	}
	return fmt.Errorf("state file %s: %w", f.path, err)
}

// Close implements [flysim.Storage].
func (f *File) Close() error {
	if err := f.db.Close(); err != nil {
		return f.wrap(err)
	}
	return nil
}

// begin sets the mode of a new file and creates its buckets and its format.
func (f *File) begin(file *os.File) error {
	if err := file.Chmod(0o600); err != nil { // a bbolt file without records need not be empty
		return err
	}
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{bucketAccount, bucketApps, bucketMachines, bucketReleases} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		format := seal(bucketAccount, "format", []byte(strconv.Itoa(stateFormat)))
		return tx.Bucket([]byte(bucketAccount)).Put([]byte("format"), format)
	})
}

// checksum returns the checksum of a value and of its place in the file.
func checksum(bucket, key string, value []byte) uint32 {
	sum := crc32.NewIEEE()
	for _, part := range [][]byte{[]byte(bucket), {0}, []byte(key), {0}, value} {
		sum.Write(part)
	}
	return sum.Sum32()
}

// seal appends the checksum to a value.
func seal(bucket, key string, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, checksum(bucket, key, value))
}

// unseal returns a value without its checksum. A wrong checksum is [ErrDamaged].
func unseal(bucket, key string, sealed []byte) ([]byte, error) {
	at := len(sealed) - crc32.Size
	if at < 0 || binary.BigEndian.Uint32(sealed[at:]) != checksum(bucket, key, sealed[:at]) {
		return nil, fmt.Errorf("%w: the record %s/%.80s has a wrong checksum", ErrDamaged, bucket, key)
	}
	return sealed[:at], nil
}

// unsealRecord decodes one of the file's own values. An unknown field is an error: a newer program
// wrote it, and this one would lose it.
func unsealRecord(bucket, key string, sealed []byte, v any) error {
	value, err := unseal(bucket, key, sealed)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("the record %s/%.80s is not of this program's format: %w", bucket, key, err)
	}
	return nil
}

// read reads the whole file.
func (f *File) read() (*flysim.Records, error) {
	stored := &flysim.Records{Account: make(map[string]json.RawMessage)}
	err := f.db.View(func(tx *bbolt.Tx) error {
		if info, err := os.Stat(f.path); err != nil {
			return err
		} else if info.Size() < tx.Size() {
			return fmt.Errorf("%w: it is truncated", ErrDamaged)
		}
		account := tx.Bucket([]byte(bucketAccount))
		if account == nil {
			stored = nil
			if first, _ := tx.Cursor().First(); first != nil {
				return errors.New("it is a file of another program")
			}
			return nil
		}
		if err := f.readAccount(account, stored); err != nil {
			return err
		}
		var err error
		if stored.Apps, err = readAll(tx, bucketApps); err != nil {
			return err
		}
		if stored.Machines, err = readAll(tx, bucketMachines); err != nil {
			return err
		}
		if stored.Releases, err = readAll(tx, bucketReleases); err != nil {
			return err
		}
		return checkPages(tx)
	})
	if err != nil || stored == nil {
		return nil, err
	}
	if got := (totals{len(stored.Apps), len(stored.Machines), len(stored.Releases)}); got != f.totals {
		return nil, fmt.Errorf("%w: records are missing: there are %+v and there were %+v", ErrDamaged, got, f.totals)
	}
	for _, a := range stored.Apps {
		f.apps[a.ID] = true
	}
	for _, m := range stored.Machines {
		f.children[bucketMachines+"/"+m.App]++
	}
	for _, r := range stored.Releases {
		f.children[bucketReleases+"/"+r.App]++
	}
	return stored, nil
}

// checkPages checks that every page of the file is either free or in use, and that exactly the
// pages in use hold something. Otherwise a page that is in use but listed as free would be
// overwritten. [bbolt.Tx.Check] checks more, but does not return on some damaged pages.
func checkPages(tx *bbolt.Tx) error {
	pages := int(tx.Size()) / tx.DB().Info().PageSize
	inUse, own := 0, 0 // own counts bbolt's own pages
	for id := 0; id < pages; {
		page, err := tx.Page(id)
		switch {
		case err != nil:
			return err
		case page.Type == "free":
			id++
			continue
		case strings.HasPrefix(page.Type, "unknown") || page.OverflowCount < 0 || page.OverflowCount >= pages-id:
			return fmt.Errorf("%w: page %d is invalid", ErrDamaged, id)
		}
		size := 1 + page.OverflowCount
		if page.Type == "meta" || page.Type == "freelist" {
			own += size
		}
		inUse += size
		id += size
	}
	s := tx.Cursor().Bucket().Stats()
	if holds := own + s.BranchPageN + s.BranchOverflowN + s.LeafPageN + s.LeafOverflowN; holds != inUse {
		return fmt.Errorf("%w: %d pages hold something and %d are in use", ErrDamaged, holds, inUse)
	}
	return nil
}

func (f *File) readAccount(account *bbolt.Bucket, stored *flysim.Records) error {
	var format int
	switch err := unsealRecord(bucketAccount, "format", account.Get([]byte("format")), &format); {
	case err != nil:
		return err
	case format > stateFormat:
		return fmt.Errorf("it has format %d and this program knows up to %d: a newer version wrote it", format, stateFormat)
	case format < 1:
		return fmt.Errorf("%w: it has format %d", ErrDamaged, format)
	}
	own := map[string]any{"clock": &stored.Clock, "totals": &f.totals}
	err := account.ForEach(func(key, sealed []byte) error {
		name := string(key)
		if name == "format" {
			return nil
		}
		if value, ok := own[name]; ok {
			return unsealRecord(bucketAccount, name, sealed, value)
		}
		document, err := unseal(bucketAccount, name, sealed)
		stored.Account[name] = bytes.Clone(document)
		return err
	})
	f.clock = stored.Clock
	return err
}

// readAll reads the records of a bucket. A key is the id of an app, or, with a slash, the ids of an
// app and of something in it.
func readAll(tx *bbolt.Tx, bucket string) ([]flysim.Record, error) {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil, fmt.Errorf("%w: the bucket %s is missing", ErrDamaged, bucket)
	}
	var all []flysim.Record
	err := b.ForEach(func(key, sealed []byte) error {
		document, err := unseal(bucket, string(key), sealed)
		if err != nil {
			return err
		}
		app, id, ok := strings.Cut(string(key), "/")
		if !ok {
			id = app
		}
		all = append(all, flysim.Record{App: app, ID: id, Document: bytes.Clone(document)})
		return nil
	})
	return all, err
}
