package flysim_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	graph "github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// operationText matches the beginning of a GraphQL operation.
var operationText = regexp.MustCompile(`(?s)^\s*(query|mutation)\b[^{]*\{.*\}\s*|^\s*\{\s*\w.*\}\s*$`)

// operations returns the GraphQL operations in the Go files of a folder, by their positions. It
// skips texts that are formatted or joined from parts.
func operations(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || !operationText.MatchString(text) || strings.Contains(text, "%s") {
				return true
			}
			at := files.Position(literal.Pos())
			name, err := filepath.Rel(dir, at.Filename)
			if err != nil {
				name = at.Filename
			}
			found[name+":"+strconv.Itoa(at.Line)] = text
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestQueriesOfFlyGo and the next test check that the schema has everything that clients query,
// except what is listed here as out of scope. A query for that gets an error that says so.
func TestQueriesOfFlyGo(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/superfly/fly-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	wantQueries(t, strings.TrimSpace(string(dir)), 80, []string{
		"addAllowedReplaySourceOrgs", "attachPostgresCluster", "createDelegatedWireGuardToken", "createDoctorUrl",
		"createOrganization",
		"createOrganizationInvitation", "delegatedWireGuardTokens", "deleteDelegatedWireGuardToken", "deleteOrganization",
		"deleteOrganizationMembership", "detachPostgresCluster", "enablePostgresConsul", "ensureDepotRemoteBuilder",
		"ensureMachineRemoteBuilder", "issueCertificate", "lockApp", "loggedCertificates", "postgresAttachments",
		"removeAllowedReplaySourceOrgs", "setAllowAllCrossNetworkReplays", "unlockApp",
	})
}

// TestQueriesOfFlyctl reads flyctl's source in the folder FLYCTL_SOURCE.
func TestQueriesOfFlyctl(t *testing.T) {
	dir := os.Getenv("FLYCTL_SOURCE")
	if dir == "" {
		t.Skip("FLYCTL_SOURCE is not set")
	}
	wantQueries(t, dir, 25, []string{
		"addOn", "addOnPlans", "addOnProvider", "agreedToProviderTos", "allocations", "createAddOn",
		"createExtensionTosAgreement",
		"deleteAddOn", "extensionSsoLink", "logOut", "resetAddOnPassword", "setVmCount", "updateAddOn",
	})
}

// wantQueries sends every operation in a folder, at least least of them, and compares the fields
// that are not emulated.
func wantQueries(t *testing.T, dir string, least int, outOfScope []string) {
	t.Helper()
	p := seeded(t, flysim.Options{})
	files, err := filepath.Glob("schema/*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*graph.Source
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &graph.Source{Name: name, Input: string(text)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}
	found, missing := operations(t, dir), make(map[string]bool)
	if len(found) < least {
		t.Errorf("%d operations in %s, want at least %d", len(found), dir, least)
	}
	field := regexp.MustCompile(`^Field '(\w+)' doesn't exist on type '\w+': not emulated$`)
	for at, text := range found {
		if _, errs := gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules()); errs == nil {
			continue
		}
		message := graphQuery(t, p, text, nil).get(t, "errors.0.message")
		m := field.FindStringSubmatch(message)
		if m == nil {
			t.Errorf("%s does not fit the schema and gets the answer %q", at, message)
			continue
		}
		missing[m[1]] = true
	}
	if got := slices.Sorted(maps.Keys(missing)); !slices.Equal(got, outOfScope) {
		t.Errorf("not emulated: %q\nwant %q", got, outOfScope)
	}
}
