package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// program is what the outside gives the program.
type program struct {
	args   []string
	lookup func(string) (string, bool) // environment
	stdin  io.Reader
	stdout io.Writer // the protocol, or what a command prints on purpose
	stderr io.Writer // everything else
	clock  call.Clock
	tune   func(*fly.Options) // for tests; nil in the real program

	accountHome func() string // the home folder where HOME is not set; nil: there is none

	workFactor int // of new approver's keys, as [gate.SigningKey.Encrypt] takes it; for tests
}

func (p program) getenv(name string) string {
	value, _ := p.lookup(name)
	return value
}

// setting is a variable that a client may have left as it is in its own
// settings, such as ${FLY_APP}: that counts as not set.
func (p program) setting(name string) string {
	value := strings.TrimSpace(p.getenv(name))
	if fly.IsUnexpanded(value) {
		return ""
	}
	return value
}

func (p program) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "flycast-mcp",
		Short: "Take a Fly.io app off the public internet and put it behind Flycast, from an MCP client",
		Long: `flycast-mcp is an MCP server. An AI agent lists an app's addresses, allocates a
Flycast address, patches fly.toml, deploys it and releases the public addresses;
a person approves the important changes.

Try it on an emulated platform: flycast-mcp demo`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Version:           version(),
		Args:              cobra.NoArgs,
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("flycast-mcp {{.Version}}\n")
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(
		stdioCommand(p),
		httpCommand(p),
		demoCommand(p),
		sandboxCommand(p),
		approveCommand(p),
		journalCommand(p),
		tomlCommand(p),
		versionCommand(p),
	)
	return root
}

// helpCommand is help for a command. An unknown one is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about a command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if about, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, c := range about.Commands() {
					if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), begun) {
						names = append(names, c.Name())
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("there is no command %q; flycast-mcp help lists them", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
