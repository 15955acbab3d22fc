package state

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

func TestStateRefused(t *testing.T) {
	good, err := os.ReadFile(seededState(t))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(part string) []byte {
		raw := bytes.Clone(good)
		for i := 0; ; i++ { // all copies, including those in free pages
			at := bytes.Index(raw[i:], []byte(part))
			if at < 0 {
				return raw
			}
			i += at
			raw[i] ^= 1
		}
	}
	for _, test := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"another file", []byte(strings.Repeat("app = \"shop-api\"\n", 1000)), "not a state file"},
		{"a short file", []byte("x"), ""},
		{"a value changed", flip("quiet-river-2417"), "wrong checksum"},
		{"cut off", good[:usedSize(t, good)-4096], "damaged"},
		{"cut off at its head", good[:6000], ""},
		{"a newer format", sealedFile(t, bucketAccount, "format", "2"), "a newer version wrote it"},
		{"an unknown field", sealedFile(t, bucketAccount, "clock", `{"zone":"x"}`), "not of this program's format"},
		{"a network of nobody", sealedFile(t, bucketAccount, "organizations", `[]`), "is of no organization"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := stateAt(t)
			if err := os.WriteFile(path, test.content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := open(path, storeOptions())
			if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s named and %q", err, path, test.want)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, test.content) {
				t.Errorf("the file was changed (%v)", err)
			}
		})
	}
	t.Run("in use", func(t *testing.T) {
		path := stateAt(t)
		openForTest(t, path)
		if _, err := open(path, storeOptions()); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := open(filepath.Join(t.TempDir(), "no", "state"), storeOptions()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		if _, err := open(t.TempDir(), storeOptions()); err == nil {
			t.Error("no error")
		}
	})
	t.Run("another program's", func(t *testing.T) {
		path := stateAt(t)
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := open(path, storeOptions()); err == nil || !strings.Contains(err.Error(), "another program") {
			t.Errorf("error %v", err)
		}
	})
}

// usedSize returns how much of a file is in use.
func usedSize(t *testing.T, raw []byte) (size int64) {
	t.Helper()
	path := stateAt(t)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error { size = tx.Size(); return nil })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return size
}

// sealedFile returns a good file with one value replaced.
func sealedFile(t *testing.T, bucket, key, value string) []byte {
	t.Helper()
	path := seededState(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).Put([]byte(key), seal(bucket, key, []byte(value)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
