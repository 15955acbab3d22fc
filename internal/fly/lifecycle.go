package fly

import (
	"context"
	"fmt"
	"net/http"
	"regexp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// The methods of a Machine's state spend the verb of their name with the Machine's
// id as target, and return before the Machine is in the new state: Wait for it. The
// lease may be nil if none is held. Code busy if somebody else holds the lease, or if
// the Machine is between two states (such as replacing), so that a later attempt may
// succeed. Code precondition if the state of the Machine does not allow the change.

// stateChange is one of them.
type stateChange struct {
	verb   gate.Verb
	action string // for the limiter
	method string
	path   string // below the Machine's
	body   any
}

// StartMachine starts a Machine; it is no error if it is started already.
func (c *Client) StartMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	change := stateChange{gate.StartMachine, "start", http.MethodPost, "/start", nil}
	return c.changeState(ctx, grant, app, id, lease, change)
}

// StopMachine stops a Machine with the signal and time-out of its stop_config, or
// Fly's defaults.
func (c *Client) StopMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	// Fly wants a JSON body, even an empty one.
	change := stateChange{gate.StopMachine, "stop", http.MethodPost, "/stop", struct{}{}}
	return c.changeState(ctx, grant, app, id, lease, change)
}

// DestroyMachine removes a Machine for good, running or not. Its volumes stay.
func (c *Client) DestroyMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	change := stateChange{gate.DestroyMachine, "destroy", http.MethodDelete, "?kill=true", nil}
	return c.changeState(ctx, grant, app, id, lease, change)
}

// CordonMachine takes a Machine out of Fly Proxy's routing.
func (c *Client) CordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	change := stateChange{gate.CordonMachine, "cordon", http.MethodPost, "/cordon", nil}
	return c.changeState(ctx, grant, app, id, lease, change)
}

// UncordonMachine puts a Machine back into Fly Proxy's routing.
func (c *Client) UncordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	change := stateChange{gate.UncordonMachine, "uncordon", http.MethodPost, "/uncordon", nil}
	return c.changeState(ctx, grant, app, id, lease, change)
}

func (c *Client) changeState(
	ctx context.Context, grant *gate.Grant, app, id string, lease *Lease, change stateChange,
) error {
	if err := grant.Spend(change.verb, app, id); err != nil {
		return err
	}
	if lease != nil && !lease.isOf(app, id) {
		return fmt.Errorf("%s of Machine %s with the lease of another Machine; nothing was changed", change.action, id)
	}
	op := c.writing(change.action).onMachine(app, id)
	op.stateful = true
	if lease != nil {
		op.secrets = append(op.secrets, lease.nonce)
	}
	_, err := c.call(ctx, op, change.method, machinePath(app, id)+change.path, change.body, lease.header())
	return err
}

// MetadataTarget returns how a grant names one entry of a Machine's metadata.
func MetadataTarget(id, key, value string) string { return id + "/" + key + "=" + value }

var metadataKey = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

// SetMachineMetadata sets one entry of a Machine's metadata, without a new version
// and without a restart. It spends set_metadata with target [MetadataTarget]. It
// needs no lease: flyctl sends none either while it holds leases (its bluegreen
// deploy marks Machines that way).
func (c *Client) SetMachineMetadata(ctx context.Context, grant *gate.Grant, app, id, key, value string) error {
	if err := grant.Spend(gate.SetMetadata, app, MetadataTarget(id, key, value)); err != nil {
		return err
	}
	if !metadataKey.MatchString(key) {
		return plan.Invalid("%s is not a valid metadata key", quote(key))
	}
	op := c.writing("set_metadata").onMachine(app, id)
	op.stateful = true
	body := struct {
		Value string `json:"value"`
	}{value}
	_, err := c.call(ctx, op, http.MethodPost, machinePath(app, id)+"/metadata/"+key, body, nil)
	return err
}
