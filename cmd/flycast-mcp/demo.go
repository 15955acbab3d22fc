package main

import (
	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/demo"
)

func demoCommand(p program) *cobra.Command {
	d := demo.Demo{
		Stdin: p.stdin, Stdout: p.stdout, Stderr: p.stderr, Clock: p.clock,
		Platform: flysim.Options{
			StartDelay: flysim.VisibleStartDelay, CheckDelay: flysim.VisibleCheckDelay,
			RateLimits: p.tune == nil, // tests have a clock of their own, which does not keep them
		},
	}
	c := &cobra.Command{
		Use: "demo", Short: "Watch a public app become private, on an emulated platform",
		Args: cobra.NoArgs,
		Long: `Watch a public app become private, on an emulated Fly platform.

The demo runs the platform in its own process and this program as an MCP server
beside it. It makes the calls that an agent would make, asks you the questions
that a person is asked, and verifies the result with requests through the
emulated Fly Proxy. It reads no FLY_* variables, tokens or files of yours. The
exit status is 1 if the app is not private at the end.`,
		RunE: func(c *cobra.Command, _ []string) error {
			d.Colors = p.colors()
			return d.Run(c.Context())
		},
	}
	c.Flags().BoolVar(&d.Yes, "yes", false, "answer the questions automatically")
	c.Flags().StringVar(&d.App, "app", flysim.ExampleApp,
		"the example app: shop-api, legacy-api, tenant-7, game-server or inner-circle")
	return c
}
