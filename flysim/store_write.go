package flysim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"go.etcd.io/bbolt"
)

// storedTotals are how many records there are: a lost page of them is missed.
type storedTotals struct {
	Apps     int `json:"apps"`
	Machines int `json:"machines"`
	Releases int `json:"releases"`
}

// add counts an edit that makes or deletes a record.
func (t *storedTotals) add(bucket string, n int) {
	switch bucket {
	case bucketApps:
		t.Apps += n
	case bucketMachines:
		t.Machines += n
	case bucketReleases:
		t.Releases += n
	}
}

// fileEdit is what a commit does to one key. A nil value deletes it.
type fileEdit struct {
	bucket, key string
	value       []byte
}

// write stores what of the records differs from the file, in one transaction.
// Without a difference it does nothing.
func (f *stateFile) write(r *records) error {
	totals := f.totals
	err := guardPages(func() error {
		edits, err := f.edits(r, &totals)
		if err != nil || len(edits) == 0 && !r.account.clock.moved(f.clock) {
			return err
		}
		clock, err := json.Marshal(r.account.clock)
		if err != nil {
			return err
		}
		edits = append(edits, fileEdit{bucketAccount, "clock", seal(bucketAccount, "clock", clock)})
		return f.db.Update(func(tx *bbolt.Tx) error {
			for _, e := range edits {
				bucket := tx.Bucket([]byte(e.bucket))
				var err error
				if e.value == nil {
					err = bucket.Delete([]byte(e.key))
				} else {
					err = bucket.Put([]byte(e.key), e.value)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		return f.fault(err)
	}
	for id := range f.apps {
		if !r.apps[id] {
			delete(f.children, bucketMachines+"/"+id)
			delete(f.children, bucketReleases+"/"+id)
		}
	}
	f.clock, f.apps, f.totals = r.account.clock, r.apps, totals
	for _, a := range r.changed {
		f.children[bucketMachines+"/"+a.ID] = len(a.machines)
		f.children[bucketReleases+"/"+a.ID] = len(a.releases)
	}
	return nil
}

// edits compares the records with the file. It keeps the totals.
func (f *stateFile) edits(r *records, totals *storedTotals) (edits []fileEdit, err error) {
	fresh := make(map[string]int) // keys that are new, like children
	err = f.db.View(func(tx *bbolt.Tx) error {
		put := func(bucket, app, key string, record any) error {
			value, err := json.Marshal(record)
			if err != nil {
				return fmt.Errorf("record %s/%s: %w", bucket, key, err)
			}
			value = seal(bucket, key, value)
			old := tx.Bucket([]byte(bucket)).Get([]byte(key))
			if old == nil {
				fresh[bucket+"/"+app]++
				totals.add(bucket, 1)
			}
			if !bytes.Equal(old, value) {
				edits = append(edits, fileEdit{bucket, key, value})
			}
			return nil
		}
		for key, section := range r.account.sections() {
			if err := put(bucketAccount, "", key, section); err != nil {
				return err
			}
		}
		for _, a := range r.changed {
			if err := put(bucketApps, "", a.ID, a); err != nil {
				return err
			}
		}
		for _, m := range r.machines {
			if err := put(bucketMachines, m.App, m.App+"/"+m.ID, m); err != nil {
				return err
			}
		}
		for _, release := range r.releases {
			if err := put(bucketReleases, release.App, release.App+"/"+release.ID, release); err != nil {
				return err
			}
		}
		prune := func(bucket, app string, are []string) {
			if n := bucket + "/" + app; f.children[n]+fresh[n] != len(are) {
				edits = append(edits, strays(tx, bucket, app, are)...)
			}
		}
		for _, a := range r.changed {
			prune(bucketMachines, a.ID, a.machines)
			prune(bucketReleases, a.ID, a.releases)
		}
		for id := range f.apps {
			if !r.apps[id] {
				edits = append(edits, fileEdit{bucketApps, id, nil})
				prune(bucketMachines, id, nil)
				prune(bucketReleases, id, nil)
			}
		}
		for _, e := range edits {
			if e.value == nil {
				totals.add(e.bucket, -1)
			}
		}
		return put(bucketAccount, "", "totals", totals)
	})
	return edits, err
}

// strays deletes the app's keys in a bucket but those of the ids.
func strays(tx *bbolt.Tx, bucket, app string, ids []string) []fileEdit {
	keep := make(map[string]bool, len(ids))
	for _, id := range ids {
		keep[id] = true
	}
	var edits []fileEdit
	cursor := tx.Bucket([]byte(bucket)).Cursor()
	for key, _ := cursor.Seek([]byte(app + "/")); key != nil; key, _ = cursor.Next() {
		id, ok := strings.CutPrefix(string(key), app+"/")
		if !ok {
			break
		}
		if !keep[id] {
			edits = append(edits, fileEdit{bucket, string(key), nil})
		}
	}
	return edits
}
