package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/flycast-mcp/flycast-mcp/internal/flytoml"
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
}

// notEdited is what --json prints of a file that cannot be edited.
type notEdited struct {
	File      string `json:"file,omitempty"`
	EditError string `json:"edit_error"`
}

// rewrite tells what an edit changes, and writes it if that is wanted and there
// is something to write.
func rewrite(file tomlArgument, edited *flytoml.Edited, write bool) (rewritten, error) {
	out := rewritten{
		Changed: len(edited.Changes) > 0,
		Diff:    edited.Diff(oneLine(file.title)),
		Changes: make([]rewrittenValue, len(edited.Changes)),
		Before:  digest(edited.Before),
		After:   digest(edited.After),
	}
	for _, r := range edited.Remarks {
		out.Remarks = append(out.Remarks, rewriteRemark{r.Code, r.Groups, r.What, r.Fix})
	}
	for i, change := range edited.Changes {
		out.Changes[i] = rewrittenValue{change.Path, change.Before, change.After, change.Row, change.Groups}
		if change.Groups == nil {
			out.Changes[i].Groups = []string{}
		}
	}
	if !out.Changed || !write {
		return out, nil
	}
	if err := replace(file.path, edited.Before, edited.After); err != nil {
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
	_, err := io.WriteString(p.stdout, shown(p.stdout, text))
	return err
}

// tellRewritten says on standard error what was done with the changes. Of a
// filter there is nothing to say.
func (p program) tellRewritten(file tomlArgument, out rewritten) {
	title, changes := oneLine(file.title), count(len(out.Changes), "change")
	switch {
	case out.Written:
		fmt.Fprintf(p.stderr, "%s: written, with %s\n", title, changes)
	case file.path != stdinPath:
		fmt.Fprintf(p.stderr, "%s: %s to make; nothing was written, --write does that\n", title, changes)
	}
}

// replace writes a file that still holds before. Of a symbolic link the file it
// leads to is written, and the link stays.
func replace(path string, before, after []byte) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return about(path, err)
	}
	folder, err := roots.Open(filepath.Dir(target))
	if err != nil {
		return err
	}
	return errors.Join(folder.Replace(filepath.Base(target), before, after), folder.Close())
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
