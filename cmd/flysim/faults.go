package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/control"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// faultFlags are the flags that say what fails on the platform.
type faultFlags struct {
	file    string
	faults  []string
	seed    int64
	control string
}

func (f *faultFlags) register(c *cobra.Command) {
	g := c.Flags()
	g.StringVar(&f.file, "faults", "", "play the faults and events of a TOML `FILE`")
	g.StringArrayVar(&f.faults, "fault", nil,
		"add a `FAULT` or event, such as 'ip.release status=502 times=2' or 'clock jump=1h at=30s'; repeatable")
	g.Int64Var(&f.seed, "seed", 0,
		"`NUMBER` that decides faults with a chance; 0 takes the file's, or a random one, which is printed")
	g.StringVar(&f.control, "control", "",
		"`ADDRESS` of the control endpoint, on loopback, such as 127.0.0.1:0; none by default")
}

// start plays the script on the platform, says the seed if it was random, and
// opens the control endpoint. The result is nil if none was asked for; otherwise
// the caller closes it.
func (f *faultFlags) start(platform *flysim.Platform, say func(string)) (*flysim.Server, error) {
	script, err := f.script()
	if err != nil {
		return nil, err
	}
	if script.Seed == 0 {
		script.Seed = rand.Int64N(1_000_000) + 1
		hasChance := func(f flysim.Fault) bool { return f.Chance > 0 }
		if f.control != "" || slices.ContainsFunc(script.Faults, hasChance) {
			say(fmt.Sprintf("--seed %d repeats these faults", script.Seed))
		}
	}
	platform.Play(script)
	if f.control == "" {
		return nil, nil
	}
	server, err := control.Listen(platform, f.control)
	if err != nil {
		return nil, fmt.Errorf("--control: %w", err)
	}
	return server, nil
}

// script returns the file's script, followed by the entries of the flags.
func (f *faultFlags) script() (flysim.Script, error) {
	var script flysim.Script
	if f.file != "" {
		data, err := os.ReadFile(f.file)
		if err != nil {
			return script, fmt.Errorf("--faults: %w", err)
		}
		if script, err = fault.ParseScript(data); err != nil {
			return script, fmt.Errorf("--faults %s: %w", f.file, err)
		}
	}
	for _, line := range f.faults {
		one, err := fault.Parse(line)
		if err != nil {
			return script, fmt.Errorf("--fault %.200q: %w", line, err)
		}
		script.Faults = append(script.Faults, one.Faults...)
		script.Events = append(script.Events, one.Events...)
	}
	if f.seed != 0 {
		script.Seed = f.seed
	}
	return script, nil
}
