package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"

	"github.com/spf13/cobra"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/disk"
)

// stdinPath stands for standard input.
const stdinPath = "-"

// tomlArgument is a file as the command line names it.
type tomlArgument struct {
	path  string // or stdinPath
	title string // its name in output
}

// stdinName is the flag that names standard input.
type stdinName string

func (n *stdinName) flag(c *cobra.Command) {
	c.Flags().StringVar((*string)(n), "name", "fly.toml",
		"name of standard input; the end of the `NAME` gives the format: fly.json, fly.yaml")
}

// arguments returns the files that a command line names.
func (n stdinName) arguments(c *cobra.Command, paths []string) ([]tomlArgument, error) {
	if err := stdinOnce(paths...); err != nil {
		return nil, err
	}
	if c.Flags().Changed("name") && !slices.Contains(paths, stdinPath) {
		return nil, errors.New("--name works only with standard input (-)")
	}
	files := make([]tomlArgument, len(paths))
	for i, path := range paths {
		files[i] = tomlArgument{path, path}
		if path == stdinPath {
			files[i].title = string(n)
		}
	}
	return files, nil
}

// stdinOnce returns an error if more than one path is standard input.
func stdinOnce(paths ...string) error {
	first := slices.Index(paths, stdinPath)
	if first >= 0 && slices.Contains(paths[first+1:], stdinPath) {
		return errors.New("standard input (-) can be read only once")
	}
	return nil
}

// readToml reads and parses a file. Its errors name it as the command line
// does; flyctl's texts name it without its folders, as flyctl does where it is
// run beside the file.
func (p program) readToml(ctx context.Context, file tomlArgument) (*flytoml.File, error) {
	data, err := p.readInput(ctx, file.path, file.title, flytoml.MaxSize)
	if err != nil {
		return nil, err
	}
	parsed, err := flytoml.Parse(filepath.Base(file.title), data)
	return parsed, file.withName(err)
}

// withWorkingDirectory lets the conversion of a file read the files that it names.
// They are read from the working directory, as flyctl does, and never from outside it.
func withWorkingDirectory(file *flytoml.File) (*flytoml.File, func()) {
	root, err := os.OpenRoot(".")
	if err != nil {
		return file, func() {} // the conversion refuses such files by name
	}
	return file.WithFiles(root.FS()), func() { root.Close() }
}

// withName puts the full name of the file into an error about a place in it.
func (a tomlArgument) withName(err error) error {
	var syntaxErr *syntax.Error
	if !errors.As(err, &syntaxErr) {
		return err
	}
	full := *syntaxErr
	full.Name = cli.Line(a.title)
	return &full
}

// readInput reads a regular file or standard input of at most limit bytes.
func (p program) readInput(ctx context.Context, path, title string, limit int64) ([]byte, error) {
	title = cli.Line(title)
	if path == stdinPath {
		return p.readStdin(ctx, title, limit)
	}
	info, err := os.Stat(path) // first, as opening a pipe would wait for its other end
	switch {
	case err != nil:
		return nil, about(title, err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder: name the file in it", title)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf(
			"%s is not a regular file: use - and redirect standard input to read a pipe or a device", title)
	case info.Size() > limit:
		return nil, tooLarge(title, limit)
	}
	f, _, err := disk.Open(path)
	if err != nil {
		return nil, about(title, err)
	}
	defer f.Close()
	return readLimited(f, title, limit)
}

// readStdin reads standard input, and gives up when ctx ends. The read cannot be
// canceled, so its goroutine may outlive the call.
func (p program) readStdin(ctx context.Context, title string, limit int64) ([]byte, error) {
	type input struct {
		data []byte
		err  error
	}
	done := make(chan input, 1)
	go func() {
		data, err := readLimited(p.stdin, title, limit)
		done <- input{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, cli.ErrInterrupted
	case in := <-done:
		return in.data, in.err
	}
}

func readLimited(r io.Reader, title string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, about(title, err)
	case int64(len(data)) > limit:
		return nil, tooLarge(title, limit)
	}
	return data, nil
}

func tooLarge(title string, limit int64) error {
	return fmt.Errorf("%s is larger than the %d bytes allowed", title, limit)
}

// about adds the file to a system error, and removes the operation.
func about(title string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s: %w", title, err)
}
