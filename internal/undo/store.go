package undo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Store keeps snapshots in a folder, each under its hash. The journal has the hash, so that a
// snapshot that was changed is not believed.
type Store struct {
	Dir string
	Now func() time.Time
}

const (
	// keepFor is how long a snapshot is kept.
	keepFor = 90 * 24 * time.Hour
	// maxSnapshot is more than a fly.toml of the largest size needs, twice, in JSON.
	maxSnapshot = 8 << 20
)

// ErrChanged means that a snapshot is not the one that was kept.
var ErrChanged = errors.New("it was changed, so it is not used")

// Put keeps a snapshot (mode 0600) and returns its hash. Snapshots that are too old are removed.
func (s Store) Put(snapshot plan.Snapshot) (hash string, err error) {
	data, err := json.Marshal(snapshot)
	if err != nil {
		return "", fmt.Errorf("snapshot: %w", err)
	}
	if len(data) > maxSnapshot {
		return "", fmt.Errorf("snapshot: %d bytes, more than %d", len(data), maxSnapshot)
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return "", fmt.Errorf("snapshot: %w", err)
	}
	s.sweep()
	hash = sumOf(data)
	tmp, err := os.CreateTemp(s.Dir, "new-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("snapshot: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), s.path(hash))
	}
	if err != nil {
		return "", fmt.Errorf("snapshot: %w", err)
	}
	return hash, nil
}

// Get returns the snapshot with a hash. The error wraps [fs.ErrNotExist] if there is none, and
// [ErrChanged] if it is another one.
func (s Store) Get(hash string) (plan.Snapshot, error) {
	var out plan.Snapshot
	if sum, err := hex.DecodeString(hash); err != nil || len(sum) != sha256.Size {
		return out, fmt.Errorf("snapshot %s: %w", plan.Quote(hash), ErrChanged)
	}
	data, err := disk.Read(s.path(hash), maxSnapshot)
	if err != nil {
		return out, fmt.Errorf("snapshot: %w", err)
	}
	if sumOf(data) != hash {
		return out, fmt.Errorf("snapshot %.12s: %w", hash, ErrChanged)
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, fmt.Errorf("snapshot %.12s: %w", hash, err)
	}
	return out, nil
}

// sweep removes snapshots that are too old. What cannot be removed stays.
func (s Store) sweep() {
	entries, _ := os.ReadDir(s.Dir)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && s.Now().Sub(info.ModTime()) > keepFor {
			_ = os.Remove(filepath.Join(s.Dir, entry.Name()))
		}
	}
}

func (s Store) path(hash string) string { return filepath.Join(s.Dir, hash+".json") }

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
