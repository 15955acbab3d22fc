package tools

import (
	"context"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/rollout"
)

// behind says how the Machines are not as the deployed configuration has it, as
// after a deploy that was cut short: its release is recorded before its Machines
// are updated. Empty if deploying its services again would do nothing, or if this
// token may not read Machines.
func (a *adapter) behind(ctx context.Context, app string, file *flytoml.File) (string, error) {
	list, err := a.Fly.Machines(ctx, app)
	switch {
	case fly.CodeOf(err) == gate.Unauthorized:
		return "", nil
	case err != nil:
		return "", err
	}
	d := deployment{in: deployInput{App: app}, settings: settings{scope: scopeServices, strategy: rollout.Rolling}, file: file}
	d.snapshot.Machines = list
	if d.past, err = a.pastDeploys(app); err != nil {
		return "", err
	}
	if err := d.compute(ctx, &disks{client: a.Fly, app: app}); err != nil {
		return "", err
	}
	lack, unproved := 0, 0
	for _, c := range d.changes {
		if c.Same() {
			unproved++
		} else {
			lack++
		}
	}
	const lacks, unseen = "%d of %s do not have its services", "%d of %s were not proved with it, as a deploy was cut short"
	switch {
	case lack > 0:
		return fmt.Sprintf(lacks, lack, machines(len(list))), nil
	case unproved > 0:
		return fmt.Sprintf(unseen, unproved, machines(len(list))), nil
	}
	return "", nil
}
