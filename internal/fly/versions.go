package fly

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// MachineVersion is a configuration that a Machine has or had.
type MachineVersion struct {
	InstanceID string
	Config     machine.Config
	Unreadable bool // it came without a configuration, or with one that this program cannot read
}

// MachineVersions implements [Client].
func (c *FlyGo) MachineVersions(ctx context.Context, app, id string) ([]MachineVersion, error) {
	if err := checkMachine(app, id); err != nil {
		return nil, err
	}
	op := c.reading("versions", app, id, calm())
	answer, err := c.call(ctx, op, http.MethodGet, machinePath(app, id)+"/versions", nil, nil)
	if err != nil {
		return nil, err
	}
	versions, err := decodeVersions(answer)
	if err != nil {
		return nil, op.unreadable(err)
	}
	return versions, nil
}

func decodeVersions(body []byte) ([]MachineVersion, error) {
	var wire []struct {
		Version string          `json:"version"`
		Config  *machine.Config `json:"user_config"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, err
	}
	if wire == nil {
		return nil, errors.New("the list of versions is missing")
	}
	versions := make([]MachineVersion, 0, len(wire))
	for _, w := range wire {
		version := MachineVersion{InstanceID: told(w.Version, instanceID), Unreadable: w.Config == nil}
		if version.InstanceID == "" {
			return nil, errors.New("a version without an id")
		}
		if w.Config != nil {
			version.Config = *w.Config
			version.Unreadable = w.Config.Validate() != nil
		}
		versions = append(versions, version)
	}
	return versions, nil
}
