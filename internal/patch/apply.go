package patch

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/source"
)

// Apply writes the file, or keeps the draft for the caller.
func (e *Editor) Apply(w Work, grant *gate.Grant, caller string) (Result, error) {
	out := w.result
	verb := gate.MakeDraft
	if w.path != "" {
		verb = gate.WriteFile
	}
	if err := grant.Spend(verb, w.app, w.target); err != nil {
		return Result{}, err
	}
	out.App, out.Status = w.app, plan.Applied
	switch {
	case w.path != "":
		if err := e.write(w, &out); err != nil || out.Status == plan.Failed {
			return out, err
		}
	case w.behind != "":
		out.Summary = fmt.Sprintf("The deployed configuration needs no edit, but %s. It is a draft now, for "+
			"deploy. Nothing on Fly was changed.", w.behind)
	default:
		out.Summary = "The edited configuration is a draft. Nothing on Fly was changed."
	}
	out.Steps = []plan.Record{{Do: verb, Target: w.path, State: plan.Done, Undo: plan.UndoYes}}
	switch {
	case w.refused:
		out.Summary += " flyctl refuses the file in its current state, and so does deploy: see the remarks."
		out.Next = []plan.Next{{Who: "person", Why: "correct what the remarks name, then deploy"}}
	case w.app == "":
		out.Next = []plan.Next{{Who: "person", Why: "which app is the file for? it names none; deploy needs " +
			"app, with the content or the path"}}
	default:
		out.Draft = e.Drafts.Put(source.Draft{Caller: caller, App: w.app, Path: w.path, Name: w.name,
			Base: w.before, Data: w.after})
		out.Next = []plan.Next{{
			Who: "agent", Tool: "deploy", Arguments: &plan.Arguments{App: w.app, Draft: out.Draft, Adopt: w.adopt},
			Why: "applies the edited services to the live Machines; asks a person",
		}}
	}
	return out, nil
}

// write replaces the person's file and reads it back.
func (e *Editor) write(w Work, out *Result) error {
	err := e.Roots.Replace(w.path, w.before, w.after)
	if errors.Is(err, roots.ErrReadOnly) {
		p := plan.Invalid("%s is read-only and was not changed", plan.Quote(w.path))
		p.Hint = "ask the user; `chmod u+w` makes the file writable, or send content instead of path to edit a copy"
		return p
	}
	if err != nil {
		return err
	}
	if back, err := e.Roots.Read(w.path); err != nil || !bytes.Equal(back.Data, w.after) {
		out.Status, out.Code, out.Retry = plan.Failed, gate.VerifyFailed, gate.RetryAfterFix
		out.Summary = fmt.Sprintf("%s was written, but its content is different now. Nothing on Fly was changed.", w.path)
		return nil
	}
	out.Summary = fmt.Sprintf("%s was edited. Nothing on Fly was changed: deploy does that.", w.path)
	out.Verified = []string{"the file was read back and has the bytes of the diff"}
	out.Undo = []string{"the diff, applied in reverse"}
	return nil
}
