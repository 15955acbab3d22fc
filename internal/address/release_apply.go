package address

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Apply releases the addresses of the queue one by one, checking before each that the app is
// still as it was approved, and stops at the first failure. Then it reads the list again.
func (r *Releaser) Apply(ctx context.Context, w ReleaseWork, grant *gate.Grant,
	report plan.Report) (ReleaseResult, error) {
	out := ReleaseResult{Result: plan.Result{App: w.app}}
	var failure error
	for i, addr := range w.queue {
		report(plan.Progress{Done: i, Of: len(w.queue), Doing: "releasing " + describe(addr)})
		record := plan.Record{
			Do: gate.ReleaseAddress, Target: addr.IP.String(), State: plan.NotStarted,
			Undo: releaseStep(addr).Undo(), Note: kindName(addr),
		}
		if failure == nil {
			failure = r.releaseNext(ctx, w, addr, grant, &record, &out)
		}
		out.Steps = append(out.Steps, record)
	}
	report(plan.Progress{Done: len(w.queue), Of: len(w.queue), Doing: "reading the addresses back, twice"})
	list, agreed, err := r.readSettled(ctx, w.app, out.Released)
	end := releaseEnd{after: w.before, failure: failure, wasRead: err == nil, verified: agreed && err == nil}
	if end.wasRead { // the Machines are the plan's: only addresses were read again
		end.after.Addresses.List = list
		out.Verdict, out.Remaining = rules.Judge(list), rules.PublicIPs(list)
		end.stillListed = r.markStillListed(w.app, &out, list)
	}
	r.conclude(ctx, w, &out, end)
	return out, nil
}

// releaseNext releases one address, if it is still as it was approved, and fills its record.
func (r *Releaser) releaseNext(ctx context.Context, w ReleaseWork, addr fly.Address,
	grant *gate.Grant, record *plan.Record, out *ReleaseResult) error {
	if err := r.checkUnchanged(ctx, w, addr, out.Released); err != nil {
		record.Note += ", nothing was sent: " + plan.Message(err.Error())
		return err
	}
	confirmed, err := r.release(ctx, w.app, addr, grant)
	if err != nil {
		record.State = plan.StepFailed
		record.Note += ": " + plan.Message(err.Error())
		return err
	}
	if !confirmed {
		record.Note += ", answer lost, read back as gone"
	}
	record.State = plan.Done
	out.Released = append(out.Released, addr.IP.String())
	return nil
}

// checkUnchanged reads before each release whether it is still what was approved: the address
// is there and of the same kind, and so is the app's own Flycast address. Before the last
// public address the Machines are read too, and judged again. With allow_unreachable only the
// address itself counts.
func (r *Releaser) checkUnchanged(ctx context.Context, w ReleaseWork, addr fly.Address, released []string) error {
	now := w.before
	var err error
	if now.Addresses, err = r.Fly.Addresses(ctx, w.app); err != nil {
		return r.unreadProblem(ctx, addr, err)
	}
	i := slices.IndexFunc(now.Addresses.List, func(x fly.Address) bool { return x.IP == addr.IP })
	switch {
	case i < 0:
		return staleProblem(addr, "it is gone: someone else released it", nil, nil)
	case now.Addresses.List[i].Kind != addr.Kind:
		return staleProblem(addr, fmt.Sprintf("it was %s and is %s", kindName(addr),
			kindName(now.Addresses.List[i])), nil, nil)
	case w.allowUnreachable:
		return nil
	case now.FlycastUnclear() && !w.before.FlycastUnclear():
		return staleProblem(addr, "the Flycast address of the app's own network is gone", nil, now.Next())
	}
	others := slices.DeleteFunc(rules.PublicIPs(now.Addresses.List), func(ip string) bool {
		return ip == addr.IP.String() || slices.Contains(released, ip)
	})
	if len(others) == 0 {
		if now.Machines, err = r.Fly.Machines(ctx, w.app); err != nil {
			return r.unreadProblem(ctx, addr, err)
		}
	}
	if blockers := blockersOf(now, w.before, w.queue); len(blockers) > 0 {
		return staleProblem(addr, blockers[0].What, blockers, now.Next())
	}
	return nil
}

func staleProblem(addr fly.Address, what string, blockers []plan.Blocker, next []plan.Next) *plan.Problem {
	message := fmt.Sprintf("the app changed before %s was released: %s", addr.IP, what)
	return &plan.Problem{Code: gate.Stale, Message: message, Blockers: blockers, Next: next}
}

func (r *Releaser) unreadProblem(ctx context.Context, addr fly.Address, err error) *plan.Problem {
	p := r.Explain(ctx, err)
	p.Message = fmt.Sprintf("the app could not be read again before the release of %s: %s", addr.IP, p.Message)
	return p
}

// release releases an address; confirmed reports whether the platform's answer says so. Only
// a clear refusal counts as one: any other error is settled by reading, "not found" among
// them (an unknown app is not found either).
//
// The journal gets its entry with the platform's answer, before the list is read back: a
// crash in between must leave a record that this address was released from here. If the list
// still has it then, a second entry says verify_failed.
func (r *Releaser) release(ctx context.Context, app string, addr fly.Address,
	grant *gate.Grant) (confirmed bool, err error) {
	err = r.Fly.ReleaseAddress(ctx, grant, app, addr.IP)
	if isRefusal(err) {
		return false, err
	}
	if err != nil {
		p := r.Explain(ctx, err)
		switch gone, readErr := r.isGone(ctx, app, addr.IP); {
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
	r.Record(releaseEntry(app, addr.IP.String()))
	return err == nil, nil
}

// isRefusal reports whether it is certain that the release did nothing.
func isRefusal(err error) bool {
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
	return journal.Entry{Event: journal.Step, App: app, Tool: ReleaseTool,
		Verb: string(gate.ReleaseAddress), Target: ip}
}

// markStillListed marks as failed what the platform accepted and still lists, and returns it.
func (r *Releaser) markStillListed(app string, out *ReleaseResult, list []fly.Address) (ips []string) {
	for i := range out.Steps {
		record := &out.Steps[i]
		isListed := slices.ContainsFunc(list, func(x fly.Address) bool { return x.IP.String() == record.Target })
		if record.State != plan.Done || !isListed {
			continue
		}
		record.State = plan.StepFailed
		record.Note += ": accepted, but still there"
		ips = append(ips, record.Target)
		entry := releaseEntry(app, record.Target)
		entry.Status, entry.Code = string(plan.StepFailed), string(gate.VerifyFailed)
		r.Record(entry)
	}
	out.Released = slices.DeleteFunc(out.Released, func(ip string) bool { return slices.Contains(ips, ip) })
	return ips
}

// isGone reads the list a few times, until it does not have an address.
func (r *Releaser) isGone(ctx context.Context, app string, ip netip.Addr) (bool, error) {
	return reread(ctx, r.Clock, settleReads, func() (bool, error) {
		addresses, err := r.Fly.Addresses(ctx, app)
		return err == nil && !contains(addresses.List, ip), err
	})
}

// readSettled reads the list until two readings in a row are equal and have none of what was
// released; agreed is false if no two were.
func (r *Releaser) readSettled(ctx context.Context, app string,
	released []string) (list []fly.Address, agreed bool, err error) {
	first := true
	agreed, err = reread(ctx, r.Clock, settleReads+1, func() (bool, error) {
		addresses, err := r.Fly.Addresses(ctx, app)
		if err != nil {
			return false, err
		}
		before, isFirst := list, first
		list, first = addresses.List, false
		isClean := !slices.ContainsFunc(list,
			func(x fly.Address) bool { return slices.Contains(released, x.IP.String()) })
		isEqual := slices.EqualFunc(list, before,
			func(x, y fly.Address) bool { return x.IP == y.IP && x.Kind == y.Kind })
		return !isFirst && isClean && isEqual, nil
	})
	return list, agreed, err
}
