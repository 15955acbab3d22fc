package rollout

import (
	"encoding/json"
	"errors"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// KeepVolumes gives a converted configuration the volume that the Machine has:
// a fly.toml names a volume, only the Machine knows which one it is. The mount
// keeps every field that is not fly.toml's to set (flyctl, machines_launchinput.go).
// Mounts that differ by name are left as they are, for the caller to refuse.
func KeepVolumes(existing, converted machine.Config) (machine.Config, error) {
	var have, want []map[string]json.RawMessage
	if err := errors.Join(mounts(existing, &have), mounts(converted, &want)); err != nil {
		return machine.Config{}, err
	}
	if len(have) == 0 || len(want) == 0 {
		return converted, nil
	}
	name := func(m map[string]json.RawMessage) string { return string(m["name"]) }
	if n := name(have[0]); n != "" && n != name(want[0]) {
		return converted, nil
	}
	for key, value := range have[0] {
		if _, set := want[0][key]; !set && !machine.MountFromFile(key) {
			want[0][key] = value
		}
	}
	return converted.With("mounts", want)
}

func mounts(c machine.Config, into *[]map[string]json.RawMessage) error {
	raw := c.Raw("mounts")
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
