package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/server"
)

func stdioCommand(p program) *cobra.Command {
	var s serverSettings
	c := &cobra.Command{
		Use: "stdio", Short: "Serve MCP on stdin and stdout, for one client", Args: cobra.NoArgs,
		Long: `Serve MCP on stdin and stdout, for one client.

The token is read from FLY_ACCESS_TOKEN or FLY_API_TOKEN. Use a short-lived
token for one app: fly tokens create deploy -a APP -x 24h`,
		RunE: func(c *cobra.Command, _ []string) error {
			app, err := s.build(c.Context(), p, false)
			if err != nil {
				return err
			}
			if _, ok := cli.Terminal(p.stdin); ok {
				fmt.Fprintln(app.stderr, "flycast-mcp waits for an MCP client on stdin: "+
					"add it to a client, or try flycast-mcp demo. Ctrl-C quits.")
			}
			options := server.StdioOptions{Log: app.log, Now: p.clock.Now}
			err = server.ServeStdio(c.Context(), app.mcp, p.stdin, p.stdout, options)
			return errors.Join(err, app.Close())
		},
	}
	s.flags(c)
	return c
}
