package state

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// FuzzRecord decodes arbitrary records of the file itself.
func FuzzRecord(f *testing.F) {
	for _, text := range []string{`{}`, `null`,
		`{"virtual":"2026-01-01T00:00:00Z","real":"2026-01-01T00:00:00Z","speed":1e6}`, `{"apps":-1}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, into := range []any{new(flysim.ClockRecord), new(totals), new(int)} {
			_ = unsealRecord("bucket", "key", seal("bucket", "key", append([]byte(nil), value...)), into) // an error is fine too
		}
		if _, err := unseal("bucket", "key", value); err == nil {
			t.Error("a record without its checksum is accepted")
		}
	})
}
