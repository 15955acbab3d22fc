package fly

import (
	"context"
	"net/http"
	"regexp"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// steering is a change of what a Machine does, not of what it is.
type steering struct {
	verb   gate.Verb
	action string // for the limiter
	method string
	path   string // below the Machine's
	body   any
}

// StartMachine implements [Client].
func (c *FlyGo) StartMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	return c.steer(ctx, grant, app, id, lease, steering{gate.StartMachine, "start", http.MethodPost, "/start", nil})
}

// StopMachine implements [Client]. Fly wants a JSON body, even an empty one.
func (c *FlyGo) StopMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	return c.steer(ctx, grant, app, id, lease, steering{gate.StopMachine, "stop", http.MethodPost, "/stop", struct{}{}})
}

// DestroyMachine implements [Client].
func (c *FlyGo) DestroyMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	return c.steer(ctx, grant, app, id, lease, steering{gate.DestroyMachine, "destroy", http.MethodDelete, "?kill=true", nil})
}

// CordonMachine implements [Client].
func (c *FlyGo) CordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	return c.steer(ctx, grant, app, id, lease, steering{gate.CordonMachine, "cordon", http.MethodPost, "/cordon", nil})
}

// UncordonMachine implements [Client].
func (c *FlyGo) UncordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error {
	return c.steer(ctx, grant, app, id, lease, steering{gate.UncordonMachine, "uncordon", http.MethodPost, "/uncordon", nil})
}

func (c *FlyGo) steer(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease, s steering) error {
	if err := grant.Spend(s.verb, app, id); err != nil {
		return err
	}
	if err := checkMachine(app, id); err != nil {
		return err
	}
	if lease != nil && !lease.of(app, id) {
		return &Error{Code: gate.Internal, Message: s.action + " of Machine " + id + " under another lease than its own; nothing was changed"}
	}
	op := c.writing(s.action, app, id)
	op.stateful = true
	if lease != nil {
		op.secrets = append(op.secrets, lease.nonce)
	}
	_, err := c.call(ctx, op, s.method, machinePath(app, id)+s.path, s.body, lease.header())
	return err
}

// MetadataTarget is how a grant names one entry of a Machine's metadata.
func MetadataTarget(id, key, value string) string { return id + "/" + key + "=" + value }

var metadataKey = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$`)

// SetMachineMetadata implements [Client]. flyctl, too, sends no nonce with it
// while it holds leases (its bluegreen deploy marks Machines that way).
func (c *FlyGo) SetMachineMetadata(ctx context.Context, grant *gate.Grant, app, id, key, value string) error {
	if err := grant.Spend(gate.SetMetadata, app, MetadataTarget(id, key, value)); err != nil {
		return err
	}
	if err := checkMachine(app, id); err != nil {
		return err
	}
	if !metadataKey.MatchString(key) {
		return &Error{Code: gate.InvalidInput, Message: quote(key) + " cannot be a key of metadata"}
	}
	op := c.writing("set_metadata", app, id)
	op.stateful = true
	body := struct {
		Value string `json:"value"`
	}{value}
	_, err := c.call(ctx, op, http.MethodPost, machinePath(app, id)+"/metadata/"+key, body, nil)
	return err
}
