package deploy

import (
	"encoding/json"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// A person who approves a deploy must see what the file brings, also where it may
// be a secret: the agent can have written it. What Fly holds stays masked, and so
// does a value of Fly's that the file only repeats.

// held are the secrets that Fly holds of the app: on its Machines, and in the
// last release if that was read.
func (d *deployment) held() machine.Held {
	held := make(machine.Held)
	for _, m := range d.snapshot.Machines {
		held.Add(m.Config)
	}
	if d.released == nil {
		return held
	}
	for _, group := range d.released.Groups() {
		if config, err := d.released.Apply(group, machine.Config{}); err == nil {
			held.Add(config)
		}
	}
	return held
}

// given are the changes of a Machine as the question shows them.
func given(c rollout.Change, held machine.Held) []plan.Change {
	var out []plan.Change
	for _, change := range machine.DiffGiven(c.Before.Config, c.After, held) {
		shown := asked(change)
		if change.Path == "image" && sameBuild(c.Before, c.After.Image()) {
			shown.Note = sameBuildNote
		}
		out = append(out, shown)
	}
	return out
}

func asked(c machine.Change) plan.Change {
	return plan.Change{Path: c.Path, Before: c.Before, After: c.After, FromFile: c.Given}
}

// said are the fields of a new Machine without those that its group and region say
// already: a form has few lines.
func said(create rollout.Create, held machine.Held) []plan.Change {
	follow := make(map[string]bool)
	for path, value := range map[string]string{
		"env.FLY_PROCESS_GROUP": create.Group, "metadata.fly_process_group": create.Group,
		"env.PRIMARY_REGION": create.Region, "metadata.fly_platform_version": "v2",
	} {
		section, key, _ := strings.Cut(path, ".")
		var have map[string]string
		follow[path] = json.Unmarshal(create.Config.Raw(section), &have) == nil && have[key] == value
	}
	var out []plan.Change
	for _, change := range machine.DiffGiven(machine.Config{}, create.Config, held) {
		if !follow[change.Path] {
			out = append(out, asked(change))
		}
	}
	return out
}
