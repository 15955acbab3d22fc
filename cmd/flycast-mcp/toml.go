package main

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
)

func tomlCommand(p program) *cobra.Command {
	c := &cobra.Command{
		Use: "toml", Short: "Check, edit, convert and compare fly.toml files", Args: cobra.NoArgs,
		Long: `Check, edit, convert and compare fly.toml files by flyctl's own rules. Only diff
uses a token and the network, and not with --existing.

FILE is a fly.toml, fly.json or fly.yaml; the end of its name gives the format.
A single dash reads standard input, and --name gives its name. With --json,
standard output is for programs, and its format is stable.

The exit status is 0 on success, and 1 if a file is refused, a check fails or
the command was misused; standard error says which. diff has its own statuses.`,
		Example: `  flycast-mcp toml lint fly.toml
  flycast-mcp toml patch fly.toml            # shows what would change
  flycast-mcp toml patch fly.toml --write
  flycast-mcp toml convert fly.toml --json | jq .machine_config.app`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(
		tomlLintCommand(p),
		tomlPatchCommand(p),
		tomlConvertCommand(p),
		tomlDiffCommand(p),
	)
	return c
}

// printJSON prints one object on one line. It replaces bytes that are not UTF-8,
// which a Machine that was read may have.
func (p program) printJSON(object any) error {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(object); err != nil {
		return err
	}
	_, err := io.WriteString(p.stdout, cli.Shown(p.stdout, strings.ToValidUTF8(b.String(), "\uFFFD")))
	return err
}

// loadFailure is what --json prints for a file that could not be read.
type loadFailure struct {
	File      string `json:"file,omitempty"`
	LoadError string `json:"load_error"`
}

// loadError returns why a file could not be read, in flyctl's own text if it has
// one.
func loadError(err error) string {
	var syntaxErr *syntax.Error
	if errors.As(err, &syntaxErr) && syntaxErr.Text != "" {
		return syntaxErr.Text
	}
	return err.Error()
}
