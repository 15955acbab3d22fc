package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/autostop"
	"github.com/flycast-mcp/flycast-mcp/flysim/dataplane"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

// settings are what the person asked for.
type settings struct {
	gateway                    string // UDP address of the WireGuard gateway; empty: none
	addr, inside, public, page string // where to listen; empty: not served (addr is always there)
	apps                       string // file with apps of the person's own; empty: none
	configs                    string // folder for the apps' files; empty: none
	envFile                    string // empty: none
	speed                      clockSpeed
	coldStart                  time.Duration
	autostopEvery              time.Duration // 0: never
	plain                      bool
	state                      string // file; empty: memory
	faults                     faultFlags
}

func (p program) command() *cobra.Command {
	e := emulator{program: p}
	c := &cobra.Command{
		Use: "flysim", Short: "Run an emulated Fly.io platform on loopback addresses", Args: cobra.NoArgs,
		Version: cli.Version(),
		Long: `Run an emulated Fly.io platform on loopback addresses, with an example organization.

flysim prints export lines that point any Fly client at the platform. In a
terminal it shows a live table of what happens, otherwise it writes a line to
stderr for each change. The page at $FLYCAST_SANDBOX_PAGE shows the same. The
state is kept in memory and starts from the same examples each time, unless
--state keeps it in a file.

Use "fly deploy --dns-checks=false": otherwise flyctl asks 8.8.8.8 for
<app>.fly.dev after a deploy. A request that flysim does not emulate returns an
error that says so.`,
		Example: `  flysim --env-file fly.env                  # in one terminal
  . ./fly.env && fly status -a shop-api      # in another: any Fly client
  curl -x "$FLYCAST_SANDBOX_INSIDE" http://inner-circle.flycast/
  open "$FLYCAST_SANDBOX_PAGE"               # the same in a browser`,
		RunE: func(c *cobra.Command, _ []string) error { return e.run(c.Context()) },
	}
	c.SetVersionTemplate("flysim {{.Version}}\n")
	e.settings.register(c)
	c.AddCommand(cli.VersionCommand())
	return c
}

// flagGroup is a section of the help.
type flagGroup struct {
	title string
	flags *cobra.Command // only its flags are used
}

// defaultGateway is the address that flyctl expects: it adds the port itself.
const defaultGateway = "127.0.0.1:51820"

func (s *settings) register(c *cobra.Command) {
	var groups []flagGroup
	group := func(title string) *cobra.Command {
		g := flagGroup{title, new(cobra.Command)}
		g.flags.Flags().SortFlags = false
		groups = append(groups, g)
		return g.flags
	}
	g := group("Where to listen (loopback addresses; port 0 takes a free port)").Flags()
	g.StringVar(&s.addr, "addr", dataplane.AnyPort, "`ADDRESS` of the platform's APIs")
	g.StringVar(&s.inside, "inside", dataplane.AnyPort,
		"`ADDRESS` of Fly Proxy for .flycast and .internal, by Host or as an HTTP proxy; \"\" for none")
	g.StringVar(&s.public, "public", dataplane.AnyPort,
		"`ADDRESS` of Fly Proxy for .fly.dev and custom hostnames; \"\" for none")
	g.StringVar(&s.gateway, "gateway", defaultGateway,
		"UDP `ADDRESS` of the WireGuard gateway; \"\" for none. If the default is taken, a free port")
	g.StringVar(&s.page, "page", dataplane.AnyPort, "`ADDRESS` of the web page; \"\" for none")

	g = group("What the platform has").Flags()
	g.StringVar(&s.apps, "apps", "",
		"add the apps of a TOML `FILE`, which can name commands to run on this computer")
	g.StringVar(&s.configs, "write-configs", "", "write each app's configuration to `DIR`/<app>/fly.toml")
	g.StringVar(&s.state, "state", "",
		"keep the state in this `FILE` between runs; created if it does not exist")

	s.faults.register(group("What fails"))

	g = group("Time").Flags()
	s.speed.factor = 1
	g.Var(&s.speed, "speed", "run the platform's clock this many times faster, such as 60x; 0 stops it")
	g.DurationVar(&s.coldStart, "cold-start", flysim.VisibleStartDelay,
		"how long a Machine takes to start, by that clock")
	g.DurationVar(&s.autostopEvery, "autostop-every", autostop.DefaultEvery,
		"how often Fly Proxy looks for idle Machines, by that clock; 0 for never")

	g = group("Output").Flags()
	g.StringVar(&s.envFile, "env-file", "", "also write the export lines to `FILE`, readable only by you")
	g.BoolVar(&s.plain, "plain", false, "print lines instead of the table")

	for _, g := range groups {
		c.Flags().AddFlagSet(g.flags.Flags())
	}
	usage := c.UsageFunc()
	c.SetUsageFunc(func(about *cobra.Command) error {
		if about != c {
			return usage(about)
		}
		return groupedUsage(c, groups)
	})
}

// groupedUsage prints a command's usage with its flags in groups.
func groupedUsage(c *cobra.Command, groups []flagGroup) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(&b, "  %-24s # %s\n", sub.UseLine(), sub.Short)
		}
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExample:\n%s\n", c.Example)
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.Flags().FlagUsagesWrapped(100))
	}
	b.WriteString("\n  -h, --help      print this help\n  -v, --version   print the version\n")
	_, err := fmt.Fprint(c.OutOrStderr(), b.String())
	return err
}

// clockSpeed is the value of a flag, such as 60x, 0.5 or 0.
type clockSpeed struct {
	factor float64
	isSet  bool // on the command line
}

const maxSpeed = 1e6

// Set reads a speed.
func (s *clockSpeed) Set(text string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSuffix(text, "x"), "×"), 64)
	if err != nil || math.IsNaN(n) || n < 0 || n > maxSpeed {
		return fmt.Errorf("want a factor from 0 to %.0f, such as 60x", maxSpeed)
	}
	s.factor, s.isSet = n, true
	return nil
}

// String returns the speed in the form that Set reads.
func (s *clockSpeed) String() string { return strconv.FormatFloat(s.factor, 'g', 4, 64) + "x" }

// Type is what the help calls it.
func (s *clockSpeed) Type() string { return "speed" }
