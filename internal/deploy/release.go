package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// releaseOf is the release that the deploy records: the file as flyctl stores
// it, and the image. `fly config save` gives this file back, and a `fly deploy`
// without one uses it.
//
// With scope services only a part of the file is deployed. Then it is the last
// release with that part of the file in it; nil, with a remark, where that would
// not be the truth either.
func (a *Deployer) releaseOf(ctx context.Context, d *deployment) (*fly.NewRelease, error) {
	d.definition.App = d.in.App
	definition, err := json.Marshal(d.definition)
	if err != nil {
		return nil, err
	}
	if d.settings.scope == ScopeServices {
		last, err := a.Client.Release(ctx, d.in.App)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case fly.Missing(err) == fly.ARelease:
			d.remark("no version was recorded: the app has no release to add the services to")
			return nil, nil
		case err != nil:
			return nil, err
		}
		if definition, err = d.withServices(last.Definition, definition); err != nil {
			d.remark("no version was recorded: the services of the file do not fit into the last release (%s)", outside.Error(err, 200))
			return nil, nil
		}
	}
	return &fly.NewRelease{Definition: definition, Image: d.image(), Strategy: string(d.settings.strategy)}, nil
}

// serviceSections are what of a definition becomes services and checks.
func serviceSections() []string { return []string{"http_service", "services", "checks"} }

// withServices puts the services and checks of one definition into another. It
// fails if what comes of it would not give the Machines the services that they
// get.
func (d *deployment) withServices(last, definition json.RawMessage) (json.RawMessage, error) {
	var into, from map[string]json.RawMessage
	if err := json.Unmarshal(last, &into); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(definition, &from); err != nil {
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
	for _, c := range d.changes {
		made, err := drift.Apply(file, c.Group, c.Before.Config)
		if err != nil {
			return nil, err
		}
		if differ := machine.DiffKeys(made, c.After); slices.Contains(differ, "services") || slices.Contains(differ, "checks") {
			return nil, fmt.Errorf("group %q would have other services", c.Group)
		}
	}
	return merged, nil
}

// releaseNote tells what was recorded, empty if nothing was to be.
func releaseNote(r *rollout.ReleaseOutcome) string {
	switch {
	case r == nil:
		return ""
	case r.Release.Version == 0 && r.Release.ID == "":
		return "no version could be recorded"
	case r.Err != nil:
		return fmt.Sprintf("version %d was recorded but could not be closed: fly releases may show it as %s", r.Release.Version, r.Status)
	}
	return fmt.Sprintf("version %d, %s", r.Release.Version, r.Status)
}
