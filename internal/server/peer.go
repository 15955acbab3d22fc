package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/slot"
)

const (
	// toolSlots is how many tool calls of one peer run at once. It must not be small,
	// because calls that wait for a person keep their slot; those that wait for a rate
	// limit do not.
	toolSlots = 64
	// maxInFlight is how many requests of one peer may be unanswered.
	maxInFlight = 1024
)

// peer is one client on a connection that carries whole messages in both directions:
// the two pipes of stdio, or an event stream and its POSTs. Unlike mcp-go's own
// transports, it does not answer cancelled requests, writes notifications before
// their response, returns ids as they were sent, and keeps the text of a panic to
// itself.
type peer struct {
	server  *mcpserver.MCPServer
	log     *slog.Logger
	session *peerSession
	base    clientSession // the session, with or without questions
	slots   *slot.Pool
	running sync.WaitGroup

	writing sync.Mutex
	// write writes one whole message and, if written is not nil, calls it with the time
	// at which the message was handed over. It is called with writing locked.
	write func(message []byte, written func(at time.Time)) error

	mu      sync.Mutex
	closed  bool
	calls   map[string]*peerCall
	asked   int64
	replies map[int64]chan reply
}

// reply is a client's answer to a request of this server.
type reply struct {
	rpcMessage
	arrived time.Time
}

// peerCall is a request that is not answered yet.
type peerCall struct {
	cancel    context.CancelFunc
	listening bool // subscriptions/listen: open until it is cancelled
	cancelled bool // by the client; guarded by peer.mu
}

// newPeer returns a peer that answers through write. Pass its messages to receive, and
// close it.
func newPeer(
	server *mcpserver.MCPServer, log *slog.Logger,
	write func(message []byte, written func(at time.Time)) error, canAsk bool,
) *peer {
	p := &peer{
		server:  server,
		log:     log,
		session: newPeerSession(),
		slots:   slot.NewPool(toolSlots),
		write:   write,
		calls:   make(map[string]*peerCall),
		replies: make(map[int64]chan reply),
	}
	p.base = p.session
	if canAsk {
		p.base = askingPeerSession{p.session, p.ask}
	}
	return p
}

// open registers the peer with the server. It gets the server's broadcasts until the
// context ends.
func (p *peer) open(ctx context.Context) error {
	if err := p.server.RegisterSession(ctx, p.base); err != nil {
		return err
	}
	go func() {
		for {
			select {
			case n := <-p.session.notifications:
				p.send(n)
			case <-ctx.Done():
				return
			}
		}
	}()
	return nil
}

// close ends what cannot end by itself when the client sends nothing anymore: open
// questions and subscriptions. Other calls continue.
func (p *peer) close(ctx context.Context) {
	p.server.UnregisterSession(ctx, p.session.id)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for id, answer := range p.replies {
		close(answer)
		delete(p.replies, id)
	}
	for _, call := range p.calls {
		if call.listening {
			call.cancel()
		}
	}
}

// receive handles one message of the client. It waits only for the handler of
// initialize, because later messages may depend on it. Requests run with ctx. arrived
// is when the message's bytes were read.
func (p *peer) receive(ctx context.Context, raw []byte, arrived time.Time) {
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return
	}
	m, refused := readMessage(raw)
	switch {
	case refused != nil:
		p.refuse(refused.id, refused.code, refused.text)
	case m.Method == nil:
		p.deliverAnswer(reply{m, arrived})
	case m.ID == nil:
		p.handleNotification(ctx, raw, m)
	default:
		p.startRequest(ctx, raw, m, arrived)
	}
}

func (p *peer) handleNotification(ctx context.Context, raw []byte, m rpcMessage) {
	if *m.Method == string(mcp.MethodNotificationCancelled) {
		p.cancel(cancelledID(m.Params))
		return
	}
	defer func() {
		if value := recover(); value != nil {
			logPanic(ctx, p.log, "notification", value)
		}
	}()
	p.server.HandleMessage(p.server.WithContext(ctx, p.base), raw)
}

func (p *peer) cancel(id json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if call := p.calls[string(id)]; call != nil {
		call.cancelled = true
		call.cancel()
	}
}

func (p *peer) startRequest(ctx context.Context, raw []byte, m rpcMessage, arrived time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	ctx, exchange := call.WithExchange(ctx, arrived)
	call := &peerCall{cancel: cancel, listening: *m.Method == string(mcp.MethodSubscriptionsListen)}

	p.mu.Lock()
	_, twice := p.calls[string(m.ID)]
	full := len(p.calls) >= maxInFlight
	if p.closed || twice || full {
		p.mu.Unlock()
		cancel()
		switch {
		case twice:
			p.refuse(m.ID, mcp.INVALID_REQUEST, "another request with this id is not answered yet")
		case full:
			p.refuse(m.ID, mcp.INTERNAL_ERROR, "too many requests are not answered yet")
		}
		return
	}
	p.calls[string(m.ID)] = call
	p.mu.Unlock()

	if *m.Method == string(mcp.MethodInitialize) {
		p.serve(ctx, raw, m, call, exchange)
		return
	}
	p.running.Go(func() { p.serve(ctx, raw, m, call, exchange) })
}

// serve runs one request and answers it.
func (p *peer) serve(ctx context.Context, raw []byte, m rpcMessage, call *peerCall, exchange *call.Exchange) {
	defer call.cancel()
	if *m.Method == string(mcp.MethodToolsCall) {
		held, release, _ := p.slots.Take(ctx) // on an error, ctx has ended: the handler notices
		defer release()
		ctx = held
	}
	response := p.handle(ctx, raw, m, call)

	p.mu.Lock()
	delete(p.calls, string(m.ID))
	cancelled := call.cancelled
	p.mu.Unlock()
	if response == nil || cancelled {
		return // MCP: nothing is sent for a request that was cancelled
	}
	p.sendFor(m.ID, withID(response, m.ID), exchange.Sent)
}

func (p *peer) handle(ctx context.Context, raw []byte, m rpcMessage, call *peerCall) (response mcp.JSONRPCMessage) {
	raw = withStandIns(raw, m)
	defer func() {
		if value := recover(); value != nil {
			id := logPanic(ctx, p.log, "request "+*m.Method, value)
			response = rpcError(m.ID, mcp.INTERNAL_ERROR, internalMessage(id))
		}
	}()
	if *m.Method == string(mcp.MethodInitialize) {
		return p.server.HandleMessage(p.server.WithContext(ctx, p.base), raw)
	}
	base := p.base
	if isModern(raw, "") {
		base = p.session.forRequest()
	}
	token := progressToken(m.Params)
	session, own := newCallSession(base, func(n mcp.JSONRPCNotification) {
		p.mu.Lock()
		cancelled := call.cancelled
		p.mu.Unlock()
		if !cancelled {
			p.sendFor(m.ID, restoreToken(n, token), nil)
		}
	})
	defer own.deliver()()
	return p.server.HandleMessage(p.server.WithContext(ctx, session), raw)
}

// isModern decides the protocol's era: it reports whether a message says that it is
// of revision 2026-07-28 or later, in itself or in the header that HTTP adds. It
// decodes exactly as mcp-go does, so that no message, whatever keys it repeats, is of
// one era here and of another there.
func isModern(raw []byte, header string) bool {
	if mcp.IsModernProtocol(header) {
		return true
	}
	var m struct {
		Params struct {
			Meta *mcp.Meta `json:"_meta"`
		} `json:"params"`
	}
	return json.Unmarshal(raw, &m) == nil && mcp.IsModernProtocol(m.Params.Meta.ProtocolVersion())
}

// ask sends elicitation/create and waits for the client's answer.
func (p *peer) ask(ctx context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	answer := make(chan reply, 1)
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, call.ErrClientGone
	}
	p.asked++
	id := p.asked
	p.replies[id] = answer
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.replies, id)
		p.mu.Unlock()
	}()

	times := call.PostingFrom(ctx)
	p.sendFor(nil, elicitation(id, request), times.Sent)
	select {
	case m, ok := <-answer:
		if !ok {
			return nil, call.ErrClientGone
		}
		times.Answered(m.arrived)
		return readElicitation(m.rpcMessage)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// elicitation returns a question as a message.
func elicitation(id int64, request mcp.ElicitationRequest) mcp.JSONRPCRequest {
	return mcp.JSONRPCRequest{
		JSONRPC: mcp.JSONRPC_VERSION,
		ID:      mcp.NewRequestId(id),
		Request: mcp.Request{Method: string(mcp.MethodElicitationCreate)},
		Params:  request.Params,
	}
}

func readElicitation(m rpcMessage) (*mcp.ElicitationResult, error) {
	if m.Error != nil {
		var e struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(m.Error, &e); err != nil {
			return nil, call.NewElicitationError(0, "the error could not be read")
		}
		return nil, call.NewElicitationError(e.Code, e.Message)
	}
	var result mcp.ElicitationResult
	if err := json.Unmarshal(m.Result, &result); err != nil {
		return nil, call.NewElicitationError(0, "the answer could not be read")
	}
	return &result, nil
}

func (p *peer) deliverAnswer(r reply) {
	id, ok := questionID(r.ID)
	if !ok {
		return
	}
	p.mu.Lock()
	waiting := p.replies[id]
	delete(p.replies, id)
	p.mu.Unlock()
	if waiting != nil {
		waiting <- r
	}
}

// questionID reads the id of an answer. Some clients send numbers back as strings.
func questionID(id json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(id), `"`), 10, 64)
	return n, err == nil
}

// refuse answers a message that is not handled. id is nil if it could not be read.
func (p *peer) refuse(id json.RawMessage, code int, text string) {
	if !validID(id) {
		id = nil
	}
	p.send(rpcError(id, code, text))
}

// maxErrorMessage is the most characters of an error's message.
const maxErrorMessage = 2000

// errorText returns an error's message on one line. mcp-go puts names from the client
// into single quotes as they came: they cannot end those quotes here.
func errorText(text string) string {
	for _, prefix := range []string{"tool '", "prompt '", "handler not found for resource URI '"} {
		rest, ok := strings.CutPrefix(text, prefix)
		if end := strings.LastIndexByte(rest, '\''); ok && end >= 0 {
			quoted := outside.QuoteSingle(rest[:end], maxErrorMessage)[1:]
			return prefix + quoted + outside.Line(rest[end+1:], maxErrorMessage)
		}
	}
	return outside.Line(text, maxErrorMessage)
}

// send writes one message that belongs to no request.
func (p *peer) send(message mcp.JSONRPCMessage) { p.sendFor(nil, message, nil) }

// sendFor writes one message that belongs to the request with this id and, if written
// is not nil, calls it with the time at which the message was handed over. A failed
// write is only logged: the code that reads from the client notices that it left.
func (p *peer) sendFor(id json.RawMessage, message mcp.JSONRPCMessage, written func(at time.Time)) {
	if failed, ok := message.(mcp.JSONRPCError); ok { // it may contain text of the client
		failed.Error.Message = errorText(failed.Error.Message)
		message = failed
	}
	encoded, err := json.Marshal(message)
	if err != nil {
		p.log.Error("encode a message", "error", err)
		response, ok := message.(mcp.JSONRPCResponse)
		if !ok {
			return
		}
		id, _ := json.Marshal(response.ID)
		encoded, _ = json.Marshal(rpcError(id, mcp.INTERNAL_ERROR, "the result could not be encoded"))
	}
	encoded = bytes.ToValidUTF8(restoreID(encoded, id), []byte("\ufffd"))
	p.writing.Lock()
	defer p.writing.Unlock()
	if err := p.write(encoded, written); err != nil && !errors.Is(err, errStreamClosed) {
		p.log.Warn("write to the client", "error", err)
	}
}

// stopwatch returns a function that returns the time by the clock at the start plus
// what has passed since. The clock itself is not read after a write: by then a fast
// client may have answered.
func stopwatch(now func() time.Time) (stop func() time.Time) {
	began, start := now(), time.Now()
	return func() time.Time { return began.Add(time.Since(start)) }
}

// withID sets the response's id as the client wrote it: decoded into a float64, it
// would lose digits beyond 2^53.
func withID(response mcp.JSONRPCMessage, id json.RawMessage) mcp.JSONRPCMessage {
	switch r := response.(type) {
	case mcp.JSONRPCResponse:
		r.ID = mcp.NewRequestId(id)
		return r
	case mcp.JSONRPCError:
		r.ID = mcp.NewRequestId(id)
		return r
	}
	return response
}

func rpcError(id json.RawMessage, code int, text string) mcp.JSONRPCError {
	var value any
	if id != nil {
		value = id
	}
	return mcp.JSONRPCError{
		JSONRPC: mcp.JSONRPC_VERSION,
		ID:      mcp.NewRequestId(value),
		Error:   mcp.NewJSONRPCErrorDetails(code, text, nil),
	}
}
