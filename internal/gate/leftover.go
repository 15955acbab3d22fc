package gate

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// temporaryFile begins the names of files that are not renamed yet, and
// leftoverAfter is when nobody writes one any more: a write takes moments.
const (
	temporaryFile = ".tmp-"
	leftoverAfter = time.Hour
)

// removeLeftovers removes what killed programs left in the folder.
func (s *Requests) removeLeftovers() {
	entries, _ := os.ReadDir(s.dir) // what cannot be read stays
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && strings.HasPrefix(e.Name(), temporaryFile) && s.now().Sub(info.ModTime()) > leftoverAfter {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
}
