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
	// maxLine is the longest message taken on stdio.
	maxLine = 4 << 20
	// finishTime is how long calls may still take after the client closed its
	// end, before they are cancelled.
	finishTime = 10 * time.Second
	// stopTime is how long cancelled calls may take to return.
	stopTime = 5 * time.Second
)

// ServeStdio serves one client: a message a line on in, nothing but messages on
// out. It returns nil when in ends, after the calls in flight had ten seconds
// to answer, and when ctx ends, after they were brought to an end and answered.
// A client that closes out, or stops reading it, has left: that ends the session
// with nil, too. A line that is too long or not JSON gets a JSON-RPC error and
// the session goes on; any other failure of in or out ends it with that error.
//
// A blocked read or write cannot be taken back: afterwards, one goroutine each
// may hold on to in and out until they yield.
func ServeStdio(ctx context.Context, s *mcpserver.MCPServer, in io.Reader, out io.Writer, o StdioOptions) error {
	return stdio{server: s, log: o.Log, now: clockOr(o.Now), after: time.After}.serve(ctx, in, out)
}

// StdioOptions say how MCP is served on stdio.
type StdioOptions struct {
	Log *slog.Logger     // may be nil
	Now func() time.Time // the clock by which answers are judged; nil means time.Now
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

// settle returns when the calls in flight have, or when it gave up on them. A
// client that only ended its input gets their results, as does one whose server
// stops.
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
		case <-stops: // calls that need not go on have been cancelled
			stops, finish = nil, t.after(stopGrace)
			continue
		case <-finish:
			t.log.Warn("calls that take too long are cancelled: there is no more to come")
		}
		break
	}
	cancelCalls()
	select {
	case <-returned:
	case <-t.after(stopTime):
		t.log.Warn("calls did not end when they were cancelled")
	}
}

// receive hands over lines until there are no more.
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

// line is one line of input; of one that is too long, its beginning.
type inputLine struct {
	text    []byte
	arrived time.Time // when its last bytes were read
	tooLong bool
	err     error
}

// timedReader notes when it last read something. What is read may wait in buffers
// and channels for long before its turn comes.
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
		l.arrived = in.at // no later read has happened: the line ends in what this one gave
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

// readLine reads up to the next line feed, and no more into memory than limit.
// The input may end without one.
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

// earlyID finds the id of a message that is not all there, so that its sender
// does not wait for ever. Clients put it before what makes a message long; nil
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
