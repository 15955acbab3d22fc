package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type allocateInput struct {
	App      string `json:"app" jsonschema:"name of the Fly app"`
	Network  string `json:"network,omitempty" jsonschema:"another network than the app's own; a person is asked"`
	Org      string `json:"org,omitempty" jsonschema:"slug of another organization; a person is asked"`
	Approval string `json:"approval,omitempty" jsonschema:"code a person got from a terminal"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

type allocateOutput struct {
	plan.Result
	Address       string `json:"address,omitempty"`
	NetworkSource string `json:"network_source,omitempty" jsonschema:"where the network comes from: argument, app_record or machines"`
}

// allocateWork is what Apply needs: where to, and what was there before.
type allocateWork struct {
	app     string
	network fly.Network
	source  string
	wantID  string         // the network's id in addresses, if it is known
	before  rules.Snapshot // as the plan saw it
}

func (a *adapter) allocateFlycast() Tool {
	return newChanging(a, Changing[allocateInput, allocateWork, allocateOutput]{
		Spec: Spec{
			Name: "allocate_flycast", Title: "Allocate a Flycast address", Effect: Additive,
			Description: "Gives the app a private Flycast address on its own network, or returns the one it has. Free, can be undone, no question; a person is asked only for another network or org. First step, before any deploy or release. Releases nothing. On running, repeat the identical call.",
		},
		Plan:  a.planAllocate,
		Apply: a.applyAllocate,
		Text: func(out allocateOutput) string {
			if out.Address == "" {
				return ""
			}
			return fmt.Sprintf("address: %s (network from: %s)", out.Address, out.NetworkSource)
		},
	}, func(p map[string]*jsonschema.Schema) { app(p) })
}

func (a *adapter) planAllocate(ctx context.Context, in allocateInput) (Planned[allocateWork, allocateOutput], error) {
	var none Planned[allocateWork, allocateOutput]
	s, err := rules.Read(ctx, a.Fly, in.App)
	if err != nil {
		return none, err
	}
	target, err := a.network(ctx, s, in)
	if err != nil {
		return none, err
	}
	p := plan.Plan{Tool: "allocate_flycast", App: in.App, AppID: s.Addresses.App.ID, Impact: plan.ImpactNone}
	addressFacts(&p, s.Addresses.List)
	planned := Planned[allocateWork, allocateOutput]{
		Work: allocateWork{app: in.App, network: target.network, source: target.source, wantID: target.id, before: s},
		Out:  allocateOutput{NetworkSource: target.source},
	}
	if have, ok := target.served(s); ok {
		planned.Plan, planned.Out.Address = p, have.IP.String()
		planned.Nothing = fmt.Sprintf("%s already has the Flycast address %s for this network. Nothing was changed.", in.App, have.IP)
		planned.Next = a.guide(s)
		return planned, nil
	}
	p.Steps = []plan.Step{{
		Verb: gate.AllocateAddress, Target: target.network.Target(),
		Params: []plan.Param{{Name: plan.ParamKind, Value: string(fly.Flycast)}, {Name: plan.ParamNetwork, Value: target.network.Name}, {Name: plan.ParamOrg, Value: target.network.Organization.Slug}},
	}}
	if target.foreign {
		p.Gated = true
		p.Hazard(plan.OpenToOtherNetwork)
		p.Unknown = append(p.Unknown, plan.ForeignUsers)
	}
	planned.Plan = p
	planned.Summary = fmt.Sprintf("Would allocate %s for %s.", p.Steps[0].Line(), in.App)
	return planned, nil
}

// destination is the network an address is wanted for.
type destination struct {
	network fly.Network
	id      string // as it stands in addresses; empty if not known
	source  string
	foreign bool
}

// network settles for which network. The app's own unless told: from the app's
// record, else from an address that names the network its Machines are on. The
// organization's default is never taken in silence: Fly would take it, and an
// app on a custom network would get an address its neighbours cannot reach.
func (a *adapter) network(ctx context.Context, s rules.Snapshot, in allocateInput) (destination, error) {
	own := s.Addresses.App
	d := destination{network: fly.Network{Organization: own.Organization, Name: own.Network}, id: s.NetworkID(), source: "app_record"}
	if own.Network == "" {
		d.source = "machines"
		d.network.Name = nameOf(s)
	}
	if in.Org != "" && in.Org != own.Organization.Slug {
		org, err := a.Fly.Organization(ctx, in.Org)
		if err != nil {
			return destination{}, err
		}
		return destination{network: fly.Network{Organization: org, Name: in.Network}, source: "argument", foreign: true}, nil
	}
	if in.Network != "" && in.Network != d.network.Name {
		return destination{network: fly.Network{Organization: own.Organization, Name: in.Network}, source: "argument", foreign: true}, nil
	}
	if d.network.Name == "" {
		return destination{}, &Problem{
			Code:    gate.Precondition,
			Message: fmt.Sprintf("the network of %s is not known: the platform does not tell it, and no address names the network its Machines are on", in.App),
			Hint:    "ask the user for the app's network (fly apps list shows it) and pass it as network; a person is asked then",
		}
	}
	return d, nil
}

// nameOf finds the name of the network the Machines are on, from a Flycast
// address of the app that has both the same id and a name.
func nameOf(s rules.Snapshot) string {
	id := s.NetworkID()
	for _, addr := range s.Addresses.List {
		if addr.Kind == fly.Flycast && addr.Network != "" && id != "" && fly.NetworkID(addr.IP) == id {
			return addr.Network
		}
	}
	return ""
}

// served finds the address that already serves the network.
func (d destination) served(s rules.Snapshot) (fly.Address, bool) {
	i := slices.IndexFunc(s.Addresses.List, func(addr fly.Address) bool {
		switch {
		case addr.Kind != fly.Flycast:
			return false
		case !d.foreign:
			return s.Own(addr) == rules.Yes
		}
		return addr.Network == d.network.Name && addr.Org == d.network.Organization.Slug
	})
	if i < 0 {
		return fly.Address{}, false
	}
	return s.Addresses.List[i], true
}

// addressFacts puts all addresses into a plan: any change makes it stale.
func addressFacts(p *plan.Plan, list []fly.Address) {
	for _, addr := range list {
		p.Fact("address/"+addr.IP.String(), string(addr.Kind)+" "+addr.Network+" "+addr.Org)
	}
}

const (
	// settleReads and settleStep bound how long a list is read again until it
	// shows what was written (Fly's lists are eventually consistent).
	settleReads = 8
	settleStep  = time.Second
)

func (a *adapter) applyAllocate(ctx context.Context, w allocateWork, grant *gate.Grant, report Report) (allocateOutput, error) {
	report(0, 2, "allocating the Flycast address")
	got, err := a.Fly.AllocateFlycast(ctx, grant, w.app, w.network)
	var ambiguous *fly.Ambiguous
	if err != nil && !errors.As(err, &ambiguous) {
		return allocateOutput{}, err
	}
	report(1, 2, "reading the addresses back")
	after, fresh, readErr := a.appeared(ctx, w, got)
	out := allocateOutput{Result: plan.Result{App: w.app}, NetworkSource: w.source}
	record := plan.Record{Do: gate.AllocateAddress, Target: w.network.Target(), State: plan.Done, Undo: plan.UndoYes}
	switch {
	case readErr != nil || len(fresh) == 0:
		record.State = plan.StepFailed
		out.Steps = []plan.Record{record}
		out.Status, out.Code, out.Retry = plan.Failed, gate.PlatformError, gate.RetryNow
		out.Summary = fmt.Sprintf("Whether a Flycast address was allocated for %s is not known: the list shows no new one after %d readings.", w.app, settleReads)
		out.Unknown = []string{"whether the allocation took effect; it was sent once and is not sent again by this call"}
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.app}, Why: "see whether the address has appeared before allocating again"}}
		return out, nil
	case len(fresh) > 1:
		out.Unknown = append(out.Unknown, fmt.Sprintf("which of the %d new Flycast addresses is ours: somebody else allocated one at the same time", len(fresh)))
	}
	addr := fresh[0]
	record.Note = addr.IP.String()
	out.Steps, out.Address = []plan.Record{record}, addr.IP.String()
	out.Undo = []string{fmt.Sprintf("fly ips release %s -a %s", addr.IP, w.app)}
	if wrong := a.wrongNetwork(w, after, addr); wrong != "" {
		out.Status, out.Code, out.Retry = plan.Failed, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("An address was allocated for %s, but %s. No public address was touched.", w.app, wrong)
		out.Next = []plan.Next{{Who: "person", Command: out.Undo[0], Why: "give the wrong address back"}}
		return out, nil
	}
	out.Status = plan.Applied
	out.Summary = fmt.Sprintf("%s has the Flycast address %s. Its public addresses are as they were.", w.app, addr.IP)
	if ambiguous != nil {
		out.Assumed = []string{"the platform's answer was lost; the address that appeared is taken for the one asked for"}
	}
	out.Verified = []string{fmt.Sprintf("%s is in fdaa::/16, on network %s, and in the list of addresses read afterwards", addr.IP, fly.NetworkID(addr.IP))}
	out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	if w.wantID == "" {
		out.Assumed = append(out.Assumed, "the id of the network could not be compared: there is no Machine to tell it")
	}
	out.Next = a.guide(after)
	return out, nil
}

// appeared reads the list until it shows a Flycast address that was not there
// before, preferring the one the platform named.
func (a *adapter) appeared(ctx context.Context, w allocateWork, got fly.Address) (rules.Snapshot, []fly.Address, error) {
	var lastErr error
	for i := range settleReads {
		if i > 0 {
			select {
			case <-ctx.Done():
				return rules.Snapshot{}, nil, ctx.Err()
			case <-a.Clock.After(settleStep):
			}
		}
		s := w.before
		addresses, err := a.Fly.Addresses(ctx, w.app)
		if lastErr = err; err != nil {
			continue
		}
		s.Addresses = addresses
		var fresh []fly.Address
		for _, addr := range addresses.List {
			switch {
			case addr.Kind != fly.Flycast:
			case addr.IP == got.IP:
				return s, []fly.Address{addr}, nil
			case !slices.ContainsFunc(w.before.Addresses.List, func(b fly.Address) bool { return b.IP == addr.IP }):
				fresh = append(fresh, addr)
			}
		}
		if len(fresh) > 0 && !got.IP.IsValid() {
			return s, fresh, nil
		}
	}
	return rules.Snapshot{}, nil, lastErr
}

// wrongNetwork says what is wrong with where the address ended; empty if nothing is.
func (a *adapter) wrongNetwork(w allocateWork, after rules.Snapshot, addr fly.Address) string {
	id := fly.NetworkID(addr.IP)
	switch {
	case id == "":
		return fmt.Sprintf("%s is not a private address", addr.IP)
	case w.wantID != "" && id != w.wantID:
		return fmt.Sprintf("%s is on network %s, and the app's Machines are on %s", addr.IP, id, w.wantID)
	case w.wantID == "" && addr.Network != "" && w.network.Name != "" && addr.Network != w.network.Name:
		return fmt.Sprintf("%s is on network %s, not on %s", addr.IP, plan.Quote(addr.Network), plan.Quote(w.network.Name))
	}
	return ""
}
