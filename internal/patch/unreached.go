package patch

import (
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// unreached says why private callers cannot reach a file's services although there is
// nothing to edit, and what to do next; what is empty if they can. It judges the Machines
// that the file would make by the rules of a release.
func unreached(in Input, f file) (what string, next []plan.Next) {
	s := rules.Snapshot{MachinesKnown: true}
	s.Addresses.App.Name = f.app
	for _, group := range f.Groups() {
		config, err := f.Apply(group, machine.Config{})
		if err != nil {
			return "", nil // the remarks say so
		}
		s.Machines = append(s.Machines, fly.Machine{ID: group, Config: config})
	}
	blockers := make(map[string]plan.Blocker)
	for _, b := range s.Blockers() {
		blockers[b.ID] = b
	}
	switch {
	case s.Portless():
		what, next = "No service of the file has a port: Fly Proxy listens for none of them", rules.AddService(s.NewService())
	case !s.HasRouted():
		b := blockers[plan.UDPService]
		return "The file serves UDP alone, which Flycast does not carry",
			[]plan.Next{{Who: "person", Why: b.What + ": " + b.Fix}}
	case blockers[plan.TLSOnly].ID != "":
		what = "The file offers a program with TLS only, and private callers have no certificate"
		next = rules.PatchThenDeploy(s.PlainPorts(), "adds a port without TLS")
	default:
		return "", nil
	}
	first := next[0]
	if first.Arguments != nil {
		first.Arguments.Path = in.Path
		if in.Content != "" {
			first.Why += "; give the same content again"
		}
	}
	return what, []plan.Next{first}
}
