package tools

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

type releaseInput struct {
	App              string   `json:"app" jsonschema:"name of the Fly app"`
	IPs              []string `json:"ips,omitempty" jsonschema:"default: all public addresses"`
	AllowUnreachable bool     `json:"allow_unreachable,omitempty" jsonschema:"only if the user asked for exactly that"`
	Approval         string   `json:"approval,omitempty" jsonschema:"code a person got from a terminal"`
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
}

func (a *adapter) releasePublicIPs() Tool {
	return newChanging(a, Changing[releaseInput, releaseWork, releaseOutput]{
		Spec: Spec{
			Name: "release_public_ips", Title: "Release public IPs", Effect: Irreversible,
			Description: "Releases the app's public addresses, for good: dedicated ones never come back. A person is asked each time. Last step: refuses while the live Machines are not ready for Flycast. Never touches egress, Flycast or unknown addresses, certificates or DNS. A rerun does the rest. On running, repeat the call.",
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
				fmt.Fprintf(&b, "verdict: %s\n", out.Verdict)
			}
			return b.String()
		},
	}, func(p map[string]*jsonschema.Schema) { app(p) })
}

func (a *adapter) planRelease(ctx context.Context, in releaseInput) (Planned[releaseWork, releaseOutput], error) {
	var none Planned[releaseWork, releaseOutput]
	s, err := rules.Read(ctx, a.Fly, in.App)
	if err != nil {
		return none, err
	}
	queue, err := chosen(s, a.withoutReleased(in.App, s, in.IPs), len(in.IPs) > 0)
	if err != nil {
		return none, err
	}
	p := plan.Plan{Tool: "release_public_ips", App: in.App, AppID: s.Addresses.App.ID, Impact: plan.ImpactNone}
	planned := Planned[releaseWork, releaseOutput]{Work: releaseWork{app: in.App, queue: queue}}
	planned.Out.Verdict = rules.Judge(s.Addresses.List)
	planned.Out.Remaining = public(s.Addresses.List)
	if len(queue) == 0 {
		planned.Plan, planned.Next = p, a.guide(s)
		planned.Nothing = fmt.Sprintf("%s has none of these public addresses (any more). Nothing was changed.", in.App)
		if len(in.IPs) == 0 {
			planned.Nothing = fmt.Sprintf("%s has no public address. Nothing was changed.", in.App)
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
	for _, c := range certificates {
		p.Fact("certificate/"+c.Hostname, "")
		p.Hazard(plan.CustomHostnameStops)
	}
	for _, addr := range queue {
		p.Steps = append(p.Steps, plan.Step{Verb: gate.ReleaseAddress, Target: addr.IP.String(), Params: []plan.Param{{Name: plan.ParamKind, Value: string(addr.Kind)}}})
		switch addr.Kind {
		case fly.DedicatedV4:
			p.Hazard(plan.DedicatedV4Lost)
		case fly.DedicatedV6:
			p.Hazard(plan.DedicatedV6Lost)
		}
	}
	if !known {
		p.Unknown = append(p.Unknown, plan.CertsUnread)
	}
	p.Unknown = append(p.Unknown, plan.CallersUnknown, plan.FlycastUnproven)
	if !s.Addresses.EgressKnown {
		p.Unknown = append(p.Unknown, plan.EgressUnread)
	}
	ready(&p, s, in, len(queue) == len(planned.Out.Remaining))
	planned.Plan = p
	planned.Summary = fmt.Sprintf("Would release %d of %d public addresses of %s.", len(queue), len(planned.Out.Remaining), in.App)
	if len(p.Blockers) > 0 {
		planned.Next = a.guide(s)
	}
	return planned, nil
}

// ready judges from the live Machines whether the app works without its public
// addresses. An app without any service is the exception in which the release
// comes before the deploy: nothing answers there, so nothing is lost.
func ready(p *plan.Plan, s rules.Snapshot, in releaseInput, all bool) {
	exposed := s.Exposed()
	if all && exposed != rules.No {
		p.Impact = plan.ImpactPublicAccessEnds
	}
	blockers := slices.DeleteFunc(s.Blockers(), func(b plan.Blocker) bool { return b.ID == plan.NoServices && s.MachinesKnown && exposed == rules.No })
	if !s.MachinesKnown {
		blockers = append(blockers, plan.Blocker{ID: plan.NoServices, What: "this token may not read the Machines: whether the app would work over Flycast is not known", Fix: fmt.Sprintf("fly tokens create deploy -a %s -x 24h", in.App)})
	}
	if len(s.UDPServices()) > 0 {
		p.Hazard(plan.UDPStops)
	}
	switch {
	case len(blockers) == 0:
	case in.AllowUnreachable:
		if all {
			p.Impact = plan.ImpactUnreachable
		}
		p.Hazard(plan.AppUnreachable)
	default:
		p.Blockers = blockers
	}
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
			return nil, &Problem{
				Code:    gate.Precondition,
				Message: fmt.Sprintf("the list of egress addresses could not be read, so %s may be one", addr.IP),
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
func (a *adapter) withoutReleased(app string, s rules.Snapshot, ips []string) []string {
	return slices.DeleteFunc(slices.Clone(ips), func(text string) bool {
		ip, err := netip.ParseAddr(text)
		if err != nil || a.Journal == nil || slices.ContainsFunc(s.Addresses.List, func(x fly.Address) bool { return x.IP == ip }) {
			return false
		}
		released, err := a.Journal.Any(func(e journal.Entry) bool {
			return e.Event == journal.Step && e.App == app && e.Verb == string(gate.ReleaseAddress) && e.Target == ip.String()
		})
		return err == nil && released
	})
}

// pick finds the addresses that a call names; what is not a public address of
// the app is refused by name.
func pick(s rules.Snapshot, ips []string) ([]fly.Address, error) {
	var queue []fly.Address
	for _, text := range ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, invalid("%.60q is not an IP address", text)
		}
		i := slices.IndexFunc(s.Addresses.List, func(x fly.Address) bool { return x.IP == ip })
		switch {
		case i < 0 && fly.NetworkID(ip) != "":
			return nil, invalid("%s is a private address and not one of %s", ip, s.Addresses.App.Name)
		case i < 0:
			return nil, invalid("%s is not an address of %s", ip, s.Addresses.App.Name)
		}
		addr := s.Addresses.List[i]
		switch addr.Kind {
		case fly.Egress:
			return nil, invalid("%s is an egress address: outbound only, on other people's allow-lists, never released here", ip)
		case fly.Flycast:
			return nil, invalid("%s is a Flycast address: releasing it is not what takes an app off the internet", ip)
		case fly.UnknownKind:
			return nil, invalid("%s is of a kind that is not recognised, and is left alone", ip)
		}
		if !slices.ContainsFunc(queue, func(x fly.Address) bool { return x.IP == ip }) {
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

func (a *adapter) applyRelease(ctx context.Context, w releaseWork, grant *gate.Grant, report Report) (releaseOutput, error) {
	out := releaseOutput{Result: plan.Result{App: w.app}}
	var failure error
	for i, addr := range w.queue {
		report(i, len(w.queue), fmt.Sprintf("releasing %s (%s)", addr.IP, plan.KindName(string(addr.Kind))))
		record := plan.Record{Do: gate.ReleaseAddress, Target: addr.IP.String(), State: plan.NotStarted, Undo: undo(addr), Note: plan.KindName(string(addr.Kind))}
		if failure == nil {
			failure = a.releaseOne(ctx, w.app, addr, grant)
			record.State = plan.Done
			if failure != nil {
				record.State = plan.StepFailed
				record.Note += ": " + plan.Message(failure.Error())
			} else {
				out.Released = append(out.Released, addr.IP.String())
			}
		}
		out.Steps = append(out.Steps, record)
	}
	report(len(w.queue), len(w.queue), "reading the addresses back, twice")
	list, agreed, err := a.settled(ctx, w.app, out.Released)
	if err == nil {
		out.Verdict, out.Remaining = rules.Judge(list), public(list)
	}
	a.concludeRelease(w, &out, failure, agreed && err == nil)
	return out, nil
}

func undo(addr fly.Address) plan.Undo {
	return plan.Step{Verb: gate.ReleaseAddress, Params: []plan.Param{{Name: plan.ParamKind, Value: string(addr.Kind)}}}.Undo()
}

// releaseOne releases an address and settles an answer that was lost or that
// says "not found" by reading: an unknown app is not found too.
func (a *adapter) releaseOne(ctx context.Context, app string, addr fly.Address, grant *gate.Grant) error {
	err := a.Fly.ReleaseAddress(ctx, grant, app, addr.IP)
	var ambiguous *fly.Ambiguous
	if err != nil && !errors.As(err, &ambiguous) && fly.CodeOf(err) != gate.NotFound {
		return err
	}
	if err != nil {
		gone, readErr := a.gone(ctx, app, addr.IP)
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		if !gone {
			return fmt.Errorf("%w; read back, the address is still there", err)
		}
	}
	a.record(journal.Entry{Event: journal.Step, App: app, Tool: "release_public_ips", Verb: string(gate.ReleaseAddress), Target: addr.IP.String()})
	return nil
}

// gone reads the list until it no longer holds an address, a few times.
func (a *adapter) gone(ctx context.Context, app string, ip netip.Addr) (bool, error) {
	for i := range settleReads {
		if i > 0 {
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-a.Clock.After(settleStep):
			}
		}
		addresses, err := a.Fly.Addresses(ctx, app)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(addresses.List, func(x fly.Address) bool { return x.IP == ip }) {
			return true, nil
		}
	}
	return false, nil
}

// settled reads the list until two readings in a row are equal and hold none of
// what was released. agreed is false if that did not come about.
func (a *adapter) settled(ctx context.Context, app string, released []string) (list []fly.Address, agreed bool, err error) {
	var before []fly.Address
	for i := range settleReads + 1 {
		if i > 0 {
			select {
			case <-ctx.Done():
				return before, false, ctx.Err()
			case <-a.Clock.After(settleStep):
			}
		}
		addresses, err := a.Fly.Addresses(ctx, app)
		if err != nil {
			return before, false, err
		}
		list = addresses.List
		clean := !slices.ContainsFunc(list, func(x fly.Address) bool { return slices.Contains(released, x.IP.String()) })
		if i > 0 && clean && slices.EqualFunc(list, before, func(x, y fly.Address) bool { return x.IP == y.IP && x.Kind == y.Kind }) {
			return list, true, nil
		}
		before = list
	}
	return list, false, nil
}

// concludeRelease tells exactly what went, what is left and what was verified.
func (a *adapter) concludeRelease(w releaseWork, out *releaseOutput, failure error, verified bool) {
	rest := fmt.Sprintf("%d of %d released", len(out.Released), len(w.queue))
	out.Unknown = []string{plan.CallersUnknown.Sentence(), plan.FlycastUnproven.Sentence()}
	for _, addr := range w.queue[:len(out.Released)] {
		if undo(addr) == plan.UndoNo {
			out.Undo = append(out.Undo, fmt.Sprintf("%s does not come back; fly ips allocate-v4 or allocate-v6 gives another address", addr.IP))
		} else {
			out.Undo = append(out.Undo, fmt.Sprintf("fly ips allocate-v4 --shared -a %s, perhaps another address than %s", w.app, addr.IP))
		}
	}
	switch {
	case failure != nil:
		p, ok := problem(failure)
		if !ok {
			p = &Problem{Code: gate.PlatformError, Message: plan.Message(failure.Error())}
		}
		a.fill(&out.Result, p)
		out.Status = plan.Partial
		if len(out.Released) == 0 {
			out.Status = plan.Failed
		}
		out.Summary = fmt.Sprintf("Release stopped at the first error, %s: %s. What is left was not touched.", rest, plan.Message(p.Message))
		out.Next = append([]plan.Next{{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: w.app}, Why: "does the rest; a person is asked again"}}, out.Next...)
	case !verified:
		out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("The platform accepted the release of %s, but its list did not settle: not verified.", strings.Join(out.Released, ", "))
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.app}, Why: "read the list again in a minute"}}
	default:
		out.Status = plan.Applied
		out.Summary = fmt.Sprintf("%s of %s; it is %s now. Certificates and DNS records were left alone.", rest, w.app, out.Verdict)
		if len(out.Remaining) > 0 {
			out.Next = []plan.Next{{Who: "person", Why: "the app is still public over " + strings.Join(out.Remaining, ", ")}}
		}
	}
	if verified && len(out.Released) > 0 {
		out.Verified = []string{"two equal readings of the list, without " + strings.Join(out.Released, ", ")}
	}
	if failure == nil {
		out.Assumed = []string{w.app + ".fly.dev stops resolving within minutes; that is not checked from here"}
	}
}
