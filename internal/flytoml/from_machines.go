package flytoml

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/machine"
)

// FromMachines writes the fly.toml that an app's Machines seem to come from,
// for apps without a stored definition: one configuration for each process
// group (the most common one, where a group's Machines differ). Services come
// back as [[services]]. An empty primaryRegion is taken from the Machines'
// PRIMARY_REGION.
//
// What a fly.toml cannot say, or not for one group alone, is left out and
// listed in comments at the top, without values: applying the file would
// change it.
func FromMachines(app, primaryRegion string, groups map[string]machine.Config, values Values) ([]byte, error) {
	if len(groups) == 0 {
		return nil, fmt.Errorf("app %s has no Machines to make a fly.toml from", quote(app))
	}
	b := &rebuild{
		def:    Definition{App: app, PrimaryRegion: primaryRegion},
		groups: slices.Sorted(maps.Keys(groups)),
		live:   map[string]liveConfig{},
	}
	for _, group := range b.groups {
		data, err := groups[group].MarshalJSON()
		if err != nil {
			return nil, err
		}
		var live liveConfig
		if err := json.Unmarshal(data, &live); err != nil {
			return nil, fmt.Errorf("machine configuration of group %s: %w", quote(group), err)
		}
		b.live[group] = live
	}
	b.processes()
	b.sharedSections()
	b.env()
	b.files()
	b.services()
	b.checks()
	b.groupSections()

	data, err := json.Marshal(b.def)
	if err != nil {
		return nil, err
	}
	body, err := RenderTOML(data, values)
	if err != nil {
		return nil, err
	}
	head := "# Made from the app's Machines, as there is no stored configuration.\n"
	for _, note := range b.notes {
		head += "# Not in this file: " + note + "\n"
	}
	return append([]byte(head+"\n"), body...), nil
}

// liveConfig is what of a Machine's configuration a fly.toml can hold.
type liveConfig struct {
	Init struct {
		Cmd        []string `json:"cmd"`
		Entrypoint []string `json:"entrypoint"`
		Exec       []string `json:"exec"`
		SwapSizeMB *int     `json:"swap_size_mb"`
	} `json:"init"`
	Env        map[string]string        `json:"env"`
	Services   []machine.Service        `json:"services"`
	Checks     map[string]machine.Check `json:"checks"`
	Mounts     []machine.Mount          `json:"mounts"`
	Statics    []Static                 `json:"statics"`
	Metrics    *MachineMetrics          `json:"metrics"`
	Files      []containerFile          `json:"files"`
	Guest      *MachineGuest            `json:"guest"`
	Restart    *machineRestart          `json:"restart"`
	StopConfig wireStop                 `json:"stop_config"`
	Containers []json.RawMessage        `json:"containers"`
}

// rebuild makes a definition of live configurations.
type rebuild struct {
	def    Definition
	groups []string
	live   map[string]liveConfig
	notes  []string
}

func (b *rebuild) note(format string, args ...any) {
	b.notes = append(b.notes, oneLine(fmt.Sprintf(format, args...)))
}

// shared are the groups whose values are alike, in the order of the groups.
func shared[T any](b *rebuild, pick func(liveConfig) T) [][]string {
	var sets [][]string
	index := map[string]int{}
	for _, group := range b.groups {
		form, err := json.Marshal(pick(b.live[group]))
		if err != nil {
			continue
		}
		i, seen := index[string(form)]
		if !seen {
			i = len(sets)
			index[string(form)] = i
			sets = append(sets, nil)
		}
		sets[i] = append(sets[i], group)
	}
	return sets
}

// common is the value that all groups share; where they differ it is the
// default group's, and a note says so.
func common[T any](b *rebuild, what string, pick func(liveConfig) T) T {
	if len(shared(b, pick)) > 1 {
		b.note("%s of every group but %s", what, quote(b.def.defaultGroup()))
	}
	return pick(b.live[b.def.defaultGroup()])
}

// of is the processes list of a section for some of the groups.
func (b *rebuild) of(groups []string) []string {
	if len(b.def.Processes) == 0 {
		return nil
	}
	return groups
}

// processes: a file needs them unless app is the only group and runs what its
// image says.
func (b *rebuild) processes() {
	if len(b.groups) == 1 && b.groups[0] == defaultGroup && len(b.live[defaultGroup].Init.Cmd) == 0 {
		return
	}
	b.def.Processes = map[string]string{}
	for _, group := range b.groups {
		b.def.Processes[group] = shellJoin(b.live[group].Init.Cmd)
	}
}

func (b *rebuild) sharedSections() {
	entrypoint := common(b, "init.entrypoint", func(c liveConfig) []string { return c.Init.Entrypoint })
	exec := common(b, "init.exec", func(c liveConfig) []string { return c.Init.Exec })
	if len(entrypoint)+len(exec) > 0 {
		b.def.Experimental = &Experimental{Entrypoint: entrypoint, Exec: exec}
	}
	b.def.SwapSizeMB = common(b, "swap_size_mb", func(c liveConfig) *int { return c.Init.SwapSizeMB })
	stop := common(b, "stop_config", func(c liveConfig) wireStop { return c.StopConfig })
	b.def.KillSignal, b.def.KillTimeout = stop.Signal, stop.Timeout
	b.def.Statics = common(b, "statics", func(c liveConfig) []Static { return c.Statics })
	for _, group := range b.groups {
		if len(b.live[group].Containers) > 0 {
			b.note("the containers of group %s", quote(group))
		}
	}
}

// env is every group's: a value that the groups do not share is the default
// group's.
func (b *rebuild) env() {
	standard := b.def.defaultGroup()
	env := map[string]string{}
	for _, group := range append([]string{standard}, b.groups...) {
		for _, key := range slices.Sorted(maps.Keys(b.live[group].Env)) {
			value := b.live[group].Env[key]
			if key == "FLY_PROCESS_GROUP" {
				continue
			}
			if key == "PRIMARY_REGION" {
				if b.def.PrimaryRegion == "" {
					b.def.PrimaryRegion = value
				}
				if b.def.PrimaryRegion != value {
					b.note("the PRIMARY_REGION that group %s has", quote(group))
				}
				continue
			}
			switch was, seen := env[key]; {
			case !seen:
				env[key] = value
			case was != value:
				b.note("the value that group %s has for %s in [env]", quote(group), quote(key))
			}
		}
	}
	for _, group := range b.groups {
		for _, key := range slices.Sorted(maps.Keys(env)) {
			if _, has := b.live[group].Env[key]; !has {
				b.note("that group %s lacks %s in [env]", quote(group), quote(key))
			}
		}
	}
	b.def.Env = env
}

func (b *rebuild) files() {
	for _, file := range common(b, "files", func(c liveConfig) []containerFile { return c.Files }) {
		out := GuestFile{GuestPath: file.GuestPath}
		if file.SecretName != nil {
			out.SecretName = *file.SecretName
		}
		if file.RawValue != nil {
			content, err := base64.StdEncoding.DecodeString(*file.RawValue)
			if err != nil || !utf8.Valid(content) {
				b.note("the file %s, which is not text", quote(file.GuestPath))
				continue
			}
			out.RawValue = string(content)
		}
		if file.Mode != 0 || file.ImageConfig != nil {
			b.note("the mode or image_config of the file %s", quote(file.GuestPath))
		}
		b.def.Files = append(b.def.Files, out)
	}
}

func (b *rebuild) services() {
	for _, groups := range shared(b, func(c liveConfig) []machine.Service { return c.Services }) {
		for _, live := range b.live[groups[0]].Services {
			if live.ForceInstanceKey != nil || live.ForceInstanceDescription != nil {
				b.note("force_instance_key of a service of group %s", quote(groups[0]))
			}
			service := Service{
				Protocol:           live.Protocol,
				InternalPort:       live.InternalPort,
				AutoStopMachines:   (*Autostop)(live.Autostop),
				AutoStartMachines:  live.Autostart,
				MinMachinesRunning: live.MinMachinesRunning,
				Ports:              live.Ports,
				Concurrency:        live.Concurrency,
				Processes:          b.of(groups),
			}
			for _, check := range live.Checks {
				b.serviceCheck(&service, check, groups[0])
			}
			b.def.Services = append(b.def.Services, service)
		}
	}
}

func (b *rebuild) serviceCheck(service *Service, live machine.Check, group string) {
	check, err := fromCheck(live)
	if err != nil || live.Port != nil || live.Type == nil || *live.Type == "tcp" && len(service.HTTPChecks) > 0 {
		b.note("all of a service check of group %s", quote(group))
		if err != nil {
			return
		}
	}
	switch {
	case live.Type != nil && *live.Type == "tcp":
		service.TCPChecks = append(service.TCPChecks, &ServiceTCPCheck{check.Interval, check.Timeout, check.GracePeriod})
	case live.Type != nil && *live.Type == "http":
		service.HTTPChecks = append(service.HTTPChecks, &ServiceHTTPCheck{
			Interval:          check.Interval,
			Timeout:           check.Timeout,
			GracePeriod:       check.GracePeriod,
			HTTPMethod:        check.HTTPMethod,
			HTTPPath:          check.HTTPPath,
			HTTPProtocol:      check.HTTPProtocol,
			HTTPTLSSkipVerify: check.HTTPTLSSkipVerify,
			HTTPTLSServerName: check.HTTPTLSServerName,
			HTTPHeaders:       check.HTTPHeaders,
		})
	}
}

// fromCheck reads a live check; of several values of a header the first stays.
func fromCheck(live machine.Check) (*ToplevelCheck, error) {
	data, err := json.Marshal(struct {
		machine.Check
		Headers map[string]string `json:"headers,omitempty"`
	}{live, headerMap(live.Headers)})
	if err != nil {
		return nil, err
	}
	var check ToplevelCheck
	err = json.Unmarshal(data, &check)
	return &check, err
}

func headerMap(headers []machine.Header) map[string]string {
	out := map[string]string{}
	for _, header := range headers {
		if len(header.Values) > 0 {
			out[header.Name] = header.Values[0]
		}
	}
	return out
}

// checks have one name each for all groups.
func (b *rebuild) checks() {
	b.def.Checks = map[string]*ToplevelCheck{}
	for _, groups := range shared(b, func(c liveConfig) map[string]machine.Check { return c.Checks }) {
		live := b.live[groups[0]].Checks
		for _, name := range slices.Sorted(maps.Keys(live)) {
			check, err := fromCheck(live[name])
			if _, taken := b.def.Checks[name]; taken || err != nil {
				b.note("the check %s of group %s", quote(name), quote(groups[0]))
				continue
			}
			if live[name].Kind != nil {
				b.note("the kind of the check %s", quote(name))
			}
			check.Processes = b.of(groups)
			b.def.Checks[name] = check
		}
	}
}

// groupSections are those that a section for each group can hold.
func (b *rebuild) groupSections() {
	for _, groups := range shared(b, func(c liveConfig) []machine.Mount { return c.Mounts }) {
		for _, mount := range b.live[groups[0]].Mounts {
			b.def.Mounts = append(b.def.Mounts, Mount{
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
	for _, groups := range shared(b, func(c liveConfig) *machineRestart { return c.Restart }) {
		if restart := b.live[groups[0]].Restart; restart != nil {
			policy := RestartPolicy(restart.Policy)
			if policy == "no" {
				policy = "never"
			}
			if _, err := policy.wire(); err != nil || restart.GPUBidPrice != 0 {
				b.note("the restart policy of group %s", quote(groups[0]))
				continue
			}
			b.def.Restart = append(b.def.Restart, Restart{policy, restart.MaxRetries, b.of(groups)})
		}
	}
	sizes := shared(b, func(c liveConfig) *MachineGuest { return c.Guest })
	for _, groups := range sizes {
		if guest := b.live[groups[0]].Guest; guest != nil {
			vm := fromGuest(*guest)
			if len(sizes) > 1 {
				vm.Processes = b.of(groups)
			}
			b.def.VM = append(b.def.VM, vm)
		}
	}
	for _, groups := range shared(b, func(c liveConfig) *MachineMetrics { return c.Metrics }) {
		if metrics := b.live[groups[0]].Metrics; metrics != nil {
			b.def.Metrics = append(b.def.Metrics, &Metrics{metrics, b.of(groups)})
		}
	}
}

// fromGuest names the size if it has a name, and gives the rest in fields.
func fromGuest(guest MachineGuest) *Compute {
	name := fmt.Sprintf("performance-%dx", guest.CPUs)
	if guest.CPUKind == "shared" {
		name = fmt.Sprintf("shared-cpu-%dx", guest.CPUs)
	}
	vm := &Compute{MachineGuest: &guest}
	if size, err := preset(name); err == nil && size.CPUKind == guest.CPUKind {
		vm.Size = name
		guest.CPUKind, guest.CPUs = "", 0
		switch mb := guest.MemoryMB; {
		case mb == size.MemoryMB:
		case mb%1024 == 0 && mb > 0:
			vm.Memory = strconv.Itoa(mb/1024) + "gb"
		case mb > 0:
			vm.Memory = strconv.Itoa(mb) + "mb"
		}
		guest.MemoryMB = 0
	}
	return vm
}

func gigabyteText(gb int) string {
	if gb == 0 {
		return ""
	}
	return strconv.Itoa(gb) + "GB"
}
