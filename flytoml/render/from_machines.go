package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// FromMachines writes the fly.toml that an app's Machines were probably deployed
// from, for apps without a stored definition. groups has one configuration for
// each process group. If primaryRegion is empty, it is taken from the Machines'
// PRIMARY_REGION.
//
// The file is written in the style of Fly's own tools: a service that
// [http_service] can express is written as [http_service], a section that several
// groups share is written once, and a Machine's size is given by name. Variables
// and files of one group apply to every group; where groups contradict each
// other, the default group wins. The comment at the top contains the notes. Then
// it lists, without values, what Machines do not have in their configuration,
// what deploying the file would change on them, and what a deploy keeps. If there
// are very many variables, it gives only their number.
func FromMachines(app, primaryRegion string, groups map[string]machine.Config, values Values,
	notes ...Note) ([]byte, error) {
	if len(groups) == 0 {
		return nil, fmt.Errorf("app %s has no Machines to make a fly.toml from", excerpt.Quote(app))
	}
	b := &rebuild{
		def:    flytoml.Definition{App: app, PrimaryRegion: primaryRegion},
		groups: slices.Sorted(maps.Keys(groups)),
		live:   make(map[string]liveConfig, len(groups)),
	}
	for _, group := range b.groups {
		data, err := groups[group].MarshalJSON()
		if err != nil {
			return nil, err
		}
		var live liveConfig
		if err := json.Unmarshal(data, &live); err != nil {
			return nil, fmt.Errorf("machine configuration of group %s: %w", excerpt.Quote(group), err)
		}
		b.live[group] = live
	}
	b.processes()
	b.wholeApp()
	b.env()
	b.files()
	b.mounts()
	b.services()
	b.checks()
	b.restart()
	b.vm()
	b.metrics()

	data, err := json.Marshal(b.def)
	if err != nil {
		return nil, err
	}
	file, err := flytoml.FromDefinition("fly.toml", data)
	if err != nil {
		return nil, err
	}
	lost, err := losses(flytoml.FileOf(&b.def), groups)
	if err != nil {
		return nil, err
	}
	notes = append(slices.Clip(notes), lost...)
	return Generated(app, "its Machines", TOML(file, values), notes...), nil
}

// liveConfig is the part of a Machine's configuration that a fly.toml can express.
type liveConfig struct {
	Init struct {
		Cmd        []string `json:"cmd"`
		Entrypoint []string `json:"entrypoint"`
		Exec       []string `json:"exec"`
		SwapSizeMB *int     `json:"swap_size_mb"`
	} `json:"init"`
	Env      map[string]string        `json:"env"`
	Services []machine.Service        `json:"services"`
	Checks   map[string]machine.Check `json:"checks"`
	Mounts   []machine.Mount          `json:"mounts"`
	Statics  []flytoml.Static         `json:"statics"`
	Metrics  *flytoml.MachineMetrics  `json:"metrics"`
	Files    []liveFile               `json:"files"`
	Guest    *flytoml.MachineGuest    `json:"guest"`
	Restart  *struct {
		Policy     string `json:"policy"`
		MaxRetries int    `json:"max_retries"`
	} `json:"restart"`
	StopConfig struct {
		Timeout *flytoml.Duration `json:"timeout"`
		Signal  *string           `json:"signal"`
	} `json:"stop_config"`
}

// liveFile is a file on a Machine.
type liveFile struct {
	GuestPath  string  `json:"guest_path"`
	RawValue   *string `json:"raw_value"`
	SecretName *string `json:"secret_name"`
}

// rebuild builds a definition from live configurations. It expresses as much as a
// definition can; where groups contradict each other, the default group wins.
// What is lost is found by converting the result.
type rebuild struct {
	def    flytoml.Definition
	groups []string // sorted
	live   map[string]liveConfig
}

// processes fills [processes]. A file needs it unless app is the only group and
// runs the image's own command.
func (b *rebuild) processes() {
	if len(b.groups) == 1 && b.groups[0] == flytoml.DefaultGroup && len(b.live[flytoml.DefaultGroup].Init.Cmd) == 0 {
		return
	}
	b.def.Processes = make(map[string]string, len(b.groups))
	for _, group := range b.groups {
		b.def.Processes[group] = shellJoin(b.live[group].Init.Cmd)
	}
}

// of returns the processes list of a section that applies to the given groups.
func (b *rebuild) of(groups []string) []string {
	if len(b.def.Processes) == 0 {
		return nil
	}
	return groups
}

// inOrder returns the groups, with the default group first.
func (b *rebuild) inOrder() []string {
	standard := b.def.DefaultGroup()
	order := append(make([]string, 0, len(b.groups)), standard)
	for _, group := range b.groups {
		if group != standard {
			order = append(order, group)
		}
	}
	return order
}

// groupsByValue returns the groups that have equal values, in the order of the groups.
// Groups without a value are left out.
func groupsByValue[T any](b *rebuild, pick func(liveConfig) (T, bool)) [][]string {
	var sets [][]string
	index := map[string]int{}
	for _, group := range b.groups {
		value, has := pick(b.live[group])
		if !has {
			continue
		}
		form := formOf(value)
		i, seen := index[form]
		if !seen {
			i = len(sets)
			index[form] = i
			sets = append(sets, nil)
		}
		sets[i] = append(sets[i], group)
	}
	return sets
}

// formOf returns the JSON form of a value that came from JSON.
func formOf(value any) string {
	form, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(form)
}

// wholeApp fills what all groups of a file share, from the default group.
func (b *rebuild) wholeApp() {
	live := b.live[b.def.DefaultGroup()]
	if len(live.Init.Entrypoint)+len(live.Init.Exec) > 0 {
		b.def.Experimental = &flytoml.Experimental{Entrypoint: live.Init.Entrypoint, Exec: live.Init.Exec}
	}
	b.def.SwapSizeMB = live.Init.SwapSizeMB
	b.def.KillSignal, b.def.KillTimeout = live.StopConfig.Signal, live.StopConfig.Timeout
	b.def.Statics = slices.DeleteFunc(live.Statics, func(s flytoml.Static) bool { return s == flytoml.Static{} })
}

// env fills [env] with all variables of all groups.
func (b *rebuild) env() {
	b.def.Env = map[string]string{}
	for _, group := range b.inOrder() {
		for key, value := range b.live[group].Env {
			switch _, taken := b.def.Env[key]; {
			case key == "FLY_PROCESS_GROUP", taken:
			case key != "PRIMARY_REGION":
				b.def.Env[key] = value
			case b.def.PrimaryRegion == "":
				b.def.PrimaryRegion = value
			}
		}
	}
}
