package lint

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestSizes: lint and the conversion give a group the same [[vm]], and lint
// reports one that nobody gets.
func TestSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	lists := []string{"", "processes = ['api']", "processes = ['web']", "processes = ['api', 'web', 'web']",
		"processes = ['']", "processes = ['', 'web']"}
	for range 300 {
		var b strings.Builder
		b.WriteString("app = 'x'\n[processes]\napi = ''\nweb = ''\n")
		n := random.IntN(5)
		for i := range n {
			fmt.Fprintf(&b, "[[vm]]\n%s\nmemory_mb = %d\n", lists[random.IntN(len(lists))], 256*(i+1))
		}
		f := parseTOML(t, b.String())
		def, err := f.SharedDefinition()
		if err != nil {
			t.Fatal(err)
		}
		l := &linter{def: def, standard: f.DefaultGroup()}
		used := l.effectiveVMs()
		for _, group := range f.Groups() {
			config, err := f.Apply(group, machine.Config{})
			if err != nil {
				t.Fatal(err)
			}
			guest, err := config.Guest()
			if err != nil {
				t.Fatal(err)
			}
			i, ok := used[group]
			if ok != (guest != nil) || ok && guest.MemoryMB != 256*(i+1) {
				t.Fatalf("%s\ngroup %s: lint has vm[%d] (%t), the conversion %+v", b.String(), group, i, ok, guest)
			}
		}
	}
}

// TestSizesWords: which of several counts.
func TestSizesWords(t *testing.T) {
	for text, want := range map[string]string{
		"[[vm]]\nmemory_mb = 256\n" +
			"[[vm]]\nmemory_mb = 512\n": "vm[1] an earlier [[vm]] is for all groups, and only the first one counts",
		"[[vm]]\nprocesses = ['app']\nmemory_mb = 256\n[[vm]]\nprocesses = ['app']\n" +
			"memory_mb = 512\n": "vm[0] a later [[vm]] is for the group 'app', and only the last one counts",
		"[[vm]]\nmemory_mb = 256\n[[vm]]\nprocesses = ['app', 'app']\nmemory_mb = 512\n": "",
	} {
		got := ""
		for _, finding := range Lint(parseTOML(t, text)) {
			if finding.Code == FindingSeveralSections {
				got += finding.Path + " " + finding.What
			}
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
