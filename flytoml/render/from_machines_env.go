package render

import (
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// maxVariables is the most variables that notes list, counted over all groups. A
// file gives each group the variables of all groups.
const maxVariables = 200_000

// withoutVariables prepares a file with too many variables to compare one by one.
// It returns the file and the groups without them, and for each group a note on
// how many of them a deploy of the file would change. If there are not too many,
// it returns its arguments.
func withoutVariables(f *flytoml.File, groups map[string]machine.Config) (
	*flytoml.File, map[string]machine.Config, map[string]string, error,
) {
	def, _ := f.SharedDefinition()
	if len(def.Env) == 0 || len(groups) <= maxVariables/len(def.Env) {
		return f, groups, nil, nil
	}
	lean := *def
	lean.Env = nil
	configs, counts := make(map[string]machine.Config, len(groups)), make(map[string]string)
	for group, config := range groups {
		env, err := config.Env()
		if err != nil {
			return nil, nil, nil, err
		}
		kept := map[string]string{}
		own, other := 0, 0
		for name, value := range env {
			theirs, shared := def.Env[name]
			switch {
			case !shared: // flyctl's own
				kept[name] = value
				continue
			case theirs != value:
				other++
			}
			own++
		}
		if config = config.Without("env"); len(kept) > 0 {
			if config, err = config.With("env", kept); err != nil {
				return nil, nil, nil, err
			}
		}
		configs[group] = config
		if more := len(def.Env) - own; more+other > 0 {
			counts[group] = fmt.Sprintf("would get %d variables, and different values of %d", more, other)
		}
	}
	return flytoml.FileOf(&lean), configs, counts, nil
}
