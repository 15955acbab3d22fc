package private

import (
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// prove checks the app from inside its network after the deploy, and returns it as it was read. What
// is refuted ends the journey before anything is released.
func (m *Maker) prove(ctx context.Context, w Work, grant *gate.Grant, report plan.Report, out *Result) (
	*rules.Snapshot, plan.Result, error) {
	report(plan.Progress{Of: 1, Doing: "checking the app from inside its private network"})
	s, err := m.Verifier.Read(ctx, w.in.App)
	if err != nil {
		return nil, plan.Result{}, err
	}
	file, _, err := w.edit.Work.Files()
	if err != nil {
		return nil, plan.Result{}, err
	}
	r := m.Verifier.Configured(ctx, s, file)
	r.Proofs = slices.DeleteFunc(r.Proofs, func(p verify.Proof) bool { return p.Claim == verify.Addresses }) // see proveEnd
	r.Join(m.Verifier.Ask(ctx, grant, w.parts.target, s))
	r = r.Settled()
	out.Vantage, out.Claims = r.Vantage, r.Proofs
	r.Fill(&out.Result)
	out.Steps = append(out.Steps, plan.Record{Do: gate.AddPeer, State: plan.Done, Undo: plan.UndoYes,
		Note: "added for the check, and removed"})
	for _, command := range r.Commands {
		out.Assumed = append(out.Assumed, "not checked from inside; a person can: "+command)
	}
	if refuted := r.Lines(verify.Refuted); len(refuted) > 0 {
		var ended plan.Result
		ended.Set(plan.Failed, gate.VerifyFailed)
		ended.Summary = fmt.Sprintf("%s. Nothing was released after that.", refuted[0])
		ended.Next = []plan.Next{{Who: "person", Command: "fly logs -a " + w.in.App + " --no-tail",
			Why: "shows why the app does not answer as it should"}}
		return &s, ended, nil
	}
	return &s, plan.Result{Status: plan.Applied}, nil
}

// proveEnd proves that no public address is left, and that none leads to the app any more.
func (m *Maker) proveEnd(ctx context.Context, now rules.Snapshot, out *Result) {
	if len(out.Remaining) > 0 {
		return
	}
	end := verify.Configuration(now, nil, 0)
	end.Proofs = slices.DeleteFunc(end.Proofs, func(p verify.Proof) bool { return p.Claim != verify.Addresses })
	end.Join(m.Verifier.Outside(ctx, now.Addresses.App.Name, out.Released))
	end = end.Settled()
	end.Fill(&out.Result)
	all := verify.Report{Proofs: append(out.Claims, end.Proofs...)}.Settled()
	out.Claims = all.Proofs
	out.Unknown = slices.DeleteFunc(out.Unknown, func(u string) bool {
		return all.Is(verify.Answers) == verify.Verified && u == plan.FlycastUnproven.Sentence() ||
			all.Is(verify.Listens) == verify.Verified && u == plan.BindUnknown.Sentence()
	})
	assumed := now.Addresses.App.Name + ".fly.dev stops resolving within minutes; this was not checked"
	if end.Is(verify.GoneOutside) != verify.NotVerified {
		out.Assumed = slices.DeleteFunc(out.Assumed, func(a string) bool { return a == assumed })
	}
}
