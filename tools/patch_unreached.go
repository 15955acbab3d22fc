package tools

import (
	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// unreached says what private callers cannot reach of a file in which there is
// nothing to edit, and what to do next; what is empty if there is nothing to say.
// It judges the Machines that the file would make, by the rules of a release.
func unreached(in patchInput, name string, file *flytoml.File) (what string, next []plan.Next) {
	s := rules.Snapshot{MachinesKnown: true}
	s.Addresses.App.Name = name
	for _, group := range file.Groups() {
		config, err := file.Apply(group, machine.Config{})
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
		return "The file serves UDP alone, which Flycast does not carry", []plan.Next{{Who: "person", Why: b.What + ": " + b.Fix}}
	case blockers[plan.TLSOnly].ID != "":
		what, next = "A program of the file is offered with TLS alone, and private callers have no certificate", rules.PatchThenDeploy(s.PlainPorts(), "adds a port without TLS")
	}
	if what == "" {
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
