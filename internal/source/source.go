// Package source reads the fly.toml that a call names: a person's file, a text, the draft
// of an earlier call, or the configuration that Fly has. It refuses what must be neither
// edited nor deployed: files of other programs, and masks in place of values.
package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/deployed"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// File is a fly.toml, fly.json or fly.yaml and where it came from.
type File struct {
	*flytoml.File
	Path string        // absolute; empty unless it is a person's file
	Base *flytoml.File // before patch_services edited it; nil if that is not known
}

// FromPath reads a person's file, within the roots.
func FromPath(folders *roots.Roots, path string) (File, error) {
	f, err := folders.Read(path)
	if err != nil {
		return File{}, namingRoots(err, folders.Dirs())
	}
	if !lint.Recognize(f.Path, f.Data) { // before it is parsed: an error could quote it
		p := plan.Invalid("%.200s is not a fly.toml: it does not have the keys of one", f.Path)
		p.Hint = `use the app's own fly.toml (fly.toml, fly.NAME.toml, NAME.fly.toml, the same with .json or ` +
			`.yaml, or any name with app = "NAME" at the top)`
		return File{}, p
	}
	file, err := Parse(f.Path, f.Data)
	return File{File: file, Path: f.Path}, err
}

// namingRoots adds the roots to the error about a path outside of them.
func namingRoots(err error, dirs []string) error {
	if !errors.Is(err, roots.ErrOutside) {
		return err
	}
	p := plan.Invalid("%s", outside.Error(err, 200))
	p.Hint = fmt.Sprintf("the roots are %q; start the server with --root DIR to add one, or send the file "+
		"as content", dirs)
	if len(dirs) == 0 {
		p.Hint = "this server has no roots: start it with --root DIR, or send the file as content"
	}
	return p
}

// yamlKey begins a YAML file: a TOML one has = or ] in its first line.
var yamlKey = regexp.MustCompile(`\A(?:\s*(?:#[^\n]*)?\n)*(?:---|[A-Za-z_][\w-]*:)(?:\s|\z)`)

// FromContent reads a file that was sent as text. Its first line tells the format, because
// there is no name that could.
func FromContent(text string) (File, error) {
	name := "content"
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "{"):
		name = "content.json"
	case yamlKey.MatchString(text):
		name = "content.yaml"
	}
	file, err := Parse(name, []byte(text))
	return File{File: file}, err
}

// FromDraft reads a draft. If the draft was written to a file, the file must still have
// the bytes of the draft.
func FromDraft(folders *roots.Roots, draft Draft) (file File, err error) {
	if draft.Path == "" {
		file.File, err = Parse(draft.Name, draft.Data)
	} else {
		file, err = FromPath(folders, draft.Path)
	}
	if err != nil {
		return File{}, err
	}
	if !bytes.Equal(file.Bytes(), draft.Data) {
		return File{}, &plan.Problem{
			Code: gate.Stale, Message: fmt.Sprintf("%s was changed after the draft was made", draft.Path),
			Hint: "call patch_services again, or deploy with path",
		}
	}
	if draft.Base != nil {
		file.Base, err = parse(file.Name(), draft.Base)
	}
	return file, err
}

// Deployed reads the configuration that Fly has: as it is, and with its secrets masked, which
// is for showing only.
func Deployed(ctx context.Context, client deployed.Reader, app string) (file, shown *flytoml.File, err error) {
	config, err := deployed.Read(ctx, client, app)
	if err != nil {
		return nil, nil, err
	}
	read := func(values render.Values) (*flytoml.File, error) {
		text, err := config(values)
		if err != nil {
			return nil, err
		}
		return parse("deployed fly.toml", text)
	}
	if file, err = read(render.Shown); err != nil {
		return nil, nil, err
	}
	if p := masked(file); p != nil {
		p.Hint = "it comes from an earlier deploy: use path or content of the person's own file"
		return nil, nil, p
	}
	shown, err = read(render.Masked)
	return file, shown, err
}

// Parse reads a fly.toml that may be deployed. A file with a mask in place of a value is
// refused: the mask would overwrite the secret that it stands for.
func Parse(name string, data []byte) (*flytoml.File, error) {
	file, err := parse(name, data)
	if err != nil {
		return nil, err
	}
	if p := masked(file); p != nil {
		return nil, p
	}
	return file, nil
}

// parse reads a fly.toml that is only shown. A syntax error names row and column but does
// not quote the line, which may hold a value of [env].
func parse(name string, data []byte) (*flytoml.File, error) {
	if len(data) > roots.MaxSize {
		return nil, plan.Invalid("the configuration is larger than 1 MiB")
	}
	file, err := flytoml.Parse(name, data)
	var syntaxErr *syntax.Error
	if errors.As(err, &syntaxErr) {
		return nil, plan.Invalid("%s", syntaxErr.Brief())
	}
	return file, err
}
