package state

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func stateAt(t testing.TB) string { return filepath.Join(t.TempDir(), "state") }

// startTime is later than everything in the fixture.
var startTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func storeOptions() flysim.Options {
	return flysim.Options{StartDelay: time.Minute, Clock: flysim.NewClock(func() time.Time { return startTime })}
}

// open is [Open] without waiting for the disk.
func open(path string, options flysim.Options) (*flysim.Platform, error) {
	return openPlatform(path, options, true)
}

// openForTest returns the platform of a file, and closes it at the end of the test.
func openForTest(t testing.TB, path string) *flysim.Platform {
	t.Helper()
	p, err := open(path, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// seededState returns a file with the example apps.
func seededState(t testing.TB) string {
	t.Helper()
	path := stateAt(t)
	p, err := open(path, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Seed(context.Background()), p.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// post sends a write request, which must succeed.
func post(t testing.TB, p *flysim.Platform, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://flysim"+path,
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.Token())
	response, err := p.Transport().RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		t.Fatalf("%s: %d", path, response.StatusCode)
	}
}

// TestOpen checks that what was stored is loaded again.
func TestOpen(t *testing.T) {
	path := stateAt(t)
	p, err := Open(path, storeOptions())
	if err != nil {
		t.Fatal(err)
	}
	p.AddApp("kept", "personal", "")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := openForTest(t, path)
	if names := again.AppNames(); len(names) != 1 || names[0] != "kept" {
		t.Errorf("apps %v, want kept", names)
	}
}

// TestSaveFails checks that the error names the file.
func TestSaveFails(t *testing.T) {
	path := stateAt(t)
	file, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Save(&flysim.Records{Clock: flysim.ClockRecord{Speed: 1}}); err == nil ||
		!strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want %s in it", err, path)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
