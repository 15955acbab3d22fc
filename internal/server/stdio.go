package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

const (
	// maxLine is the size of the longest message on stdio, in bytes.
	maxLine = 4 << 20
	// finishTime is how long calls may take after the client has closed its end, before
	// they are cancelled.
	finishTime = 10 * time.Second
	// stopTime is how long cancelled calls may take to return.
	stopTime = 5 * time.Second
)

// ServeStdio serves one client: one message per line on in, and only messages on out.
// It returns nil when in ends, after it gave open calls ten seconds to be answered;
// when ctx ends, after it ended and answered them; and when the client closes out or
// stops reading it. A line that is too long or not JSON gets a JSON-RPC error, and the
// session continues. Any other failure of in or out is returned.
//
// A blocked read or write cannot be interrupted: one goroutine each may keep using in
// and out after the return, until it ends.
func ServeStdio(ctx context.Context, s *mcpserver.MCPServer, in io.Reader, out io.Writer, o StdioOptions) error {
	return stdio{server: s, log: o.Log, now: clockOr(o.Now), after: time.After}.serve(ctx, in, out)
}

// StdioOptions configure [ServeStdio].
type StdioOptions struct {
	Log *slog.Logger     // may be nil
	Now func() time.Time // the clock for the arrival of answers; nil means time.Now
}

func clockOr(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

type stdio struct {
	server *mcpserver.MCPServer
	log    *slog.Logger
	now    func() time.Time
	after  func(time.Duration) <-chan time.Time
}

func (t stdio) serve(ctx context.Context, in io.Reader, out io.Writer) error {
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	calls, cancelCalls := context.WithCancel(newShutdown(ctx, 0).withContext(context.WithoutCancel(ctx)))
	defer cancelCalls()

	ended := make(chan struct{})
	defer close(ended)
	box := newOutbox(ctx, ended, out, t.now, t.after)
	p := newPeer(t.server, t.log, func(message []byte, written func(time.Time)) error {
		return box.put(append(message, '\n'), written)
	}, true)
	if err := p.open(calls); err != nil {
		return fmt.Errorf("stdio: %w", err)
	}

	lines := make(chan inputLine)
	go readLines(calls, &timedReader{in: in, now: t.now}, lines)
	err := t.receive(ctx, calls, p, lines, box)

	p.close(context.WithoutCancel(ctx))
	t.awaitCalls(ctx, p, err == nil, cancelCalls)
	switch {
	case isClientGone(err):
		t.log.Info("the client closed its end", "error", err)
		return nil
	case err == nil && !box.flush():
		t.log.Warn("the client did not read the last messages")
	}
	return err
}

// awaitCalls waits until the open calls return, or gives them up. If answers is true,
// they may still be answered: the client only ended its input, or the server stops.
func (t stdio) awaitCalls(ctx context.Context, p *peer, answers bool, cancelCalls func()) {
	returned := make(chan struct{})
	go func() {
		p.running.Wait()
		close(returned)
	}()
	var finish <-chan time.Time
	stops := ctx.Done()
	if ctx.Err() == nil {
		finish = t.after(finishTime)
	}
	for answers {
		select {
		case <-returned:
			return
		case <-stops: // calls that can stop have been cancelled
			stops, finish = nil, t.after(stopGrace)
			continue
		case <-finish:
			t.log.Warn("the client's input has ended: calls that take too long are cancelled")
		}
		break
	}
	cancelCalls()
	select {
	case <-returned:
	case <-t.after(stopTime):
		t.log.Warn("cancelled calls did not return in time")
	}
}

// receive passes lines to the peer until there are no more.
func (t stdio) receive(ctx, calls context.Context, p *peer, lines <-chan inputLine, box *outbox) error {
	for {
		select {
		case l, ok := <-lines:
			switch {
			case !ok:
				return nil
			case l.err != nil:
				return fmt.Errorf("stdio: read: %w", l.err)
			case l.tooLong:
				p.refuse(idOfPart(l.text), mcp.INVALID_REQUEST,
					fmt.Sprintf("the message is longer than %d MiB", maxLine>>20))
			default:
				p.receive(calls, l.text, l.arrived)
			}
		case <-box.failed:
			return fmt.Errorf("stdio: write: %w", box.err)
		case <-ctx.Done():
			return nil
		}
	}
}

// inputLine is one line of input; only the beginning, if it is too long.
type inputLine struct {
	text    []byte
	arrived time.Time // when its last bytes were read
	tooLong bool
	err     error
}

// timedReader records when it last read something: what it read may wait in buffers
// and channels for long.
type timedReader struct {
	in  io.Reader
	now func() time.Time
	at  time.Time
}

func (r *timedReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	if n > 0 {
		r.at = r.now()
	}
	return n, err
}

// readLines sends every line and closes the channel at the end of the input.
func readLines(ctx context.Context, in *timedReader, lines chan<- inputLine) {
	defer close(lines)
	reader := bufio.NewReaderSize(in, 64<<10)
	for {
		l, end := readLine(reader, maxLine)
		l.arrived = in.at // the line's end was in the last read
		if len(l.text) > 0 || l.err != nil {
			select {
			case lines <- l:
			case <-ctx.Done():
				return
			}
		}
		if end {
			return
		}
	}
}

// readLine reads up to the next line feed or the end of the input. It keeps at most
// limit bytes.
func readLine(reader *bufio.Reader, limit int) (l inputLine, end bool) {
	for {
		part, err := reader.ReadSlice('\n')
		if room := limit - len(l.text); len(bytes.TrimRight(part, "\r\n")) > room {
			part, l.tooLong = part[:room], true
		}
		l.text = append(l.text, part...)
		switch {
		case err == nil:
			return l, false
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return l, true
		default:
			return inputLine{err: err}, true
		}
	}
}

// idOfPart returns the id of a message that is cut off, so that its sender does not
// wait forever. Clients write it before the parts that make a message long; it is nil
// if this one did not.
func idOfPart(beginning []byte) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(beginning[:min(len(beginning), 4<<10)]))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil
		}
		if key == "id" {
			return value
		}
	}
	return nil
}
