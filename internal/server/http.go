package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

const (
	defaultBodyLimit = 1 << 20
	// stopGrace is how long a stopping server waits until calls are answered: longer
	// than a call waits for its work.
	stopGrace = 2 * time.Minute
)

// HTTPOptions configure [ServeHTTP].
type HTTPOptions struct {
	// Addr is the loopback address to listen on, such as 127.0.0.1:8787. Port 0 picks
	// a free port.
	Addr string
	// Token is the bearer token that every request must have; it is required.
	Token string
	// SSE adds the deprecated HTTP+SSE transport at /sse and /message.
	SSE bool
	// BodyLimit is the size of the largest request body, in bytes; 0 means 1 MiB.
	BodyLimit int64
	// AllowedOrigins are the web origins that may call, each a scheme, a host and,
	// if necessary, a port. If there are none, only pages of this server may call:
	// loopback names with its port, over http.
	AllowedOrigins []string
	// Sessions and SessionsPerCaller limit the sessions at one time; 0 means 1,000
	// and 500.
	Sessions, SessionsPerCaller int
	// Log may be nil.
	Log *slog.Logger
	// Now is the clock for the arrival of answers; nil means time.Now.
	Now func() time.Time
	// Ready, if not nil, is called with the endpoint's URL once it is served.
	Ready func(url string)

	timing timing // for tests; zero means [defaultTiming]
}

func (o HTTPOptions) withDefaults() HTTPOptions {
	if o.BodyLimit <= 0 {
		o.BodyLimit = defaultBodyLimit
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Sessions <= 0 {
		o.Sessions = defaultSessions
	}
	if o.SessionsPerCaller <= 0 {
		o.SessionsPerCaller = defaultSessionsPerCaller
	}
	if o.timing == (timing{}) {
		o.timing = defaultTiming()
	}
	o.Now = clockOr(o.Now)
	return o
}

// ErrNotLoopback means that an address can be reached from other machines.
var ErrNotLoopback = errors.New("the server listens only on loopback addresses (127.0.0.1, ::1, localhost)")

// ServeHTTP serves MCP over streamable HTTP at /mcp, for both eras of the protocol,
// until ctx ends. Then it ends open streams, ends and answers calls, and returns nil.
// If the address is not a loopback address, it returns [ErrNotLoopback] without
// listening.
func ServeHTTP(ctx context.Context, s *mcpserver.MCPServer, o HTTPOptions) error {
	o = o.withDefaults()
	listener, err := listenLoopback(ctx, o.Addr)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return serveHTTP(ctx, s, o, listener)
}

// listenLoopback checks the name before it listens and the address afterwards:
// localhost is whatever the system resolves it to.
func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	if !loopback.IsHost(host) {
		return nil, fmt.Errorf("listen on %q: %w", addr, ErrNotLoopback)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return nil, fmt.Errorf("listen on %q: %w", addr, ErrNotLoopback)
	}
	return listener, nil
}

func serveHTTP(ctx context.Context, s *mcpserver.MCPServer, o HTTPOptions, listener net.Listener) error {
	o = o.withDefaults()
	handler, err := NewHTTPHandler(ctx, s, o)
	if err != nil {
		_ = listener.Close()
		return fmt.Errorf("http: %w", err)
	}
	server := o.timing.server(handler)
	server.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if o.Ready != nil {
		o.Ready("http://" + listener.Addr().String() + "/mcp")
	}
	select {
	case err := <-failed:
		return fmt.Errorf("http: %w", err)
	case <-ctx.Done():
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.timing.grace)
	defer cancel()
	if err := server.Shutdown(within); err != nil {
		// Calls that take longer lose their connection.
		return server.Close()
	}
	return nil
}

// NewHTTPHandler returns the handler that [ServeHTTP] serves. It learns its port from
// the connection of a request (http.LocalAddrContextKey), so it works only in a real
// http.Server. Open streams end with ctx. A token that cannot be used is an error.
func NewHTTPHandler(ctx context.Context, s *mcpserver.MCPServer, o HTTPOptions) (http.Handler, error) {
	o = o.withDefaults()
	bearer, err := newBearerPolicy(o.Token, o.timing)
	if err != nil {
		return nil, err
	}
	origins, err := newOriginPolicy(o.AllowedOrigins, o.timing)
	if err != nil {
		return nil, err
	}
	body := bodyPolicy{limit: o.BodyLimit, timing: o.timing}
	methods := func(allowed ...string) middleware { return methodPolicy{o.timing, allowed}.check }
	end := newShutdown(ctx, o.timing.patience)
	sessions, questions := newOwnedSessions(end, o), newQuestions()
	transport := mcpserver.NewStreamableHTTPServer(s,
		mcpserver.WithSessionIdManagerResolver(sessions),
		mcpserver.WithStreamableHTTPLogger(o.Log),
		mcpserver.WithHTTPContextFunc(withCallSession(s, questions)))
	sessions.forget = func(id string) { forgetSession(transport, id) }
	go sessions.expireUntil(ctx)

	paths := map[string]http.Handler{
		"/mcp": chain(serveStream(transport, o.Log, o.timing, o.Now),
			methods(http.MethodPost, http.MethodGet, http.MethodDelete), o.timing.checkContentType,
			body.check, checkMessage, end.attach, sessions.check, questions.check, endStreams),
	}
	if o.SSE {
		sse := newSSEServer(s, o.Log, sessions, o.Now)
		paths["/sse"] = chain(http.HandlerFunc(sse.open), methods(http.MethodGet), body.check, end.attach)
		paths["/message"] = chain(http.HandlerFunc(sse.post), methods(http.MethodPost),
			o.timing.checkContentType, body.check)
	}
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, ok := paths[r.URL.Path]; ok {
			handler.ServeHTTP(w, r)
			return
		}
		o.timing.refuse(w, "404 page not found", http.StatusNotFound)
	})
	return chain(served, stampArrival(o.Now), o.timing.checkHost, origins.check,
		o.timing.checkWellKnown, bearer.check), nil
}

// forgetSession removes what mcp-go keeps of a session, in the only way it has.
func forgetSession(transport http.Handler, id string) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodDelete, "/mcp", nil)
	if err != nil {
		return // never: the URL is a constant
	}
	r.Header.Set(mcp.HeaderSessionID, id)
	transport.ServeHTTP(discardResponse{}, r)
}

// discardResponse discards a response.
type discardResponse struct{}

func (discardResponse) Header() http.Header         { return http.Header{} }
func (discardResponse) Write(p []byte) (int, error) { return len(p), nil }
func (discardResponse) WriteHeader(int)             {}

type streamKey struct{}

// serveStream serves mcp-go's transport on a [responseStream], and answers the request
// if it panics: the recovery of tools does not cover completions and hooks. A
// response with a question counts as sent once all of it is flushed.
func serveStream(transport http.Handler, log *slog.Logger, t timing, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := newResponseStream(w, r, log, t, now)
		defer stream.end()
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			message := postedBodyFrom(r.Context())
			id := logPanic(r.Context(), log, "request "+message.method, value)
			answerPanic(stream, message, id, log)
		}()
		ctx, exchange := call.WithExchange(r.Context(), arrival(r.Context()))
		transport.ServeHTTP(stream, r.WithContext(context.WithValue(ctx, streamKey{}, stream)))
		if exchange.Awaited() {
			if at, err := stream.complete(); err == nil {
				exchange.Sent(at)
			}
		}
	})
}

func answerPanic(stream *responseStream, message postedBody, id string, log *slog.Logger) {
	begun, events := stream.state()
	if begun && !events {
		panic(http.ErrAbortHandler) // the client sees a broken response
	}
	rpcID := message.id
	if !validID(rpcID) {
		rpcID = nil
	}
	if events {
		encoded, err := json.Marshal(rpcError(rpcID, mcp.INTERNAL_ERROR, internalMessage(id)))
		if err != nil {
			log.Error("encode a message", "error", err)
		}
		stream.writeEvent(event(encoded))
		return
	}
	writeRPCError(stream, http.StatusInternalServerError, rpcID, mcp.INTERNAL_ERROR, internalMessage(id))
}

// writeRPCError answers a request with a JSON-RPC error.
func writeRPCError(w http.ResponseWriter, status int, id json.RawMessage, code int, text string) {
	encoded, err := json.Marshal(rpcError(id, code, text))
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded) // a client that is gone shows in the request's context
}

// withCallSession gives a request that may send notifications or questions its own
// session, which writes to the response of its POST.
func withCallSession(s *mcpserver.MCPServer, questions *questionQueue) mcpserver.HTTPContextFunc {
	notifying := []string{string(mcp.MethodToolsCall), string(mcp.MethodPromptsGet), string(mcp.MethodResourcesRead)}
	return func(ctx context.Context, r *http.Request) context.Context {
		stream, streaming := r.Context().Value(streamKey{}).(*responseStream)
		session, known := mcpserver.ClientSessionFromContext(ctx).(clientSession)
		if !streaming || !known || !slices.Contains(notifying, postedBodyFrom(r.Context()).method) {
			return ctx
		}
		token := postedBodyFrom(r.Context()).token
		_, call := newCallSession(session, func(n mcp.JSONRPCNotification) { stream.notify(restoreToken(n, token)) })
		return withDelivery(s.WithContext(ctx, httpCall{call, questions, stream}), call)
	}
}
