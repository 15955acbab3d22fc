package statedir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// installationFile has the name of a state folder.
const installationFile = "installation"

// maxSize is far more than that file needs.
const maxSize = 64 << 10

// Installation names this installation, for signatures: the state folder, whose
// journal ensures that an approval is used once, and the platform that its servers
// change. The name is made when the folder is first used.
func Installation(state, platform string) (string, error) {
	path := filepath.Join(state, installationFile)
	id, err := readInstallation(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeInstallation(state, path); err == nil || errors.Is(err, fs.ErrExist) {
			id, err = readInstallation(path)
		}
	}
	if err != nil {
		return "", fmt.Errorf("name of the installation: %w", err)
	}
	return id + " " + platform, nil
}

func readInstallation(path string) (string, error) {
	data, err := disk.Read(path, maxSize)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(data))
	if len(id) != len(rand.Text()) {
		return "", fmt.Errorf("%s was changed: remove it to start with a new name, which withdraws open approvals",
			path)
	}
	return id, nil
}

// makeInstallation writes a new name. If another process was faster, its name
// stays. The file is never half written.
func makeInstallation(state, path string) error {
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(state, ".installation-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(rand.Text() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
