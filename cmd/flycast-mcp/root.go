package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/tools"
)

// program is what the outside gives the program.
type program struct {
	args   []string
	lookup func(string) (string, bool) // environment
	stdin  io.Reader
	stdout io.Writer // the protocol, or what a command prints on purpose
	stderr io.Writer // everything else
	clock  tools.Clock
	tune   func(*fly.Options) // for tests; nil in the real program

	accountHome func() string // the home folder where HOME is not set; nil: there is none

	workFactor int // of new approver's keys, as [gate.SigningKey.Encrypt] takes it; for tests
}

func (p program) getenv(name string) string {
	value, _ := p.lookup(name)
	return value
}

func (p program) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "flycast-mcp",
		Short: "Take a Fly.io app off the public internet and put it behind Flycast, from an MCP client",
		Long: `flycast-mcp is an MCP server. An AI agent lists an app's addresses, allocates a
Flycast address, patches fly.toml, deploys it and releases the public addresses;
a person approves what matters.

Try it on an emulated platform: flycast-mcp demo`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
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
