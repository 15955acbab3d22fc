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

// rewritten is what --json prints of an edited file.
type rewritten struct {
	Changed bool             `json:"changed"`
	Written bool             `json:"written"`
	Diff    string           `json:"diff"`
	Changes []rewrittenValue `json:"changes"`
	Remarks []rewriteRemark  `json:"remarks,omitempty"`
	Before  string           `json:"sha256_before"`
	After   string           `json:"sha256_after"`

	// Why flyctl refuses the file as it is to be, for toml patch.
	InvalidReason string `json:"invalid_reason,omitempty"`
	invalid       *flytoml.InvalidError
}

// rewriteRemark is what an edit left alone, or what follows from it.
type rewriteRemark struct {
	Code   string   `json:"code"`
	Groups []string `json:"groups,omitempty"`
	What   string   `json:"what"`
	Fix    string   `json:"fix,omitempty"`
}

type rewrittenValue struct {
	Path   string   `json:"path"`
	Before string   `json:"before"` // empty if it was added
	After  string   `json:"after"`
	Row    int      `json:"row"` // of the edited file
	Groups []string `json:"groups"`
	// What the file says of the value that was replaced.
	Comment string `json:"comment,omitempty"`
}

// notEdited is what --json prints of a file that cannot be edited.
type notEdited struct {
	File      string `json:"file,omitempty"`
	EditError string `json:"edit_error"`
}

// writing says whether an edited file is written, and whether one that is
// read-only is written too.
type writing struct{ write, force bool }

func (w *writing) flags(c *cobra.Command, write string) {
	c.Flags().BoolVar(&w.write, "write", false, write)
	c.Flags().BoolVar(&w.force, "force", false, "write a file that is read-only too, with --write")
}

func (w writing) complete() error {
	if w.force && !w.write {
		return errors.New("--force is for --write")
	}
	return nil
}

// rewrite tells what an edit changes, and writes it if that is wanted and there
// is something to write.
func rewrite(file tomlArgument, edited *edit.Result, w writing) (rewritten, error) {
	out := rewritten{
		Changed: len(edited.Changes) > 0,
		Diff:    edited.Diff(cli.Line(file.title)),
		Changes: make([]rewrittenValue, len(edited.Changes)),
		Before:  digest(edited.Before),
		After:   digest(edited.After),
	}
	for _, r := range edited.Remarks {
		out.Remarks = append(out.Remarks, rewriteRemark{r.Code, r.Groups, r.What, r.Fix})
	}
	for i, change := range edited.Changes {
		out.Changes[i] = rewrittenValue{change.Path, change.Before, change.After, change.Row, change.Groups, change.Comment}
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
		return rewritten{},
			fmt.Errorf("%s is read-only. Nothing was written; --force writes it, and leaves it read-only", cli.Line(file.title))
	case err != nil:
		return rewritten{}, fmt.Errorf("%w. Nothing was written", err)
	}
	out.Written = true
	return out, nil
}

// printRewritten prints the diff, or of standard input the file as it is to be
// unless the diff alone is wanted.
func (p program) printRewritten(file tomlArgument, out rewritten, after []byte, diff bool) error {
	text := out.Diff
	if file.path == stdinPath && !diff {
		text = string(after)
	}
	_, err := io.WriteString(p.stdout, cli.Shown(p.stdout, text))
	return err
}

// tellComments says on standard error what the file says of the values that are
// replaced: the person who wrote it may have had a reason.
func (p program) tellComments(file tomlArgument, out rewritten) {
	for _, change := range out.Changes {
		if change.Comment != "" {
			fmt.Fprintf(p.stderr, "%s:%d: %s was %s, and a comment there says %s\n", cli.Line(file.title), change.Row,
				cli.Line(change.Path), cli.Line(change.Before), outside.Quote(change.Comment, 200))
		}
	}
}

// tellRewritten says on standard error what was done with the changes. Of a
// filter there is nothing to say.
func (p program) tellRewritten(file tomlArgument, out rewritten) {
	title, changes := cli.Line(file.title), count(len(out.Changes), "change")
	switch {
	case out.Written:
		fmt.Fprintf(p.stderr, "%s: written, with %s\n", title, changes)
	case file.path != stdinPath:
		fmt.Fprintf(p.stderr, "%s: %s to make; nothing was written, --write does that\n", title, changes)
	}
}

// replace writes a file that still holds before. Of a symbolic link the file it
// leads to is written, and the link stays.
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
