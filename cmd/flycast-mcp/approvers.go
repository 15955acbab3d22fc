package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// approvers are the public keys of those who may approve in a terminal. The files
// are read whenever a key is needed: one may be made, replaced or taken away
// while the server runs.
type approvers struct {
	paths []string
	named bool // with --approver-key: they must exist
	log   *slog.Logger

	mu   sync.Mutex
	told string // the last problem that was logged
}

// approvers are those that were named, else the one whose key --init makes.
func (s *serving) approvers(p program, log *slog.Logger) *approvers {
	if len(s.approverKeys) > 0 {
		return &approvers{paths: s.approverKeys, named: true, log: log}
	}
	dir, err := p.configDir()
	if err != nil {
		return &approvers{log: log} // no home, no default key
	}
	return &approvers{paths: []string{filepath.Join(dir, publicKey)}, log: log}
}

// read gives the keys that can be read, and what is wrong with the others.
func (a *approvers) read() (keys []gate.PublicKey, err error) {
	var problems []error
	for _, path := range a.paths {
		key, err := readKey(path)
		if errors.Is(err, fs.ErrNotExist) && !a.named {
			continue // not made yet: the answers say how
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("approver's key: %w", err))
			continue
		}
		keys = append(keys, key)
	}
	return keys, errors.Join(problems...)
}

// readKey reads a public key that nobody else can replace.
func readKey(path string) (gate.PublicKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return gate.PublicKey{}, err
	}
	if err := disk.Trusted(filepath.Dir(path)); err != nil {
		return gate.PublicKey{}, err
	}
	if info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows" {
		return gate.PublicKey{}, fmt.Errorf("%s can be written by group or others (mode %v): chmod 644 it", path, info.Mode().Perm())
	}
	data, err := disk.Read(path, maxKeySize)
	if err != nil {
		return gate.PublicKey{}, err
	}
	key, err := gate.ParsePublicKey(string(data))
	if err != nil {
		return gate.PublicKey{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// keys are the keys as they are now. A file that cannot be read approves nothing.
func (a *approvers) keys() []gate.PublicKey {
	keys, err := a.read()
	a.mu.Lock()
	defer a.mu.Unlock()
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if problem != "" && problem != a.told {
		a.log.Error("an approver's key cannot be used", "err", err)
	}
	a.told = problem
	return keys
}
