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

// temporary is the name of a file that [Roots.Replace] writes before it renames
// it: a dot, the name of the file it is for, and twelve hexadecimal digits.
var temporary = regexp.MustCompile(`^\.(.+\.(?:toml|json|yaml))\.[0-9a-f]{12}$`)

// Bounds of a sweep: a start must not take long, whatever the roots hold.
const (
	maxSwept = 10_000 // entries of folders that are looked at
	maxDepth = 6
)

// staleAfter is the age at which a temporary file is left over where locks do
// not tell whether somebody still writes it.
const staleAfter = time.Hour

// Sweep removes the temporary files that a program left in the roots when it was
// killed, and gives their paths. Only what [Roots.Replace] wrote is removed: by
// its name, a regular file of this user beside the file it was for, and nobody
// writes it any more.
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

// leftover finds temporary files, those in the upper folders first.
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
			_ = dir.Close() // and with it the lock
			if left <= 0 {
				return found
			}
		}
		folders = below
	}
	return found
}

// abandoned are those of the temporary files in a folder that nobody writes.
func (r rootDir) selectAbandoned(dir *os.File, names []string, now time.Time) []string {
	locked := disk.TryLock(dir)
	if errors.Is(locked, disk.ErrLocked) {
		return nil // somebody replaces a file here at this moment
	}
	return slices.DeleteFunc(names, func(name string) bool {
		info, err := r.fs.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || info.Size() > MaxSize || countLinks(info) != 1 || !isOurs(info) {
			return true
		}
		if age := now.Sub(info.ModTime()); locked != nil && age < staleAfter {
			return true
		}
		of := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "."), path.Ext(name))
		there, err := r.fs.Lstat(path.Join(path.Dir(name), of))
		return err != nil || there.Mode()&fs.ModeType != 0
	})
}
