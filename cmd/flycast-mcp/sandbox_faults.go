package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// faultFlags are the flags that say what goes wrong on an emulated platform.
type faultFlags struct {
	file    string
	faults  []string
	seed    int64
	control string
}

// addFaultFlags adds them to a command.
func addFaultFlags(c *cobra.Command) *faultFlags {
	var f faultFlags
	c.Flags().StringVar(&f.file, "faults", "", "a script of faults and events, in a TOML `FILE`")
	c.Flags().StringArrayVar(&f.faults, "fault", nil, "a `FAULT` or event, such as 'ip.release status=502 times=2' or 'clock jump=1h at=30s'; repeatable")
	c.Flags().Int64Var(&f.seed, "seed", 0, "`NUMBER` that the chances of faults are drawn from; 0: the script's, or a random one, which is printed")
	c.Flags().StringVar(&f.control, "control", "", "`ADDRESS` of the control endpoint, on loopback, such as 127.0.0.1:0; none by default")
	return &f
}

// start plays the script on the platform, says the seed if it was drawn, and
// opens the control endpoint: nil if none is asked for, else the caller's to close.
func (f *faultFlags) start(platform *flysim.Platform, say func(string)) (*flysim.Server, error) {
	script, err := f.script()
	if err != nil {
		return nil, err
	}
	if script.Seed == 0 {
		script.Seed = rand.Int64N(1_000_000) + 1
		if f.control != "" || slices.ContainsFunc(script.Faults, func(f flysim.Fault) bool { return f.Chance > 0 }) {
			say(fmt.Sprintf("--seed %d gives the same faults again", script.Seed))
		}
	}
	platform.Play(script)
	if f.control == "" {
		return nil, nil
	}
	listening, err := platform.ListenControl(f.control)
	if err != nil {
		return nil, fmt.Errorf("--control: %w", err)
	}
	return listening, nil
}

// script is the file's script, then the flags' entries in their order.
func (f *faultFlags) script() (flysim.Script, error) {
	var script flysim.Script
	if f.file != "" {
		data, err := os.ReadFile(f.file)
		if err != nil {
			return script, fmt.Errorf("--faults: %w", err)
		}
		if script, err = flysim.ParseScript(data); err != nil {
			return script, fmt.Errorf("--faults %s: %w", f.file, err)
		}
	}
	for _, line := range f.faults {
		one, err := flysim.ParseFault(line)
		if err != nil {
			return script, fmt.Errorf("--fault %.200q: %w", line, err)
		}
		script.Faults, script.Events = append(script.Faults, one.Faults...), append(script.Events, one.Events...)
	}
	if f.seed != 0 {
		script.Seed = f.seed
	}
	return script, nil
}
