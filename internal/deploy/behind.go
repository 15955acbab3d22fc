package deploy

import (
	"context"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// Behind counts the Machines that a deploy of the file's services would update
// (lacking), and those that it would only test (untested), as after a deploy that
// was interrupted: its release is recorded before its Machines are updated.
func (a *Deployer) Behind(ctx context.Context, app string, file *flytoml.File, list []fly.Machine) (lacking, untested int, err error) {
	d := deployment{in: Input{App: app}, settings: settings{scope: ScopeServices, strategy: rollout.Rolling}, file: file}
	d.snapshot.Machines = list
	if d.past, err = a.pastDeploys(app); err != nil {
		return 0, 0, err
	}
	if err := d.compute(ctx, &disks{client: a.Client, app: app}); err != nil {
		return 0, 0, err
	}
	for _, c := range d.changes {
		if c.Same() {
			untested++
		} else {
			lacking++
		}
	}
	return lacking, untested, nil
}
