package tools

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type releaseInput struct {
	App              string   `json:"app" jsonschema:"name of the Fly app"`
	IPs              []string `json:"ips,omitempty" jsonschema:"default: all public addresses"`
	AllowUnreachable bool     `json:"allow_unreachable,omitempty" jsonschema:"only if the user asked for exactly that"`
	Approval         string   `json:"approval,omitempty" jsonschema:"code that a person got in a terminal"`
	DryRun           bool     `json:"dry_run,omitempty"`
}

type releaseOutput struct {
	plan.Result
	Released  []string      `json:"released,omitempty"`
	Remaining []string      `json:"remaining,omitempty" jsonschema:"public addresses the app still has"`
	Verdict   rules.Verdict `json:"verdict,omitempty"`
}

type releaseWork struct {
	app   string
	queue []fly.Address // in the order of release

	before           rules.Snapshot // what the plan was made from
	allowUnreachable bool
	certificates     []fly.Certificate
}

func (a *toolset) releasePublicIPs() call.Tool {
	return call.NewChanging(a.Handler, call.Changing[releaseInput, releaseWork, releaseOutput]{
		Spec: call.Spec{
			Name: "release_public_ips", Title: "Release public IPs", Effect: call.Irreversible,
			Description: "Releases the app's public addresses for good: dedicated ones never come back. Asks a person each time. Last step: refuses while the live Machines are not ready for Flycast. Never touches egress, Flycast or unknown addresses, certificates or DNS. A repeated call releases the rest. On running, repeat the call.",
		},
		Plan:  a.planRelease,
		Apply: a.applyRelease,
		Text: func(out releaseOutput) string {
			var b strings.Builder
			if len(out.Released) > 0 {
				fmt.Fprintf(&b, "released: %s\n", strings.Join(out.Released, ", "))
			}
			if len(out.Remaining) > 0 {
				fmt.Fprintf(&b, "still public: %s\n", strings.Join(out.Remaining, ", "))
			}
			if out.Verdict != "" {
				fmt.Fprintf(&b, "verdict, by its addresses: %s\n", out.Verdict)
			}
			return b.String()
		},
	}, func(p map[string]*jsonschema.Schema) {
		app(p)
		most := call.MaxItems
		p["ips"].MaxItems = &most
	})
}

func (a *toolset) planRelease(ctx context.Context, in releaseInput) (plan.Proposal[releaseWork, releaseOutput], error) {
	var none plan.Proposal[releaseWork, releaseOutput]
	s, err := rules.Read(ctx, a.fly, in.App)
	if err != nil {
		return none, err
	}
	ips, err := a.withoutReleased(ctx, in.App, s, in.IPs)
	if err != nil {
		return none, err
	}
	queue, err := chosen(s, ips, len(in.IPs) > 0)
	if err != nil {
		return none, err
	}
	p := plan.Plan{Tool: "release_public_ips", App: in.App, AppID: s.Addresses.App.ID, Impact: plan.ImpactNone}
	planned := plan.Proposal[releaseWork, releaseOutput]{Work: releaseWork{app: in.App, queue: queue}}
	planned.Out.Verdict = rules.Judge(s.Addresses.List)
	planned.Out.Remaining = public(s.Addresses.List)
	if len(queue) == 0 {
		planned.Plan, planned.Next = p, a.guide(s)
		planned.Nothing = fmt.Sprintf("%s has none of these public addresses (any more). Nothing was changed.", in.App)
		if len(in.IPs) == 0 {
			planned.Nothing = fmt.Sprintf("%s has no public address. Nothing was changed.", in.App)
		}
		if unrecognised := s.Unrecognised(); len(unrecognised) > 0 {
			planned.Nothing = fmt.Sprintf("%s has no known public address to release. %s is of an unrecognized kind, may be public, and was left alone. Nothing was changed.", in.App, strings.Join(unrecognised, ", "))
			planned.Out.Unknown = unknowns(s)
		}
		return planned, nil
	}
	a.listen(ctx, &s)
	certificates, known, err := a.certificates(ctx, in.App)
	if err != nil {
		return none, err
	}
	addressFacts(&p, s.Addresses.List)
	for _, m := range s.Machines {
		p.Fact("machine/"+m.ID, m.InstanceID+" "+m.Config.Hash())
	}
	stays := without(s.Addresses.List, queue)
	change := changeOf(s, s.Addresses.List, stays, certificates)
	for _, c := range certificates {
		p.Fact("certificate/"+c.Hostname, "")
	}
	if change.stop() {
		p.Hazard(plan.CustomHostnameStops)
	}
	if family := change.one(); family != "" {
		p.Fact(plan.FactLost, family)
	}
	if len(change.over) == 1 && !change.stop() {
		p.Fact(plan.FactNamesOver, change.over[0])
	}
	for _, addr := range queue {
		step := plan.Step{Verb: gate.ReleaseAddress, Target: addr.IP.String(), Params: []plan.Param{{Name: plan.ParamKind, Value: string(addr.Kind)}}}
		p.Steps = append(p.Steps, step)
		p.Hazard(step.Hazard())
	}
	if !known {
		p.Unknown = append(p.Unknown, plan.CertsUnread)
	}
	if change.keepsNames() {
		p.Unknown = append(p.Unknown, plan.HostnameRecords)
	}
	p.Unknown = append(p.Unknown, plan.CallersUnknown, plan.FlycastUnproven)
	if s.HasRouted() { // always, as what was sampled depends on which Machines run
		p.Unknown = append(p.Unknown, plan.BindUnknown)
	}
	p.Unknown = append(p.Unknown, s.Unknowns()...)
	ready(&p, s, in, queue)
	planned.Plan, planned.Work.before, planned.Work.allowUnreachable = p, s, p.Has(plan.AppUnreachable)
	planned.Work.certificates = certificates
	planned.Summary = fmt.Sprintf("Would release %d of %d public addresses of %s", len(queue), len(planned.Out.Remaining), in.App)
	if hostnames := change.hostnames(); hostnames != "" {
		planned.Summary += "; " + hostnames
	}
	planned.Summary += "."
	if after := change.sentence(); after != "" {
		planned.Summary += " Afterwards: " + after
	}
	if len(p.Blockers) > 0 {
		planned.Next = a.guide(s)
	}
	return planned, nil
}

// ready judges from the live Machines whether the app works without the
// addresses in the queue. Public access ends when nothing that stays carries a
// service; with an address that does, only a part of the callers loses.
func ready(p *plan.Plan, s rules.Snapshot, in releaseInput, queue []fly.Address) {
	stays := without(s.Addresses.List, queue)
	all, exposed := len(public(stays)) == 0, s.MayBeExposed()
	ends := all || exposed != rules.No && s.Answers(s.Addresses.List) != rules.No && s.Answers(stays) == rules.No
	switch {
	case exposed == rules.No:
	case ends:
		p.Impact = plan.ImpactPublicAccessEnds
		p.Hazard(plan.PublicAccessEnds)
	default:
		p.Impact = plan.ImpactUnknown
		if s.Loses(s.Addresses.List, stays) {
			p.Hazard(plan.PublicAccessEnds)
		}
	}
	if len(s.UDPServices()) > 0 && rules.KeepsUDP(s.Addresses.List) && !rules.KeepsUDP(stays) {
		p.Hazard(plan.UDPStops)
	}
	blockers := unready(s, s, queue)
	switch {
	case len(blockers) == 0:
	case in.AllowUnreachable:
		if ends {
			p.Impact = plan.ImpactUnreachable
		}
		p.Hazard(plan.AppUnreachable)
	default:
		p.Blockers = blockers
	}
}

// unready is what keeps the app from working over Flycast as it is now. An app
// that was planned without any service is the exception in which the release
// comes before the deploy: nothing answers there, so nothing is lost. UDP is in
// the way only if the queue has the address that carries it.
func unready(now, planned rules.Snapshot, queue []fly.Address) []plan.Blocker {
	silent := now.MachinesKnown && now.Exposed() == rules.No && !planned.HasServices()
	keepsUDP := rules.KeepsUDP(without(now.Addresses.List, queue))
	blockers := slices.DeleteFunc(now.Blockers(), func(b plan.Blocker) bool {
		return b.ID == plan.NoServices && silent || b.ID == plan.UDPService && keepsUDP
	})
	if !now.MachinesKnown {
		blockers = append(blockers, plan.Blocker{
			ID: plan.NoServices, What: "this token is not allowed to read the Machines: it is unknown whether the app would work over Flycast",
			Fix: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", now.Addresses.App.Name),
		})
	}
	return blockers
}

// without are the addresses of a list that the queue does not have.
func without(list, queue []fly.Address) []fly.Address {
	return slices.DeleteFunc(slices.Clone(list), func(x fly.Address) bool { return holds(queue, x.IP) })
}

func holds(list []fly.Address, ip netip.Addr) bool {
	return slices.ContainsFunc(list, func(x fly.Address) bool { return x.IP == ip })
}

// chosen are the addresses to release, in the order of release: shared v4, then
// v6, dedicated v4 last, so that what costs most to lose goes last. What is not
// a public address of this app is refused by name.
func chosen(s rules.Snapshot, ips []string, named bool) ([]fly.Address, error) {
	if named {
		queue, err := pick(s, ips)
		sortForRelease(queue)
		return queue, err
	}
	var queue []fly.Address
	for _, addr := range s.Addresses.List {
		if !addr.Kind.Public() {
			continue
		}
		// Without the egress list an address could be one: only what was named.
		if addr.Inferred && !s.Addresses.EgressKnown {
			return nil, &plan.Problem{
				Code:    gate.Precondition,
				Message: fmt.Sprintf("the list of egress addresses could not be read, and %s may be one", addr.IP),
				Hint:    "ask the user, and name the addresses one by one in ips",
			}
		}
		queue = append(queue, addr)
	}
	sortForRelease(queue)
	return queue, nil
}

func sortForRelease(queue []fly.Address) {
	rank := map[fly.Kind]int{fly.SharedV4: 0, fly.DedicatedV6: 1, fly.DedicatedV4: 2}
	slices.SortStableFunc(queue, func(x, y fly.Address) int {
		if d := rank[x.Kind] - rank[y.Kind]; d != 0 {
			return d
		}
		return x.IP.Compare(y.IP)
	})
}

// withoutReleased leaves out what this installation released before, so that a
// rerun of a release that stopped half-way does the rest.
func (a *toolset) withoutReleased(ctx context.Context, app string, s rules.Snapshot, ips []string) ([]string, error) {
	var left []string
	for _, text := range ips {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if ip, err := netip.ParseAddr(text); err == nil && a.Journal != nil && !holds(s.Addresses.List, ip) {
			released, err := a.Journal.HasStep(app, string(gate.ReleaseAddress), ip.String())
			if err == nil && released {
				continue
			}
		}
		left = append(left, text)
	}
	return left, nil
}

// pick finds the addresses that a call names; what is not a public address of
// the app is refused by name.
func pick(s rules.Snapshot, ips []string) ([]fly.Address, error) {
	var queue []fly.Address
	for _, text := range ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, plan.Invalid("%.60q is not an IP address", text)
		}
		i := slices.IndexFunc(s.Addresses.List, func(x fly.Address) bool { return x.IP == ip })
		switch {
		case i < 0 && fly.NetworkID(ip) != "":
			return nil, plan.Invalid("%s is a private address and not one of %s", ip, s.Addresses.App.Name)
		case i < 0:
			return nil, plan.Invalid("%s is not an address of %s", ip, s.Addresses.App.Name)
		}
		addr := s.Addresses.List[i]
		switch addr.Kind {
		case fly.Egress:
			return nil, plan.Invalid("%s is an egress address: it is outbound only, may be on allow-lists elsewhere, and is never released here", ip)
		case fly.Flycast:
			return nil, plan.Invalid("%s is a Flycast address: releasing it does not make an app private", ip)
		case fly.UnknownKind:
			return nil, plan.Invalid("%s is of an unrecognized kind and is left alone", ip)
		}
		if !holds(queue, ip) {
			queue = append(queue, addr)
		}
	}
	return queue, nil
}

// public are the public addresses in a list.
func public(list []fly.Address) []string {
	var out []string
	for _, addr := range list {
		if addr.Kind.Public() {
			out = append(out, addr.IP.String())
		}
	}
	return out
}
