package resources

import (
	"context"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Status is an app at one time.
type Status struct {
	App       string          `json:"app"`
	Sandbox   bool            `json:"sandbox,omitempty"`
	Verdict   rules.Verdict   `json:"verdict"`
	Exposed   rules.Answer    `json:"exposed"`
	Addresses []rules.Address `json:"addresses"`
	Network   string          `json:"network,omitempty"` // the app's own
	// Machines are all of them or, if Groups sums them up, those that differ from their group.
	Machines   []Machine      `json:"machines"`
	Groups     []Group        `json:"groups,omitempty"`
	OddOmitted int            `json:"odd_omitted,omitempty"` // Machines that differ and are not listed
	Awake      int            `json:"awake"`                 // started Machines
	Blockers   []plan.Blocker `json:"blockers"`
	Unknown    []string       `json:"unknown,omitempty"`
	AgeMS      int64          `json:"age_ms,omitempty"` // since Fly was read
}

// Machine is one Machine with its services.
type Machine struct {
	ID       string    `json:"id"`
	Group    string    `json:"group,omitempty"`
	Region   string    `json:"region"`
	State    string    `json:"state"`
	Unread   bool      `json:"unread,omitempty"` // it could not be read completely: there may be more services
	Services []Service `json:"services"`
	Checks   []Check   `json:"checks,omitempty"`
}

// Service is a service in a few words.
type Service struct {
	Protocol     string   `json:"protocol,omitempty"`
	InternalPort int      `json:"internal_port"`
	Ports        []string `json:"ports"`
	ForceHTTPS   bool     `json:"force_https,omitempty"`
	Autostop     string   `json:"autostop"` // off, stop, suspend
	Autostart    *bool    `json:"autostart,omitempty"`
	MinMachines  *int     `json:"min_machines_running,omitempty"`
}

// Check is the state of a health check, without its output: that is untrusted text.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"`
}

func (r Resources) readStatus(ctx context.Context, app string) (Status, error) {
	ctx, age := fly.WithAge(ctx)
	s, err := rules.Read(ctx, r.Fly, app)
	if err != nil {
		return Status{}, err
	}
	out := Status{
		App: app, Sandbox: r.Sandbox, Verdict: rules.Judge(s.Addresses.List), Exposed: s.Exposed(),
		Addresses: []rules.Address{}, Machines: []Machine{}, Blockers: s.Blockers(),
	}
	out.Network = plan.Clean(s.OwnNetwork())
	if r.Now != nil {
		out.AgeMS = age.Of(r.Now()).Milliseconds()
	}
	if out.Blockers == nil {
		out.Blockers = []plan.Blocker{}
	}
	if !s.MachinesKnown {
		out.Unknown = append(out.Unknown, "the Machines: this token is not allowed to list them")
	}
	for _, u := range s.Unknowns() {
		out.Unknown = append(out.Unknown, u.Sentence())
	}
	for _, a := range s.Addresses.List {
		out.Addresses = append(out.Addresses, rules.Describe(a))
	}
	var machines []Machine
	for _, m := range s.Machines {
		described := describeMachine(m)
		if m.State == "started" {
			out.Awake++
		}
		machines = append(machines, described)
	}
	out.sumUp(machines)
	return out, nil
}

func describeMachine(m fly.Machine) Machine {
	out := Machine{
		ID: m.ID, Group: plan.Clean(m.Config.ProcessGroup()), Region: plan.Clean(m.Region),
		State: plan.Clean(m.State), Unread: !m.Whole(), Services: []Service{},
	}
	if services, err := m.Config.Services(); err == nil {
		for _, s := range services {
			out.Services = append(out.Services, describeService(s))
		}
	}
	for _, c := range m.Checks {
		out.Checks = append(out.Checks, Check{plan.Clean(c.Name), plan.Clean(c.Status)})
	}
	return out
}

func describeService(s machine.Service) Service {
	out := Service{
		Protocol: plan.Clean(s.Protocol), InternalPort: s.InternalPort, Ports: []string{},
		Autostop: machine.AutostopOff.String(), Autostart: s.Autostart, MinMachines: s.MinMachinesRunning,
	}
	if s.Autostop != nil {
		out.Autostop = s.Autostop.String()
	}
	for _, p := range s.Ports {
		out.Ports = append(out.Ports, p.String())
		out.ForceHTTPS = out.ForceHTTPS || p.ForceHTTPS
	}
	return out
}
