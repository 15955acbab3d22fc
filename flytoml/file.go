package flytoml

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"sync"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// MaxSize is the size in bytes of the largest file that Parse reads.
const MaxSize = 1 << 20

// MaxGroups is the largest number of process groups that Apply converts. Each group gets a copy
// of the whole environment.
const MaxGroups = 1000

// File is a parsed fly.toml, fly.json or fly.yaml: its bytes and its content. It is immutable
// and safe for concurrent use.
type File struct {
	name   string
	format syntax.Format
	data   []byte
	doc    map[string]any // as decoded; must not be changed
	files  localFiles     // other files that the conversion may read

	// define returns the definition, and the error if flyctl would not accept doc's shape. Both
	// are computed on first use, because an edit does not need them.
	define func() (*Definition, error)
}

// Parse reads a file. The name is used in messages and decides the format, as in
// flyctl: *.json is JSON, *.yaml is YAML, everything else (fly.yml too) is TOML.
//
// The error is a [*syntax.Error]. Parse fails if flyctl could not read the file
// either, or if the file is larger than [MaxSize], nested deeper than
// [syntax.MaxDepth], or built to make a decoder slow. It does not fail for a file
// that flyctl can read but does not accept as a configuration; [File.Definition]
// and [File.Validate] do. Nor does it fail for a file that cannot be edited
// without damage, such as YAML with CR line endings or several documents; package
// edit refuses those.
func Parse(name string, data []byte) (*File, error) {
	if len(data) > MaxSize {
		return nil, &syntax.Error{Name: name,
			Reason: fmt.Sprintf("the file has %d bytes, more than the %d allowed", len(data), MaxSize)}
	}
	f := &File{name: name, format: syntax.FormatOf(name), data: bytes.Clone(data)}
	doc, err := f.format.Read(f.data)
	if err == nil && syntax.Depth(doc, syntax.MaxDepth+1) > syntax.MaxDepth {
		err = &syntax.Error{Reason: syntax.TooDeepReason()}
	}
	if err != nil {
		err.Name = name
		if syntax.IsMisnamed(name) {
			err.Reason += "; flyctl reads a file with this name as TOML: rename it to fly.yaml or fly.json"
		}
		return nil, err
	}
	f.doc = doc
	f.define = sync.OnceValues(func() (*Definition, error) { return define(doc) })
	return f, nil
}

// FileOf returns a file with the given definition, and without text or document.
// The file shares the definition.
func FileOf(def *Definition) *File {
	return &File{name: "fly.toml", define: func() (*Definition, error) { return def, nil }}
}

// Name returns the name the file was read under.
func (f *File) Name() string { return f.name }

// Bytes returns a copy of the file's bytes.
func (f *File) Bytes() []byte { return bytes.Clone(f.data) }

// Format returns the format that the file has by its name.
func (f *File) Format() syntax.Format { return f.format }

// Document returns the file as decoded, before old spellings are translated.
// Callers must not change it.
func (f *File) Document() map[string]any { return f.doc }

// SHA256 returns the hexadecimal digest of the file's bytes.
func (f *File) SHA256() string {
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

// App returns the name of the app in the file, empty if there is none.
func (f *File) App() string { return f.def().App }

var appName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// IsAppName reports whether an app can have the name.
func IsAppName(name string) bool { return appName.MatchString(name) }

// def returns the document as flyctl understands it. If there is a shapeError, only App is set.
func (f *File) def() *Definition {
	def, _ := f.define()
	return def
}

// shapeError returns why flyctl would not accept the document's shape, nil if it would.
func (f *File) shapeError() error {
	_, err := f.define()
	return err
}
