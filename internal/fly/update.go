package fly

import (
	"context"
	"encoding/json"
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
	PutBack         bool // the earlier configuration, after a failure
}

// Verb is the step this update spends.
func (u Update) Verb() gate.Verb {
	if u.PutBack {
		return gate.PutBackMachine
	}
	return gate.UpdateMachine
}

// Target is how a grant names the update: the Machine with a hash of the
// configuration that it will get.
func (u Update) Target() string { return UpdateTarget(u.ID, u.Config) }

// UpdateTarget is [Update.Target] before there is an Update. Four entries of the
// metadata do not count: fly_release_id and fly_release_version, labels that
// decide nothing, and that nobody knows before the release is made;
// fly_flyctl_version, which says who deployed last; and
// fly_bluegreen_deployment_tag, which says when a set of Machines was made.
func UpdateTarget(id string, config machine.Config) string { return id + "@" + targetHash(config) }

// targetHash is the first half of a configuration's hash, without labels that
// decide nothing.
func targetHash(config machine.Config) string {
	var metadata map[string]json.RawMessage
	if raw := config.Raw("metadata"); raw != nil && json.Unmarshal(raw, &metadata) == nil {
		delete(metadata, machine.MetadataReleaseID)
		delete(metadata, machine.MetadataReleaseVersion)
		delete(metadata, machine.MetadataFlyctlVersion)
		delete(metadata, machine.MetadataBlueGreenTag)
		if unlabelled, err := config.With("metadata", metadata); err == nil {
			config = unlabelled
		}
	}
	return config.Hash()[:32]
}

// hide keeps the environment values of a configuration out of errors.
func (op *operation) hide(config machine.Config) {
	if env, err := config.Env(); err == nil {
		for _, value := range env {
			op.secrets = append(op.secrets, value)
		}
	}
}

// UpdateMachine implements [Client]. The lease must be of this Machine, and
// CurrentInstance must be known: otherwise the code is internal and nothing is
// sent.
func (c *FlyGo) UpdateMachine(ctx context.Context, grant *gate.Grant, app string, update Update) (Machine, error) {
	if err := grant.Spend(update.Verb(), app, update.Target()); err != nil {
		return Machine{}, err
	}
	if err := checkMachine(app, update.ID); err != nil {
		return Machine{}, err
	}
	if !update.Lease.of(app, update.ID) {
		return Machine{}, &Error{Code: gate.Internal, Message: "update of Machine " + update.ID + " without its lease; nothing was changed"}
	}
	if update.CurrentInstance == "" {
		return Machine{}, &Error{Code: gate.Internal, Message: "update of Machine " + update.ID + " without its current instance; nothing was changed"}
	}
	op := c.writing("update", app, update.ID)
	op.secrets = append(op.secrets, update.Lease.nonce)
	op.hide(update.Config)
	body := struct {
		Config         machine.Config `json:"config"`
		CurrentVersion string         `json:"current_version"`
		SkipLaunch     bool           `json:"skip_launch,omitempty"`
	}{update.Config, update.CurrentInstance, update.SkipLaunch}
	answer, err := c.call(ctx, op, http.MethodPost, machinePath(app, update.ID), body, update.Lease.header())
	if err != nil {
		return Machine{}, err
	}
	m, err := decodeMachine(answer, update.ID)
	if err != nil {
		return Machine{}, op.unreadable(err)
	}
	return m, nil
}
