package tools

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/machine"
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

// deployed is the configuration as the platform has it: the definition of the
// current release, else what the Machines amount to.
func (a *adapter) deployed(ctx context.Context, app string, values flytoml.Values) (*flytoml.File, error) {
	text, err := Deployed(ctx, a.Fly, app, values)
	if err != nil {
		return nil, err
	}
	return parse("deployed fly.toml", text)
}

// Deployed renders the configuration of an app as a fly.toml, from its current
// release, else from its Machines. With [flytoml.Masked] no environment value
// is in it.
func Deployed(ctx context.Context, client fly.Client, app string, values flytoml.Values) ([]byte, error) {
	release, err := client.Release(ctx, app)
	if err == nil {
		return flytoml.RenderTOML(release.Definition, values)
	}
	if fly.CodeOf(err) != gate.NotFound {
		return nil, err
	}
	machines, err := client.Machines(ctx, app)
	if err != nil {
		return nil, err
	}
	groups := make(map[string]machine.Config)
	region := ""
	for _, m := range machines {
		if !m.Config.FlyLaunch() || m.Incomplete {
			continue
		}
		if _, have := groups[groupOf(m)]; !have {
			groups[groupOf(m)] = m.Config
		}
		if env, err := m.Config.Env(); err == nil && region == "" {
			region = env["PRIMARY_REGION"]
		}
	}
	if len(groups) == 0 {
		return nil, &Problem{Code: gate.Precondition, Message: fmt.Sprintf("%s has no release with a stored configuration and no Machines that fly deploy made", app), Hint: "give path or content of its fly.toml"}
	}
	return flytoml.FromMachines(app, region, groups, values)
}

// groupOf is a Machine's process group; Machines without one are of "app".
func groupOf(m fly.Machine) string {
	if group := m.Config.ProcessGroup(); group != "" {
		return group
	}
	return "app"
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
