package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// How long Machines of the emulated platform take, so that a rollout looks like one.
const (
	startDelay = 400 * time.Millisecond
	checkDelay = 300 * time.Millisecond
)

func sandboxCommand(p program) *cobra.Command {
	var addr, configs, state string
	var faults *faultFlags
	c := &cobra.Command{
		Use: "sandbox", Short: "Run an emulated Fly platform on a loopback address", Args: cobra.NoArgs,
		Long: `Run an emulated Fly platform on a loopback address, with an example organization.

It prints the export lines that point any Fly client at it and send nothing of
it elsewhere. Its state is in memory and the same at every start, or kept in a
file with --state.`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			platform, err := openPlatform(c.Context(), state, sandbox.Options{Clock: sandbox.NewClock(p.clock.Now), RateLimits: true, StartDelay: startDelay, CheckDelay: checkDelay})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, platform.Close()) }()
			control, err := faults.start(p, platform)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, control.Close()) }()
			if configs != "" {
				if err := platform.WriteConfigs(configs); err != nil {
					return err
				}
			}
			listening, err := platform.Listen(addr)
			if err != nil {
				return err
			}
			// A folder of its own keeps flyctl away from the person's ~/.fly.
			_, err = fmt.Fprint(p.stdout, "export FLY_CONFIG_DIR=\"$(mktemp -d)\"\n"+listening.Exports(platform.Token()))
			if err == nil {
				fmt.Fprintf(p.stderr, "emulated Fly platform at %s with the apps %v; Ctrl-C ends it\n", listening.URL, platform.AppNames())
				<-c.Context().Done()
			}
			return errors.Join(err, listening.Close())
		},
	}
	faults = addFaultFlags(c)
	c.Flags().StringVar(&addr, "addr", "127.0.0.1:0", "loopback address to listen on; port 0 takes a free one")
	c.Flags().StringVar(&state, "state", "", "file that keeps the state from one start to the next; made if it does not exist")
	c.Flags().StringVar(&configs, "write-configs", "", "write each app's file as DIR/<app>/fly.toml")
	return c
}
