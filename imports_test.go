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
		"internal/disk":    {},
		"internal/flytest": {}, // for tests, as are the other packages named ...test
		"internal/call/calltest": {"internal/call", "internal/flytest", "internal/gate",
			"internal/journal/journaltest", "internal/plan"},
		"internal/journal/journaltest": {"internal/journal"},
		"internal/platformtest":        {"flysim", "flytoml/machine", "internal/fly", "internal/gate"},
		"internal/gate":                {"internal/disk", "internal/outside"},
		"flytoml/machine":              {},
		"internal/journal":             {"internal/disk"},
		"internal/roots":               {"internal/disk", "internal/outside"},
		"internal/loopback":            {},
		"internal/slot":                {},
		"internal/netstack":            {},
		"internal/tunnel":              {"internal/netstack"},
		"internal/outside":             {},
		"internal/placeholder":         {},
		"internal/plan":                {"internal/gate", "internal/outside"},
		"flytoml/internal/excerpt":     {"internal/outside"},
		"flytoml/internal/flytomltest": {},
		"flytoml/internal/layout":      {"flytoml/internal/excerpt", "flytoml/syntax"},
		"flytoml/internal/legacy":      {"flytoml/internal/excerpt"},
		"flytoml/syntax":               {"flytoml/internal/excerpt"},
		"flytoml": {"flytoml/internal/excerpt", "flytoml/internal/legacy", "flytoml/machine",
			"flytoml/syntax", "internal/outside"},
		"flytoml/edit": {"flytoml", "flytoml/internal/excerpt", "flytoml/internal/layout",
			"flytoml/internal/legacy", "flytoml/machine", "flytoml/syntax"},
		"flytoml/internal/schema":   {"flytoml", "flytoml/internal/layout"},
		"flytoml/internal/spelling": {"flytoml", "flytoml/internal/excerpt", "flytoml/internal/schema"},
		"flytoml/lint": {"flytoml", "flytoml/edit", "flytoml/internal/excerpt",
			"flytoml/internal/layout", "flytoml/internal/legacy", "flytoml/internal/schema",
			"flytoml/internal/spelling", "flytoml/machine", "flytoml/syntax"},
		"flytoml/render": {"flytoml", "flytoml/internal/excerpt", "flytoml/internal/legacy",
			"flytoml/machine", "internal/outside"},
		"internal/deploy/drift": {"internal/outside", "flytoml/machine", "internal/deploy/convert"},
		"internal/fly": {"internal/gate", "internal/plan", "flytoml/machine", "internal/loopback",
			"internal/outside", "internal/placeholder", "internal/slot"},
		"internal/cli":      {"internal/outside"},
		"internal/columns":  {},
		"internal/statedir": {"internal/disk"},
		"internal/demo": {"flysim", "flysim/autostop", "flysim/dataplane", "flysim/watch",
			"internal/cli", "internal/columns", "internal/fly", "internal/plan", "internal/verify"},
		"internal/deploy/deployed": {"flytoml/render", "internal/fly", "internal/plan", "flytoml",
			"internal/gate", "flytoml/machine", "internal/outside"},
		"internal/rules": {"internal/gate", "internal/outside", "internal/plan", "internal/fly",
			"flytoml/machine"},
		"internal/address": {"internal/fly", "internal/gate", "internal/journal", "internal/plan",
			"internal/rules"},
		"internal/undo": {"flytoml", "flytoml/machine", "internal/deploy", "internal/disk", "internal/fly", "internal/gate",
			"internal/journal", "internal/patch", "internal/plan", "internal/roots", "internal/rules"},
		"internal/audit": {"flytoml", "flytoml/lint", "flytoml/machine", "internal/fly", "internal/gate",
			"internal/outside", "internal/plan", "internal/rules"},
		"internal/deploy/rollout": {"internal/fly", "internal/plan", "flytoml/machine", "internal/gate"},
		"internal/deploy": {
			"flytoml", "flytoml/machine", "flytoml/render", "internal/deploy/convert", "internal/deploy/deployed",
			"internal/deploy/drift", "internal/deploy/exposure", "internal/deploy/history", "internal/deploy/rollout",
			"internal/deploy/target", "internal/fly", "internal/gate", "internal/journal", "internal/outside",
			"internal/plan", "internal/rules",
		},
		"internal/deploy/target": {
			"flytoml", "flytoml/machine", "internal/deploy/convert", "internal/deploy/rollout", "internal/fly",
			"internal/outside", "internal/plan",
		},
		"internal/deploy/exposure": {
			"flytoml", "flytoml/machine", "internal/deploy/rollout", "internal/deploy/target", "internal/fly",
			"internal/outside", "internal/plan", "internal/rules",
		},
		"internal/deploy/convert": {"flytoml", "flytoml/machine"},
		"internal/deploy/history": {"internal/deploy/rollout", "internal/fly", "internal/gate",
			"internal/journal", "internal/plan"},
		"internal/call": {
			"internal/plan", "internal/fly", "internal/gate", "internal/journal", "internal/roots",
			"internal/outside", "internal/disk",
		},
		"internal/source": {"flytoml/lint", "flytoml/render", "flytoml/syntax", "flytoml", "flytoml/machine",
			"internal/deploy/deployed", "internal/gate", "internal/outside", "internal/plan", "internal/roots"},
		"internal/patch": {
			"flytoml", "flytoml/edit", "flytoml/lint", "flytoml/machine", "internal/fly",
			"internal/gate", "internal/outside", "internal/plan", "internal/roots", "internal/rules", "internal/source",
		},
		"internal/private": {
			"flytoml/edit", "internal/address", "internal/deploy", "internal/fly", "internal/gate", "internal/journal",
			"internal/patch", "internal/plan", "internal/roots", "internal/rules", "internal/verify", "flytoml",
		},
		"internal/peer": {"internal/fly", "internal/gate", "internal/journal", "internal/plan", "internal/tunnel"},
		"internal/verify": {"flytoml", "internal/fly", "internal/gate", "internal/peer", "internal/plan", "internal/rules",
			"internal/tunnel"},
		"tools": {
			"flytoml", "internal/audit", "internal/peer", "internal/private", "internal/undo", "internal/verify",
			"internal/address", "internal/call", "internal/columns", "internal/deploy", "internal/deploy/history",
			"internal/deploy/rollout",
			"internal/fly", "internal/gate", "internal/journal", "internal/patch", "internal/plan", "internal/roots",
			"internal/rules", "internal/source",
		},
		"resources": {"internal/gate", "flytoml/lint", "flytoml/render", "internal/fly", "internal/rules", "internal/plan",
			"flytoml/machine", "internal/roots", "internal/deploy/deployed", "internal/outside"},
		"prompts": {"internal/audit", "internal/fly", "flytoml", "internal/rules", "internal/plan", "internal/deploy/drift",
			"internal/outside"},
		"internal/server": {"internal/call", "internal/plan", "tools", "resources", "prompts", "internal/gate",
			"internal/loopback", "internal/outside", "internal/slot"},

		// The emulated platform shares no type of Fly's APIs with the product.
		"flysim/spec":                {},
		"flysim":                     {"flysim/spec", "internal/loopback"},
		"flysim/state":               {"flysim"},
		"flysim/fault":               {"flysim"},
		"flysim/control":             {"flysim", "flysim/fault", "internal/loopback"},
		"flysim/watch":               {"flysim"},
		"flysim/page":                {"flysim", "flysim/watch", "internal/loopback"},
		"flysim/proxy":               {"flysim", "flysim/spec"},
		"flysim/autostop":            {"flysim", "flysim/spec"},
		"flysim/program":             {"flysim", "flysim/proxy", "flysim/spec"},
		"flysim/seed":                {"flysim", "flysim/spec", "flytoml"},
		"flysim/gateway":             {"flysim", "flysim/proxy", "internal/netstack"},
		"flysim/local":               {"flysim", "flysim/program", "flysim/proxy", "flysim/seed", "flysim/spec"},
		"flysim/dataplane":           {"flysim", "flysim/gateway", "flysim/autostop", "flysim/program", "flysim/proxy"},
		"flysim/internal/flysimtest": {"flysim", "flysim/program", "flysim/proxy"},
		"flysim/terminal":            {"flysim", "flysim/page", "flysim/watch", "internal/outside"},
	}
}

// owners are libraries that one package alone may know.
func owners() map[string][]string {
	return map[string][]string{
		"github.com/superfly/fly-go": {"internal/fly"},
		"github.com/mark3labs/mcp-go": {"internal/server", "internal/call", "internal/call/calltest", "tools",
			"resources", "prompts", "internal/demo", "cmd/flycast-mcp", "bench/bare"},
		"github.com/graph-gophers": {"flysim"},
		"github.com/spf13/cobra":   {"cmd/flycast-mcp", "cmd/flysim", "internal/cli"},
		"filippo.io/age":           {"internal/gate"},
		"github.com/pelletier/go-toml": {"flytoml/syntax", "flytoml/internal/layout", "internal/gate",
			"flysim", "flysim/fault", "flysim/seed"},
		"github.com/lmittmann/tint":       {"cmd/flycast-mcp"},
		"github.com/google/jsonschema-go": {"internal/call", "tools"},
		"go.yaml.in/yaml":                 {"flytoml/syntax", "flytoml/internal/layout"},
		"github.com/tailscale/hujson":     {"flytoml/internal/layout"},
		"github.com/google/shlex":         {"flytoml"},
		"github.com/docker/go-units":      {"flytoml", "cmd/flycast-mcp"},
		"github.com/agnivade/levenshtein": {"flytoml/internal/spelling", "internal/call"},
		"github.com/jedib0t/go-pretty":    {"internal/columns"},
		"github.com/superfly/macaroon":    {"flysim"},
		"go.etcd.io/bbolt":                {"flysim/state"},
		"charm.land":                      {"flysim/terminal"},
		"github.com/chromedp":             {"flysim/page"}, // its tests
		"golang.zx2c4.com/wireguard":      {"internal/netstack", "internal/tunnel", "flysim/gateway"},
		"gvisor.dev/gvisor":               {"internal/netstack"},
		"golang.org/x/net/dns":            {"internal/tunnel", "flysim/gateway"},
	}
}

// TestImports fails on an import that is not allowed, and on one that is allowed
// and not used.
func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	allowed, unused, owned := edges(), edges(), owners()
	unusedOwners := owners()
	remove := func(from map[string][]string, key, value string) {
		from[key] = slices.DeleteFunc(from[key], func(v string) bool { return v == value })
	}
	dec := json.NewDecoder(bytes.NewReader(out))
	for {
		var pkg struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := dec.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(pkg.ImportPath+"/", module), "/")
		for _, path := range slices.Concat(pkg.Imports, pkg.TestImports, pkg.XTestImports) {
			for library := range owned {
				if strings.HasPrefix(path, library) {
					remove(unusedOwners, library, name)
				}
			}
		}
		for _, path := range pkg.Imports {
			for library, by := range owned {
				if strings.HasPrefix(path, library) && !slices.Contains(by, name) {
					t.Errorf("%s imports %s, which is for %v only", name, path, by)
				}
			}
			ours, ok := strings.CutPrefix(path, module)
			switch {
			case !ok:
				continue
			case strings.HasSuffix(ours, "test") && !strings.HasSuffix(name, "test"):
				t.Errorf("%s imports %s, which is for tests only", name, ours)
			case strings.HasPrefix(name, "cmd/"):
				continue // cmd joins the rest
			}
			to, known := allowed[name]
			switch {
			case !known:
				t.Errorf("%s is not in the design's layout", name)
			case !slices.Contains(to, ours):
				t.Errorf("%s imports %s, which the design does not allow", name, ours)
			}
			remove(unused, name, ours)
		}
	}
	for name, to := range unused {
		if len(to) > 0 {
			t.Errorf("%s may import %v and does not", name, to)
		}
	}
	for library, by := range unusedOwners {
		if len(by) > 0 {
			t.Errorf("%v may import %s and does not", by, library)
		}
	}
}

// TestProduct holds that the product links the core of the emulated platform, and
// none of what only its operator needs: no state file, process runner, faults,
// control endpoint, apps file or terminal view.
func TestProduct(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/flycast-mcp").Output()
	if err != nil {
		t.Fatal(err)
	}
	core := []string{"autostop", "dataplane", "gateway", "page", "program", "proxy", "spec", "watch"}
	linked := strings.Fields(string(out))
	for _, path := range linked {
		part, isPart := strings.CutPrefix(path, module+"flysim/")
		if isPart && !slices.Contains(core, part) {
			t.Errorf("cmd/flycast-mcp links %s", path)
		}
		for _, library := range []string{"go.etcd.io/bbolt", "charm.land/", "github.com/charmbracelet/"} {
			if strings.HasPrefix(path, library) {
				t.Errorf("cmd/flycast-mcp links %s", path)
			}
		}
	}
	for _, part := range core {
		if !slices.Contains(linked, module+"flysim/"+part) {
			t.Errorf("cmd/flycast-mcp does not link flysim/%s", part)
		}
	}
}
