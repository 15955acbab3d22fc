package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
)

func tomlCommand(p program) *cobra.Command {
	c := &cobra.Command{
		Use: "toml", Short: "Check, edit, convert and compare fly.toml files", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(tomlDiffCommand(p))
	return c
}

// tomlArgument is a file as the command line names it.
type tomlArgument struct {
	path  string
	title string // what it is called in what is printed
}

func (p program) readToml(ctx context.Context, file tomlArgument) (*flytoml.File, error) {
	data, err := p.readInput(ctx, file.path, file.title, flytoml.MaxSize)
	if err != nil {
		return nil, err
	}
	return flytoml.Parse(filepath.Base(file.title), data)
}

// readInput reads a file, or standard input for a dash, and no more of it than
// it may have.
func (p program) readInput(_ context.Context, path, title string, limit int64) ([]byte, error) {
	in := p.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than the %d bytes allowed", title, limit)
	}
	return data, err
}

// printJSON prints one object, on one line.
func (p program) printJSON(object any) error {
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(object)
}

// oneLine shows text from outside on one printable line.
func oneLine(text string) string { return printable(strings.ReplaceAll(text, "\n", "·")) }

func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	t.SetStyle(style)
	t.AppendHeader(header)
	return t
}
