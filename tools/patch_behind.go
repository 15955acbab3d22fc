package tools

import (
	"context"
	"fmt"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/rollout"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// behind says how the Machines are not as the deployed configuration has it, as
// after a deploy that was cut short: its release is recorded before its Machines
// are updated. Machines that fly deploy did not make count if they have blockers.
// Empty if deploying its services again would do nothing.
func (a *toolset) behind(ctx context.Context, app string, file *flytoml.File, list []fly.Machine) (why string, err error) {
	d := deployment{in: deployInput{App: app}, settings: settings{scope: scopeServices, strategy: rollout.Rolling}, file: file}
	d.snapshot.Machines = list
	if d.past, err = a.pastDeploys(app); err != nil {
		return "", err
	}
	if err := d.compute(ctx, &disks{client: a.fly, app: app}); err != nil {
		return "", err
	}
	lack, unproved := len(inNeed(list)), 0
	for _, c := range d.changes {
		if c.Same() {
			unproved++
		} else {
			lack++
		}
	}
	const lacks, unseen = "%d of %s do not have its services", "%d of %s were not tested with it, because a deploy was interrupted"
	switch {
	case lack > 0:
		return fmt.Sprintf(lacks, lack, machines(len(list))), nil
	case unproved > 0:
		return fmt.Sprintf(unseen, unproved, machines(len(list))), nil
	}
	return "", nil
}
