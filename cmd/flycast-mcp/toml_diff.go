package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/columns"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// Exit statuses of toml diff, as diff has them; 0 is no difference.
const (
	statusDiffers = 1
	statusTrouble = 2
)

// maxExisting is the most bytes of a list of Machines that is read.
const maxExisting = 64 << 20

// diffRun is one run of toml diff.
type diffRun struct {
	program
	client   serverSettings // the platform to read from
	app      string
	existing string
	release  string
	json     bool
}

func tomlDiffCommand(p program) *cobra.Command {
	var stdin stdinName
	d := diffRun{program: p}
	trouble := func(err error) error {
		if err == nil || errors.As(err, new(cli.Exit)) {
			return err
		}
		return cli.Exit{Status: statusTrouble, Cause: err}
	}
	c := &cobra.Command{
		Use: "diff FILE", Short: "Show what a deploy of a fly.toml would change on the live Machines, and why",
		Args: func(c *cobra.Command, args []string) error { return trouble(cobra.ExactArgs(1)(c, args)) },
		Long: `Show what a deploy of a fly.toml would change on the live Machines, by flyctl's
rules, and where each difference comes from: FILE was edited since the last
release, or a Machine was changed, which the deploy would undo. Nothing is
changed.

The Machines and the last release's configuration are read from Fly (app: that
of FILE, or --app; token: FLY_ACCESS_TOKEN or FLY_API_TOKEN), or the Machines
from a file with --existing; then nothing is sent anywhere, and --release gives
the other. A dash reads standard input.

Values that may be secrets (environment, contents of files, headers of checks)
are masked; only their length is shown. The image, the release's own metadata
and the volume of a mount do not count as differences.

The exit status is 0 if a deploy would change nothing, 1 if it would change
something, and 2 on an error.

With --json the report is one object, whose shape is stable:
  {"version",                         of the release; left out if not known
   "groups": [{"name",
     "fate",                          same, update, destroy or create
     "machines": [ID],
     "unreleased",                    why no release could be compared with
     "behind": [ID],                  Machines that did not get the release
     "differences": [{"machines": [ID],
       "fields": [{"path", "live", "file", "release",   left out if absent
         "origin"}]}]}],              file, live, both, behind or unknown
   "unmanaged": [ID]}                 Machines that fly deploy leaves alone`,
		Example: `  flycast-mcp toml diff fly.toml
  fly machine list --json | flycast-mcp toml diff --existing - fly.toml
  flycast-mcp toml diff --existing machines.json --release released.toml fly.toml`,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := stdin.arguments(c, args)
			if err != nil {
				return trouble(err)
			}
			return trouble(d.run(c.Context(), files[0]))
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return trouble(errors.New(cli.Line(err.Error()))) })
	f := c.Flags()
	f.StringVar(&d.app, "app", "", "read the Machines of this app (default: the app that FILE names)")
	f.StringVar(&d.existing, "existing", "",
		"read the Machines from a JSON `FILE`: one configuration, one Machine, or a list as fly machine list "+
			"--json prints it")
	f.StringVar(&d.release, "release", "",
		"compare with this `FILE` instead of the last release: a fly.toml, or a release's definition in JSON")
	f.BoolVar(&d.json, "json", false, "print the report as JSON")
	f.BoolVar(&d.client.sandbox, "sandbox", false,
		"read from an embedded, emulated Fly platform; no FLY_* variable is read")
	f.BoolVar(&d.client.allowLoopback, "allow-loopback-api", false,
		"allow a real token to be sent to an API on a loopback address")
	stdin.flag(c)
	return c
}

// run does the whole comparison. It returns a cli.Exit if something differs.
func (d *diffRun) run(ctx context.Context, name tomlArgument) error {
	if d.existing != "" && (d.app != "" || d.client.sandbox) {
		return errors.New("--existing cannot be combined with --app or --sandbox")
	}
	if err := stdinOnce(name.path, d.existing, d.release); err != nil {
		return err
	}
	file, err := d.readToml(ctx, name)
	if err != nil {
		return err
	}
	file, done := withWorkingDirectory(file)
	defer done()
	if err := file.Validate(); err != nil {
		return fmt.Errorf("%s: flyctl would refuse the file: %w", cli.Line(name.title), err)
	}
	in := drift.Input{File: file}
	if d.release != "" {
		released, err := d.readRelease(ctx)
		if err != nil {
			return err
		}
		in.Release = released
	}
	var partial []string // Machines that cannot be compared
	if d.existing != "" {
		in.Machines, partial, err = d.readExisting(ctx, file)
	} else {
		partial, err = d.readLive(ctx, file, &in)
	}
	if err != nil {
		return err
	}
	report, err := drift.Compare(in)
	if err != nil {
		return fmt.Errorf("%s: %w", cli.Line(name.title), err)
	}
	if d.json {
		err = d.printJSON(report)
	} else {
		_, err = io.WriteString(d.stdout, d.table(report))
	}
	switch {
	case err != nil:
		return err
	case len(partial) > 0:
		return fmt.Errorf("not compared, because Fly did not send their whole configuration: Machine %s",
			strings.Join(partial, ", "))
	case report.Differs():
		return cli.Exit{Status: statusDiffers}
	}
	return nil
}

// readRelease reads the file that stands for the last release.
func (d *diffRun) readRelease(ctx context.Context) (*flytoml.File, error) {
	data, err := d.readInput(ctx, d.release, d.release, flytoml.MaxSize)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(d.release)
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return flytoml.Parse(name, data)
	}
	file, err := flytoml.FromDefinition(strings.TrimSuffix(name, ".json"), data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cli.Line(d.release), err)
	}
	return file, nil
}

// readLive reads the Machines, and the last release unless a file stands for
// it: one request each. An app without a release is still compared.
func (d *diffRun) readLive(ctx context.Context, file *flytoml.File, in *drift.Input) (partial []string, err error) {
	app := cmp.Or(d.app, file.App())
	switch {
	case app == "":
		return nil, errors.New("the file does not name an app: use --app, or read the Machines from a file with --existing")
	case file.App() != "" && file.App() != app:
		return nil, fmt.Errorf("the file is for the app %q, not for %q", file.App(), app)
	}
	running := &application{}
	defer func() { err = errors.Join(err, running.Close()) }()
	client, err := d.client.client(ctx, d.program, running)
	if err != nil {
		return nil, err
	}
	machines, err := client.Machines(ctx, app)
	if err != nil {
		return nil, err
	}
	in.Machines, partial = comparables(machines)
	if in.Release != nil {
		return partial, nil
	}
	release, err := client.Release(ctx, app)
	if fly.Missing(err) == fly.ARelease {
		return partial, nil
	}
	if err != nil {
		return nil, err
	}
	released, err := flytoml.FromDefinition("last release", release.Definition)
	if err != nil {
		return nil, err
	}
	in.Release, in.Version = released, release.Version
	return partial, nil
}

// comparables returns the Machines whose configuration is complete, and the ids of
// the others.
func comparables(machines []fly.Machine) (whole []drift.Machine, partial []string) {
	for _, m := range machines {
		if !m.Whole() {
			partial = append(partial, m.ID)
			continue
		}
		whole = append(whole, drift.Machine{ID: m.ID, Config: m.Config})
	}
	return whole, partial
}

// readExisting reads Machines, or bare configurations. A bare one counts as made by
// fly deploy, for the group that it names or else the default group of the file.
func (d *diffRun) readExisting(ctx context.Context, file *flytoml.File) (machines []drift.Machine,
	partial []string, err error) {
	data, err := d.readInput(ctx, d.existing, d.existing, maxExisting)
	if err != nil {
		return nil, nil, err
	}
	if data = bytes.TrimSpace(data); len(data) == 0 {
		return nil, nil, fmt.Errorf("%s is empty", cli.Line(d.existing))
	}
	if !bytes.HasPrefix(data, []byte("[")) {
		data = slices.Concat([]byte("["), data, []byte("]"))
	}
	var objects []map[string]json.RawMessage
	if err := json.Unmarshal(data, &objects); err != nil {
		return nil, nil, fmt.Errorf("%s: neither a configuration nor Machines in JSON: %w", cli.Line(d.existing), err)
	}
	if slices.ContainsFunc(objects, func(o map[string]json.RawMessage) bool { return o == nil }) {
		return nil, nil, fmt.Errorf("%s: null is neither a configuration nor a Machine", cli.Line(d.existing))
	}
	if len(objects) > 0 && !slices.ContainsFunc(objects, isMachine) {
		var configs []machine.Config
		if err := json.Unmarshal(data, &configs); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", cli.Line(d.existing), err)
		}
		for i, config := range configs {
			if err := config.Validate(); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", cli.Line(d.existing), err)
			}
			machines = append(machines, drift.Machine{
				ID: fmt.Sprintf("configuration %d", i+1), Group: cmp.Or(config.ProcessGroup(), file.DefaultGroup()), Config: config,
			})
		}
		return machines, nil, nil
	}
	list, err := fly.ParseMachines(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", cli.Line(d.existing), err)
	}
	machines, partial = comparables(list)
	return machines, partial, nil
}

// isMachine reports whether an object is a Machine; a bare configuration has
// neither field.
func isMachine(object map[string]json.RawMessage) bool {
	return object["config"] != nil || object["incomplete_config"] != nil
}

// table formats the report for people, by process group and origin.
func (d *diffRun) table(r drift.Report) string {
	var parts []string
	for _, g := range r.Groups {
		name := cli.Line(fmt.Sprintf("%q", g.Name))
		switch g.Fate {
		case drift.Destroy:
			parts = append(parts, fmt.Sprintf("group %s is not in the file: fly deploy would destroy its %s\n", name,
				machineList(g.Machines, 0)))
		case drift.Create:
			parts = append(parts, fmt.Sprintf("group %s has no Machine: fly deploy would create some\n", name))
		case drift.Update:
			for _, origin := range []drift.Origin{drift.FromFile, drift.FromLive, drift.FromBoth, drift.Behind, drift.Unknown} {
				if t := originTable(r, g, origin); t.Len() > 0 {
					parts = append(parts, fmt.Sprintf("group %s: %s\n%s\n", name, heading(r, origin), t))
				}
			}
		}
	}
	for _, g := range r.Groups {
		for _, doubt := range r.Doubts(g) {
			parts = append(parts, cli.Line(doubt)+"\n")
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "a deploy would change nothing\n")
	}
	if n := len(r.Unmanaged); n > 0 {
		parts = append(parts, fmt.Sprintf("left alone, because fly deploy does not manage it: %s\n",
			machineList(r.Unmanaged, 0)))
	}
	return strings.Join(parts, "\n")
}

func heading(r drift.Report, origin drift.Origin) string {
	if origin.Undoes() {
		return r.Why(origin) + "; a deploy would undo it"
	}
	return r.Why(origin)
}

// originTable returns the table of a group's differences with one origin.
func originTable(r drift.Report, g drift.Group, origin drift.Origin) *columns.Table {
	header, released := []any{"FIELD", "LIVE", "FILE", "RELEASE", "MACHINES"}, true
	if origin == drift.Unknown {
		header, released = []any{"FIELD", "LIVE", "FILE", "MACHINES"}, false
	}
	t := columns.New(header...)
	t.Limit(widest, "LIVE", "FILE", "RELEASE")
	for _, e := range r.Entries() {
		if e.Group != g.Name || e.Origin != origin {
			continue
		}
		row := []any{cli.Line(e.Path), orDash(e.Live), orDash(e.File)}
		if released {
			row = append(row, orDash(e.Release))
		}
		t.Append(append(row, machineList(e.Machines, len(g.Machines)))...)
	}
	return t
}

func orDash(value string) string { return cli.Line(cmp.Or(value, none)) }

// machineList names up to three Machines, and counts more. If of is not 0, it is
// the number of Machines in the group.
func machineList(ids []string, of int) string {
	const most = 3
	switch {
	case len(ids) == of && of > 1:
		return fmt.Sprintf("all %d", of)
	case len(ids) <= most:
		return cli.Line(strings.Join(ids, ", "))
	case of > 0:
		return fmt.Sprintf("%d of %d", len(ids), of)
	}
	return fmt.Sprintf("%d Machines", len(ids))
}
