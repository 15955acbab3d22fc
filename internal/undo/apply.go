package undo

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// Apply puts back the file, then the services, then releases the addresses. It stops at the first
// failure, and reads everything back.
func (u *Undoer) Apply(ctx context.Context, w Work, grant *gate.Grant, report plan.Report) (Result, error) {
	out := Result{Result: plan.Result{App: w.run.App, Status: plan.Applied, Left: w.kept, Next: w.next()}}
	if w.file != nil {
		if err := u.restore(w, grant, &out); err != nil {
			return Result{}, err
		}
	}
	if w.deploy != nil && out.Status == plan.Applied {
		r, err := u.Deployer.Apply(ctx, w.deploy.Work, grant, report)
		if err != nil {
			if len(out.Steps) == 0 {
				return Result{}, err
			}
			out.fail("the services were not put back: %s", plan.Message(err.Error()))
		} else {
			out.Changes, out.Steps = r.Changes, append(out.Steps, r.Steps...)
			out.Verified, out.Unknown = append(out.Verified, r.Verified...), append(out.Unknown, r.Unknown...)
			if r.Status != plan.Applied && r.Status != plan.NothingToDo {
				out.fail("the services: %s", r.Summary)
			}
		}
	}
	for _, addr := range w.release {
		u.release(ctx, w, addr, grant, &out)
	}
	if out.Status != plan.Applied {
		return out, nil
	}
	done := journal.Entry{Event: journal.Step, Tool: Tool, App: w.run.App, Verb: Tool, Target: w.run.ID}
	out.Summary = fmt.Sprintf("%s of %s was undone.", w.run.ID, w.run.App)
	if w.partial {
		done.Status = string(plan.Partial)
		out.Summary = fmt.Sprintf("%s of %s was undone in part.", w.run.ID, w.run.App)
	}
	u.Record(done)
	if len(w.kept) > 0 {
		out.Summary += " Not undone: " + sentences(w.kept)
	}
	return out, nil
}

// fail records the first failure.
func (out *Result) fail(format string, args ...any) {
	out.Set(plan.Partial, gate.VerifyFailed)
	out.Summary = "The undo is not complete: " + fmt.Sprintf(format, args...)
}

// restore writes the earlier file, if it still has what the run wrote.
func (u *Undoer) restore(w Work, grant *gate.Grant, out *Result) error {
	if err := grant.Spend(gate.WriteFile, w.run.App, fileTarget(*w.file)); err != nil {
		return err
	}
	now, err := u.Roots.Read(w.file.Path)
	if err == nil && hashOf(now.Data) != w.file.After {
		err = &plan.Problem{Code: gate.Stale, Message: fmt.Sprintf("%s was changed after the plan was made, and is left alone",
			plan.Quote(w.file.Path))}
	}
	var replaced roots.File
	if err == nil {
		if err = u.Roots.Replace(w.file.Path, now.Data, w.file.Before); err == nil {
			replaced, err = u.Roots.Read(w.file.Path)
		}
	}
	if err != nil {
		return err
	}
	record := plan.Record{Do: gate.WriteFile, Target: w.file.Path, State: plan.Done, Undo: plan.UndoYes}
	if !bytes.Equal(replaced.Data, w.file.Before) {
		record.State = plan.StepFailed
		out.fail("%s was written, but its content is different now", plan.Quote(w.file.Path))
	} else {
		out.Verified = append(out.Verified, "the file was read back and has the bytes from before the run")
	}
	out.Steps = append(out.Steps, record)
	return nil
}

// release releases a Flycast address that the run allocated, unless something failed or changed.
func (u *Undoer) release(ctx context.Context, w Work, addr fly.Address, grant *gate.Grant, out *Result) {
	record := plan.Record{Do: gate.ReleaseAddress, Target: addr.IP.String(), State: plan.NotStarted, Undo: plan.UndoYes,
		Note: plan.KindName(string(addr.Kind))}
	defer func() { out.Steps = append(out.Steps, record) }()
	if out.Status != plan.Applied {
		return
	}
	now, err := u.Client.Addresses(ctx, w.run.App)
	if err != nil {
		out.fail("the addresses could not be read again: %s", plan.Message(err.Error()))
		return
	}
	if !sameAddresses(now.List, w.app.Addresses.List, out.Steps) {
		out.fail("the addresses of %s changed meanwhile, so %s was not released", w.run.App, addr.IP)
		return
	}
	record.State = plan.StepFailed
	if err := u.Client.ReleaseAddress(ctx, grant, w.run.App, addr.IP); err != nil {
		out.fail("%s was not released: %s", addr.IP, plan.Message(err.Error()))
		return
	}
	u.Record(journal.Entry{Event: journal.Step, Tool: Tool, App: w.run.App, Verb: string(gate.ReleaseAddress),
		Target: addr.IP.String()})
	if now, err = u.Client.Addresses(ctx, w.run.App); err != nil || has(now.List, addr) {
		out.fail("the release of %s was accepted, but could not be confirmed", addr.IP)
		return
	}
	record.State = plan.Done
	out.Verified = append(out.Verified, fmt.Sprintf("%s is no longer in the list of addresses", addr.IP))
}

// sameAddresses reports whether a list is that of the plan, but for what was released since.
func sameAddresses(now, planned []fly.Address, steps []plan.Record) bool {
	planned = slices.DeleteFunc(slices.Clone(planned), func(a fly.Address) bool {
		return slices.ContainsFunc(steps, func(r plan.Record) bool {
			return r.Do == gate.ReleaseAddress && r.State == plan.Done && r.Target == a.IP.String()
		})
	})
	return len(now) == len(planned) && !slices.ContainsFunc(planned, func(a fly.Address) bool { return !has(now, a) })
}

func has(list []fly.Address, addr fly.Address) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool { return a.IP == addr.IP })
}
