package flysim

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// stateFormat is the format of the file. It is raised by a change that an older
// program would misread.
const stateFormat = 1

// The buckets of the file. Each value is JSON with a checksum behind it.
const (
	bucketAccount  = "account"  // format, clock and the sections of storedAccount
	bucketApps     = "apps"     // by app id
	bucketMachines = "machines" // by app id, a slash and Machine id
	bucketReleases = "releases" // by app id, a slash and release id
)

// fileWait is how long a file that another process has is waited for.
const fileWait = time.Second

// stateFile is an open file. Its methods are for one goroutine at a time.
type stateFile struct {
	path string
	db   *bbolt.DB

	clock    storedClock    // as it is stored
	totals   storedTotals   // as they are stored
	children map[string]int // how many keys there are by bucket, slash and app id
	apps     map[string]bool
}

// openState opens a file and reads it. The state is nil if the file is new.
func openState(path string, unsynced bool) (*stateFile, *storedState, error) {
	f := &stateFile{path: path, children: make(map[string]int), apps: make(map[string]bool)}
	var handle *os.File
	options := &bbolt.Options{Timeout: fileWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true, NoSync: unsynced, NoGrowSync: unsynced,
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			handle, err = openOwn(name, flag, mode)
			return handle, err
		}}
	var stored *storedState
	err := guardPages(func() (err error) {
		f.db, err = bbolt.Open(path, 0o600, options)
		return err
	})
	if err == nil {
		err = guardPages(func() (err error) {
			stored, err = f.read()
			return err
		})
	}
	if err == nil && stored == nil {
		err = f.begin(handle)
	}
	if err == nil {
		return f, stored, nil
	}
	switch {
	case f.db != nil:
		err = errors.Join(f.fault(err), f.db.Close())
	case handle != nil: // or the lock would stay
		_ = handle.Close()
		fallthrough
	default:
		err = f.fault(err)
	}
	return nil, nil, err
}

// openOwn opens a file, or what a symbolic link leads to. One that is empty
// becomes its owner's alone before anything is written, which fails on somebody
// else's.
func openOwn(name string, flag int, mode os.FileMode) (*os.File, error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() { // opening a pipe or a device may do something
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

// errDamaged is the error for a file whose content cannot be right.
var errDamaged = errors.New("damaged")

// guardPages runs f, which reads pages of the file. What a damaged page makes of that,
// a panic or an access outside the file, is an error.
func guardPages(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", errDamaged, cause)
		}
	}()
	return f()
}

// fault is an error of the file, with its name and in words of ours.
func (f *stateFile) fault(err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("sandbox: state file %s is in use by another process", f.path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return fmt.Errorf("sandbox: state file %s is damaged or no state file: %w", f.path, err)
	}
	return fmt.Errorf("sandbox: state file %s: %w", f.path, err)
}

func (f *stateFile) close() error {
	if err := f.db.Close(); err != nil {
		return f.fault(err)
	}
	return nil
}

// begin gives a new file its buckets and its format, for its owner's eyes only.
func (f *stateFile) begin(file *os.File) error {
	if err := file.Chmod(0o600); err != nil { // one of bbolt's that holds nothing need not be empty
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

// checksum covers the place of a value too.
func checksum(bucket, key string, value []byte) uint32 {
	sum := crc32.NewIEEE()
	for _, part := range [][]byte{[]byte(bucket), {0}, []byte(key), {0}, value} {
		sum.Write(part)
	}
	return sum.Sum32()
}

// seal puts the checksum behind a value.
func seal(bucket, key string, value []byte) []byte {
	return binary.BigEndian.AppendUint32(value, checksum(bucket, key, value))
}

// unseal is a value without its checksum.
func unseal(bucket, key string, sealed []byte) ([]byte, error) {
	at := len(sealed) - crc32.Size
	if at < 0 || binary.BigEndian.Uint32(sealed[at:]) != checksum(bucket, key, sealed[:at]) {
		return nil, fmt.Errorf("%w: the record %s/%.80s has a wrong checksum", errDamaged, bucket, key)
	}
	return sealed[:at], nil
}

// unsealRecord decodes a value. A field that is not known is one of a newer program,
// which this one would lose.
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
func (f *stateFile) read() (*storedState, error) {
	stored := new(storedState)
	err := f.db.View(func(tx *bbolt.Tx) error {
		if info, err := os.Stat(f.path); err != nil {
			return err
		} else if info.Size() < tx.Size() {
			return fmt.Errorf("%w: it was cut off", errDamaged)
		}
		account := tx.Bucket([]byte(bucketAccount))
		if account == nil {
			stored = nil
			if first, _ := tx.Cursor().First(); first != nil {
				return errors.New("it is a file of another program")
			}
			return nil
		}
		if err := f.readAccount(account, &stored.account); err != nil {
			return err
		}
		var err error
		if stored.apps, err = readAll[storedApp](tx, bucketApps); err != nil {
			return err
		}
		if stored.machines, err = readAll[storedMachine](tx, bucketMachines); err != nil {
			return err
		}
		if stored.releases, err = readAll[storedRelease](tx, bucketReleases); err != nil {
			return err
		}
		return sound(tx)
	})
	if err != nil || stored == nil {
		return nil, err
	}
	if got := (storedTotals{len(stored.apps), len(stored.machines), len(stored.releases)}); got != f.totals {
		return nil, fmt.Errorf("%w: records are missing: there are %+v and there were %+v", errDamaged, got, f.totals)
	}
	slices.SortFunc(stored.machines, func(a, b storedMachine) int { return a.Order - b.Order })
	slices.SortStableFunc(stored.releases, func(a, b storedRelease) int { return a.Version - b.Version })
	for _, a := range stored.apps {
		f.apps[a.ID] = true
	}
	for _, m := range stored.machines {
		f.children[bucketMachines+"/"+m.App]++
	}
	for _, r := range stored.releases {
		f.children[bucketReleases+"/"+r.App]++
	}
	return stored, nil
}

// sound checks that every page of the file is either free or one, and that those
// in use are those that hold something: a page that is in use and listed as
// free would be written over. It does what [bbolt.Tx.Check] does as far as that
// matters; that one takes for ever over some damaged pages.
func sound(tx *bbolt.Tx) error {
	pages := int(tx.Size()) / tx.DB().Info().PageSize
	inUse, own := 0, 0 // own are bbolt's
	for id := 0; id < pages; {
		page, err := tx.Page(id)
		switch {
		case err != nil:
			return err
		case page.Type == "free":
			id++
			continue
		case strings.HasPrefix(page.Type, "unknown") || page.OverflowCount < 0 || page.OverflowCount >= pages-id:
			return fmt.Errorf("%w: page %d is none", errDamaged, id)
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
		return fmt.Errorf("%w: %d pages hold something and %d are in use", errDamaged, holds, inUse)
	}
	return nil
}

func (f *stateFile) readAccount(account *bbolt.Bucket, stored *storedAccount) error {
	var format int
	switch err := unsealRecord(bucketAccount, "format", account.Get([]byte("format")), &format); {
	case err != nil:
		return err
	case format > stateFormat:
		return fmt.Errorf("it has format %d and this program knows up to %d: a newer version wrote it", format, stateFormat)
	case format < 1:
		return fmt.Errorf("%w: it has format %d", errDamaged, format)
	}
	sections := stored.sections()
	sections["clock"], sections["totals"] = &stored.clock, &f.totals
	for key, section := range sections {
		sealed := account.Get([]byte(key))
		if sealed == nil { // nothing was stored yet
			continue
		}
		if err := unsealRecord(bucketAccount, key, sealed, section); err != nil {
			return err
		}
	}
	f.clock = stored.clock
	return nil
}

func readAll[T any](tx *bbolt.Tx, bucket string) ([]T, error) {
	b := tx.Bucket([]byte(bucket))
	if b == nil {
		return nil, fmt.Errorf("%w: the bucket %s is not there", errDamaged, bucket)
	}
	var all []T
	err := b.ForEach(func(key, sealed []byte) error {
		var record T
		if err := unsealRecord(bucket, string(key), sealed, &record); err != nil {
			return err
		}
		all = append(all, record)
		return nil
	})
	return all, err
}
