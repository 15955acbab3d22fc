package flycastmcp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flycast-mcp/flycast-mcp/"

// edges are the imports that the design allows between our own packages. A
// package that is not here, or an edge that is not, is a change of the design.
func edges() map[string][]string {
	return map[string][]string{
		"internal/disk":             {},
		"internal/gate":             {"internal/disk", "internal/outside"},
		"internal/machine":          {},
		"internal/journal":          {"internal/disk"},
		"internal/roots":            {"internal/disk", "internal/outside"},
		"internal/loopback":         {},
		"internal/slot":             {},
		"internal/outside":          {},
		"internal/plan":             {"internal/gate", "internal/outside"},
		"internal/flytoml":          {"internal/machine", "internal/outside"},
		"internal/drift":            {"internal/flytoml", "internal/machine"},
		"internal/fly":              {"internal/gate", "internal/machine", "internal/loopback", "internal/outside", "internal/slot"},
		"internal/sandbox":          {"internal/machine", "internal/loopback"},
		"internal/sandbox/watch":    {"internal/sandbox"},
		"internal/sandbox/page":     {"internal/sandbox", "internal/sandbox/watch", "internal/loopback"},
		"internal/sandbox/proxy":    {"internal/sandbox", "internal/machine"},
		"internal/sandbox/autostop": {"internal/sandbox", "internal/machine"},
		"internal/sandbox/program":  {"internal/sandbox", "internal/sandbox/proxy", "internal/machine", "internal/flytoml"},
		"internal/deployed":         {"internal/fly", "internal/flytoml", "internal/gate", "internal/machine"},
		"internal/rules":            {"internal/gate", "internal/plan", "internal/fly", "internal/flytoml", "internal/machine"},
		"internal/rollout":          {"internal/plan", "internal/fly", "internal/machine", "internal/gate", "internal/journal"},
		"tools": {
			"internal/rollout", "internal/rules", "internal/plan", "internal/fly", "internal/flytoml", "internal/machine",
			"internal/gate", "internal/journal", "internal/roots", "internal/deployed", "internal/drift", "internal/outside", "internal/disk",
		},
		"resources":       {"internal/fly", "internal/flytoml", "internal/rules", "internal/plan", "internal/machine", "internal/roots", "internal/deployed", "internal/outside"},
		"prompts":         {"internal/fly", "internal/flytoml", "internal/rules", "internal/plan", "internal/drift", "internal/outside"},
		"internal/server": {"tools", "resources", "prompts", "internal/gate", "internal/journal", "internal/loopback", "internal/outside", "internal/slot"},
	}
}

// owners are libraries that one package alone may know.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/superfly/fly-go":      {"internal/fly"},
		"github.com/mark3labs/mcp-go":     {"internal/server", "tools", "resources", "prompts", "cmd/flycast-mcp", "bench/bare"},
		"github.com/graph-gophers":        {"internal/sandbox"},
		"github.com/spf13/cobra":          {"cmd/flycast-mcp"},
		"filippo.io/age":                  {"internal/gate"},
		"github.com/pelletier/go-toml":    {"internal/flytoml", "internal/gate", "internal/sandbox", "internal/sandbox/program"},
		"github.com/lmittmann/tint":       {"cmd/flycast-mcp"},
		"github.com/google/jsonschema-go": {"tools"},
		"go.yaml.in/yaml":                 {"internal/flytoml"},
		"github.com/tailscale/hujson":     {"internal/flytoml"},
		"github.com/google/shlex":         {"internal/flytoml"},
		"github.com/docker/go-units":      {"internal/flytoml", "cmd/flycast-mcp"},
		"github.com/agnivade/levenshtein": {"internal/flytoml", "tools"},
		"github.com/jedib0t/go-pretty":    {"cmd/flycast-mcp", "tools"},
		"github.com/superfly/macaroon":    {"internal/sandbox"},
		"go.etcd.io/bbolt":                {"internal/sandbox"},
		"charm.land":                      {"cmd/flycast-mcp"},
		"github.com/chromedp":             {"internal/sandbox/page"}, // its tests
	}
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed, owned := edges(), owners()
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(pkg.ImportPath+"/", module)
		name = strings.TrimSuffix(name, "/")
		for _, path := range pkg.Imports {
			for library, by := range owned {
				if strings.HasPrefix(path, library) && !slices.Contains(by, name) {
					t.Errorf("%s imports %s, which is for %v only", name, path, by)
				}
			}
			ours, ok := strings.CutPrefix(path, module)
			if !ok || strings.HasPrefix(name, "cmd/") {
				continue // cmd joins the rest
			}
			to, known := allowed[name]
			switch {
			case !known:
				t.Errorf("%s is not in the design's layout", name)
			case !slices.Contains(to, ours):
				t.Errorf("%s imports %s, which the design does not allow", name, ours)
			}
		}
	}
}
