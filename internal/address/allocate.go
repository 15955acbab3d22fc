package address

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// AllocateTool is the name of the tool that allocates, in plans and in the journal.
const AllocateTool = "allocate_flycast"

// Allocator allocates Flycast addresses. It remembers allocations whose outcome is unknown.
type Allocator struct {
	fly       AllocateClient
	clock     Clock
	record    func(journal.Entry)
	unsettled *unsettled
}

// AllocateClient is what an [Allocator] needs of Fly.
type AllocateClient interface {
	rules.Reader
	Organization(ctx context.Context, slug string) (fly.Organization, error)
	AllocateFlycast(ctx context.Context, grant *gate.Grant, app string, network fly.Network) (fly.Address, error)
}

// NewAllocator returns an Allocator that records its steps with record.
func NewAllocator(client AllocateClient, clock Clock, record func(journal.Entry)) *Allocator {
	return &Allocator{client, clock, record, newUnsettled(clock)}
}

// AllocateInput says for which network an app gets an address: the app's own, unless Network
// or Org, the slug of an organization, name another.
type AllocateInput struct{ App, Network, Org string }

// AllocateResult is the result of an allocation.
type AllocateResult struct {
	plan.Result
	Address       string `json:"address,omitempty"`
	NetworkSource string `json:"network_source,omitempty" jsonschema:"source of the network: argument, app_record or machines"`
}

// AllocateWork is a planned allocation: for which network, and the app as the plan saw it.
type AllocateWork struct {
	app string
	destination
	before rules.Snapshot
}

// AllocateProposal is an allocation that may be applied.
type AllocateProposal = plan.Proposal[AllocateWork, AllocateResult]

// Plan plans to allocate an address for a network that no address of the app serves. It
// refuses while an address may serve that network, or an allocation may still appear.
func (a *Allocator) Plan(ctx context.Context, in AllocateInput) (AllocateProposal, error) {
	s, err := rules.Read(ctx, a.fly, in.App)
	if err != nil {
		return AllocateProposal{}, err
	}
	return a.PlanFrom(ctx, s, in)
}

// PlanFrom plans as [Allocator.Plan] does, for an app that was read before.
func (a *Allocator) PlanFrom(ctx context.Context, s rules.Snapshot, in AllocateInput) (AllocateProposal, error) {
	var none AllocateProposal
	target, err := a.destination(ctx, s, in)
	if err != nil {
		return none, err
	}
	p := plan.Plan{Tool: AllocateTool, App: in.App, AppID: s.Addresses.App.ID,
		Impact: plan.ImpactNone, Wording: AllocateWording{}}
	rules.AddressFacts(&p, s.Addresses.List)
	proposal := AllocateProposal{
		Work: AllocateWork{app: in.App, destination: target, before: s},
		Out:  AllocateResult{NetworkSource: target.source},
	}
	have, unclear := target.find(s)
	if have.IP.IsValid() {
		a.unsettled.settle(target.key(in.App))
		proposal.Plan, proposal.Out.Address, proposal.Next = p, have.IP.String(), s.Next()
		proposal.Nothing = fmt.Sprintf("%s already has the Flycast address %s for this network. Nothing "+
			"was changed.", in.App, have.IP)
		return proposal, nil
	}
	if unclear.IP.IsValid() {
		return none, &plan.Problem{
			Code: gate.Precondition,
			Message: fmt.Sprintf("%s has the Flycast address %s, but its network is unknown, so no second one is allocated",
				in.App, unclear.IP),
			Hint: fmt.Sprintf("ask the user for its network (fly ips list -a %s); call again when the app "+
				"has a Machine", in.App),
		}
	}
	if wait := a.unsettled.wait(target.key(in.App)); wait > 0 {
		return none, unsettledProblem(in.App, wait)
	}
	p.Steps = []plan.Step{{
		Verb: gate.AllocateAddress, Target: target.network.Target(),
		Params: []plan.Param{
			{Name: plan.ParamKind, Value: string(fly.Flycast)},
			{Name: plan.ParamNetwork, Value: target.network.Name},
			{Name: plan.ParamOrg, Value: target.network.Organization.Slug},
		},
	}}
	if target.foreign {
		p.Gated = true
		p.Hazard(plan.OpenToOtherNetwork)
		p.Unknown = append(p.Unknown, plan.ForeignUsers)
	}
	proposal.Plan, proposal.Before = p, s.Saved
	proposal.Summary = fmt.Sprintf("Would allocate %s for %s.", p.Steps[0].Line(), in.App)
	return proposal, nil
}

func unsettledProblem(app string, wait time.Duration) *plan.Problem {
	return &plan.Problem{
		Code: gate.Busy, RetryAfter: wait,
		Message: fmt.Sprintf("an allocation for this network of %s was sent a short time ago and its result is unknown, "+
			"so it is not sent again", app),
		Next: []plan.Next{listNext(app, "list first: if the address has appeared, nothing is left to allocate")},
	}
}

// listNext tells the agent to list the addresses of an app.
func listNext(app, why string) plan.Next {
	return plan.Next{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app}, Why: why}
}

// Planned returns an address that stands for the one that will be allocated, to judge the app as
// it will be.
func (w AllocateWork) Planned() fly.Address {
	id := w.id
	if id == "" || w.foreign {
		id = "ffffffff" // no network has it
	}
	return fly.Address{
		IP: netip.MustParseAddr("fdaa:" + id[:4] + ":" + id[4:] + "::"), Kind: fly.Flycast,
		Network: w.network.Name, Org: w.network.Organization.Slug,
	}
}

// destination is the network that an address is wanted for.
type destination struct {
	network fly.Network
	id      string // as it stands in addresses; empty if it is unknown
	notID   string // the id of the app's own network, if this is certainly another one
	source  string
	foreign bool // not the app's own network
}

// key names the destination of an app's allocation.
func (d destination) key(app string) string { return app + "\x00" + d.network.Target() }

// destination returns the network that an address is for: the app's own unless the input
// names another. The app's record names its own network; if it does not, an address may name
// the one that the Machines are on. The default network of the organization is never assumed:
// Fly would accept it, and the neighbors of an app on a custom network could not reach the
// address.
func (a *Allocator) destination(ctx context.Context, s rules.Snapshot, in AllocateInput) (destination, error) {
	for name, value := range map[string]string{"network": in.Network, "org": in.Org} {
		if value != "" && !fly.ValidNetworkName(value) {
			return destination{}, plan.Invalid("argument %s is %.40q, which is not a valid name", name, value)
		}
	}
	own := s.Addresses.App
	d := destination{network: fly.Network{Organization: own.Organization, Name: own.Network},
		id: s.NetworkID(), source: "app_record"}
	if own.Network == "" {
		d.source = "machines"
		d.network.Name = networkName(s)
	}
	if in.Org != "" && !own.Organization.HasSlug(in.Org) {
		org, err := a.fly.Organization(ctx, in.Org)
		if err != nil {
			return destination{}, err
		}
		if !org.Is(own.Organization) {
			network := fly.Network{Organization: org, Name: cmp.Or(in.Network, fly.DefaultNetwork)}
			return destination{network: network, notID: s.NetworkID(), source: "argument", foreign: true}, nil
		}
	}
	if in.Network != "" && in.Network != d.network.Name {
		network := fly.Network{Organization: own.Organization, Name: in.Network}
		other := destination{network: network, source: "argument", foreign: true}
		if d.network.Name != "" { // else the input may name the app's own network
			other.notID = s.NetworkID()
		}
		return other, nil
	}
	if d.network.Name == "" {
		return destination{}, &plan.Problem{
			Code: gate.Precondition,
			Message: fmt.Sprintf("the network of %s is unknown: the platform does not report it, and no "+
				"address shows it", in.App),
			Hint: "ask the user for the app's network (fly apps list shows it) and pass it as network; that asks a person",
		}
	}
	return d, nil
}

// networkName returns the name of the network that the Machines are on: that of a Flycast
// address of the app on the network with the same id. It is empty if no address has both.
func networkName(s rules.Snapshot) string {
	id := s.NetworkID()
	for _, addr := range s.Addresses.List {
		if addr.Kind == fly.Flycast && addr.Network != "" && id != "" && fly.NetworkID(addr.IP) == id {
			return addr.Network
		}
	}
	return ""
}

// find returns the address that serves the network already, and one that may; each is the
// zero Address if there is none.
func (d destination) find(s rules.Snapshot) (have, unclear fly.Address) {
	for _, addr := range s.Addresses.List {
		switch d.serves(s, addr) {
		case rules.Yes:
			return addr, fly.Address{}
		case rules.Unclear:
			unclear = addr
		}
	}
	return fly.Address{}, unclear
}

func (d destination) serves(s rules.Snapshot, addr fly.Address) rules.Answer {
	switch {
	case addr.Kind != fly.Flycast:
		return rules.No
	case !d.foreign:
		return s.IsOwnNetwork(addr)
	case d.notID != "" && fly.NetworkID(addr.IP) == d.notID:
		return rules.No
	case addr.Org != "" && !d.network.Organization.HasSlug(addr.Org):
		return rules.No
	case addr.Network != "" && addr.Network != d.network.Name:
		return rules.No
	case addr.Org == "" || addr.Network == "":
		return rules.Unclear
	}
	return rules.Yes
}

// mismatch says why an allocated address is not on the network; empty if it may be.
func (d destination) mismatch(addr fly.Address) string {
	id, org := fly.NetworkID(addr.IP), d.network.Organization
	switch {
	case id == "":
		return fmt.Sprintf("%s is not a private address", addr.IP)
	case d.id != "" && id != d.id:
		return fmt.Sprintf("%s is on network %s, and the app's Machines are on %s", addr.IP, id, d.id)
	case d.notID != "" && id == d.notID:
		return fmt.Sprintf("%s is on the app's own network, not on %s of organization %s",
			addr.IP, plan.Quote(d.network.Name), plan.Quote(org.Slug))
	case d.id == "" && addr.Org != "" && org.Slug != "" && !org.HasSlug(addr.Org):
		return fmt.Sprintf("%s is on a network of organization %s, not of %s", addr.IP,
			plan.Quote(addr.Org), plan.Quote(org.Slug))
	case d.id == "" && addr.Network != "" && addr.Network != d.network.Name:
		return fmt.Sprintf("%s is on network %s, not on %s", addr.IP, plan.Quote(addr.Network),
			plan.Quote(d.network.Name))
	}
	return ""
}
