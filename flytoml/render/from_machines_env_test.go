package render

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// manyVariables returns n groups that have many variables of their own, and one
// variable with a different value in each.
func manyVariables(tb testing.TB, n, variables int) map[string]machine.Config {
	groups := map[string]machine.Config{}
	for i := range n {
		var b strings.Builder
		fmt.Fprintf(&b, `{"env": {"FLY_PROCESS_GROUP": "g%03d", "PRIMARY_REGION": "ams", "SHARED": "%d"`, i, i)
		for j := range variables {
			fmt.Fprintf(&b, `, "V%d_%d": "x"`, i, j)
		}
		config, err := machine.ParseConfig([]byte(b.String() + "}}"))
		if err != nil {
			tb.Fatal(err)
		}
		groups[fmt.Sprintf("g%03d", i)] = config
	}
	return groups
}

// TestFromMachinesVariables checks that very many variables are counted instead of
// listed, and that the counts are right.
func TestFromMachinesVariables(t *testing.T) {
	t.Parallel()
	data, err := FromMachines("many", "ams", manyVariables(t, 8, 4_000), Shown)
	if err != nil {
		t.Fatal(err)
	}
	comments := headComments(data)
	for _, want := range []string{
		"'g000' would get 28000 variables, and different values of 0",
		"'g001', 'g002', 'g003', 'g004', 'g005', 'g006', 'g007' would get 28000 variables, and different values of 1",
	} {
		if !slices.ContainsFunc(comments, func(line string) bool { return strings.TrimSpace(line) == want }) {
			t.Errorf("no comment says %q:\n%s", want, strings.Join(comments, "\n"))
		}
	}
	for _, comment := range comments {
		if strings.Contains(comment, "env.") || strings.Contains(comment, " env") {
			t.Errorf("got %q", comment)
		}
	}
}

func TestFromMachinesFewVariables(t *testing.T) {
	f := flytoml.FileOf(&flytoml.Definition{Env: map[string]string{"A": "b"}})
	groups := manyVariables(t, 2, 1)
	if same, configs, counts, err := withoutVariables(f, groups); same != f || len(configs) != 2 ||
		counts != nil || err != nil {
		t.Errorf("got %v, %v, %v", configs, counts, err)
	}
}
