package render

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// files fills [[files]] with all files of all groups. Content that is not text is
// left out, because a fly.toml cannot express it.
func (b *rebuild) files() {
	seen := map[string]bool{}
	for _, group := range b.inOrder() {
		for _, live := range b.live[group].Files {
			if seen[live.GuestPath] {
				continue
			}
			file := flytoml.GuestFile{GuestPath: live.GuestPath}
			if live.SecretName != nil {
				file.SecretName = *live.SecretName
			}
			if live.RawValue != nil {
				content, err := base64.StdEncoding.DecodeString(*live.RawValue)
				if err != nil || !utf8.Valid(content) {
					continue
				}
				file.RawValue = string(content)
			}
			seen[live.GuestPath] = true
			b.def.Files = append(b.def.Files, file)
		}
	}
}

// mounts fills [[mounts]]. initial_size is the current size of the volume.
func (b *rebuild) mounts() {
	mounts := func(c liveConfig) ([]machine.Mount, bool) {
		var out []machine.Mount
		for _, mount := range c.Mounts {
			mount.Volume, mount.Encrypted = "", false // these belong to the volume
			if mount != (machine.Mount{}) {
				out = append(out, mount)
			}
		}
		return out, len(out) > 0
	}
	for _, groups := range groupsByValue(b, mounts) {
		all, _ := mounts(b.live[groups[0]])
		for _, mount := range all {
			b.def.Mounts = append(b.def.Mounts, flytoml.Mount{
				Source:                  mount.Name,
				Destination:             mount.Path,
				AutoExtendSizeThreshold: mount.ExtendThresholdPercent,
				AutoExtendSizeIncrement: gigabyteText(mount.AddSizeGB),
				AutoExtendSizeLimit:     gigabyteText(mount.SizeGBLimit),
				InitialSize:             gigabyteText(mount.SizeGB),
				Processes:               b.of(groups),
			})
		}
	}
}

func gigabyteText(gb int) string {
	if gb == 0 {
		return ""
	}
	return strconv.Itoa(gb) + "gb"
}

func (b *rebuild) restart() {
	restart := func(c liveConfig) (flytoml.Restart, bool) {
		if c.Restart == nil {
			return flytoml.Restart{}, false
		}
		policy := flytoml.RestartPolicy(c.Restart.Policy)
		if policy == "no" {
			policy = "never"
		}
		return flytoml.Restart{Policy: policy, MaxRetries: c.Restart.MaxRetries}, policy.IsKnown()
	}
	for _, groups := range groupsByValue(b, restart) {
		section, _ := restart(b.live[groups[0]])
		section.Processes = b.of(groups)
		b.def.Restart = append(b.def.Restart, section)
	}
}

func (b *rebuild) metrics() {
	metrics := func(c liveConfig) (*flytoml.MachineMetrics, bool) {
		return c.Metrics, c.Metrics != nil && *c.Metrics != flytoml.MachineMetrics{}
	}
	for _, groups := range groupsByValue(b, metrics) {
		b.def.Metrics = append(b.def.Metrics,
			&flytoml.Metrics{MachineMetrics: b.live[groups[0]].Metrics, Processes: b.of(groups)})
	}
}

// vm fills [[vm]]. A size that all groups have is written without processes.
func (b *rebuild) vm() {
	guest := func(c liveConfig) (*flytoml.MachineGuest, bool) {
		return c.Guest, c.Guest != nil && !reflect.DeepEqual(*c.Guest, flytoml.MachineGuest{})
	}
	for _, groups := range groupsByValue(b, guest) {
		vm := fromGuest(*b.live[groups[0]].Guest)
		if len(groups) < len(b.groups) {
			vm.Processes = b.of(groups)
		}
		b.def.VM = append(b.def.VM, vm)
	}
}

// fromGuest returns the section for a size: its name, if it has one, and the remaining fields.
func fromGuest(guest flytoml.MachineGuest) *flytoml.Compute {
	vm := &flytoml.Compute{MachineGuest: &guest}
	if name, size := sizeOf(guest); name != "" {
		vm.Size = name
		guest.CPUKind, guest.CPUs, guest.GPUs, guest.GPUKind = "", 0, 0, ""
		if guest.MemoryMB == size.MemoryMB {
			guest.MemoryMB = 0
		}
	}
	switch mb := guest.MemoryMB; {
	case mb <= 0:
		return vm
	case mb%1024 == 0:
		vm.Memory = strconv.Itoa(mb/1024) + "gb"
	default:
		vm.Memory = strconv.Itoa(mb) + "mb"
	}
	guest.MemoryMB = 0
	return vm
}

// sizeOf returns the named size with a guest's processors. The name is empty if there is none.
func sizeOf(guest flytoml.MachineGuest) (string, machine.Guest) {
	all := flytoml.MachineSizes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		size := all[name]
		if size.CPUKind == guest.CPUKind && size.CPUs == guest.CPUs && size.GPUs == guest.GPUs &&
			size.GPUKind == guest.GPUKind {
			return name, size
		}
	}
	return "", machine.Guest{}
}

// checks fills [checks]. Checks of all groups share one set of names; of checks
// with the same name, the default group's is kept. A check without a type or a
// port is left out, because flyctl could not convert the file.
func (b *rebuild) checks() {
	forms := map[string]string{}
	b.def.Checks = map[string]*flytoml.ToplevelCheck{}
	for _, group := range b.inOrder() {
		for name, live := range b.live[group].Checks {
			form := formOf(live)
			if check := b.def.Checks[name]; check != nil {
				if form == forms[name] {
					check.Processes = b.of(append(check.Processes, group))
				}
				continue
			}
			check, err := fromCheck(live)
			if err != nil || check.Port == nil {
				continue
			}
			if check.Type == nil || *check.Type != "http" && *check.Type != "tcp" {
				continue
			}
			check.Processes = b.of([]string{group})
			b.def.Checks[name], forms[name] = check, form
		}
	}
	for _, check := range b.def.Checks {
		slices.Sort(check.Processes)
	}
}

// fromCheck converts a live check. Of several values of a header, the first is kept.
func fromCheck(live machine.Check) (*flytoml.ToplevelCheck, error) {
	headers := map[string]string{}
	for _, header := range live.Headers {
		if len(header.Values) > 0 {
			headers[header.Name] = header.Values[0]
		}
	}
	data, err := json.Marshal(struct {
		machine.Check
		Headers map[string]string `json:"headers,omitempty"`
	}{live, headers})
	if err != nil {
		return nil, err
	}
	var check flytoml.ToplevelCheck
	err = json.Unmarshal(data, &check)
	return &check, err
}
