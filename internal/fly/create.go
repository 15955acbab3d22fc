package fly

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// NewMachine is a Machine to create.
type NewMachine struct {
	Config                  machine.Config
	Region                  string
	Name                    string        // empty: Fly chooses one
	SkipLaunch              bool          // do not start it
	SkipServiceRegistration bool          // keep it out of Fly Proxy's routing until UncordonMachine
	LeaseTTL                time.Duration // take its lease for this long; 0: take none
}

// Target returns how a grant names the Machine: its region with a hash of its
// configuration. The metadata that [UpdateTarget] leaves out does not count, and
// neither do the ids of volumes: a volume that the same plan creates has no id yet,
// and Fly mounts no volume that another Machine uses. Of the Machines that this one
// is a standby for, only the number counts, because they may be new too.
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
	return m.Region + "@" + targetHash(withoutStandbyIDs(config))
}

// withoutStandbyIDs returns a configuration with the number of the Machines that it is a
// standby for in place of their ids.
func withoutStandbyIDs(config machine.Config) machine.Config {
	var list []string
	if raw := config.Raw("standbys"); raw == nil || json.Unmarshal(raw, &list) != nil || len(list) == 0 {
		return config
	}
	counted, err := config.With("standbys", len(list))
	if err != nil {
		return config
	}
	if anonymous, err := counted.WithoutFields("env", machine.EnvStandbyFor); err == nil {
		return anonymous
	}
	return counted
}

var region = regexp.MustCompile(`^[a-z]{2,8}$`)

func checkRegion(s string) error {
	if !region.MatchString(s) {
		return plan.Invalid("%s is not the code of a region such as iad", quote(s))
	}
	return nil
}

// CreateMachine creates a Machine. It spends create_machine with target
// [NewMachine.Target]. The lease is of the new Machine, or nil if LeaseTTL asked for
// none or Fly gave none. Fly does not deduplicate: after an *Ambiguous, list the
// Machines and recognize yours by its metadata.
//
// The body is flyctl's (LaunchMachineInput), with the configuration unchanged.
func (c *Client) CreateMachine(
	ctx context.Context, grant *gate.Grant, app string, machine NewMachine,
) (Machine, *Lease, error) {
	if err := grant.Spend(gate.CreateMachine, app, machine.Target()); err != nil {
		return Machine{}, nil, err
	}
	if err := checkRegion(machine.Region); err != nil {
		return Machine{}, nil, err
	}
	op := c.writing("create").onApp(app)
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
	created, err := decode(op, answer, err, decodeCreated)
	if err != nil || created.nonce == "" {
		return created.machine, nil, err
	}
	return created.machine, c.lease(app, created.machine.ID, "", created.nonce), nil
}

// createdMachine is a new Machine, with the nonce of its lease if it came with one.
type createdMachine struct {
	machine Machine
	nonce   string
}

func decodeCreated(body []byte) (createdMachine, error) {
	var wire struct {
		wireMachine
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return createdMachine{}, err
	}
	m, err := wire.machine()
	return createdMachine{m, wire.Nonce}, err
}
