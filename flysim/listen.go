package flysim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/loopback"
)

// Server listens on a loopback address, for the platform's APIs or for another handler of the same
// program.
type Server struct {
	// URL is the server's base URL, such as http://127.0.0.1:4280. For a platform it is the base
	// URL of all three APIs.
	URL string

	server *http.Server
	done   chan struct{}
}

// Listen serves the platform on a loopback address ("127.0.0.1:0" for any free port) until
// [Server.Close], and makes its events happen ([Platform.Run]). It refuses other addresses and host
// names, because the platform's token is not a secret. For the same reason requests from web pages
// get 403, and so do requests with a Host other than a loopback one, which DNS rebinding could
// send.
func (p *Platform) Listen(addr string) (*Server, error) {
	return listen(addr, loopback.OwnPages(p.handler), p.Run)
}

// Serve serves another handler with the rules of [Platform.Listen].
func Serve(addr string, handler http.Handler) (*Server, error) {
	return listen(addr, handler, func(context.Context) {})
}

// listen serves a handler until Close; beside runs for as long.
func listen(addr string, handler http.Handler, beside func(context.Context)) (*Server, error) {
	listener, err := ListenLoopback(addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{URL: "http://" + listener.Addr().String(), done: make(chan struct{})}
	s.server = &http.Server{
		Handler:           liftDeadlines(handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       requestTime,
		IdleTimeout:       2 * time.Minute, // longer than clients keep a connection
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	var running sync.WaitGroup
	running.Go(func() {
		defer cancel()
		_ = s.server.Serve(listener) // returns after Close; other errors cannot be handled here
	})
	running.Go(func() { beside(ctx) })
	go func() { running.Wait(); close(s.done) }()
	return s, nil
}

// requestTime is how long a request may take to arrive, including its body. It keeps a client that
// sends half a request from holding a connection.
const requestTime = 30 * time.Second

// liftDeadlines removes the time limit of a request once it has arrived: the answer may take
// longer, and streams stay open.
func liftDeadlines(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lift := func() { _ = http.NewResponseController(w).SetReadDeadline(time.Time{}) }
		if r.ContentLength == 0 {
			lift()
		} else {
			r.Body = &liftingBody{r.Body, lift}
		}
		next.ServeHTTP(w, r)
	})
}

// liftingBody removes the limit once the body has been read to its end.
type liftingBody struct {
	io.ReadCloser
	lift func()
}

func (b *liftingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.lift()
	}
	return n, err
}

// ListenLoopback listens on a loopback IP and a port. Any other address is an error.
func ListenLoopback(addr string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %.60q: want a loopback IP and a port, such as 127.0.0.1:0", addr)
	}
	if !at.Addr().IsLoopback() {
		return nil, fmt.Errorf("address %s: the emulated platform listens on loopback addresses only", at)
	}
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("flysim: %w", err)
	}
	return listener, nil
}

// Close stops listening and drops all connections.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Environment returns the variables that point any Fly client at this server and keep it from
// sending anything elsewhere: the three base URLs, telemetry off, and a proxy that does not exist
// for all addresses that are not loopback.
func (s *Server) Environment(token string) []string {
	const fence = "http://127.0.0.1:9"
	return []string{
		"FLY_API_BASE_URL=" + s.URL,
		"FLY_FLAPS_BASE_URL=" + s.URL,
		"FLY_UIEX_BASE_URL=" + s.URL,
		"FLY_METRICS_BASE_URL=" + s.URL,
		"FLY_SYNTHETICS_BASE_URL=" + s.URL,
		"FLY_ACCESS_TOKEN=" + token,
		"FLY_API_TOKEN=" + token,
		"FLY_SEND_METRICS=0",
		"FLY_SYNTHETICS_AGENT=0",
		"FLY_NO_UPDATE_CHECK=1",
		"FLY_NO_INCIDENTS_CHECK=1",
		"FLY_TRACE_COLLECTOR_URL=127.0.0.1",
		"FLY_WIRE_GUARD_WEBSOCKETS=false", // otherwise flyctl expects its gateway at port 443
		"HTTP_PROXY=" + fence,
		"HTTPS_PROXY=" + fence,
		"http_proxy=" + fence,
		"https_proxy=" + fence,
		"NO_PROXY=127.0.0.1,::1",
		"no_proxy=127.0.0.1,::1",
	}
}

// Exports returns [Server.Environment] as lines for a shell. It leaves out FLY_CONFIG_DIR: the
// caller should set it to a separate folder.
func (s *Server) Exports(token string) string {
	var b strings.Builder
	for _, variable := range s.Environment(token) {
		name, value, _ := strings.Cut(variable, "=")
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return b.String()
}
