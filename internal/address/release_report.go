package address

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// releaseEnd is how the releases and the readings after them ended.
type releaseEnd struct {
	after       rules.Snapshot
	failure     error    // of the first step that failed
	stillListed []string // accepted by the platform, but still listed
	wasRead     bool     // the list was read afterwards
	verified    bool     // twice, with equal results, and without what was released
}

// conclude says exactly what was released, what is left and what was verified.
func (r *Releaser) conclude(ctx context.Context, w ReleaseWork, out *ReleaseResult, end releaseEnd) {
	count := fmt.Sprintf("%d of %d released", len(out.Released), len(w.queue))
	out.Unknown = append([]string{plan.CallersUnknown.Sentence(), plan.FlycastUnproven.Sentence()},
		end.after.UnknownSentences()...)
	if end.after.HasRouted() {
		out.Unknown = append(out.Unknown, plan.BindUnknown.Sentence())
	}
	for _, addr := range w.queue {
		if slices.Contains(out.Released, addr.IP.String()) {
			out.Undo = append(out.Undo, undoRelease(w.app, addr))
		}
	}
	switch {
	case end.failure != nil:
		r.reportFailure(ctx, w, out, end.failure, count)
	case len(end.stillListed) > 0:
		summary := fmt.Sprintf("%s of %s: the platform accepted the release of %s, but still lists it: "+
			"not verified as released.",
			count, w.app, strings.Join(end.stillListed, ", "))
		out.unverified(w.app, summary,
			"read the list again in a minute; another call can release what it still lists, and asks a person again")
		if len(out.Released) == 0 {
			out.Status = plan.Failed
		}
	case !end.verified:
		why := "its list could not be read afterwards"
		if end.wasRead {
			why = "its list kept changing"
		}
		summary := fmt.Sprintf("The platform accepted the release of %s, but %s: not verified.",
			strings.Join(out.Released, ", "), why)
		out.unverified(w.app, summary, "read the list again in a minute")
	default:
		out.reportSuccess(w, end, count)
	}
	if len(out.Released) == 0 {
		return
	}
	if end.verified {
		out.Verified = []string{"two equal readings of the list, without " + strings.Join(out.Released, ", ")}
	}
	switch {
	case !end.wasRead:
		out.Assumed = []string{
			"the platform accepted the release of " + strings.Join(out.Released, ", ") +
				"; the list could not be read afterwards",
		}
	case len(out.Remaining) == 0:
		out.Assumed = []string{w.app + ".fly.dev stops resolving within minutes; this was not checked"}
	}
}

// undoRelease says how far the release of an address can be undone.
func undoRelease(app string, addr fly.Address) string {
	if releaseStep(addr).Undo() == plan.UndoNo {
		return fmt.Sprintf("%s does not come back; fly ips allocate-v4 or allocate-v6 gives another address", addr.IP)
	}
	return fmt.Sprintf("fly ips allocate-v4 --shared -a %s, possibly a different address than %s", app, addr.IP)
}

// unverified ends a result whose releases were accepted and not confirmed by the list.
func (out *ReleaseResult) unverified(app, summary, why string) {
	out.Set(plan.Partial, gate.VerifyFailed)
	out.Summary, out.Next = summary, []plan.Next{listNext(app, why)}
}

// reportSuccess ends a result whose releases are verified. If the app changed in the meantime
// so that it does not work over Flycast, the result is partial.
func (out *ReleaseResult) reportSuccess(w ReleaseWork, end releaseEnd, count string) {
	out.Status, out.Reach = plan.Applied, end.after.Reach()
	effect := effectOf(end.after, w.before.Addresses.List, end.after.Addresses.List, w.certificates)
	if effect.namesStay() {
		out.Unknown = append(out.Unknown, plan.HostnameRecords.Sentence())
	}
	blockers := blockersOf(end.after, w.before, w.queue)
	if !w.allowUnreachable && len(blockers) > 0 {
		out.Set(plan.Partial, gate.VerifyFailed)
		out.Blockers, out.Next = blockers, end.after.Next()
		out.Summary = fmt.Sprintf("%s of %s, but the app changed in the meantime: %s. %s",
			count, w.app, blockers[0].What, end.after.ReachSentence())
		return
	}
	sentences := []string{fmt.Sprintf("%s of %s.", count, w.app), effect.sentence(), end.after.ReachSentence()}
	if hostnames := effect.hostnames(); hostnames != "" {
		sentences = append(sentences, "C"+strings.TrimPrefix(hostnames, "c")+".")
	}
	sentences = append(sentences, "Certificates and DNS records were left alone.")
	out.Summary = strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
	out.Next = end.after.Next()
	if len(out.Remaining) > 0 {
		public := plan.Next{Who: "person", Why: "the app is still public over " + strings.Join(out.Remaining, ", ")}
		out.Next = append([]plan.Next{public}, effect.next()...)
	}
}

// reportFailure says why the work ended before its last step.
func (r *Releaser) reportFailure(ctx context.Context, w ReleaseWork, out *ReleaseResult,
	failure error, count string) {
	p := r.Explain(ctx, failure)
	out.SetProblem(p)
	out.Status = plan.Partial
	if len(out.Released) == 0 {
		out.Status = plan.Failed
	}
	why := "at the first error"
	if p.Code == gate.Stale {
		why = "because the app changed in the meantime"
	}
	out.Summary = fmt.Sprintf("Release stopped %s, %s: %s. The rest was not changed.", why, count,
		plan.Message(p.Message))
	if len(p.Blockers) == 0 {
		rest := plan.Next{
			Who: "agent", Tool: ReleaseTool, Arguments: &plan.Arguments{App: w.app},
			Why: "releases the rest; asks a person again",
		}
		out.Next = append([]plan.Next{rest}, out.Next...)
	}
}
