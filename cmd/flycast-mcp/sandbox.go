package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// sandboxCommand says which program runs the emulated platform alone.
func sandboxCommand() *cobra.Command {
	return &cobra.Command{
		Use: "sandbox", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return errors.New("the emulated platform is a separate program, flysim; install it with " +
				"go install github.com/flycast-mcp/flycast-mcp/cmd/flysim@latest")
		},
	}
}
