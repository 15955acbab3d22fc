package main

import (
	"errors"
	"path/filepath"
)

var errNoHome = errors.New("there is no home folder: set --state-dir, or HOME")

// stateDir is where the journal and approval requests are kept: --state-dir,
// else $XDG_STATE_HOME/flycast-mcp, else ~/.local/state/flycast-mcp.
func (p program) stateDir(flag string) (string, error) {
	switch home := p.getenv("HOME"); {
	case flag != "":
		return filepath.Abs(flag)
	case filepath.IsAbs(p.getenv("XDG_STATE_HOME")):
		return filepath.Join(p.getenv("XDG_STATE_HOME"), "flycast-mcp"), nil
	case home != "":
		return filepath.Join(home, ".local", "state", "flycast-mcp"), nil
	}
	return "", errNoHome
}

// configDir is where the approver's key is kept: $XDG_CONFIG_HOME/flycast-mcp,
// else ~/.config/flycast-mcp.
func (p program) configDir() (string, error) {
	switch home := p.getenv("HOME"); {
	case filepath.IsAbs(p.getenv("XDG_CONFIG_HOME")):
		return filepath.Join(p.getenv("XDG_CONFIG_HOME"), "flycast-mcp"), nil
	case home != "":
		return filepath.Join(home, ".config", "flycast-mcp"), nil
	}
	return "", errNoHome
}

// Names of files.
const (
	journalFile = "journal.jsonl"
	requestsDir = "approvals"
	signingKey  = "approver.key" // encrypted with a passphrase
	publicKey   = "approver.pub" // what a server verifies with
)
