package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

// sandboxDir, in the state folder, holds what belongs to emulated platforms: it
// must not count towards the limits of real ones. Each embedded platform has a
// folder of its own in embeddedDir below it.
const (
	sandboxDir  = "sandbox"
	embeddedDir = "embedded"
)

// state returns the server's state folder. It is empty if no folder is possible:
// then nothing that needs an approval is done, and the rest works.
func (s *serverSettings) state(p program, app *application) (string, error) {
	dir, err := p.folders().State(s.stateDir)
	hasNoHome := errors.Is(err, statedir.ErrNoHome)
	switch {
	case hasNoHome && app.embedded != nil:
		return app.removeLater(statedir.Temporary())
	case hasNoHome:
		app.log.Error("nothing that needs an approval will be done", "err", err)
		return "", nil
	case err != nil:
		return "", err
	}
	switch {
	case s.stateDir != "": // the operator's choice
	case app.embedded != nil:
		parent := filepath.Join(dir, sandboxDir, embeddedDir)
		if err := statedir.CheckTrusted(parent); err != nil {
			return "", err
		}
		if err := os.MkdirAll(parent, 0o700); err != nil {
			app.log.Warn("the state folder cannot be created, so a temporary one is used", "err", err)
			return app.removeLater(statedir.Temporary())
		}
		return app.removeLater(statedir.Own(parent))
	case app.sandbox:
		dir = filepath.Join(dir, sandboxDir)
	}
	return dir, statedir.CheckTrusted(dir)
}

// stateDirFlag adds --state-dir to a command.
func stateDirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "state-dir", "",
		"folder of the journal and of approval requests (default: the user's state folder)")
}

// removeLater removes a folder when the application is closed.
func (a *application) removeLater(dir string, remove func() error, err error) (string, error) {
	if err == nil {
		a.close = append(a.close, remove)
	}
	return dir, err
}
