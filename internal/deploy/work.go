package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/convert"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// possible finds what makes the strategy impossible for these Machines or this app.
func (d *Deployer) possible(ctx context.Context, w rollout.Work) (found plan.Findings, err error) {
	if w.Empty() {
		return found, nil
	}
	if err = w.Check(); err == nil {
		err = w.Allowed(ctx, d.Client)
	}
	var refused *plan.Problem
	if errors.As(err, &refused) && refused.Code == gate.Precondition {
		found.Block(plan.Blocker{
			ID: target.StrategyNotPossible, What: refused.Message,
			Fix: "use another strategy, such as rolling; that does not change the file",
		})
		return found, nil
	}
	return found, err
}

// newRelease returns the release that the deploy records: the file as flyctl stores it, and the
// image. fly config save gives this file back, and a fly deploy without one uses it. It is
// nil if nothing new is released.
//
// With scope services only a part of the file is deployed. Then it is the last release with
// that part of the file in it; nil, with a remark, where that would not be the truth either.
func newRelease(ctx context.Context, source target.Source, w rollout.Work, machines []fly.Machine,
	lastRelease func() (fly.Release, error)) (release *fly.NewRelease, found plan.Findings, err error) {
	if len(w.Creates) == 0 && !slices.ContainsFunc(w.Updates, func(c rollout.Change) bool { return !c.Same() }) {
		return nil, found, nil
	}
	stored := *source.Definition
	stored.App = source.App
	definition, err := json.Marshal(stored)
	if err != nil {
		return nil, found, err
	}
	if source.ServicesOnly {
		last, err := lastRelease()
		switch {
		case ctx.Err() != nil:
			return nil, found, ctx.Err()
		case fly.Missing(err) == fly.ARelease:
			found.Remark("no version was recorded: the app has no release to add the services to")
			return nil, found, nil
		case err != nil:
			return nil, found, err
		}
		if definition, err = withServices(last.Definition, definition, w.Updates); err != nil {
			found.Remark("no version was recorded: the services of the file do not fit into the last release (%s)",
				outside.Error(err, 200))
			return nil, found, nil
		}
	}
	image := target.AppImage(source, machines)
	return &fly.NewRelease{Definition: definition, Image: image, Strategy: string(w.Strategy)}, found, nil
}

// serviceSections returns what of a definition becomes services and checks.
func serviceSections() []string { return []string{"http_service", "services", "checks"} }

// withServices puts the services and checks of one definition into another. It fails if the
// result would not give the Machines the services that the updates give them.
func withServices(last, definition json.RawMessage, updates []rollout.Change) (json.RawMessage, error) {
	var into, from map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(last, &into), json.Unmarshal(definition, &from)); err != nil {
		return nil, err
	}
	for key := range into {
		if slices.ContainsFunc(serviceSections(), func(section string) bool { return strings.EqualFold(section, key) }) {
			delete(into, key)
		}
	}
	for _, key := range serviceSections() {
		if value, ok := from[key]; ok {
			into[key] = value
		}
	}
	merged, err := json.Marshal(into)
	if err != nil {
		return nil, err
	}
	file, err := flytoml.FromDefinition("release", merged)
	if err == nil {
		err = file.Validate()
	}
	if err != nil {
		return nil, err
	}
	for _, c := range updates {
		made, err := convert.Apply(file, c.Group, c.Before.Config)
		if err != nil {
			return nil, err
		}
		if keys := machine.DiffKeys(made, c.After); slices.Contains(keys, "services") || slices.Contains(keys, "checks") {
			return nil, fmt.Errorf("group %q would have other services", c.Group)
		}
	}
	return merged, nil
}
