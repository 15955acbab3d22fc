package tools

import (
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

func (a *toolset) applyRelease(ctx context.Context, w releaseWork, grant *gate.Grant, report plan.Report) (releaseOutput, error) {
	out := releaseOutput{Result: plan.Result{App: w.app}}
	var failure error
	for i, addr := range w.queue {
		report(plan.Progress{Done: i, Of: len(w.queue), Doing: fmt.Sprintf("releasing %s (%s)", addr.IP, plan.KindName(string(addr.Kind)))})
		record := plan.Record{Do: gate.ReleaseAddress, Target: addr.IP.String(), State: plan.NotStarted, Undo: undo(addr), Note: plan.KindName(string(addr.Kind))}
		if failure == nil {
			if failure = a.stillRight(ctx, w, addr, out.Released); failure != nil {
				record.Note += ", nothing was sent: " + plan.Message(failure.Error())
			} else {
				var said bool
				said, failure = a.releaseOne(ctx, w.app, addr, grant)
				switch {
				case failure != nil:
					record.State = plan.StepFailed
					record.Note += ": " + plan.Message(failure.Error())
				case !said:
					record.Note += ", answer lost, read back as gone"
					fallthrough
				default:
					record.State = plan.Done
					out.Released = append(out.Released, addr.IP.String())
				}
			}
		}
		out.Steps = append(out.Steps, record)
	}
	report(plan.Progress{Done: len(w.queue), Of: len(w.queue), Doing: "reading the addresses back, twice"})
	list, agreed, err := a.settled(ctx, w.app, out.Released)
	after := w.before // the Machines are the plan's: only addresses were read again
	if err == nil {
		after.Addresses.List = list
		out.Verdict, out.Remaining = rules.Judge(list), public(list)
	}
	still := a.takeBack(w.app, &out, list, err == nil)
	a.concludeRelease(ctx, w, &out, releaseEnd{after: after, failure: failure, still: still, read: err == nil, verified: agreed && err == nil})
	return out, nil
}

func undo(addr fly.Address) plan.Undo {
	return plan.Step{Verb: gate.ReleaseAddress, Params: []plan.Param{{Name: plan.ParamKind, Value: string(addr.Kind)}}}.Undo()
}

// stillRight reads before each release whether it is still what was approved:
// the address is there and of the same kind, and so is the app's own Flycast
// address. Before the last public address the Machines are read too, and judged
// again. With allow_unreachable only the address itself counts.
func (a *toolset) stillRight(ctx context.Context, w releaseWork, addr fly.Address, released []string) error {
	now := w.before
	var err error
	if now.Addresses, err = a.fly.Addresses(ctx, w.app); err != nil {
		return a.unreadBefore(ctx, addr, err)
	}
	i := slices.IndexFunc(now.Addresses.List, func(x fly.Address) bool { return x.IP == addr.IP })
	switch {
	case i < 0:
		return moved(addr, "it is gone: someone else released it", nil, nil)
	case now.Addresses.List[i].Kind != addr.Kind:
		return moved(addr, fmt.Sprintf("it was %s and is %s", plan.KindName(string(addr.Kind)), plan.KindName(string(now.Addresses.List[i].Kind))), nil, nil)
	case w.allowUnreachable:
		return nil
	case now.FlycastUnclear() && !w.before.FlycastUnclear():
		return moved(addr, "the Flycast address of the app's own network is gone", nil, a.guide(now))
	}
	others := slices.DeleteFunc(public(now.Addresses.List), func(ip string) bool { return ip == addr.IP.String() || slices.Contains(released, ip) })
	if len(others) == 0 {
		if now.Machines, err = a.fly.Machines(ctx, w.app); err != nil {
			return a.unreadBefore(ctx, addr, err)
		}
	}
	if blockers := unready(now, w.before, w.queue); len(blockers) > 0 {
		return moved(addr, blockers[0].What, blockers, a.guide(now))
	}
	return nil
}

func moved(addr fly.Address, what string, blockers []plan.Blocker, next []plan.Next) *plan.Problem {
	return &plan.Problem{Code: gate.Stale, Message: fmt.Sprintf("the app changed before %s was released: %s", addr.IP, what), Blockers: blockers, Next: next}
}

func (a *toolset) unreadBefore(ctx context.Context, addr fly.Address, err error) *plan.Problem {
	p := a.Explain(ctx, err)
	p.Message = fmt.Sprintf("the app could not be read again before the release of %s: %s", addr.IP, p.Message)
	return p
}

// releaseOne releases an address; said tells whether the platform said so
// itself. Only a clear refusal counts as one: any other
// error, "not found" among them (an unknown app is not found too), is settled
// by reading.
//
// The journal gets its entry with the platform's word, before the list is read
// back: a crash in between must leave the trace that this address was given up
// from here. What the list then still holds gets a second entry, with
// verify_failed.
func (a *toolset) releaseOne(ctx context.Context, app string, addr fly.Address, grant *gate.Grant) (said bool, err error) {
	err = a.fly.ReleaseAddress(ctx, grant, app, addr.IP)
	if refused(err) {
		return false, err
	}
	if said = err == nil; !said {
		p := a.Explain(ctx, err)
		gone, readErr := a.gone(ctx, app, addr.IP)
		switch {
		case readErr != nil:
			p.Message += "; its effect could not be read either: " + plan.Message(readErr.Error())
			return false, p
		case !gone:
			var lost *fly.Ambiguous
			if errors.As(err, &lost) {
				p.Message = lost.Settled().Error()
			}
			p.Message += "; read back, the address is still there"
			return false, p
		}
	}
	a.Record(releaseEntry(app, addr.IP.String()))
	return said, nil
}

// refused reports whether it is certain that the release did nothing.
func refused(err error) bool {
	if errors.Is(err, gate.ErrNotGranted) || errors.Is(err, fly.ErrNotSent) {
		return true
	}
	switch fly.CodeOf(err) {
	case gate.Unauthorized, gate.RateLimited, gate.InvalidInput:
		return true
	}
	return false
}

func releaseEntry(app, ip string) journal.Entry {
	return journal.Entry{Event: journal.Step, App: app, Tool: "release_public_ips", Verb: string(gate.ReleaseAddress), Target: ip}
}

// takeBack takes off the record what the platform accepted and still lists.
func (a *toolset) takeBack(app string, out *releaseOutput, list []fly.Address, read bool) (still []string) {
	if !read {
		return nil
	}
	for i := range out.Steps {
		record := &out.Steps[i]
		if record.State != plan.Done || !slices.ContainsFunc(list, func(x fly.Address) bool { return x.IP.String() == record.Target }) {
			continue
		}
		record.State = plan.StepFailed
		record.Note += ": accepted, but still there"
		still = append(still, record.Target)
		entry := releaseEntry(app, record.Target)
		entry.Status, entry.Code = string(plan.StepFailed), string(gate.VerifyFailed)
		a.Record(entry)
	}
	out.Released = slices.DeleteFunc(out.Released, func(ip string) bool { return slices.Contains(still, ip) })
	return still
}

// gone reads the list until it no longer holds an address, a few times.
func (a *toolset) gone(ctx context.Context, app string, ip netip.Addr) (bool, error) {
	for i := range settleReads {
		if i > 0 {
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-a.Clock.After(settleStep):
			}
		}
		addresses, err := a.fly.Addresses(ctx, app)
		if err != nil {
			return false, err
		}
		if !holds(addresses.List, ip) {
			return true, nil
		}
	}
	return false, nil
}

// settled reads the list until two readings in a row are equal and hold none of
// what was released. agreed is false if that did not come about.
func (a *toolset) settled(ctx context.Context, app string, released []string) (list []fly.Address, agreed bool, err error) {
	var before []fly.Address
	for i := range settleReads + 1 {
		if i > 0 {
			select {
			case <-ctx.Done():
				return before, false, ctx.Err()
			case <-a.Clock.After(settleStep):
			}
		}
		addresses, err := a.fly.Addresses(ctx, app)
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

// releaseEnd is how the releases and the reading after them ended.
type releaseEnd struct {
	after    rules.Snapshot
	failure  error    // that of the first step that did not go through
	still    []string // accepted, but still there
	read     bool     // the list was read afterwards
	verified bool     // twice, alike, and without what was released
}

// concludeRelease tells exactly what went, what is left and what was verified.
func (a *toolset) concludeRelease(ctx context.Context, w releaseWork, out *releaseOutput, o releaseEnd) {
	rest := fmt.Sprintf("%d of %d released", len(out.Released), len(w.queue))
	out.Unknown = append([]string{plan.CallersUnknown.Sentence(), plan.FlycastUnproven.Sentence()}, unknowns(o.after)...)
	if o.after.HasRouted() {
		out.Unknown = append(out.Unknown, plan.BindUnknown.Sentence())
	}
	for _, addr := range w.queue {
		switch {
		case !slices.Contains(out.Released, addr.IP.String()):
		case undo(addr) == plan.UndoNo:
			out.Undo = append(out.Undo, fmt.Sprintf("%s does not come back; fly ips allocate-v4 or allocate-v6 gives another address", addr.IP))
		default:
			out.Undo = append(out.Undo, fmt.Sprintf("fly ips allocate-v4 --shared -a %s, possibly a different address than %s", w.app, addr.IP))
		}
	}
	switch {
	case o.failure != nil:
		a.stopped(ctx, w, out, o.failure, rest)
	case len(o.still) > 0:
		out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
		if len(out.Released) == 0 {
			out.Status = plan.Failed
		}
		out.Summary = fmt.Sprintf("%s of %s: the platform accepted the release of %s, but still lists it: not verified as released.", rest, w.app, strings.Join(o.still, ", "))
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.app}, Why: "read the list again in a minute; another call can release what it still lists, and asks a person again"}}
	case !o.read:
		out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("The platform accepted the release of %s, but its list could not be read afterwards: not verified.", strings.Join(out.Released, ", "))
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.app}, Why: "read the list again in a minute"}}
	case !o.verified:
		out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("The platform accepted the release of %s, but its list kept changing: not verified.", strings.Join(out.Released, ", "))
		out.Next = []plan.Next{{Who: "agent", Tool: "list_ips", Arguments: &plan.Arguments{App: w.app}, Why: "read the list again in a minute"}}
	default:
		out.Status = plan.Applied
		change := changeOf(o.after, w.before.Addresses.List, o.after.Addresses.List, w.certificates)
		if change.keepsNames() {
			out.Unknown = append(out.Unknown, plan.HostnameRecords.Sentence())
		}
		said := []string{fmt.Sprintf("%s of %s.", rest, w.app), change.sentence(), reached(o.after)}
		if hostnames := change.hostnames(); hostnames != "" {
			said = append(said, "C"+strings.TrimPrefix(hostnames, "c")+".")
		}
		said = append(said, "Certificates and DNS records were left alone.")
		out.Summary = strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), " ")
		out.Reach = o.after.Reach()
		if lost := unready(o.after, w.before, w.queue); o.read && !w.allowUnreachable && len(lost) > 0 {
			out.Status, out.Code, out.Retry = plan.Partial, gate.VerifyFailed, gate.RetryAfterFix
			out.Blockers, out.Next = lost, a.guide(o.after)
			out.Summary = fmt.Sprintf("%s of %s, but the app changed in the meantime: %s. %s", rest, w.app, lost[0].What, reached(o.after))
		} else if len(out.Remaining) > 0 {
			out.Next = append([]plan.Next{{Who: "person", Why: "the app is still public over " + strings.Join(out.Remaining, ", ")}}, change.next()...)
		} else {
			out.Next = a.guide(o.after)
		}
	}
	if len(out.Released) == 0 {
		return
	}
	if o.verified {
		out.Verified = []string{"two equal readings of the list, without " + strings.Join(out.Released, ", ")}
	}
	switch {
	case !o.read:
		out.Assumed = []string{"the platform accepted the release of " + strings.Join(out.Released, ", ") + "; the list could not be read afterwards"}
	case len(out.Remaining) == 0:
		out.Assumed = []string{w.app + ".fly.dev stops resolving within minutes; this was not checked"}
	}
}

// stopped tells why the work ended before its last step.
func (a *toolset) stopped(ctx context.Context, w releaseWork, out *releaseOutput, failure error, rest string) {
	p := a.Explain(ctx, failure)
	out.SetProblem(p)
	out.Status = plan.Partial
	if len(out.Released) == 0 {
		out.Status = plan.Failed
	}
	how := "at the first error"
	if p.Code == gate.Stale {
		how = "because the app changed in the meantime"
	}
	out.Summary = fmt.Sprintf("Release stopped %s, %s: %s. The rest was not changed.", how, rest, plan.Message(p.Message))
	if len(p.Blockers) == 0 {
		out.Next = append([]plan.Next{{Who: "agent", Tool: "release_public_ips", Arguments: &plan.Arguments{App: w.app}, Why: "releases the rest; asks a person again"}}, out.Next...)
	}
}
