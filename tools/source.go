package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/deployed"
	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// source is a fly.toml and where it came from.
type source struct {
	file *flytoml.File
	path string // absolute; empty unless it is a person's file
}

// parse reads a fly.toml. A syntax error names row and column and shows the line.
func parse(name string, data []byte) (*flytoml.File, error) {
	if len(data) > roots.MaxSize {
		return nil, invalid("the configuration is larger than 1 MiB")
	}
	file, err := flytoml.Parse(name, data)
	var syntax *flytoml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, invalid("%s", syntax.Error())
	}
	return file, err
}

// fromPath reads a person's file, within the roots.
func (a *adapter) fromPath(path string) (source, error) {
	f, err := a.Roots.Read(path)
	if err != nil {
		return source{}, withRoots(err, a.Roots.Dirs())
	}
	file, err := parse(f.Path, f.Data)
	return source{file, f.Path}, err
}

// withRoots names the roots when a path is outside of them.
func withRoots(err error, dirs []string) error {
	if !errors.Is(err, roots.ErrOutside) {
		return err
	}
	p := invalid("%.200s", err.Error())
	p.Hint = fmt.Sprintf("the roots are %q; another one is given at start with --root DIR, or send the file as content", dirs)
	if len(dirs) == 0 {
		p.Hint = "this server has no roots: start it with --root DIR, or send the file as content"
	}
	return p
}

// deployed is the configuration as the platform has it.
func (a *adapter) deployed(ctx context.Context, app string, values flytoml.Values) (*flytoml.File, error) {
	text, err := deployed.Read(ctx, a.Fly, app, values)
	if err != nil {
		return nil, err
	}
	return parse("deployed fly.toml", text)
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
