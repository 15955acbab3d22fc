package state

import (
	"bytes"
	"encoding/json"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// totals counts the records, so that the loss of a page is noticed.
type totals struct {
	Apps     int `json:"apps"`
	Machines int `json:"machines"`
	Releases int `json:"releases"`
}

// add adds n to the count of a bucket's records; n is negative for deleted ones.
func (t *totals) add(bucket string, n int) {
	switch bucket {
	case bucketApps:
		t.Apps += n
	case bucketMachines:
		t.Machines += n
	case bucketReleases:
		t.Releases += n
	}
}

// edit is the change that a commit makes to one key. A nil value deletes the key.
type edit struct {
	bucket, key string
	value       []byte
}

// Save implements [flysim.Storage]. It writes the documents that differ from the file, in one
// transaction. If none differ it does nothing.
func (f *File) Save(r *flysim.Records) error {
	sums := f.totals
	err := guardPages(func() error {
		edits, err := f.edits(r, &sums)
		if err != nil || len(edits) == 0 && !r.Clock.Moved(f.clock) {
			return err
		}
		clock, err := json.Marshal(r.Clock)
		if err != nil {
			return err
		}
		edits = append(edits, edit{bucketAccount, "clock", seal(bucketAccount, "clock", clock)})
		return f.db.Update(func(tx *bbolt.Tx) error { return apply(tx, edits) })
	})
	if err != nil {
		return f.wrap(err)
	}
	for id := range f.apps {
		if !r.AppIDs[id] {
			delete(f.children, bucketMachines+"/"+id)
			delete(f.children, bucketReleases+"/"+id)
		}
	}
	f.clock, f.apps, f.totals = r.Clock, r.AppIDs, sums
	for app, owned := range r.Owned {
		f.children[bucketMachines+"/"+app] = len(owned.Machines)
		f.children[bucketReleases+"/"+app] = len(owned.Releases)
	}
	return nil
}

func apply(tx *bbolt.Tx, edits []edit) error {
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
}

// edits compares the records with the file, and updates sums.
func (f *File) edits(r *flysim.Records, sums *totals) (edits []edit, err error) {
	fresh := make(map[string]int) // how many keys are new; keyed like children
	err = f.db.View(func(tx *bbolt.Tx) error {
		put := func(bucket, app, key string, document []byte) {
			value := seal(bucket, key, bytes.Clone(document))
			old := tx.Bucket([]byte(bucket)).Get([]byte(key))
			if old == nil {
				fresh[bucket+"/"+app]++
				sums.add(bucket, 1)
			}
			if !bytes.Equal(old, value) {
				edits = append(edits, edit{bucket, key, value})
			}
		}
		for key, section := range r.Account {
			put(bucketAccount, "", key, section)
		}
		for _, a := range r.Apps {
			put(bucketApps, "", a.ID, a.Document)
		}
		for _, m := range r.Machines {
			put(bucketMachines, m.App, m.App+"/"+m.ID, m.Document)
		}
		for _, release := range r.Releases {
			put(bucketReleases, release.App, release.App+"/"+release.ID, release.Document)
		}
		prune := func(bucket, app string, ids []string) {
			if n := bucket + "/" + app; f.children[n]+fresh[n] != len(ids) {
				edits = append(edits, deleteMissing(tx, bucket, app, ids)...)
			}
		}
		for app, owned := range r.Owned {
			prune(bucketMachines, app, owned.Machines)
			prune(bucketReleases, app, owned.Releases)
		}
		for id := range f.apps {
			if !r.AppIDs[id] {
				edits = append(edits, edit{bucketApps, id, nil})
				prune(bucketMachines, id, nil)
				prune(bucketReleases, id, nil)
			}
		}
		for _, e := range edits {
			if e.value == nil {
				sums.add(e.bucket, -1)
			}
		}
		document, err := json.Marshal(sums)
		put(bucketAccount, "", "totals", document)
		return err
	})
	return edits, err
}

// deleteMissing returns edits that delete the app's keys in a bucket, except those of the ids.
func deleteMissing(tx *bbolt.Tx, bucket, app string, ids []string) []edit {
	keep := make(map[string]bool, len(ids))
	for _, id := range ids {
		keep[id] = true
	}
	var edits []edit
	cursor := tx.Bucket([]byte(bucket)).Cursor()
	for key, _ := cursor.Seek([]byte(app + "/")); key != nil; key, _ = cursor.Next() {
		id, ok := strings.CutPrefix(string(key), app+"/")
		if !ok {
			break
		}
		if !keep[id] {
			edits = append(edits, edit{bucket, string(key), nil})
		}
	}
	return edits
}
