package tools

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/deployed"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// source is a fly.toml, fly.json or fly.yaml and where it came from.
type source struct {
	file *flytoml.File
	path string        // absolute; empty unless it is a person's file
	base *flytoml.File // before patch_services edited it; nil if that is not known
}

// parse reads a fly.toml that may be deployed. One with a mask in place of a
// value is refused: the mask would overwrite the secret it stands for.
func parse(name string, data []byte) (*flytoml.File, error) {
	file, err := parseShown(name, data)
	if err != nil {
		return nil, err
	}
	if p := masked(file); p != nil {
		return nil, p
	}
	return file, nil
}

// parseShown reads a fly.toml that is shown and never deployed. A syntax error
// names row and column; the line is not shown, as it may be one of [env].
func parseShown(name string, data []byte) (*flytoml.File, error) {
	if len(data) > roots.MaxSize {
		return nil, plan.Invalid("the configuration is larger than 1 MiB")
	}
	file, err := flytoml.Parse(name, data)
	var syntax *flytoml.SyntaxError
	if errors.As(err, &syntax) {
		return nil, plan.Invalid("%s", syntax.Brief())
	}
	return file, err
}

// yamlKey begins a YAML file: a TOML one has = or ] in its first line.
var yamlKey = regexp.MustCompile(`\A(?:\s*(?:#[^\n]*)?\n)*(?:---|[A-Za-z_][\w-]*:)(?:\s|\z)`)

// parseContent reads a file that was sent as text. How it begins tells its
// format, as no name does: the three have no beginning in common.
func parseContent(text string) (*flytoml.File, error) {
	name := "content"
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "{"):
		name = "content.json"
	case yamlKey.MatchString(text):
		name = "content.yaml"
	}
	return parse(name, []byte(text))
}

// fromPath reads a person's file, within the roots.
func (a *toolset) fromPath(path string) (source, error) {
	f, err := a.roots.Read(path)
	if err != nil {
		return source{}, withRoots(err, a.roots.Dirs())
	}
	if !flytoml.Recognize(f.Path, f.Data) { // before it is parsed: an error could quote it
		return source{}, foreign(f.Path)
	}
	file, err := parse(f.Path, f.Data)
	if err != nil {
		return source{}, err
	}
	return source{file: file, path: f.Path}, nil
}

// foreign refuses a file that is not a fly.toml by content, without a word of it.
func foreign(file string) *plan.Problem {
	p := plan.Invalid("%.200s is not a fly.toml: it does not have the keys of one", file)
	p.Hint = `use the app's own fly.toml (fly.toml, fly.NAME.toml, NAME.fly.toml, the same with .json or .yaml, or any name with app = "NAME" at the top)`
	return p
}

// meaning is what flyctl makes of a file, as a JSON object; empty if it refuses
// the file.
func meaning(file *flytoml.File) map[string]any {
	var out map[string]any
	if def, err := file.Definition(); err == nil {
		if body, err := json.Marshal(def); err == nil {
			_ = json.Unmarshal(body, &out) // it is an object: it was made from a struct
		}
	}
	return out
}

// masked refuses a file that has a mask in place of a value, as every answer
// that shows a deployed configuration has.
func masked(file *flytoml.File) *plan.Problem {
	at := maskIn(nil, meaning(file))
	if at == nil {
		return nil
	}
	place := ""
	for i, line := range bytes.Split(file.Bytes(), []byte("\n")) {
		text := string(line)
		if machine.HoldsMask(text) && strings.Contains(text, at[len(at)-1]) && !strings.HasPrefix(strings.TrimSpace(text), "#") {
			place = fmt.Sprintf(" (row %d)", i+1)
			break
		}
	}
	p := plan.Invalid("%.200s has a masked value for %s%s: deploying it would overwrite the real value", file.Name(), plan.Quote(strings.Join(at, ".")), place)
	p.Hint = "patch_services {app} without path and content makes a draft with the real values; or use the person's own file"
	return p
}

// maskIn is the path of the first value with a mask in it, by name; nil if
// there is none. Names are as flyctl spells them.
func maskIn(at []string, value any) []string {
	switch value := value.(type) {
	case string:
		if machine.HoldsMask(value) {
			return at
		}
	case []any:
		for _, item := range value {
			if found := maskIn(at, item); found != nil {
				return found
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if found := maskIn(append(slices.Clone(at), key), value[key]); found != nil {
				return found
			}
		}
	}
	return nil
}

// withRoots names the roots when a path is outside of them.
func withRoots(err error, dirs []string) error {
	if !errors.Is(err, roots.ErrOutside) {
		return err
	}
	p := plan.Invalid("%s", outside.Error(err, 200))
	p.Hint = fmt.Sprintf("the roots are %q; start the server with --root DIR to add one, or send the file as content", dirs)
	if len(dirs) == 0 {
		p.Hint = "this server has no roots: start it with --root DIR, or send the file as content"
	}
	return p
}

// deployed is the configuration as the platform has it. With [flytoml.Masked]
// it is for showing only.
func (a *toolset) deployed(ctx context.Context, app string, values flytoml.Values) (*flytoml.File, error) {
	text, err := deployed.Read(ctx, a.fly, app, values)
	if err != nil {
		return nil, err
	}
	file, err := parseShown("deployed fly.toml", text)
	if err != nil || values == flytoml.Masked {
		return file, err
	}
	if p := masked(file); p != nil {
		p.Hint = "it comes from an earlier deploy: use path or content of the person's own file"
		return nil, p
	}
	return file, nil
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
