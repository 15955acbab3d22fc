package gateway

import (
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// api leads requests of peers to the Machines API. They have the Host _api.internal, which the
// API's own listener refuses: it answers only under its loopback address.
type api struct {
	server    *http.Server
	transport *http.Transport
}

func newAPI(host string) *api {
	quiet := log.New(io.Discard, "", 0) // peers that leave are not worth a line
	a := &api{transport: new(http.Transport)}
	a.server = &http.Server{ErrorLog: quiet, Handler: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: host}) },
		Transport: a.transport, ErrorLog: quiet, FlushInterval: -1,
	}}
	return a
}

// serve serves a connection in the background, and closes it.
func (a *api) serve(caller net.Conn) {
	one := &single{Conn: caller}
	_ = a.server.Serve(one) // it always ends with an error: there is no second connection
	if !one.isTaken {
		_ = caller.Close() // the server is closed
	}
}

// close ends all connections.
func (a *api) close() error {
	err := a.server.Close()
	a.transport.CloseIdleConnections()
	return err
}

// single is a listener with one connection.
type single struct {
	net.Conn
	isTaken bool
}

// Accept implements [net.Listener].
func (s *single) Accept() (net.Conn, error) {
	if s.isTaken {
		return nil, net.ErrClosed
	}
	s.isTaken = true
	return s.Conn, nil
}

// Close implements [net.Listener]: it leaves the connection open.
func (s *single) Close() error { return nil }

// Addr implements [net.Listener].
func (s *single) Addr() net.Addr { return s.LocalAddr() }
