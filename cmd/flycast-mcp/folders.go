package main

import (
	"errors"
	"os/user"
	"path/filepath"
)

var errNoHome = errors.New("there is no home folder: set --state-dir, or HOME")

// home is the user's home folder: $HOME, else the one in the system's list of
// users, as a service may have no environment. It is empty if there is none.
func (p program) home() string {
	if home := p.getenv("HOME"); home != "" {
		return home
	}
	if p.accountHome == nil {
		return ""
	}
	return p.accountHome()
}

// accountHome is the home folder in the system's list of users, if it has one.
func accountHome() string {
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) && u.HomeDir != "/" {
		return u.HomeDir
	}
	return ""
}

// stateDir is where the journal and approval requests are kept: --state-dir,
// else $XDG_STATE_HOME/flycast-mcp, else ~/.local/state/flycast-mcp, else a
// folder below that of the configuration, as Windows has no other. The error is
// [errNoHome] where there is none of these.
func (p program) stateDir(flag string) (string, error) {
	switch home := p.home(); {
	case flag != "":
		return filepath.Abs(flag)
	case filepath.IsAbs(p.getenv("XDG_STATE_HOME")):
		return filepath.Join(p.getenv("XDG_STATE_HOME"), "flycast-mcp"), nil
	case filepath.IsAbs(home):
		return filepath.Join(home, ".local", "state", "flycast-mcp"), nil
	}
	dir, err := p.configDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "state"), nil
}

// configDir is where the approver's key is kept: $XDG_CONFIG_HOME/flycast-mcp,
// else ~/.config/flycast-mcp, else %AppData%\flycast-mcp.
func (p program) configDir() (string, error) {
	switch home := p.home(); {
	case filepath.IsAbs(p.getenv("XDG_CONFIG_HOME")):
		return filepath.Join(p.getenv("XDG_CONFIG_HOME"), "flycast-mcp"), nil
	case filepath.IsAbs(home):
		return filepath.Join(home, ".config", "flycast-mcp"), nil
	case filepath.IsAbs(p.getenv("AppData")):
		return filepath.Join(p.getenv("AppData"), "flycast-mcp"), nil
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
