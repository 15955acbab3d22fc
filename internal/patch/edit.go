package patch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// request returns the edit that the call asks for, on top of Fly's blueprint for private apps.
func (e *Editor) request(ctx context.Context, in Input, f file) (edit.Request, error) {
	if in.Public {
		return edit.Request{ForceHTTPS: new(true), Groups: in.Groups}, nil
	}
	want := edit.Blueprint()
	want.Groups, want.PlainPorts = in.Groups, in.PlainPorts
	want.KeepOff, want.KeepMinimum = true, in.MinMachines == nil
	if in.MinMachines != nil {
		want.MinMachines = in.MinMachines
	}
	isChosen := in.Autostop != "" && in.Autostop != KeepAutostop
	if isChosen {
		want.KeepSuspend, want.KeepOff = false, false
		autostop, err := machine.ParseAutostop(in.Autostop)
		if err != nil {
			return edit.Request{}, plan.Invalid("%s", outside.Error(err, 600))
		}
		want.Autostop = &autostop
	}
	// A database or a log shipper sleeps only on purpose: by autostop, and by the name of
	// its group.
	want.Engines = isChosen && len(in.Groups) > 0
	if in.SoftLimit > 0 {
		want.SoftLimit, want.ConcurrencyType = &in.SoftLimit, "requests"
	}
	switch {
	case in.Create != "":
		port, err := e.createPort(ctx, in, f.app)
		if err != nil {
			return edit.Request{}, err
		}
		want.Create = &edit.Create{InternalPort: port, TCP: in.Create == plan.CreateTCP}
	case in.InternalPort != 0:
		return edit.Request{}, plan.Invalid("internal_port works only with create: the port of an existing " +
			"service is not changed")
	}
	want.Images = images(f.machines)
	return want, nil
}

// createPort returns the port of a new service: the one that the call names, else the one
// that the app's live services show.
func (e *Editor) createPort(ctx context.Context, in Input, app string) (int, error) {
	if in.InternalPort != 0 {
		return in.InternalPort, nil
	}
	if app != "" {
		s, err := rules.Read(ctx, e.Client, app)
		switch {
		case fly.Missing(err) == fly.AnApp && (in.Path != "" || in.Content != ""): // it may not exist yet
			return 0, &plan.Problem{
				Code: gate.NotFound, Message: fmt.Sprintf("create needs internal_port: no live service shows it, "+
					"because the app %s does not exist, or is not visible to this token", app),
				Hint: "ask the user which port the app listens on, and give internal_port",
			}
		case err != nil:
			return 0, err
		case s.InternalPort() != 0:
			return s.InternalPort(), nil
		}
	}
	p := plan.Invalid("create needs internal_port: no live service shows it, and it is never guessed")
	p.Hint = "ask the user which port the app listens on"
	return 0, p
}

// images returns the images that Machines run.
func images(machines []fly.Machine) (out []string) {
	for _, m := range machines {
		if image := m.Config.Image(); image != "" && !slices.Contains(out, image) {
			out = append(out, image)
		}
	}
	return out
}

// editProblem turns what is wrong with the file into a problem. A bug of ours stays an error.
func editProblem(in Input, err error) error {
	if errors.Is(err, edit.ErrUnintended) {
		return err
	}
	p := plan.Invalid("%s", outside.Error(err, 600))
	if unnamed := (*edit.UnnamedGroupsError)(nil); errors.As(err, &unnamed) {
		p.Hint = "the same call with process_groups; the user says which group the new service is for"
	}
	var refused *edit.NotHTTPError
	if errors.As(err, &refused) {
		arguments := &plan.Arguments{App: in.App, Path: in.Path, ProcessGroups: in.Groups,
			Create: plan.CreateTCP, InternalPort: refused.Port}
		p.Next = []plan.Next{{Who: "agent", Tool: Tool, Arguments: arguments,
			Why: "for a TCP service; if you sent content, send it again"}}
	}
	return p
}
