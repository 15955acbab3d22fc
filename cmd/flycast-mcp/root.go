package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/placeholder"
	"github.com/flycast-mcp/flycast-mcp/internal/statedir"
)

// program is what the outside gives the program.
type program struct {
	args   []string
	lookup func(string) (string, bool) // environment
	stdin  io.Reader
	stdout io.Writer // the protocol, or the output of a command
	stderr io.Writer // everything else
	clock  call.Clock
	tune   func(*fly.Options) // for tests; nil in the real program

	accountHome func() string // the home folder if HOME is not set; nil: there is none

	workFactor int // of new keys, for [gate.SigningKey.Encrypt]; 0 but in tests
}

func (p program) getenv(name string) string {
	value, _ := p.lookup(name)
	return value
}

// folders returns the user's folders.
func (p program) folders() statedir.Folders {
	return statedir.Folders{Getenv: p.getenv, AccountHome: p.accountHome}
}

// setting returns a variable. A placeholder that a client did not fill in, such as
// ${FLY_APP}, counts as not set.
func (p program) setting(name string) string {
	value := strings.TrimSpace(p.getenv(name))
	if placeholder.IsUnexpanded(value) {
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
		Version: cli.Version(),
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetVersionTemplate("flycast-mcp {{.Version}}\n")
	root.AddCommand(
		stdioCommand(p),
		httpCommand(p),
		demoCommand(p),
		sandboxCommand(),
		auditCommand(p),
		whyAwakeCommand(p),
		verifyCommand(p),
		approveCommand(p),
		journalCommand(p),
		undoCommand(p),
		tomlCommand(p),
		cli.VersionCommand(),
	)
	return root
}
