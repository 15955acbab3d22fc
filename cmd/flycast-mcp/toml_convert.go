package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// convertRun is one run of toml convert.
type convertRun struct {
	program
	existing string
	groups   []string
	json     bool
}

func tomlConvertCommand(p program) *cobra.Command {
	var stdin stdinName
	a := convertRun{program: p}
	c := &cobra.Command{
		Use: "convert FILE", Short: "Show the Machine configurations that fly deploy would create", Args: cobra.ExactArgs(1),
		Long: `Show the Machine configurations that fly deploy would create from a fly.toml, one
for each process group: from scratch, or with --existing based on the
configuration of a Machine. They do not contain what the rollout adds (image,
release metadata, volumes) or the flyctl version. Files that it names
(local_path, machine_config) are read from the working directory, as flyctl
reads them, and not from outside it.

With --json it prints one object:
  {"process_groups": [NAME], "machine_config": {NAME: CONFIG},
   "conversion_error": {NAME: TEXT}, "invalid_reason": TEXT}
or {"load_error": TEXT} if the file cannot be read. process_groups are those of
the file; --group narrows the rest. conversion_error is there for groups that
cannot be converted, and invalid_reason if flyctl refuses the file, both in
flyctl's words. The exit status is 1 for load_error and invalid_reason. A
conversion_error alone leaves it at 0 because the answer is per group. Without
--json, all three set it to 1.`,
		Example: `  flycast-mcp toml convert fly.toml
  flycast-mcp toml convert fly.toml --group web --json
  fly machine status ID --json | flycast-mcp toml convert fly.toml --existing - --json`,
		RunE: func(c *cobra.Command, args []string) error {
			files, err := stdin.arguments(c, args)
			if err != nil {
				return err
			}
			if err := stdinOnce(files[0].path, a.existing); err != nil {
				return err
			}
			return a.run(c.Context(), files[0])
		},
	}
	f := c.Flags()
	f.StringVar(&a.existing, "existing", "",
		"a JSON `FILE` with a Machine, or its config, to convert onto; - is standard input")
	f.StringArrayVar(&a.groups, "group", nil, "only this process `GROUP`; repeatable")
	f.BoolVar(&a.json, "json", false, "print a JSON object")
	stdin.flag(c)
	return c
}

// convertOutput is what --json prints.
type convertOutput struct {
	Groups          []string                  `json:"process_groups"`
	Config          map[string]machine.Config `json:"machine_config"`
	ConversionError map[string]string         `json:"conversion_error,omitempty"`
	InvalidReason   string                    `json:"invalid_reason,omitempty"`

	invalid error // InvalidReason, shortened
}

func (a convertRun) run(ctx context.Context, file tomlArgument) error {
	existing, err := a.readExisting(ctx)
	if err != nil {
		return err
	}
	parsed, err := a.readToml(ctx, file)
	if err != nil {
		if a.json && !errors.Is(err, cli.ErrInterrupted) {
			return errors.Join(a.printJSON(loadFailure{LoadError: loadError(err)}), err)
		}
		return err
	}
	parsed, done := withWorkingDirectory(parsed)
	defer done()
	groups := parsed.Groups()
	for _, group := range a.groups {
		if !slices.Contains(groups, group) {
			return fmt.Errorf("no process group %q; the file has %s", group, strings.Join(groups, ", "))
		}
	}
	out := convert(parsed, a.groups, existing)
	if a.json {
		err = a.printJSON(out)
		if out.invalid != nil {
			err = errors.Join(err, fmt.Errorf("%s: flyctl refuses the file; see invalid_reason", cli.Line(file.title)))
		}
		return err
	}
	text, err := summaryOf(out)
	if err != nil {
		return fmt.Errorf("%s: %w", cli.Line(file.title), err)
	}
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return err
	}
	return out.refusal(file.title)
}

// convert converts the given groups, or all groups if none are given.
func convert(file *flytoml.File, groups []string, existing machine.Config) convertOutput {
	out := convertOutput{Groups: file.Groups(), Config: make(map[string]machine.Config),
		ConversionError: make(map[string]string)}
	if len(groups) == 0 {
		groups = out.Groups
	}
	for _, group := range groups {
		config, err := file.Apply(group, existing)
		if err != nil {
			out.ConversionError[group] = err.Error()
			continue
		}
		out.Config[group] = config.WithoutFlyctlVersion()
	}
	var invalid *flytoml.InvalidError
	if errors.As(file.Validate(), &invalid) {
		out.InvalidReason, out.invalid = invalid.Text, invalid
	}
	return out
}

// refusal returns what flyctl would refuse as an error, or nil.
func (c convertOutput) refusal(title string) error {
	title = cli.Line(title)
	var errs []error
	if c.invalid != nil {
		errs = append(errs, fmt.Errorf("%s: flyctl refuses the file:\n%w", title, c.invalid))
	}
	for _, group := range c.Groups {
		if text, ok := c.ConversionError[group]; ok {
			errs = append(errs, fmt.Errorf("%s: process group %s cannot be converted: %s", title, cli.Line(group),
				cli.Line(text)))
		}
	}
	return errors.Join(errs...)
}

// maxMachine is the most bytes of a Machine that is read; its files are part of it.
const maxMachine = 16 << 20

// readExisting reads the configuration to convert onto: the config of a Machine, as
// the Machines API and `fly machine status --json` print it, or a bare configuration.
// It returns an error for a configuration that no Machine can have.
func (a convertRun) readExisting(ctx context.Context) (machine.Config, error) {
	if a.existing == "" {
		return machine.Config{}, nil
	}
	title := cli.Line(a.existing)
	if title == stdinPath {
		title = "standard input"
	}
	data, err := a.readInput(ctx, a.existing, title, maxMachine)
	if err != nil {
		return machine.Config{}, err
	}
	if data = bytes.TrimSpace(data); !bytes.HasPrefix(data, []byte("{")) {
		return machine.Config{}, fmt.Errorf("%s: not a JSON object: give one Machine, or its config", title)
	}
	config, err := machine.ParseConfig(data)
	if inner := config.Raw("config"); err == nil && inner != nil {
		if !bytes.HasPrefix(inner, []byte("{")) {
			return machine.Config{}, fmt.Errorf("%s: the Machine has no config", title)
		}
		config, err = machine.ParseConfig(inner)
	}
	if err != nil {
		return machine.Config{}, fmt.Errorf("%s: %w", title, err)
	}
	if err := config.Validate(); err != nil {
		return machine.Config{}, fmt.Errorf("%s: not a Machine's configuration: %w", title, err)
	}
	return config, nil
}
