package tools

import "slices"

// All are the tools, in the order in which a person would use them.
func All(d Deps) []Tool {
	a := &adapter{Deps: d, runs: d.Runs, drafts: newDrafts(d.Clock)}
	return []Tool{
		a.listIPs(),
		a.allocateFlycast(),
		a.patchServices(),
		a.deploy(),
		a.deployStatus(),
		a.deployStop(),
		a.releasePublicIPs(),
	}
}

// ReadOnly keeps the tools that change nothing, and need none that does.
func ReadOnly(all []Tool) []Tool {
	return slices.DeleteFunc(slices.Clone(all), func(t Tool) bool { return !t.Spec().Effect.ReadOnly() || t.Spec().Needs != "" })
}

// Changers are the names that a policy may use: of the tools whose plans the gate
// decides on.
func Changers(all []Tool) []string {
	var out []string
	for _, t := range all {
		if e := t.Spec().Effect; !e.ReadOnly() && e != Halts {
			out = append(out, t.Spec().Name)
		}
	}
	return out
}
