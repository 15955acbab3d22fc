package call

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// errAppLocked means that another process has the app.
var errAppLocked = errors.New("another process has the lock of the app")

// lockApp takes an app for this process: an advisory lock on DIR/APP.lock,
// which the system gives back when the file is closed or the process ends,
// however it ends. The file stays: removing it could give two processes
// a lock each. The folder is made if need be, for its owner only.
func lockApp(dir, app string) (*os.File, error) {
	if !fly.ValidAppName(app) {
		return nil, fmt.Errorf("lock: %s is not a valid Fly app name", outside.Quote(app, 70))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	} else if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return nil, fmt.Errorf("lock: %s is open to others: %w", dir, err)
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, app+".lock"), os.O_RDWR|os.O_CREATE|disk.NoWait, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	switch err := disk.TryLock(f); {
	case errors.Is(err, disk.ErrLocked):
		return nil, errors.Join(errAppLocked, f.Close())
	case err != nil && runtime.GOOS != "windows": // there one process per state folder is assumed
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
