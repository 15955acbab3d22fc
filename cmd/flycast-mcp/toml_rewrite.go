package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// rewriteOutput is what --json prints for an edited file.
type rewriteOutput struct {
	Changed bool            `json:"changed"`
	Written bool            `json:"written"`
	Diff    string          `json:"diff"`
	Changes []rewriteChange `json:"changes"`
	Remarks []rewriteRemark `json:"remarks,omitempty"`
	Before  string          `json:"sha256_before"`
	After   string          `json:"sha256_after"`

	// Why flyctl refuses the edited file; only for toml patch.
	InvalidReason string `json:"invalid_reason,omitempty"`
	invalid       *flytoml.InvalidError
}

// rewriteRemark is something that an edit left alone, or a consequence of it.
type rewriteRemark struct {
	Code   string   `json:"code"`
	Groups []string `json:"groups,omitempty"`
	What   string   `json:"what"`
	Fix    string   `json:"fix,omitempty"`
}

type rewriteChange struct {
	Path   string   `json:"path"`
	Before string   `json:"before"` // empty if it was added
	After  string   `json:"after"`
	Row    int      `json:"row"` // of the edited file
	Groups []string `json:"groups"`
	// The comment in the file about the replaced value.
	Comment string `json:"comment,omitempty"`
}

// editFailure is what --json prints for a file that cannot be edited.
type editFailure struct {
	File      string `json:"file,omitempty"`
	EditError string `json:"edit_error"`
}

// writeFlags say whether to write an edited file, and whether to write it even if
// it is read-only.
type writeFlags struct{ write, force bool }

func (w *writeFlags) flags(c *cobra.Command, write string) {
	c.Flags().BoolVar(&w.write, "write", false, write)
	c.Flags().BoolVar(&w.force, "force", false, "with --write, also write a read-only file")
}

func (w writeFlags) complete() error {
	if w.force && !w.write {
		return errors.New("--force works only with --write")
	}
	return nil
}

// rewrite describes what an edit changes and, with --write, writes the file if
// anything changed.
func rewrite(file tomlArgument, edited *edit.Result, w writeFlags) (rewriteOutput, error) {
	out := rewriteOutput{
		Changed: len(edited.Changes) > 0,
		Diff:    edited.Diff(cli.Line(file.title)),
		Changes: make([]rewriteChange, len(edited.Changes)),
		Before:  digest(edited.Before),
		After:   digest(edited.After),
	}
	for _, r := range edited.Remarks {
		out.Remarks = append(out.Remarks, rewriteRemark{r.Code, r.Groups, r.What, r.Fix})
	}
	for i, change := range edited.Changes {
		out.Changes[i] = rewriteChange{change.Path, change.Before, change.After, change.Row, change.Groups, change.Comment}
		if change.Groups == nil {
			out.Changes[i].Groups = []string{}
		}
	}
	if !out.Changed || !w.write {
		return out, nil
	}
	err := replace(file.path, edited.Before, edited.After, w.force)
	switch {
	case errors.Is(err, roots.ErrReadOnly):
		return rewriteOutput{},
			fmt.Errorf("%s is read-only. Nothing was written; --force writes it anyway, and leaves it read-only",
				cli.Line(file.title))
	case err != nil:
		return rewriteOutput{}, fmt.Errorf("%w. Nothing was written", err)
	}
	out.Written = true
	return out, nil
}

// printRewritten prints the diff or, for standard input, the edited file unless
// diff is set.
func (p program) printRewritten(file tomlArgument, out rewriteOutput, after []byte, diff bool) error {
	text := out.Diff
	if file.path == stdinPath && !diff {
		text = string(after)
	}
	_, err := io.WriteString(p.stdout, cli.Shown(p.stdout, text))
	return err
}

// tellComments prints on standard error the comments on values that are replaced:
// the person who wrote them may have had a reason.
func (p program) tellComments(file tomlArgument, out rewriteOutput) {
	for _, change := range out.Changes {
		if change.Comment != "" {
			fmt.Fprintf(p.stderr, "%s:%d: %s was %s, and a comment there says %s\n", cli.Line(file.title), change.Row,
				cli.Line(change.Path), cli.Line(change.Before), outside.Quote(change.Comment, 200))
		}
	}
}

// tellRewritten prints on standard error whether the changes were written. It
// prints nothing for a filter.
func (p program) tellRewritten(file tomlArgument, out rewriteOutput) {
	title, changes := cli.Line(file.title), count(len(out.Changes), "change")
	switch {
	case out.Written:
		fmt.Fprintf(p.stderr, "%s: wrote %s\n", title, changes)
	case file.path != stdinPath:
		fmt.Fprintf(p.stderr, "%s: %s to make; nothing was written, use --write to save\n", title, changes)
	}
}

// replace writes a file if it still holds before. It follows a symbolic link, and
// keeps the link.
func replace(path string, before, after []byte, force bool) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return about(path, err)
	}
	folder, err := roots.Open(filepath.Dir(target))
	if err != nil {
		return err
	}
	write := folder.Replace
	if force {
		write = folder.ReplaceReadOnly
	}
	return errors.Join(write(filepath.Base(target), before, after), folder.Close())
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
