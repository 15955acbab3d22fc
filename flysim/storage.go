package flysim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Storage keeps a platform's state between runs; see [Open]. Package state implements it in a file.
// One goroutine at a time calls its methods.
type Storage interface {
	// Load returns what is stored, or nil if nothing was stored yet.
	Load() (*Records, error)

	// Save makes what is stored match the records, all of it or nothing.
	Save(*Records) error

	Close() error
}

// Records are the platform's state as JSON documents: all of it from [Storage.Load], and what may
// have changed in [Storage.Save].
type Records struct {
	Clock    ClockRecord
	Account  map[string]json.RawMessage // what belongs to no app, by section
	Apps     []Record
	Machines []Record
	Releases []Record

	// Only for Save. A stored app that AppIDs lacks is to be deleted, with its Machines and
	// releases. A stored Machine or release of an app in Apps is to be deleted if Owned lacks it.
	AppIDs map[string]bool
	Owned  map[string]Owned // by app id, for each of Apps
}

// Record is one app, Machine or release.
type Record struct {
	App      string // id
	ID       string // the id; in Apps the same as App
	Document json.RawMessage
}

// Owned lists the ids of all Machines and releases of an app.
type Owned struct{ Machines, Releases []string }

// ClockRecord records what a platform's clock showed at a moment.
type ClockRecord struct {
	Virtual time.Time `json:"virtual"`
	Real    time.Time `json:"real"` // of its source
	Speed   float64   `json:"speed"`
}

// Moved reports whether the clock was advanced or its speed was changed since the earlier record.
func (r ClockRecord) Moved(earlier ClockRecord) bool {
	const slack = time.Millisecond // for rounding
	passed := time.Duration(float64(r.Real.Sub(earlier.Real)) * earlier.Speed)
	return r.Speed != earlier.Speed || r.Virtual.Sub(earlier.Virtual.Add(passed)).Abs() > slack
}

// encode encodes the documents of a commit.
func (c *commit) encode() (*Records, error) {
	r := &Records{
		Clock: c.account.clock, Account: make(map[string]json.RawMessage), AppIDs: c.apps,
		Owned: make(map[string]Owned, len(c.changed)),
	}
	for section, value := range c.account.sections() {
		document, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("record account/%s: %w", section, err)
		}
		r.Account[section] = document
	}
	add := func(list *[]Record, app, id string, value any) error {
		document, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("record of %s in app %s: %w", id, app, err)
		}
		*list = append(*list, Record{app, id, document})
		return nil
	}
	for _, a := range c.changed {
		if err := add(&r.Apps, a.ID, a.ID, a); err != nil {
			return nil, err
		}
		r.Owned[a.ID] = Owned{a.machines, a.releases}
	}
	for _, m := range c.machines {
		if err := add(&r.Machines, m.App, m.ID, m); err != nil {
			return nil, err
		}
	}
	for _, release := range c.releases {
		if err := add(&r.Releases, release.App, release.ID, release); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// decode decodes what a storage holds.
func (r *Records) decode() (*storedState, error) {
	s := &storedState{}
	s.account.clock = r.Clock
	for section, value := range s.account.sections() {
		document, ok := r.Account[section]
		if !ok {
			continue // nothing was stored yet
		}
		if err := decodeRecord(document, value); err != nil {
			return nil, fmt.Errorf("the record account/%s %w", section, err)
		}
	}
	var err error
	if s.apps, err = decodeAll[storedApp](r.Apps); err != nil {
		return nil, err
	}
	if s.machines, err = decodeAll[storedMachine](r.Machines); err != nil {
		return nil, err
	}
	if s.releases, err = decodeAll[storedRelease](r.Releases); err != nil {
		return nil, err
	}
	slices.SortFunc(s.machines, func(a, b storedMachine) int { return cmp.Compare(a.Order, b.Order) })
	slices.SortStableFunc(s.releases, func(a, b storedRelease) int { return cmp.Compare(a.Version, b.Version) })
	return s, nil
}

func decodeAll[T any](records []Record) ([]T, error) {
	var all []T
	for _, r := range records {
		var value T
		if err := decodeRecord(r.Document, &value); err != nil {
			return nil, fmt.Errorf("the record of %.80s %w", r.ID, err)
		}
		all = append(all, value)
	}
	return all, nil
}

// decodeRecord decodes a document. An unknown field is an error: a newer program wrote it, and this
// one would lose it.
func decodeRecord(document []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return fmt.Errorf("is not of this program's format: %w", err)
	}
	return nil
}
