package main

// This file is the terminal side of commands that need a person. The rules are:
//
//   - Questions, answers and what a person is told meanwhile go to the terminal:
//     stderr, or, if that is redirected, the terminal that stdin is.
//   - stdin must be a terminal. Nothing is ever read from a pipe, and no other
//     terminal is opened in its place. This is a courtesy to programs that run
//     the command by mistake; it proves nothing about who types.
//   - stdout gets only what the command was run for (a list, an approval code),
//     after the terminal was put back.
//   - Errors are main's: on stderr, after the program's name. They say what did
//     not happen.
//   - Whatever is written to the terminal is printable text: control characters
//     in it could hide or rewrite what a person is about to approve.

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/term"

	"github.com/flycast-mcp/flycast-mcp/internal/cli"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

var (
	errNoTerminal  = errors.New("this has to be run by a person in a terminal, with stdin not redirected")
	errInterrupted = errors.New("interrupted")
)

// terminal is a person's terminal while he is being asked. It is in raw mode
// from before the first question on, so that no key is echoed by the system and
// Ctrl-C ends the question, not the program.
type terminal struct {
	screen *term.Terminal
	err    error // the first failure to show something
}

// atTerminal lets ask talk to the person at the terminal, and puts the terminal
// back whatever happens. It returns [errNoTerminal] where there is none.
func (p program) atTerminal(ask func(*terminal) error) error {
	in, ok := cli.Terminal(p.stdin)
	if !ok {
		return errNoTerminal
	}
	out, ok := cli.Terminal(p.stderr)
	if !ok {
		out = in
	}
	was, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	t := &terminal{screen: term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "")}
	if width, height, err := term.GetSize(int(out.Fd())); err == nil && width > 0 && height > 0 {
		err = t.screen.SetSize(width, height)
		t.err = err
	}
	err = ask(t)
	if errors.Is(err, errInterrupted) {
		fmt.Fprint(out, "\r\n") // leave the line of the question
	}
	if err2 := term.Restore(int(in.Fd()), was); err2 != nil {
		err = errors.Join(err, fmt.Errorf("terminal: %w", err2))
	}
	return err
}

// say shows text. A failure comes back from the next question.
func (t *terminal) say(format string, args ...any) {
	_, err := io.WriteString(t.screen, outside.Block(fmt.Sprintf(format, args...)))
	if t.err == nil {
		t.err = err
	}
}

// ask reads one line.
func (t *terminal) ask(ctx context.Context, prompt string) (string, error) {
	return t.read(ctx, func() (string, error) {
		t.screen.SetPrompt(outside.Block(prompt))
		defer t.screen.SetPrompt("")
		return t.screen.ReadLine()
	})
}

// askSecret reads one line that is not shown.
func (t *terminal) askSecret(ctx context.Context, prompt string) (string, error) {
	return t.read(ctx, func() (string, error) { return t.screen.ReadPassword(outside.Block(prompt)) })
}

// read waits for a line or for the end of ctx. In the latter case the read is
// left behind: nothing can end it, and the program is about to.
func (t *terminal) read(ctx context.Context, line func() (string, error)) (string, error) {
	if t.err != nil {
		return "", fmt.Errorf("terminal: %w", t.err)
	}
	type typed struct {
		text string
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		text, err := line()
		done <- typed{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case got := <-done:
		if errors.Is(got.err, io.EOF) { // Ctrl-C, Ctrl-D, or the terminal is gone
			return "", errInterrupted
		}
		if got.err != nil {
			return "", fmt.Errorf("terminal: %w", got.err)
		}
		return got.text, nil
	}
}
