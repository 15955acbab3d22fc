package cli

// This file is for commands that need a person. The rules are:
//
//   - Questions and messages go to the terminal: stderr or, if that is
//     redirected, the terminal that stdin is.
//   - stdin must be a terminal. Nothing is read from a pipe, and no other terminal
//     is opened instead. This protects programs that run the command by mistake;
//     it proves nothing about who types.
//   - stdout gets only the result of the command (a list, an approval code), after
//     the terminal was restored.
//   - Errors are printed by [Run]. They say what did not happen.
//   - Only printable text is written to the terminal: control characters could
//     hide or rewrite what a person is about to approve.

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/term"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Errors of a [Dialog].
var (
	ErrNoTerminal  = errors.New("this has to be run by a person in a terminal, with stdin not redirected")
	ErrInterrupted = errors.New("interrupted")
)

// Dialog asks the person at the terminal. The terminal is in raw mode from before
// the first question: the system echoes no key, and Ctrl-C ends the question, not
// the program.
type Dialog struct {
	screen *term.Terminal
	err    error // the first failure to show something
}

// WithDialog runs talk with the person at the terminal of stdin and stderr, and
// restores the terminal. It returns [ErrNoTerminal] if stdin is none.
func WithDialog(stdin io.Reader, stderr io.Writer, talk func(*Dialog) error) error {
	in, ok := Terminal(stdin)
	if !ok {
		return ErrNoTerminal
	}
	out, ok := Terminal(stderr)
	if !ok {
		out = in
	}
	state, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	d := &Dialog{screen: term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "")}
	if width, height, err := term.GetSize(int(out.Fd())); err == nil && width > 0 && height > 0 {
		d.err = d.screen.SetSize(width, height)
	}
	err = talk(d)
	if errors.Is(err, ErrInterrupted) {
		fmt.Fprint(out, "\r\n") // leave the line of the question
	}
	if restoreErr := term.Restore(int(in.Fd()), state); restoreErr != nil {
		err = errors.Join(err, fmt.Errorf("terminal: %w", restoreErr))
	}
	return err
}

// Say shows text. The next question returns a failure.
func (d *Dialog) Say(format string, args ...any) {
	_, err := io.WriteString(d.screen, outside.Block(fmt.Sprintf(format, args...)))
	if d.err == nil {
		d.err = err
	}
}

// Ask reads one line.
func (d *Dialog) Ask(ctx context.Context, prompt string) (string, error) {
	return d.read(ctx, func() (string, error) {
		d.screen.SetPrompt(outside.Block(prompt))
		defer d.screen.SetPrompt("")
		return d.screen.ReadLine()
	})
}

// AskSecret reads one line that is not shown.
func (d *Dialog) AskSecret(ctx context.Context, prompt string) (string, error) {
	return d.read(ctx, func() (string, error) { return d.screen.ReadPassword(outside.Block(prompt)) })
}

// read waits for a line or for the end of ctx. Nothing can stop the read itself;
// the program ends soon after.
func (d *Dialog) read(ctx context.Context, line func() (string, error)) (string, error) {
	if d.err != nil {
		return "", fmt.Errorf("terminal: %w", d.err)
	}
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := line()
		done <- result{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ErrInterrupted
	case got := <-done:
		if errors.Is(got.err, io.EOF) { // Ctrl-C, Ctrl-D, or the terminal is gone
			return "", ErrInterrupted
		}
		if got.err != nil {
			return "", fmt.Errorf("terminal: %w", got.err)
		}
		return got.text, nil
	}
}
