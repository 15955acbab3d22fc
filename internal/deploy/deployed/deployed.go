// Package deployed reads the configuration of an app as the platform has it,
// as a fly.toml.
package deployed

import (
	"context"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/render"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// Reader reads what an app was deployed with.
type Reader interface {
	Release(ctx context.Context, app string) (fly.Release, error)
	Machines(ctx context.Context, app string) ([]fly.Machine, error)
}

// Config is what an app was deployed with. It renders it as a fly.toml: with [render.Masked]
// no environment value is in the text.
type Config func(values render.Values) ([]byte, error)

// Read reads the definition that the app's current release stores; an app without one is
// read from its Machines. Comments at the top of the file say which, where the Machines
// differ from the release, what of them is not in the file, and which Machines did not
// count. They name keys and Machines, and no values. Where fly deploy made none of the
// Machines, those made in another way are read.
//
// Code precondition if there is neither a definition nor a Machine to read. Machines that
// cannot be read are an error only where there is no release.
func Read(ctx context.Context, client Reader, app string) (Config, error) {
	release, err := client.Release(ctx, app)
	switch {
	case err == nil:
		return fromRelease(ctx, client, app, release)
	case fly.Missing(err) != fly.ARelease:
		return nil, err
	}
	machines, err := client.Machines(ctx, app)
	if err != nil {
		return nil, err
	}
	return FromMachines(app, machines)
}

// FromMachines returns the configuration that the Machines of an app have. The error has code
// precondition if there is none that could be read.
func FromMachines(app string, machines []fly.Machine) (Config, error) {
	launched, leftOut := deployedMachines(machines)
	if len(launched) == 0 {
		launched, leftOut = adopted(machines)
	}
	if len(launched) == 0 {
		return nil, &plan.Problem{
			Code:    gate.Precondition,
			Message: fmt.Sprintf("%s has no release with a stored configuration and no Machine to read one from", app),
			Hint:    "give path or content of its fly.toml",
		}
	}
	groups, notes := typical(launched)
	notes = append(notes, leftOut...)
	return func(values render.Values) ([]byte, error) {
		return render.FromMachines(app, "", groups, values, notes...)
	}, nil
}

// fromRelease returns a definition with what the Machines make of it.
func fromRelease(ctx context.Context, client Reader, app string, release fly.Release) (Config, error) {
	file, err := flytoml.FromDefinition("fly.toml", release.Definition)
	if err != nil {
		return nil, err
	}
	var notes []render.Note
	machines, err := client.Machines(ctx, app)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, err
	case err != nil:
		notes = []render.Note{{Text: fmt.Sprintf("The Machines could not be read (%s): whether they still "+
			"have this configuration is not known.", fly.CodeOf(err))}}
	default:
		launched, leftOut := deployedMachines(machines)
		notes = append(differences(file, launched), leftOut...)
	}
	source := "the definition that its release stores"
	if release.Version > 0 {
		source = fmt.Sprintf("release %d", release.Version)
	}
	return func(values render.Values) ([]byte, error) {
		return render.Generated(app, source, render.TOML(file, values), notes...), nil
	}, nil
}
