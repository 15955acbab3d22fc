package tools

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type allocateInput struct {
	App      string `json:"app" jsonschema:"name of the Fly app"`
	Network  string `json:"network,omitempty" jsonschema:"a network other than the app's own; asks a person"`
	Org      string `json:"org,omitempty" jsonschema:"slug of another organization; asks a person"`
	Approval string `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

type allocateOutput struct {
	plan.Result
	Address       string `json:"address,omitempty"`
	NetworkSource string `json:"network_source,omitempty" jsonschema:"source of the network: argument, app_record or machines"`
}

// allocateWork is what Apply needs: where to, and what was there before.
type allocateWork struct {
	app string
	destination
	before rules.Snapshot // as the plan saw it
}

// allocator is the tool with what it remembers between calls.
type allocator struct {
	*toolset
	unsettled *unsettled
}

func (a *toolset) allocateFlycast() call.Tool {
	allocator := &allocator{a, newUnsettled(a.Clock)}
	return call.NewChanging(a.Handler, call.Changing[allocateInput, allocateWork, allocateOutput]{
		Spec: call.Spec{
			Name: "allocate_flycast", Title: "Allocate a Flycast address", Effect: call.Additive,
			Description: "Allocates a private Flycast address on the app's own network, or returns the existing one. Free, can be undone. Asks a person only for another network or org. First step, before any deploy or release. Releases nothing. On running, repeat the identical call.",
		},
		Plan:  allocator.plan,
		Apply: allocator.apply,
		Text: func(out allocateOutput) string {
			if out.Address == "" {
				return ""
			}
			return fmt.Sprintf("address: %s (network from: %s)", out.Address, out.NetworkSource)
		},
	}, func(p map[string]*jsonschema.Schema) { app(p) })
}

func (a *allocator) plan(ctx context.Context, in allocateInput) (plan.Proposal[allocateWork, allocateOutput], error) {
	var none plan.Proposal[allocateWork, allocateOutput]
	s, err := rules.Read(ctx, a.fly, in.App)
	if err != nil {
		return none, err
	}
	target, err := a.network(ctx, s, in)
	if err != nil {
		return none, err
	}
	p := plan.Plan{Tool: "allocate_flycast", App: in.App, AppID: s.Addresses.App.ID, Impact: plan.ImpactNone}
	addressFacts(&p, s.Addresses.List)
	planned := plan.Proposal[allocateWork, allocateOutput]{
		Work: allocateWork{app: in.App, destination: target, before: s},
		Out:  allocateOutput{NetworkSource: target.source},
	}
	have, unclear := target.served(s)
	if have.IP.IsValid() {
		a.unsettled.settle(target.key(in.App))
		planned.Plan, planned.Out.Address = p, have.IP.String()
		planned.Nothing = fmt.Sprintf("%s already has the Flycast address %s for this network. Nothing was changed.", in.App, have.IP)
		planned.Next = a.guide(s)
		return planned, nil
	}
	if unclear.IP.IsValid() {
		return none, &plan.Problem{
			Code:    gate.Precondition,
			Message: fmt.Sprintf("%s has the Flycast address %s, but its network is unknown, so no second one is allocated", in.App, unclear.IP),
			Hint:    fmt.Sprintf("ask the user for its network (fly ips list -a %s); call again when the app has a Machine", in.App),
		}
	}
	if left := a.unsettled.left(target.key(in.App)); left > 0 {
		return none, stillUnsettled(in.App, left)
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

func stillUnsettled(app string, left time.Duration) *plan.Problem {
	return &plan.Problem{
		Code: gate.Busy, RetryAfter: left,
		Message: fmt.Sprintf("an allocation for this network of %s was sent a short time ago and its result is unknown, so it is not sent again", app),
		Next:    []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: app}, Why: "list first: if the address has appeared, nothing is left to allocate"}},
	}
}

// destination is the network an address is wanted for.
type destination struct {
	network fly.Network
	id      string // as it stands in addresses; empty if not known
	notID   string // the id of the app's own network, if this is certainly another one
	source  string
	foreign bool
}

// key names the destination of an app's allocation.
func (d destination) key(app string) string { return app + "\x00" + d.network.Target() }

// network decides for which network the address is: the app's own unless the call
// names another. Its own is in the app's record, else an address names the network
// that its Machines are on. The default network of the organization is never
// assumed: Fly would take it, and the neighbors of an app on a custom network could
// not reach the address.
func (a *toolset) network(ctx context.Context, s rules.Snapshot, in allocateInput) (destination, error) {
	for name, value := range map[string]string{"network": in.Network, "org": in.Org} {
		if value != "" && !fly.ValidNetworkName(value) {
			return destination{}, plan.Invalid("argument %s is %.40q, which is not a valid name", name, value)
		}
	}
	own := s.Addresses.App
	d := destination{network: fly.Network{Organization: own.Organization, Name: own.Network}, id: s.NetworkID(), source: "app_record"}
	if own.Network == "" {
		d.source = "machines"
		d.network.Name = nameOf(s)
	}
	if in.Org != "" && !own.Organization.HasSlug(in.Org) {
		org, err := a.fly.Organization(ctx, in.Org)
		if err != nil {
			return destination{}, err
		}
		if !org.Is(own.Organization) {
			return destination{network: fly.Network{Organization: org, Name: cmp.Or(in.Network, fly.DefaultNetwork)}, notID: s.NetworkID(), source: "argument", foreign: true}, nil
		}
	}
	if in.Network != "" && in.Network != d.network.Name {
		other := destination{network: fly.Network{Organization: own.Organization, Name: in.Network}, source: "argument", foreign: true}
		if d.network.Name != "" { // else it may be the app's own that is named
			other.notID = s.NetworkID()
		}
		return other, nil
	}
	if d.network.Name == "" {
		return destination{}, &plan.Problem{
			Code:    gate.Precondition,
			Message: fmt.Sprintf("the network of %s is unknown: the platform does not report it, and no address shows it", in.App),
			Hint:    "ask the user for the app's network (fly apps list shows it) and pass it as network; that asks a person",
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

// served finds the address that already serves the network, and one of which
// that cannot be told; the zero Address stands for none.
func (d destination) served(s rules.Snapshot) (have, unclear fly.Address) {
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
		return s.Own(addr)
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

func (a *allocator) apply(ctx context.Context, w allocateWork, grant *gate.Grant, report plan.Report) (allocateOutput, error) {
	if left := a.unsettled.begin(w.key(w.app)); left > 0 {
		return allocateOutput{}, stillUnsettled(w.app, left)
	}
	report(plan.Progress{Of: 2, Doing: "allocating the Flycast address"})
	got, err := a.fly.AllocateFlycast(ctx, grant, w.app, w.network)
	var ambiguous *fly.Ambiguous
	notPrivate := got.IP.IsValid() && fly.CodeOf(err) == gate.VerifyFailed
	if err != nil && !notPrivate && !errors.As(err, &ambiguous) {
		a.unsettled.settle(w.key(w.app))
		return allocateOutput{}, err
	}
	report(plan.Progress{Done: 1, Of: 2, Doing: "reading the addresses back"})
	if notPrivate {
		a.unsettled.settle(w.key(w.app))
		return a.reportNotPrivate(w, got), nil
	}
	after, fresh, readErr := a.appeared(ctx, w, got)
	if readErr != nil || len(fresh) == 0 {
		return a.reportUnseen(w, got, after), nil
	}
	a.unsettled.settle(w.key(w.app))
	addr := fresh[0]
	out := a.allocated(w, addr)
	if len(fresh) > 1 {
		out.Unknown = append(out.Unknown, fmt.Sprintf("which of the %d new Flycast addresses this call allocated: someone else allocated one at the same time", len(fresh)))
	}
	changed := publicChanges(w.before.Addresses.List, after.Addresses.List)
	if wrong := w.wrong(addr); wrong != "" {
		out.Status, out.Code, out.Retry = plan.Failed, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("An address was allocated for %s, but %s. %s", w.app, wrong, publicSentence("No public address was touched.", changed))
		out.Next = []plan.Next{{Who: "person", Command: out.Undo[0], Why: "release the wrong address"}}
		return out, nil
	}
	out.Status = plan.Applied
	out.Summary = fmt.Sprintf("%s has the Flycast address %s. %s", w.app, addr.IP, publicSentence("Its public addresses did not change.", changed))
	if ambiguous != nil {
		out.Assumed = []string{"the platform's answer was lost; the new address in the list is assumed to be the requested one"}
	}
	out.Verified = []string{fmt.Sprintf("%s is in fdaa::/16, on network %s, and in the list of addresses read afterwards", addr.IP, fly.NetworkID(addr.IP))}
	out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	if w.foreign && addr.Org == "" {
		out.Unknown = append(out.Unknown, "which organization's network the address is on: the platform does not report it")
	}
	if w.id == "" {
		out.Assumed = append(out.Assumed, "the network id could not be compared: the app has no Machine")
	}
	out.Next = a.guide(after)
	return out, nil
}

// allocated begins the answer about an address that there is now, and records it.
func (a *allocator) allocated(w allocateWork, addr fly.Address) allocateOutput {
	a.Record(journal.Entry{Event: journal.Step, App: w.app, Tool: "allocate_flycast", Verb: string(gate.AllocateAddress), Target: addr.IP.String()})
	out := allocateOutput{Result: plan.Result{App: w.app}, Address: addr.IP.String(), NetworkSource: w.source}
	out.Steps = []plan.Record{{Do: gate.AllocateAddress, Target: w.network.Target(), State: plan.Done, Undo: plan.UndoYes, Note: addr.IP.String()}}
	out.Undo = []string{fmt.Sprintf("fly ips release %s -a %s", addr.IP, w.app)}
	return out
}

// reportNotPrivate answers when the platform gave another kind of address than
// it was asked for: a person gives it back.
func (a *allocator) reportNotPrivate(w allocateWork, addr fly.Address) allocateOutput {
	out := a.allocated(w, addr)
	out.Status, out.Code, out.Retry = plan.Failed, gate.VerifyFailed, gate.RetryAfterFix
	out.Summary = fmt.Sprintf("Fly allocated %[2]s for %[1]s, which is not in fdaa::/16. A private address was requested.", w.app, addr.IP)
	if addr.Kind.Public() {
		out.Summary = fmt.Sprintf("A private address was requested for %s, but Fly allocated %s, a PUBLIC address (%s). The app can be reached from the internet over it until it is released.",
			w.app, addr.IP, plan.KindName(string(addr.Kind)))
	}
	out.Next = []plan.Next{{Who: "person", Command: out.Undo[0], Why: "release the address: it was not requested"}}
	return out
}

// reportUnseen answers when the list does not show what was sent.
func (a *allocator) reportUnseen(w allocateWork, got fly.Address, after rules.Snapshot) allocateOutput {
	a.Record(journal.Entry{Event: journal.Step, App: w.app, Tool: "allocate_flycast", Verb: string(gate.AllocateAddress), Target: w.network.Target(), Code: string(gate.PlatformError)})
	out := allocateOutput{Result: plan.Result{App: w.app}, NetworkSource: w.source}
	out.Steps = []plan.Record{{Do: gate.AllocateAddress, Target: w.network.Target(), State: plan.StepFailed, Undo: plan.UndoYes}}
	out.Status, out.Code, out.Retry = plan.Failed, gate.PlatformError, gate.RetryNow
	out.Summary = fmt.Sprintf("It is unknown whether a Flycast address was allocated for %s: it is not in the list after %d readings.", w.app, settleReads)
	out.Unknown = []string{"whether the allocation took effect; it was sent once, and this call does not send it again"}
	if got.IP.IsValid() {
		out.Unknown = append(out.Unknown, fmt.Sprintf("where %s is, which the platform's answer contained", got.IP))
	}
	out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.app}, Why: "check whether the address has appeared before allocating again"}}
	if changed := publicChanges(w.before.Addresses.List, after.Addresses.List); len(changed) > 0 {
		out.Summary += " " + publicSentence("", changed)
		out.Next = append(out.Next, plan.Next{Who: "person", Why: "check whether someone else changed the public addresses, or this allocation did"})
	}
	return out
}

// publicChanges tells which public addresses, or such as may be, came and went.
// Kinds are not compared: another source of the list may know fewer of them.
func publicChanges(before, after []fly.Address) []string {
	var out []string
	missing := func(from, in []fly.Address, how string) {
		for _, addr := range from {
			known := slices.ContainsFunc(in, func(o fly.Address) bool { return o.IP == addr.IP })
			if !known && (addr.Kind.Public() || addr.Kind == fly.UnknownKind) {
				out = append(out, fmt.Sprintf("%s (%s) is %s", addr.IP, plan.KindName(string(addr.Kind)), how))
			}
		}
	}
	missing(after, before, "new")
	missing(before, after, "gone")
	return out
}

func publicSentence(unchanged string, changed []string) string {
	if len(changed) == 0 {
		return unchanged
	}
	return fmt.Sprintf("Its public addresses changed in the meantime: %s.", strings.Join(changed, ", "))
}

// appeared reads the list until it shows a Flycast address that was not there
// before, preferring the one the platform named. The snapshot holds the last
// list that was read.
func (a *allocator) appeared(ctx context.Context, w allocateWork, got fly.Address) (rules.Snapshot, []fly.Address, error) {
	s := w.before
	var lastErr error
	for i := range settleReads {
		if i > 0 {
			select {
			case <-ctx.Done():
				return s, nil, ctx.Err()
			case <-a.Clock.After(settleStep):
			}
		}
		addresses, err := a.fly.Addresses(ctx, w.app)
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
	return s, nil, lastErr
}

// wrong says what is wrong with where the address ended; empty if nothing is.
func (d destination) wrong(addr fly.Address) string {
	id, org := fly.NetworkID(addr.IP), d.network.Organization
	switch {
	case id == "":
		return fmt.Sprintf("%s is not a private address", addr.IP)
	case d.id != "" && id != d.id:
		return fmt.Sprintf("%s is on network %s, and the app's Machines are on %s", addr.IP, id, d.id)
	case d.notID != "" && id == d.notID:
		return fmt.Sprintf("%s is on the app's own network, not on %s of organization %s", addr.IP, plan.Quote(d.network.Name), plan.Quote(org.Slug))
	case d.id == "" && addr.Org != "" && org.Slug != "" && !org.HasSlug(addr.Org):
		return fmt.Sprintf("%s is on a network of organization %s, not of %s", addr.IP, plan.Quote(addr.Org), plan.Quote(org.Slug))
	case d.id == "" && addr.Network != "" && addr.Network != d.network.Name:
		return fmt.Sprintf("%s is on network %s, not on %s", addr.IP, plan.Quote(addr.Network), plan.Quote(d.network.Name))
	}
	return ""
}
