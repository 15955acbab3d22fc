package convert

import (
	"encoding/json"
	"errors"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// KeepVolumes gives a converted configuration the volume that the Machine has: a fly.toml
// has the name of a volume, only the Machine has its id. The mount keeps every field that
// is not fly.toml's to set (flyctl, machines_launchinput.go). Mounts that differ by name are
// left as they are, for the caller to refuse.
func KeepVolumes(existing, converted machine.Config) (machine.Config, error) {
	var have, want []map[string]json.RawMessage
	if err := errors.Join(decodeMounts(existing, &have), decodeMounts(converted, &want)); err != nil {
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

func decodeMounts(c machine.Config, into *[]map[string]json.RawMessage) error {
	raw := c.Raw("mounts")
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}
