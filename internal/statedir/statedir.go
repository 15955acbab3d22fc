// Package statedir finds and prepares the folders in which this program keeps
// files of its own: the journal, locks, approval requests and approvers' keys.
package statedir

import (
	"errors"
	"fmt"
	"os/user"
	"path/filepath"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// Names of files and folders.
const (
	Journal    = "journal.jsonl" // in the state folder
	Requests   = "approvals"     // in the state folder
	Locks      = "locks"         // in the state folder; ensures one run per app among its servers
	Undo       = "undo"          // in the state folder; what runs found before their changes
	SigningKey = "approver.key"  // in the configuration folder; encrypted with a passphrase
	PublicKey  = "approver.pub"  // in the configuration folder; verifies approvals
)

// ErrNoHome is returned if no variable names a folder.
var ErrNoHome = errors.New("there is no home folder: set --state-dir, or HOME")

// Folders finds the user's folders from the environment.
type Folders struct {
	Getenv      func(string) string
	AccountHome func() string // the home folder if HOME is not set; nil: there is none
}

// Home returns the user's home folder: $HOME, else the one in the system's list of
// users, because a service may have no environment. It is empty if there is none.
func (f Folders) Home() string {
	if home := f.Getenv("HOME"); home != "" {
		return home
	}
	if f.AccountHome == nil {
		return ""
	}
	return f.AccountHome()
}

// AccountHome returns the home folder in the system's list of users, if it has one.
func AccountHome() string {
	if u, err := user.Current(); err == nil && filepath.IsAbs(u.HomeDir) && u.HomeDir != "/" {
		return u.HomeDir
	}
	return ""
}

// State returns the state folder: the value of --state-dir, else
// $XDG_STATE_HOME/flycast-mcp, else ~/.local/state/flycast-mcp, else a folder
// in the configuration folder, because Windows has no folder for state. The error is
// [ErrNoHome] if there is none of these.
func (f Folders) State(flag string) (string, error) {
	switch home := f.Home(); {
	case flag != "":
		return filepath.Abs(flag)
	case filepath.IsAbs(f.Getenv("XDG_STATE_HOME")):
		return filepath.Join(f.Getenv("XDG_STATE_HOME"), "flycast-mcp"), nil
	case filepath.IsAbs(home):
		return filepath.Join(home, ".local", "state", "flycast-mcp"), nil
	}
	dir, err := f.Config()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "state"), nil
}

// Config returns the folder of the approvers' keys: $XDG_CONFIG_HOME/flycast-mcp, else
// ~/.config/flycast-mcp, else %AppData%\flycast-mcp.
func (f Folders) Config() (string, error) {
	switch home := f.Home(); {
	case filepath.IsAbs(f.Getenv("XDG_CONFIG_HOME")):
		return filepath.Join(f.Getenv("XDG_CONFIG_HOME"), "flycast-mcp"), nil
	case filepath.IsAbs(home):
		return filepath.Join(home, ".config", "flycast-mcp"), nil
	case filepath.IsAbs(f.Getenv("AppData")):
		return filepath.Join(f.Getenv("AppData"), "flycast-mcp"), nil
	}
	return "", ErrNoHome
}

// Unused returns the error of a command whose state folder no server has used.
func Unused(dir string) error {
	return fmt.Errorf("no server has used the state folder %s: "+
		"run the command exactly as the agent shows it, including --state-dir", dir)
}

// CheckTrusted refuses a state folder that other users can write to.
func CheckTrusted(dir string) error {
	if err := disk.CheckTrusted(dir); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	return nil
}
