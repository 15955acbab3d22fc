package flysim

import (
	"testing"
	"time"
)

// FuzzRecord decodes any record of a state file, of each kind.
func FuzzRecord(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `{"id":"x","machines":[]}`, `{"virtual":"2026-01-01T00:00:00Z","real":"2026-01-01T00:00:00Z","speed":1e6}`, `{"apps":-1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, into := range []any{new(storedApp), new(storedMachine), new(storedRelease), new(storedClock), new(storedTotals)} {
			_ = unsealRecord("bucket", "key", seal("bucket", "key", append([]byte(nil), value...)), into) // an error is as good
		}
		if err := unsealRecord("bucket", "key", value, new(storedApp)); err == nil {
			t.Error("a record without its checksum is taken")
		}
		var clock storedClock
		if unsealRecord("b", "k", seal("b", "k", append([]byte(nil), value...)), &clock) == nil {
			c := NewClock(func() time.Time { return storeStart })
			c.restore(clock)
			if _, err := c.Now().MarshalJSON(); err != nil && clock.Virtual.Year() <= lastYear {
				t.Error(err)
			}
		}
	})
}
