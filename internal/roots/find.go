package roots

import (
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
)

// configName matches the names that a fly.toml usually has.
var configName = regexp.MustCompile(`^(?:fly(?:\.[\w-]+)?|[\w-]+\.fly)\.(?:toml|json|yaml)$`)

// FindConfigs returns the paths of files in the roots that are named as a fly.toml usually is, at
// most limit. It does not read them, and does not look into hidden folders or node_modules.
func (r *Roots) FindConfigs(limit int) []string {
	var found []string
	if r == nil {
		return nil
	}
	for _, root := range r.roots {
		left := maxSwept
		_ = fs.WalkDir(root.fs.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
			left--
			switch {
			case left < 0 || len(found) >= limit:
				return fs.SkipAll
			case err != nil: // a folder that cannot be read has nothing to offer
				return nil
			case entry.IsDir() && name != "." && (path.Base(name)[0] == '.' || path.Base(name) == "node_modules" ||
				depth(name) > maxDepth):
				return fs.SkipDir
			case entry.Type().IsRegular() && configName.MatchString(path.Base(name)):
				found = append(found, filepath.Join(root.dir, filepath.FromSlash(name)))
			}
			return nil
		})
	}
	return found
}

// depth returns how many folders are above a name.
func depth(name string) (n int) {
	for _, c := range name {
		if c == '/' {
			n++
		}
	}
	return n
}
