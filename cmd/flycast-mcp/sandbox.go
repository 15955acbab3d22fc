package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
)

// How long Machines of the emulated platform take, so that a rollout looks like one.
const (
	startDelay = 400 * time.Millisecond
	checkDelay = 300 * time.Millisecond
)

// sandboxFlags are what the person asked for.
type sandboxFlags struct {
	addr, inside, public, page string // where to listen; empty but addr: not there
	apps                       string // the operator's file; empty: none
	configs                    string // folder for the apps' files; empty: none
	envFile                    string // empty: none
	speed                      clockSpeed
	coldStart                  time.Duration
	autostopEvery              time.Duration // 0: never
	plain                      bool
	state                      string // file; empty: memory
	faults                     *faultFlags
}

func sandboxCommand(p program) *cobra.Command {
	run := sandboxRun{program: p}
	c := &cobra.Command{
		Use: "sandbox", Short: "Run an emulated Fly platform on a loopback address", Args: cobra.NoArgs,
		Long: `Run an emulated Fly platform on a loopback address, with an example organization.

It prints export lines that point any Fly client at the platform. It shows what
happens as a live table in a terminal, otherwise as a line on stderr for each
change; the page at $FLYCAST_SANDBOX_PAGE shows the same. The state is in memory
and the same at every start, unless --state keeps it in a file.

Use "fly deploy --dns-checks=false": otherwise flyctl asks 8.8.8.8 for
<app>.fly.dev after a deploy. Requests that are not emulated
return an error that says so.`,
		Example: `  flycast-mcp sandbox --env-file fly.env     # in one terminal
  . ./fly.env && fly status -a shop-api      # in another: any Fly client
  curl -x "$FLYCAST_SANDBOX_INSIDE" http://inner-circle.flycast/
  open "$FLYCAST_SANDBOX_PAGE"               # the same in a browser`,
		RunE: func(c *cobra.Command, _ []string) error { return run.run(c.Context()) },
	}
	run.flags.register(c)
	return c
}

// flagGroup is a part of the help.
type flagGroup struct {
	title string
	flags *cobra.Command // only its flags are used
}

func (f *sandboxFlags) register(c *cobra.Command) {
	var groups []flagGroup
	group := func(title string) *cobra.Command {
		g := flagGroup{title, new(cobra.Command)}
		g.flags.Flags().SortFlags = false
		groups = append(groups, g)
		return g.flags
	}
	g := group("Where to listen (loopback addresses; port 0 takes a free one)").Flags()
	g.StringVar(&f.addr, "addr", "127.0.0.1:0", "`ADDRESS` of the APIs of the platform")
	g.StringVar(&f.inside, "inside", "127.0.0.1:0", "`ADDRESS` of Fly Proxy for .flycast and .internal, by Host or as an HTTP proxy; \"\" for none")
	g.StringVar(&f.public, "public", "127.0.0.1:0", "`ADDRESS` of Fly Proxy for .fly.dev and custom hostnames; \"\" for none")
	g.StringVar(&f.page, "page", "127.0.0.1:0", "`ADDRESS` of the web page; \"\" for none")

	g = group("What the platform has").Flags()
	g.StringVar(&f.apps, "apps", "", "apps of your own, from a TOML `FILE`; it can name commands to run on this machine")
	g.StringVar(&f.configs, "write-configs", "", "write each app's file as `DIR`/<app>/fly.toml")
	g.StringVar(&f.state, "state", "", "keep the state in this `FILE` between starts; created if it does not exist")

	f.faults = addFaultFlags(group("What goes wrong"))

	g = group("Time").Flags()
	f.speed.factor = 1
	g.Var(&f.speed, "speed", "run the platform's clock this many times faster, such as 60x; 0 stops it")
	g.DurationVar(&f.coldStart, "cold-start", startDelay, "how long a Machine takes to start, by that clock")
	g.DurationVar(&f.autostopEvery, "autostop-every", autostop.DefaultEvery, "how often Fly Proxy looks for idle Machines, by that clock; 0 for never")

	g = group("What is shown").Flags()
	g.StringVar(&f.envFile, "env-file", "", "also write the export lines to `FILE`, readable only by you")
	g.BoolVar(&f.plain, "plain", false, "print lines instead of the table")

	for _, g := range groups {
		c.Flags().AddFlagSet(g.flags.Flags())
	}
	c.SetUsageFunc(func(c *cobra.Command) error { return groupedUsage(c, groups) })
}

// groupedUsage prints a command's usage with its flags by group.
func groupedUsage(c *cobra.Command, groups []flagGroup) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExample:\n%s\n", c.Example)
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.Flags().FlagUsagesWrapped(100))
	}
	if help := c.Flags().Lookup("help"); help != nil {
		fmt.Fprintf(&b, "\n  -h, --help   %s\n", help.Usage)
	}
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
}

// clockSpeed is a flag's value such as 60x, 0.5 or 0.
type clockSpeed struct {
	factor float64
	given  bool // on the command line
}

const maxSpeed = 1e6

// Set reads a speed.
func (s *clockSpeed) Set(text string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSuffix(text, "x"), "×"), 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > maxSpeed {
		return fmt.Errorf("want a factor of 0 to %.0f, such as 60x", maxSpeed)
	}
	s.factor, s.given = n, true
	return nil
}

// String is the speed as one writes it.
func (s *clockSpeed) String() string { return strconv.FormatFloat(s.factor, 'g', 4, 64) + "x" }

// Type is what the help calls it.
func (s *clockSpeed) Type() string { return "speed" }
