package address

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// ReleaseTool is the name of the tool that releases, in plans and in the journal.
const ReleaseTool = "release_public_ips"

// Releaser releases public addresses.
type Releaser struct {
	Fly     ReleaseClient
	Journal *journal.Journal // nil: nothing is known of earlier releases
	Record  func(journal.Entry)
	Clock   Clock
	// Explain turns an error into one that the model or a person can act on.
	Explain func(ctx context.Context, err error) *plan.Problem
}

// ReleaseClient is what a [Releaser] needs of Fly.
type ReleaseClient interface {
	rules.Reader
	rules.ProcessReader
	Certificates(ctx context.Context, app string) ([]fly.Certificate, error)
	ReleaseAddress(ctx context.Context, grant *gate.Grant, app string, ip netip.Addr) error
}

// ReleaseInput says which addresses of an app to release: all public ones if IPs is empty.
type ReleaseInput struct {
	App              string
	IPs              []string
	AllowUnreachable bool // also if the app would not work over Flycast
}

// ReleaseResult is the result of a release.
type ReleaseResult struct {
	plan.Result
	Released  []string      `json:"released,omitempty"`
	Remaining []string      `json:"remaining,omitempty" jsonschema:"public addresses the app still has"`
	Verdict   rules.Verdict `json:"verdict,omitempty"`
}

// ReleaseWork is a planned release.
type ReleaseWork struct {
	app              string
	queue            []fly.Address  // in the order of release
	before           rules.Snapshot // as the plan saw it
	allowUnreachable bool
	certificates     []fly.Certificate
}

// ReleaseProposal is a release that may be applied.
type ReleaseProposal = plan.Proposal[ReleaseWork, ReleaseResult]

// Plan plans to release addresses. It refuses anything that is not a public address of the
// app. The plan has blockers if the live Machines are not ready for Flycast.
func (r *Releaser) Plan(ctx context.Context, in ReleaseInput) (ReleaseProposal, error) {
	s, err := rules.Read(ctx, r.Fly, in.App)
	if err != nil {
		return ReleaseProposal{}, err
	}
	return r.PlanFrom(ctx, s, in)
}

// PlanFrom plans as [Releaser.Plan] does, for an app that was read before. The snapshot may be
// the app as it will be after a deploy. What listens is read if the snapshot does not have it.
func (r *Releaser) PlanFrom(ctx context.Context, s rules.Snapshot, in ReleaseInput) (ReleaseProposal, error) {
	var none ReleaseProposal
	if r.Journal != nil {
		s = s.WithApprovals(r.Journal)
	}
	queue, err := r.queue(ctx, s, in)
	if err != nil {
		return none, err
	}
	p := plan.Plan{Tool: ReleaseTool, App: in.App, AppID: s.Addresses.App.ID,
		Impact: plan.ImpactNone, Wording: ReleaseWording{}}
	var proposal ReleaseProposal
	proposal.Out.Verdict = rules.Judge(s.Addresses.List)
	proposal.Out.Remaining = rules.PublicIPs(s.Addresses.List)
	if len(queue) == 0 {
		proposal.Plan, proposal.Next = p, s.Next()
		proposal.Nothing, proposal.Out.Unknown = nothingToRelease(s, in)
		return proposal, nil
	}
	if s.Listening == nil {
		s.Listening = rules.ReadListening(ctx, r.Fly, s)
	}
	certificates, known, err := r.certificates(ctx, in.App)
	if err != nil {
		return none, err
	}
	rules.AddressFacts(&p, s.Addresses.List)
	for _, m := range s.Machines {
		p.Fact("machine/"+m.ID, m.InstanceID+" "+m.Config.Hash())
	}
	stays := without(s.Addresses.List, queue)
	effect := effectOf(s, s.Addresses.List, stays, certificates)
	for _, c := range certificates {
		p.Fact("certificate/"+c.Hostname, "")
	}
	if effect.namesStop() {
		p.Hazard(plan.CustomHostnameStops)
	}
	if family := effect.lostFamily(); family != "" {
		p.Fact(plan.FactLost, family)
	}
	if len(effect.namesAfter) == 1 && !effect.namesStop() {
		p.Fact(plan.FactNamesOver, effect.namesAfter[0])
	}
	for _, addr := range queue {
		step := releaseStep(addr)
		p.Steps = append(p.Steps, step)
		p.Hazard(step.Hazard())
	}
	if !known {
		p.Unknown = append(p.Unknown, plan.CertsUnread)
	}
	if effect.namesStay() {
		p.Unknown = append(p.Unknown, plan.HostnameRecords)
	}
	p.Unknown = append(p.Unknown, plan.CallersUnknown, plan.FlycastUnproven)
	if s.HasRouted() { // always: another call may look into other Machines
		p.Unknown = append(p.Unknown, plan.BindUnknown)
	}
	p.Unknown = append(p.Unknown, s.Unknowns()...)
	judge(&p, s, in, queue)
	proposal.Plan = p
	proposal.Work = ReleaseWork{
		app: in.App, queue: queue, before: s, allowUnreachable: p.Has(plan.AppUnreachable), certificates: certificates,
	}
	proposal.Summary = fmt.Sprintf("Would release %d of %d public addresses of %s", len(queue),
		len(proposal.Out.Remaining), in.App)
	if hostnames := effect.hostnames(); hostnames != "" {
		proposal.Summary += "; " + hostnames
	}
	proposal.Summary += "."
	if after := effect.sentence(); after != "" {
		proposal.Summary += " Afterwards: " + after
	}
	if len(p.Blockers) > 0 {
		proposal.Next = s.Next()
	}
	proposal.Before = s.Saved
	return proposal, nil
}

// nothingToRelease says why there is nothing to release, and what is unknown about that.
func nothingToRelease(s rules.Snapshot, in ReleaseInput) (sentence string, unknown []string) {
	switch unrecognized := s.Unrecognized(); {
	case len(unrecognized) > 0:
		return fmt.Sprintf("%s has no known public address to release. %s is of an unrecognized kind, "+
			"may be public, and was left alone. "+
			"Nothing was changed.", in.App, strings.Join(unrecognized, ", ")), s.UnknownSentences()
	case len(in.IPs) == 0:
		return fmt.Sprintf("%s has no public address. Nothing was changed.", in.App), nil
	}
	return fmt.Sprintf("%s no longer has any of these public addresses. Nothing was changed.", in.App), nil
}

// releaseStep returns the step that releases an address.
func releaseStep(addr fly.Address) plan.Step {
	return plan.Step{
		Verb: gate.ReleaseAddress, Target: addr.IP.String(),
		Params: []plan.Param{{Name: plan.ParamKind, Value: string(addr.Kind)}},
	}
}

// certificates returns the app's custom hostnames; known is false if this token is not
// allowed to read them.
func (r *Releaser) certificates(ctx context.Context, app string) (list []fly.Certificate, known bool, err error) {
	list, err = r.Fly.Certificates(ctx, app)
	var coded *plan.Problem
	if errors.As(err, &coded) && coded.Code == gate.Unauthorized {
		return nil, false, nil
	}
	return list, err == nil, err
}

// judge decides from the live Machines whether the app works without the addresses in the
// queue. Public access ends if no remaining address serves anything; otherwise only some
// callers lose access.
func judge(p *plan.Plan, s rules.Snapshot, in ReleaseInput, queue []fly.Address) {
	stays := without(s.Addresses.List, queue)
	all, exposed := len(rules.PublicIPs(stays)) == 0, s.MayBeExposed()
	ends := all || exposed != rules.No && s.Answers(s.Addresses.List) != rules.No && s.Answers(stays) == rules.No
	switch {
	case exposed == rules.No:
	case ends:
		p.Impact = plan.ImpactPublicAccessEnds
		p.Hazard(plan.PublicAccessEnds)
	default:
		p.Impact = plan.ImpactUnknown
		if s.LosesPort(s.Addresses.List, stays) {
			p.Hazard(plan.PublicAccessEnds)
		}
	}
	if len(s.UDPServices()) > 0 && rules.KeepsUDP(s.Addresses.List) && !rules.KeepsUDP(stays) {
		p.Hazard(plan.UDPStops)
	}
	blockers := blockersOf(s, s, queue)
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

// blockersOf returns what keeps the app from working over Flycast as it is now. An app
// that had no service when the release was planned is an exception: it may be released before
// a deploy, because nothing answers there, so nothing is lost. UDP is a blocker only if the
// queue has the address that carries it.
func blockersOf(now, planned rules.Snapshot, queue []fly.Address) []plan.Blocker {
	silent := now.MachinesKnown && now.Exposed() == rules.No && !planned.HasServices()
	keepsUDP := rules.KeepsUDP(without(now.Addresses.List, queue))
	blockers := slices.DeleteFunc(now.Blockers(), func(b plan.Blocker) bool {
		return b.ID == plan.NoServices && silent || b.ID == plan.UDPService && keepsUDP
	})
	if !now.MachinesKnown {
		blockers = append(blockers, plan.Blocker{
			ID:   plan.NoServices,
			What: "this token is not allowed to read the Machines: it is unknown whether the app would work over Flycast",
			Fix:  fmt.Sprintf("fly tokens create deploy -a %s -x 24h", now.Addresses.App.Name),
		})
	}
	return blockers
}

// queue returns the addresses to release, in the order of release: shared IPv4, then IPv6,
// dedicated IPv4 last, so that what costs most to lose goes last.
func (r *Releaser) queue(ctx context.Context, s rules.Snapshot, in ReleaseInput) (queue []fly.Address, err error) {
	if len(in.IPs) > 0 {
		queue, err = r.listed(ctx, s, in)
	} else {
		queue, err = allPublic(s)
	}
	rank := map[fly.Kind]int{fly.SharedV4: 0, fly.DedicatedV6: 1, fly.DedicatedV4: 2}
	slices.SortStableFunc(queue, func(x, y fly.Address) int {
		return cmp.Or(rank[x.Kind]-rank[y.Kind], x.IP.Compare(y.IP))
	})
	return queue, err
}

// allPublic returns all public addresses. If the list of egress addresses could not be
// read, an address whose kind was inferred could be one: it must be listed by itself.
func allPublic(s rules.Snapshot) ([]fly.Address, error) {
	var out []fly.Address
	for _, addr := range s.Addresses.List {
		if !addr.Kind.Public() {
			continue
		}
		if addr.Inferred && !s.Addresses.EgressKnown {
			return nil, &plan.Problem{
				Code:    gate.Precondition,
				Message: fmt.Sprintf("the list of egress addresses could not be read, and %s may be one", addr.IP),
				Hint:    "ask the user, and name the addresses one by one in ips",
			}
		}
		out = append(out, addr)
	}
	return out, nil
}

// listed returns the addresses that the input lists. It leaves out those that this
// installation released before, so that repeating a call that ended early does the rest. It
// refuses anything that is not a public address of the app.
func (r *Releaser) listed(ctx context.Context, s rules.Snapshot, in ReleaseInput) ([]fly.Address, error) {
	var out []fly.Address
	for _, text := range in.IPs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, plan.Invalid("%.60q is not an IP address", text)
		}
		i := slices.IndexFunc(s.Addresses.List, func(x fly.Address) bool { return x.IP == ip })
		if i < 0 {
			if r.wasReleased(in.App, ip) {
				continue
			}
			if fly.NetworkID(ip) != "" {
				return nil, plan.Invalid("%s is a private address and not one of %s", ip, s.Addresses.App.Name)
			}
			return nil, plan.Invalid("%s is not an address of %s", ip, s.Addresses.App.Name)
		}
		switch addr := s.Addresses.List[i]; {
		case addr.Kind == fly.Egress:
			return nil, plan.Invalid("%s is an egress address: it is outbound only, may be on allow-lists elsewhere, "+
				"and is never released here", ip)
		case addr.Kind == fly.Flycast:
			return nil, plan.Invalid("%s is a Flycast address: releasing it does not make an app private", ip)
		case addr.Kind == fly.UnknownKind:
			return nil, plan.Invalid("%s is of an unrecognized kind and is left alone", ip)
		case !contains(out, ip):
			out = append(out, addr)
		}
	}
	return out, nil
}

// wasReleased reports whether the journal has the release of an address.
func (r *Releaser) wasReleased(app string, ip netip.Addr) bool {
	if r.Journal == nil {
		return false
	}
	released, err := r.Journal.HasStep(app, string(gate.ReleaseAddress), ip.String())
	return err == nil && released
}
