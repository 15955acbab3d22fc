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

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// gate returns the gate, with the operator's policy and the approvers' public keys.
func (s *serverSettings) gate(
	p program, app *application, state string, j *journal.Journal, files *roots.Roots,
) (*gate.Gate, error) {
	approval := s.approval
	if s.unattended {
		if approval != string(gate.ModeAuto) && approval != string(gate.ModeTerminal) {
			return nil, fmt.Errorf("--unattended does not go with --approval %s", approval)
		}
		approval = string(gate.ModeTerminal)
	}
	mode, err := gate.ParseMode(approval)
	if err != nil {
		return nil, fmt.Errorf("--%w", err)
	}
	o := gate.Options{
		Mode: mode, Ledger: call.Ledger{Journal: j}, AnswerWithin: s.answerWithin, Now: p.clock.Now,
	}
	if s.policy != "" {
		if err := checkOutsideRoots(s.policy, files); err != nil {
			return nil, err
		}
		if o.Policy, err = gate.LoadPolicy(s.policy, vocabulary()); err != nil {
			return nil, err
		}
	}
	approvers := s.approvers(p, app.log)
	if _, err := approvers.read(); err != nil {
		return nil, err
	}
	o.Keys = approvers.keys
	if state == "" {
		return gate.New(o), nil
	}
	if o.Installation, err = statedir.Installation(state, app.platform); err != nil {
		// Without the folder there is no journal either, and nothing that needs an approval is done.
		app.log.Error("approvals in a terminal are not possible", "err", err)
		return gate.New(o), nil
	}
	if o.Requests, err = gate.NewRequests(filepath.Join(state, statedir.Requests), p.clock.Now); err != nil {
		app.log.Error("approvals in a terminal are not possible", "err", err)
		o.Requests = nil
	}
	return gate.New(o), nil
}

// vocabulary returns what a policy may name.
func vocabulary() gate.Vocabulary {
	list := tools.All(tools.Deps{Deps: call.Deps{Clock: wallClock{}}})
	return plan.Vocabulary(tools.Changers(list)...)
}

// checkOutsideRoots refuses a policy that an agent's file tools could edit.
func checkOutsideRoots(policy string, files *roots.Roots) error {
	abs, err := filepath.Abs(policy)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return fmt.Errorf("--policy: %w", err)
	}
	for _, dir := range files.Dirs() {
		if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
			return fmt.Errorf("--policy %s is in the root %s: move it to a folder that the server does not edit",
				policy, dir)
		}
	}
	return nil
}

// keyFiles are the public keys of the people who may approve in a terminal. The
// files are read whenever a key is needed: one may be created, replaced or removed
// while the server runs.
type keyFiles struct {
	paths     []string
	mustExist bool // given with --approver-key
	log       *slog.Logger

	mu      sync.Mutex
	problem string // the last one that was logged
}

// approvers returns the key files of the flags, else the one that --init makes.
func (s *serverSettings) approvers(p program, log *slog.Logger) *keyFiles {
	if len(s.approverKeys) > 0 {
		return &keyFiles{paths: s.approverKeys, mustExist: true, log: log}
	}
	dir, err := p.folders().Config()
	if err != nil {
		return &keyFiles{log: log} // no home, no default key
	}
	return &keyFiles{paths: []string{filepath.Join(dir, statedir.PublicKey)}, log: log}
}

// read returns the keys that can be read, and the errors of the others.
func (k *keyFiles) read() (keys []gate.PublicKey, err error) {
	var problems []error
	for _, path := range k.paths {
		key, err := readKey(path)
		if errors.Is(err, fs.ErrNotExist) && !k.mustExist {
			continue // not created yet: results say how to
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("approver's key: %w", err))
			continue
		}
		keys = append(keys, key)
	}
	return keys, errors.Join(problems...)
}

// readKey reads a public key that no other user can replace.
func readKey(path string) (gate.PublicKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return gate.PublicKey{}, err
	}
	if err := disk.CheckTrusted(filepath.Dir(path)); err != nil {
		return gate.PublicKey{}, err
	}
	if info.Mode().Perm()&0o022 != 0 && runtime.GOOS != "windows" {
		return gate.PublicKey{}, fmt.Errorf("other users can write to %s (mode %v): chmod 644 it",
			path, info.Mode().Perm())
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

// keys returns the current keys. A file that cannot be read approves nothing.
func (k *keyFiles) keys() []gate.PublicKey {
	keys, err := k.read()
	k.mu.Lock()
	defer k.mu.Unlock()
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if problem != "" && problem != k.problem {
		k.log.Error("an approver's key cannot be used", "err", err)
	}
	k.problem = problem
	return keys
}
