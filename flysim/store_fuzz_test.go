package flysim

import (
	"testing"
	"time"
)

// FuzzRecord decodes arbitrary records of a storage, of each kind.
func FuzzRecord(f *testing.F) {
	for _, text := range []string{`{}`, `null`, `{"id":"x","machines":[]}`,
		`{"virtual":"2026-01-01T00:00:00Z","real":"2026-01-01T00:00:00Z","speed":1e6}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, into := range []any{new(storedApp), new(storedMachine), new(storedRelease)} {
			_ = decodeRecord(value, into) // an error is fine too
		}
		var clock ClockRecord
		if decodeRecord(value, &clock) == nil {
			c := NewClock(func() time.Time { return storeStart })
			c.restore(clock)
			if _, err := c.Now().MarshalJSON(); err != nil && clock.Virtual.Year() <= lastYear {
				t.Error(err)
			}
		}
	})
}
