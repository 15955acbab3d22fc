// Package cli has what the command lines of our programs share: how a process
// ends, its version, and how text is written to a terminal.
package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Run executes a program's root command, whose arguments and streams are set,
// and returns the exit status. An error goes to the command's stderr, after the
// program's name.
func Run(ctx context.Context, root *cobra.Command) int {
	root.SilenceUsage, root.SilenceErrors = true, true
	root.CompletionOptions = cobra.CompletionOptions{HiddenDefaultCmd: true}
	root.SetHelpCommand(helpCommand(root))
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errors.New(Line(err.Error())) })
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	status, text := exitStatus(err)
	if text != "" {
		stderr := NewLogWriter(root.ErrOrStderr()) // an ending program does not wait for a reader
		fmt.Fprintf(stderr, "%s: %s\n", root.Name(), Escape(text))
		_ = stderr.Close()
	}
	return status
}

// helpCommand is help for a command. An unknown one is an error.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about a command",
		ValidArgsFunction: func(_ *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if topic, rest, err := root.Find(args); err == nil && len(rest) == 0 {
				for _, c := range topic.Commands() {
					if c.IsAvailableCommand() && strings.HasPrefix(c.Name(), prefix) {
						names = append(names, c.Name())
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			topic, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return fmt.Errorf("there is no command %q; %s help lists them", strings.Join(args, " "), root.Name())
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}
