package address

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// Apply sends the planned allocation, once, and reads the list until it shows the address.
func (a *Allocator) Apply(ctx context.Context, w AllocateWork, grant *gate.Grant,
	report plan.Report) (AllocateResult, error) {
	if wait := a.unsettled.begin(w.key(w.app)); wait > 0 {
		return AllocateResult{}, unsettledProblem(w.app, wait)
	}
	report(plan.Progress{Of: 2, Doing: "allocating the Flycast address"})
	got, err := a.fly.AllocateFlycast(ctx, grant, w.app, w.network)
	var ambiguous *fly.Ambiguous
	notPrivate := got.IP.IsValid() && fly.CodeOf(err) == gate.VerifyFailed
	if err != nil && !notPrivate && !errors.As(err, &ambiguous) {
		a.unsettled.settle(w.key(w.app))
		return AllocateResult{}, err
	}
	report(plan.Progress{Done: 1, Of: 2, Doing: "reading the addresses back"})
	if notPrivate {
		a.unsettled.settle(w.key(w.app))
		return a.reportNotPrivate(w, got), nil
	}
	after, fresh, err := a.readBack(ctx, w, got)
	if err != nil || len(fresh) == 0 {
		return a.reportUnseen(w, got, after), nil
	}
	a.unsettled.settle(w.key(w.app))
	return a.reportSeen(w, after, fresh, ambiguous != nil), nil
}

// readBack reads the list until it shows the address that the platform named or, if it named
// none, a Flycast address that was not there before. The snapshot holds the last list read.
func (a *Allocator) readBack(ctx context.Context, w AllocateWork,
	got fly.Address) (s rules.Snapshot, fresh []fly.Address, err error) {
	s = w.before
	var readErr error
	_, err = reread(ctx, a.clock, settleReads, func() (bool, error) {
		var addresses fly.Addresses
		if addresses, readErr = a.fly.Addresses(ctx, w.app); readErr != nil {
			return false, nil // the next reading may work
		}
		s.Addresses, fresh = addresses, nil
		for _, addr := range addresses.List {
			switch {
			case addr.Kind != fly.Flycast:
			case addr.IP == got.IP:
				fresh = []fly.Address{addr}
				return true, nil
			case !got.IP.IsValid() && !contains(w.before.Addresses.List, addr.IP):
				fresh = append(fresh, addr)
			}
		}
		return len(fresh) > 0, nil
	})
	return s, fresh, errors.Join(err, readErr)
}

// reportSeen answers when the list shows what was allocated.
func (a *Allocator) reportSeen(w AllocateWork, after rules.Snapshot, fresh []fly.Address,
	answerLost bool) AllocateResult {
	addr := fresh[0]
	out := a.allocated(w, addr)
	if len(fresh) > 1 {
		out.Unknown = append(out.Unknown, fmt.Sprintf(
			"which of the %d new Flycast addresses this call allocated: someone else allocated one at the "+
				"same time", len(fresh)))
	}
	changed := publicChanges(w.before.Addresses.List, after.Addresses.List)
	if mismatch := w.mismatch(addr); mismatch != "" {
		out.Set(plan.Failed, gate.VerifyFailed)
		out.Summary = fmt.Sprintf("An address was allocated for %s, but %s. %s",
			w.app, mismatch, publicSentence("No public address was touched.", changed))
		out.Next = []plan.Next{{Who: "person", Command: out.Undo[0], Why: "release the wrong address"}}
		return out
	}
	out.Status = plan.Applied
	out.Summary = fmt.Sprintf("%s has the Flycast address %s. %s",
		w.app, addr.IP, publicSentence("Its public addresses did not change.", changed))
	if answerLost {
		out.Assumed = []string{"the platform's answer was lost; the new address in the list is assumed " +
			"to be the requested one"}
	}
	out.Verified = []string{fmt.Sprintf("%s is in fdaa::/16, on network %s, and in the list of addresses read afterwards",
		addr.IP, fly.NetworkID(addr.IP))}
	out.Unknown = append(out.Unknown, plan.FlycastUnproven.Sentence())
	if w.foreign && addr.Org == "" {
		out.Unknown = append(out.Unknown,
			"which organization's network the address is on: the platform does not report it")
	}
	if w.id == "" {
		out.Assumed = append(out.Assumed, "the network id could not be compared: the app has no Machine")
	}
	out.Reach, out.Next = after.Reach(), after.Next()
	return out
}

// allocated begins the result for an address that exists now, and records it.
func (a *Allocator) allocated(w AllocateWork, addr fly.Address) AllocateResult {
	a.record(allocateEntry(w.app, addr.IP.String(), ""))
	out := AllocateResult{Result: plan.Result{App: w.app}, Address: addr.IP.String(), NetworkSource: w.source}
	out.Steps = []plan.Record{{
		Do: gate.AllocateAddress, Target: w.network.Target(), State: plan.Done, Undo: plan.UndoYes,
		Note: addr.IP.String(),
	}}
	out.Undo = []string{fmt.Sprintf("fly ips release %s -a %s", addr.IP, w.app)}
	return out
}

func allocateEntry(app, target string, code gate.Code) journal.Entry {
	return journal.Entry{
		Event: journal.Step, App: app, Tool: AllocateTool, Verb: string(gate.AllocateAddress),
		Target: target, Code: string(code),
	}
}

// reportNotPrivate answers when the platform allocated an address of another kind than was
// requested: a person has to release it.
func (a *Allocator) reportNotPrivate(w AllocateWork, addr fly.Address) AllocateResult {
	out := a.allocated(w, addr)
	out.Set(plan.Failed, gate.VerifyFailed)
	out.Summary = fmt.Sprintf("Fly allocated %s for %s, which is not in fdaa::/16. A private address "+
		"was requested.", addr.IP, w.app)
	if addr.Kind.Public() {
		out.Summary = fmt.Sprintf("A private address was requested for %s, but Fly allocated %s, a PUBLIC address (%s). "+
			"The app can be reached from the internet over it until it is released.", w.app,
			addr.IP, kindName(addr))
	}
	out.Next = []plan.Next{{Who: "person", Command: out.Undo[0], Why: "release the address: it was not requested"}}
	return out
}

// reportUnseen answers when the list does not show what was sent.
func (a *Allocator) reportUnseen(w AllocateWork, got fly.Address, after rules.Snapshot) AllocateResult {
	a.record(allocateEntry(w.app, w.network.Target(), gate.PlatformError))
	out := AllocateResult{Result: plan.Result{App: w.app}, NetworkSource: w.source}
	out.Steps = []plan.Record{{
		Do: gate.AllocateAddress, Target: w.network.Target(), State: plan.StepFailed, Undo: plan.UndoYes,
	}}
	out.Set(plan.Failed, gate.PlatformError)
	out.Summary = fmt.Sprintf("It is unknown whether a Flycast address was allocated for %s: it is "+
		"not in the list after %d readings.",
		w.app, settleReads)
	out.Unknown = []string{"whether the allocation took effect; it was sent once, and this call does not send it again"}
	if got.IP.IsValid() {
		out.Unknown = append(out.Unknown, fmt.Sprintf("where %s is, which the platform's answer contained", got.IP))
	}
	out.Next = []plan.Next{listNext(w.app, "check whether the address has appeared before allocating again")}
	if changed := publicChanges(w.before.Addresses.List, after.Addresses.List); len(changed) > 0 {
		out.Summary += " " + publicSentence("", changed)
		out.Next = append(out.Next, plan.Next{
			Who: "person", Why: "check whether someone else changed the public addresses, or this allocation did",
		})
	}
	return out
}

// publicChanges returns which addresses that are or may be public came and went. Kinds are
// not compared: another source of the list may know fewer of them.
func publicChanges(before, after []fly.Address) []string {
	var out []string
	missing := func(from, in []fly.Address, how string) {
		for _, addr := range from {
			if !contains(in, addr.IP) && (addr.Kind.Public() || addr.Kind == fly.UnknownKind) {
				out = append(out, describe(addr)+" is "+how)
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
