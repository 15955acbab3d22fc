package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// NewMachine is a Machine to create.
type NewMachine struct {
	Config                  machine.Config
	Region                  string
	Name                    string        // empty: Fly makes one up
	SkipLaunch              bool          // create it, and do not start it
	SkipServiceRegistration bool          // keep it out of Fly Proxy's routing until UncordonMachine
	LeaseTTL                time.Duration // with its lease taken for so long; 0: without
}

// Target is how a grant names the Machine: its region with a hash of the
// configuration that it will get. As in [UpdateTarget] the labels of the release
// do not count, and neither do the ids of volumes: a volume that is created on
// the way has none yet, and Fly mounts no volume that another Machine has. Of the
// Machines that it stands by for, their number counts: they may be new as well.
func (m NewMachine) Target() string {
	config := m.Config
	var mounts []map[string]json.RawMessage
	if raw := config.Raw("mounts"); raw != nil && json.Unmarshal(raw, &mounts) == nil {
		for _, mount := range mounts {
			delete(mount, "volume")
		}
		if unbound, err := config.With("mounts", mounts); err == nil {
			config = unbound
		}
	}
	return m.Region + "@" + targetHash(anyStandbys(config))
}

// anyStandbys is a configuration without the ids of the Machines that it stands
// by for.
func anyStandbys(config machine.Config) machine.Config {
	var env map[string]json.RawMessage
	var list []string
	if raw := config.Raw("standbys"); raw == nil || json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return config
	}
	counted, err := config.With("standbys", len(list))
	if err != nil {
		return config
	}
	if raw := config.Raw("env"); raw == nil || json.Unmarshal(raw, &env) != nil {
		return counted
	}
	delete(env, machine.EnvStandbyFor)
	if anonymous, err := counted.With("env", env); err == nil {
		return anonymous
	}
	return counted
}

var region = regexp.MustCompile(`^[a-z]{2,8}$`)

func checkRegion(s string) error {
	if !region.MatchString(s) {
		return &Error{Code: gate.InvalidInput, Message: quote(s) + " is not the code of a region, such as iad"}
	}
	return nil
}

// CreateMachine implements [Client]. The body is flyctl's (LaunchMachineInput),
// with the configuration as it is.
func (c *FlyGo) CreateMachine(ctx context.Context, grant *gate.Grant, app string, machine NewMachine) (Machine, *Lease, error) {
	if err := grant.Spend(gate.CreateMachine, app, machine.Target()); err != nil {
		return Machine{}, nil, err
	}
	if err := errors.Join(checkApp(app), checkRegion(machine.Region)); err != nil {
		return Machine{}, nil, err
	}
	op := c.writing("create", app, "")
	op.stateful = true
	op.hide(machine.Config)
	body := struct {
		Config                  json.Marshaler `json:"config"`
		Region                  string         `json:"region"`
		Name                    string         `json:"name,omitempty"`
		SkipLaunch              bool           `json:"skip_launch,omitempty"`
		SkipServiceRegistration bool           `json:"skip_service_registration,omitempty"`
		SkipSecrets             bool           `json:"skip_secrets"`
		LeaseTTL                int            `json:"lease_ttl,omitempty"`
	}{Config: machine.Config, Region: machine.Region, Name: machine.Name,
		SkipLaunch: machine.SkipLaunch, SkipServiceRegistration: machine.SkipServiceRegistration}
	if machine.LeaseTTL > 0 {
		body.LeaseTTL = leaseSeconds(machine.LeaseTTL)
	}
	answer, err := c.call(ctx, op, http.MethodPost, "/apps/"+app+"/machines", body, nil)
	if err != nil {
		return Machine{}, nil, err
	}
	created, nonce, err := decodeCreated(answer)
	if err != nil {
		return Machine{}, nil, op.unreadable(err)
	}
	if nonce == "" {
		return created, nil, nil
	}
	return created, c.lease(app, created.ID, "", nonce), nil
}

// decodeCreated reads a Machine just created, and the nonce of its lease if it
// came with one.
func decodeCreated(body []byte) (Machine, string, error) {
	var wire struct {
		wireMachine
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Machine{}, "", err
	}
	m, err := wire.machine()
	return m, wire.Nonce, err
}
