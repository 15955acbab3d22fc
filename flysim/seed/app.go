// Package seed builds apps on an emulated platform from an operator's TOML file. Their services
// come from fly.toml files, or from sections of the same names in the operator's file.
//
//	apps, err := seed.Read(file, dir)
//	err = seed.Build(ctx, platform, apps)
//
// docs/flysim.md describes the file. It may name commands to run in place of the
// built-in program; package local runs them.
package seed

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// Limits on what [Read] reads.
const (
	MaxSize     = 1 << 20 // bytes, of the operator's file and of a fly.toml
	MaxMachines = 10_000  // of all apps together
)

// App is one [[apps]] of the operator's file. Its services come from a fly.toml, or from sections
// of the same names in App.
type App struct {
	Name         string            `toml:"name"`         // empty: the app of fly_toml
	Organization string            `toml:"organization"` // empty: personal
	Network      string            `toml:"network"`      // empty: the organization's default one
	Image        string            `toml:"image"`        // empty: registry.fly.io/NAME:sandbox
	Addresses    []string          `toml:"addresses"`    // flycast, public (v6 and shared_v4), v4, v6, shared_v4, or none
	Hostnames    []string          `toml:"hostnames"`
	Machines     []Machines        `toml:"machines"`    // empty: one of each group in the primary region
	Listen       []string          `toml:"listen"`      // of the built-in program; see [flysim.ParseListen]
	StartDelay   string            `toml:"start_delay"` // such as 1.5s; empty: the platform's
	Command      []string          `toml:"command"`     // of this computer; empty: the built-in program
	Dir          string            `toml:"dir"`         // of the command; empty: the file's folder
	FlyToml      string            `toml:"fly_toml"`    // path; without it:
	Region       string            `toml:"primary_region"`
	Env          map[string]string `toml:"env"`
	Processes    map[string]string `toml:"processes"`
	HTTPService  *Service          `toml:"http_service"`
	Services     []Service         `toml:"services"`

	file       []byte                 // fly.toml
	definition json.RawMessage        // in the form that a release stores
	configs    map[string]spec.Config // by process group
	delay      time.Duration
	sockets    []string
}

// Machines describes Machines of a process group in a region.
type Machines struct {
	Group  string `toml:"group"`  // empty: the default group
	Region string `toml:"region"` // empty: the primary region
	Count  int    `toml:"count"`  // 0: one
}

// Service is http_service or one of services, as in fly.toml.
type Service struct {
	Protocol           string       `toml:"protocol" json:"protocol,omitempty"`
	InternalPort       int          `toml:"internal_port" json:"internal_port,omitempty"`
	ForceHTTPS         bool         `toml:"force_https" json:"force_https,omitempty"`
	AutoStopMachines   string       `toml:"auto_stop_machines" json:"auto_stop_machines,omitempty"`
	AutoStartMachines  *bool        `toml:"auto_start_machines" json:"auto_start_machines,omitempty"`
	MinMachinesRunning *int         `toml:"min_machines_running" json:"min_machines_running,omitempty"`
	Processes          []string     `toml:"processes" json:"processes,omitempty"`
	Concurrency        *Concurrency `toml:"concurrency" json:"concurrency,omitempty"`
	Ports              []Port       `toml:"ports" json:"ports,omitempty"`
}

// Concurrency is a service's concurrency, as in fly.toml.
type Concurrency struct {
	Type      string `toml:"type" json:"type,omitempty"`
	SoftLimit int    `toml:"soft_limit" json:"soft_limit,omitempty"`
	HardLimit int    `toml:"hard_limit" json:"hard_limit,omitempty"`
}

// Port is one of a service's ports, as in fly.toml.
type Port struct {
	Port       int      `toml:"port" json:"port,omitempty"`
	StartPort  int      `toml:"start_port" json:"start_port,omitempty"`
	EndPort    int      `toml:"end_port" json:"end_port,omitempty"`
	Handlers   []string `toml:"handlers" json:"handlers,omitempty"`
	ForceHTTPS bool     `toml:"force_https" json:"force_https,omitempty"`
}

// Read reads the operator's file and the fly.toml files that it names, relative to dir. Unknown
// keys and words are errors that name the line or the app. The errors of all apps are reported
// together.
//
// The file can name commands that will run on this computer, so it must come only from the
// operator.
func Read(data []byte, dir string) ([]App, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("apps: the file has %d bytes, more than the %d allowed", len(data), MaxSize)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("apps: %w", err)
	}
	var doc struct {
		Apps []App `toml:"apps"`
	}
	decoder := toml.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("apps: %w", withLine(err))
	}
	var problems []error
	machines := 0
	for i := range doc.Apps {
		d := &doc.Apps[i]
		if err := d.complete(dir); err != nil {
			problems = append(problems, fmt.Errorf("apps: app %d (%.63q): %w", i+1, d.Name, err))
			continue
		}
		if slices.ContainsFunc(doc.Apps[:i], func(other App) bool { return other.Name == d.Name }) {
			problems = append(problems, fmt.Errorf("apps: two apps are named %s", d.Name))
		}
		for _, m := range d.Machines {
			machines += m.Count
		}
	}
	if machines > MaxMachines {
		problems = append(problems, fmt.Errorf("apps: %d Machines, more than the %d allowed", machines, MaxMachines))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return doc.Apps, nil
}

// withLine adds the line to a decoder's error.
func withLine(err error) error {
	var strict *toml.StrictMissingError
	var one *toml.DecodeError
	switch {
	case errors.As(err, &strict):
		var all []error
		for i := range strict.Errors {
			row, _ := strict.Errors[i].Position()
			all = append(all, fmt.Errorf("line %d: unknown key %s", row, strings.Join(strict.Errors[i].Key(), ".")))
		}
		return errors.Join(all...)
	case errors.As(err, &one):
		row, column := one.Position()
		return fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	return err
}

var (
	appName    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	regionName = regexp.MustCompile(`^[a-z]{3}$`)
	hostname   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)
)

// complete checks a definition, reads its fly.toml and fills in defaults.
func (d *App) complete(dir string) error {
	if err := d.read(dir); err != nil {
		return err
	}
	d.Organization = cmp.Or(d.Organization, "personal")
	d.Image = cmp.Or(d.Image, "registry.fly.io/"+d.Name+":sandbox")
	if d.StartDelay != "" {
		delay, err := time.ParseDuration(d.StartDelay)
		if err != nil || delay <= 0 || delay > time.Hour {
			return fmt.Errorf("start_delay %.40q: must be a duration such as 1.5s, at most 1h", d.StartDelay)
		}
		d.delay = delay
	}
	var err error
	if d.sockets, err = flysim.ParseListen(strings.Join(d.Listen, ",")); err != nil {
		return err
	}
	for i, name := range d.Hostnames {
		if !hostname.MatchString(name) || len(name) > 253 || slices.Contains(d.Hostnames[:i], name) {
			return fmt.Errorf("hostname %.80q is invalid, or is listed twice", name)
		}
	}
	return errors.Join(d.completeAddresses(), d.completeCommand(dir))
}

// completeAddresses turns the file's words for addresses into the API's.
func (d *App) completeAddresses() error {
	var kinds []string
	for _, word := range d.Addresses {
		switch word {
		case "flycast":
			kinds = append(kinds, "private_v6")
		case "public":
			kinds = append(kinds, "v6", "shared_v4")
		case "v4", "v6", "shared_v4", "private_v6":
			kinds = append(kinds, word)
		case "none":
			if len(d.Addresses) > 1 {
				return errors.New("addresses: none cannot be combined with others")
			}
		default:
			return fmt.Errorf("addresses: %.40q is not one of flycast, public, v4, v6, shared_v4, none", word)
		}
	}
	for i, kind := range kinds {
		if slices.Contains(kinds[:i], kind) {
			return fmt.Errorf("addresses: %s is listed twice", kind)
		}
	}
	d.Addresses = kinds
	return nil
}

func (d *App) completeCommand(dir string) error {
	switch {
	case len(d.Command) == 0 && d.Dir != "":
		return errors.New("dir needs a command")
	case len(d.Command) == 0:
		return nil
	case d.Command[0] == "":
		return errors.New("command: the first word must be the program")
	case len(d.Listen) > 0:
		return errors.New("listen is for the built-in program: a command chooses where it listens")
	case slices.ContainsFunc(append(slices.Clone(d.Command), d.Dir),
		func(s string) bool { return strings.ContainsRune(s, 0) }):
		return errors.New("command: it must not contain a NUL byte")
	}
	d.Dir = below(dir, d.Dir)
	if strings.ContainsRune(d.Command[0], '/') || strings.ContainsRune(d.Command[0], filepath.Separator) {
		d.Command[0] = below(d.Dir, d.Command[0])
	}
	return nil
}

func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// read reads services and the rest of the configuration from fly.toml or from the sections in d,
// and makes the Machines' configurations.
func (d *App) read(dir string) error {
	file, files, err := d.flyToml(dir)
	if err != nil {
		return err
	}
	if files != nil {
		defer files.Close()
		file = file.WithFiles(files.FS())
	}
	if err := file.Validate(); err != nil {
		return err
	}
	if d.Name = cmp.Or(d.Name, file.App()); d.Name != file.App() {
		return fmt.Errorf("fly.toml is for another app, %.63q", file.App())
	}
	if !appName.MatchString(d.Name) {
		return errors.New("name: want lower-case letters, digits and hyphens")
	}
	definition, err := file.Definition()
	if err != nil {
		return err
	}
	if d.definition, err = json.Marshal(definition); err != nil {
		return err
	}
	d.file, d.configs, d.Env = file.Bytes(), make(map[string]spec.Config), maps.Clone(definition.Env)
	if len(d.Machines) == 0 {
		for _, group := range file.Groups() {
			d.Machines = append(d.Machines, Machines{Group: group})
		}
	}
	for i := range d.Machines {
		m := &d.Machines[i]
		m.Group = cmp.Or(m.Group, file.DefaultGroup())
		m.Region = cmp.Or(m.Region, file.PrimaryRegion(), flysim.DefaultRegion)
		if m.Count == 0 {
			m.Count = 1
		}
		if m.Count < 0 || m.Count > MaxMachines || !regionName.MatchString(m.Region) {
			return fmt.Errorf("machines: %d in %.40q: want a count of at most %d and a region such as fra", m.Count,
				m.Region, MaxMachines)
		}
		if d.configs[m.Group], err = configOf(file.Apply, m.Group); err != nil {
			return err
		}
	}
	return nil
}

// configOf returns the configuration that fly.toml gives to a Machine of a group. The type
// parameter is flytoml's own type, which flysim does not share.
func configOf[C json.Marshaler](apply func(group string, live C) (C, error), group string) (spec.Config, error) {
	var live C // a new Machine has no live configuration
	config, err := apply(group, live)
	if err != nil {
		return spec.Config{}, err
	}
	return spec.Of(config)
}

// flyToml returns the app's fly.toml: the named file, with its folder, or one made from the
// sections in d.
func (d *App) flyToml(dir string) (*flytoml.File, *os.Root, error) {
	if d.FlyToml == "" {
		doc, err := json.Marshal(struct {
			App         string            `json:"app"`
			Region      string            `json:"primary_region,omitempty"`
			Env         map[string]string `json:"env,omitempty"`
			Processes   map[string]string `json:"processes,omitempty"`
			HTTPService *Service          `json:"http_service,omitempty"`
			Services    []Service         `json:"services,omitempty"`
		}{d.Name, d.Region, d.Env, d.Processes, d.HTTPService, d.Services})
		if err != nil {
			return nil, nil, err
		}
		file, err := flytoml.FromDefinition("fly.toml", doc)
		return file, nil, err
	}
	if d.Region != "" || d.Env != nil || d.Processes != nil || d.HTTPService != nil || d.Services != nil {
		return nil, nil, errors.New("with fly_toml, primary_region, env, processes and services must be in that file")
	}
	path := below(dir, d.FlyToml)
	data, err := readRegular(path)
	if err != nil {
		return nil, nil, err
	}
	file, err := flytoml.Parse(path, data)
	if err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	return file, root, err
}

// readRegular reads a regular file of at most MaxSize bytes. Any other file is an error.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err == nil && len(data) > MaxSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, MaxSize)
	}
	return data, err
}
