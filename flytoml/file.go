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

// MaxSize is the most bytes that Parse reads.
const MaxSize = 1 << 20

// MaxGroups is the most process groups that Apply converts: each of them gets
// all of the file's environment.
const MaxGroups = 1000

// File is a fly.toml, fly.json or fly.yaml as it was read: its bytes, and what they say. It is
// immutable, and safe for concurrent use.
type File struct {
	name   string
	format syntax.Format
	data   []byte
	doc    map[string]any // as its format's decoder has it; nobody may change it
	files  localFiles     // what the conversion may read beside it

	// The definition and why flyctl would not accept doc's shape, made when they
	// are first asked for: an edit does without.
	define func() (*Definition, error)
}

// Parse reads a file. The name is used in messages and decides the format, as
// it does for flyctl: *.json is JSON, *.yaml is YAML, everything else is TOML,
// fly.yml too.
//
// An error is a [*syntax.Error]: flyctl could not read the file either, or it is
// larger than [MaxSize], nested deeper than [MaxDepth], or made to keep a
// decoder busy. A file that flyctl reads but does not accept as a configuration
// is read; see [File.Definition] and [File.Validate]. So is one with bytes that
// no edit can keep: line ends of CR alone and several documents in YAML, say.
// Package edit refuses it.
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
			err.Reason += "; flyctl reads a file of this name as TOML: rename it, as in fly.yaml or fly.json"
		}
		return nil, err
	}
	f.doc = doc
	f.define = sync.OnceValues(func() (*Definition, error) { return define(doc) })
	return f, nil
}

// FileOf is a file that says what a definition says, without a text and without
// a document. It shares the definition.
func FileOf(def *Definition) *File {
	return &File{name: "fly.toml", define: func() (*Definition, error) { return def, nil }}
}

// Name is the name the file was read under.
func (f *File) Name() string { return f.name }

// Bytes returns a copy of the file's bytes.
func (f *File) Bytes() []byte { return bytes.Clone(f.data) }

// Format is the format that the file's name stands for.
func (f *File) Format() syntax.Format { return f.format }

// Document is the file as its format's decoder has it, before old spellings are
// translated. Callers must not change it.
func (f *File) Document() map[string]any { return f.doc }

// SHA256 is the hexadecimal digest of the file's bytes.
func (f *File) SHA256() string {
	sum := sha256.Sum256(f.data)
	return hex.EncodeToString(sum[:])
}

// App is the app the file names, empty if it names none.
func (f *File) App() string { return f.def().App }

var appName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// IsAppName reports whether an app can have the name.
func IsAppName(name string) bool { return appName.MatchString(name) }

// def is the document as flyctl understands it; it holds the app alone if
// there is a shapeError.
func (f *File) def() *Definition {
	def, _ := f.define()
	return def
}

// shapeError tells why flyctl would not accept the document's shape.
func (f *File) shapeError() error {
	_, err := f.define()
	return err
}
