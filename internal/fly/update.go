package fly

import (
	"context"
	"fmt"
	"net/http"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Update is a new configuration for one Machine.
type Update struct {
	ID              string
	Config          machine.Config
	CurrentInstance string // the instance id the configuration was made from
	Lease           *Lease
	SkipLaunch      bool // leave the Machine stopped
	PutBack         bool // it restores the earlier configuration after a failure
}

// Verb returns the verb of the step that this update spends.
func (u Update) Verb() gate.Verb {
	if u.PutBack {
		return gate.PutBackMachine
	}
	return gate.UpdateMachine
}

// Target returns how a grant names the update: the id of the Machine with a hash of its
// new configuration.
func (u Update) Target() string { return UpdateTarget(u.ID, u.Config) }

// UpdateTarget returns [Update.Target] before there is an Update. Four entries of the
// metadata do not count, as they change nothing in what a Machine does:
// fly_release_id and fly_release_version, which are unknown until the release is
// recorded; fly_flyctl_version, the client that deployed last; and
// fly_bluegreen_deployment_tag, the time when a set of Machines was created.
func UpdateTarget(id string, config machine.Config) string { return id + "@" + targetHash(config) }

// targetHash returns the first half of a configuration's hash, without the metadata that
// does not count.
func targetHash(config machine.Config) string {
	unlabelled, err := config.WithoutFields("metadata", machine.MetadataReleaseID, machine.MetadataReleaseVersion,
		machine.MetadataFlyctlVersion, machine.MetadataBlueGreenTag)
	if err == nil {
		config = unlabelled
	}
	return config.Hash()[:32]
}

// hide keeps the environment values of a configuration out of error messages.
func (op *operation) hide(config machine.Config) {
	if env, err := config.Env(); err == nil {
		for _, value := range env {
			op.secrets = append(op.secrets, value)
		}
	}
}

// UpdateMachine replaces a Machine's configuration. It spends update_machine, or
// put_back_machine, with target [Update.Target]. Code stale if the Machine is no
// longer at the expected instance, busy if the lease is not ours. Code internal, and
// nothing is sent, if the lease is of another Machine or CurrentInstance is empty.
func (c *Client) UpdateMachine(ctx context.Context, grant *gate.Grant, app string, update Update) (Machine, error) {
	if err := grant.Spend(update.Verb(), app, update.Target()); err != nil {
		return Machine{}, err
	}
	if !update.Lease.isOf(app, update.ID) {
		return Machine{}, fmt.Errorf("update of Machine %s without its lease; nothing was changed", update.ID)
	}
	if update.CurrentInstance == "" {
		return Machine{}, fmt.Errorf("update of Machine %s without its current instance; nothing was changed", update.ID)
	}
	op := c.writing("update").onMachine(app, update.ID)
	op.secrets = append(op.secrets, update.Lease.nonce)
	op.hide(update.Config)
	body := struct {
		Config         machine.Config `json:"config"`
		CurrentVersion string         `json:"current_version"`
		SkipLaunch     bool           `json:"skip_launch,omitempty"`
	}{update.Config, update.CurrentInstance, update.SkipLaunch}
	answer, err := c.call(ctx, op, http.MethodPost, machinePath(app, update.ID), body, update.Lease.header())
	return decode(op, answer, err, machineWithID(update.ID))
}
