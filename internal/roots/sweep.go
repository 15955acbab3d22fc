package roots

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// temporary matches the names of files that [Roots.Replace] writes before it renames
// them: a dot, the name of the file to replace, and twelve hexadecimal digits.
var temporary = regexp.MustCompile(`^\.(.+\.(?:toml|json|yaml))\.[0-9a-f]{12}$`)

// Limits of a sweep: startup must be fast, whatever is in the roots.
const (
	maxSwept = 10_000 // entries of folders
	maxDepth = 6
)

// staleAfter is the age at which a temporary file counts as abandoned if locks do not
// show whether it is still being written.
const staleAfter = time.Hour

// Sweep removes the temporary files that killed servers left in the roots, and
// returns their paths. It removes only what [Roots.Replace] wrote: regular files of
// this user, with such a name, beside the file to replace, and no longer being
// written.
func (r *Roots) Sweep(now time.Time) []string {
	var removed []string
	for _, root := range r.roots {
		for _, name := range root.findLeftovers(now) {
			if root.fs.Remove(name) == nil {
				removed = append(removed, filepath.Join(root.dir, name))
			}
		}
	}
	return removed
}

// findLeftovers returns abandoned temporary files, those in upper folders first.
func (r rootDir) findLeftovers(now time.Time) []string {
	var found []string
	left := maxSwept
	for level, folders := 0, []string{"."}; level <= maxDepth && len(folders) > 0; level++ {
		var below []string
		for _, folder := range folders {
			dir, err := r.fs.OpenFile(folder, os.O_RDONLY|disk.NoWait, 0)
			if err != nil {
				continue
			}
			entries, _ := dir.ReadDir(left)
			left -= len(entries)
			var names []string
			for _, e := range entries {
				name := path.Join(filepath.ToSlash(folder), e.Name())
				switch {
				case e.IsDir() && !slices.Contains([]string{".git", "node_modules"}, e.Name()):
					below = append(below, name)
				case e.Type().IsRegular() && temporary.MatchString(e.Name()):
					names = append(names, name)
				}
			}
			if len(names) > 0 {
				found = append(found, r.selectAbandoned(dir, names, now)...)
			}
			_ = dir.Close() // releases the lock
			if left <= 0 {
				return found
			}
		}
		folders = below
	}
	return found
}

// selectAbandoned returns the temporary files in a folder that nobody is writing.
func (r rootDir) selectAbandoned(dir *os.File, names []string, now time.Time) []string {
	locked := disk.TryLock(dir)
	if errors.Is(locked, disk.ErrLocked) {
		return nil // a file in it is being replaced
	}
	return slices.DeleteFunc(names, func(name string) bool {
		info, err := r.fs.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > MaxSize || countLinks(info) != 1 || !isOurs(info) {
			return true // Replace did not write it
		}
		if age := now.Sub(info.ModTime()); locked != nil && age < staleAfter {
			return true
		}
		of := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "."), path.Ext(name))
		there, err := r.fs.Lstat(path.Join(path.Dir(name), of))
		return err != nil || there.Mode()&fs.ModeType != 0
	})
}
