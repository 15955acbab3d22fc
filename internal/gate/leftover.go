package gate

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// temporaryFile begins the names of files that are not renamed yet. After
// leftoverAfter, nothing writes such a file anymore: a write takes moments.
const (
	temporaryFile = ".tmp-"
	leftoverAfter = time.Hour
)

// removeLeftovers removes the temporary files that killed programs left in the
// folder. A folder that cannot be read is left alone.
func (s *Requests) removeLeftovers() {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), temporaryFile) {
			continue
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && s.now().Sub(info.ModTime()) > leftoverAfter {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}
