package proxy

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// Listening is a proxy that accepts requests.
type Listening struct {
	Flycast string // base URL for callers inside the organization; empty: no listener
	Public  string // base URL for the internet; empty: no listener

	proxy   *Proxy
	cancel  context.CancelFunc
	servers []*http.Server
	sockets []net.Listener
	running sync.WaitGroup
}

// Listen accepts requests on loopback addresses until [Listening.Close]. "127.0.0.1:0" means any
// free port, and an empty address no listener.
func (p *Proxy) Listen(flycast, public string) (*Listening, error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &Listening{proxy: p, cancel: cancel}
	var err error
	if flycast != "" {
		l.Flycast, err = l.open(ctx, flycast, true)
	}
	if public != "" && err == nil {
		l.Public, err = l.open(ctx, public, false)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.running.Go(func() { p.watch(ctx) })
	return l, nil
}

// open starts one of the two listeners.
func (l *Listening) open(ctx context.Context, address string, inside bool) (base string, err error) {
	socket, err := flysim.ListenLoopback(address)
	if err != nil {
		return "", err
	}
	d := &door{proxy: l.proxy, inside: inside, port: int(addrPort(socket.Addr()).Port()), ctx: ctx}
	d.queue = &queue{conns: make(chan net.Conn), closed: ctx.Done(), addr: socket.Addr()}
	server := &http.Server{
		Handler:           d,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		Protocols:         new(http.Protocols),
		ErrorLog:          log.New(io.Discard, "", 0), // visits have the errors
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withClient,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	l.sockets = append(l.sockets, socket)
	l.servers = append(l.servers, server)
	l.running.Go(func() { _ = server.Serve(d.queue) }) // returns after Close; other errors cannot be handled here
	l.running.Go(func() { l.acceptConnections(ctx, d, socket) })
	return "http://" + socket.Addr().String(), nil
}

// acceptConnections accepts connections and determines the kind of each before the server gets it.
func (l *Listening) acceptConnections(ctx context.Context, d *door, socket net.Listener) {
	for {
		conn, err := socket.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			select { // the cause may pass, such as too many open files
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Millisecond):
				continue
			}
		}
		c := &callerConn{Conn: conn, pools: &l.proxy.pools, port: 80}
		l.running.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // ends the wait for the first byte
			defer stop()
			d.serveConnection(c)
		})
	}
}

// watch drops the pools and places of Machines that stop.
func (p *Proxy) watch(ctx context.Context) {
	for {
		changed := p.platform.Changed()
		p.sweep()
		select {
		case <-changed:
		case <-ctx.Done():
			p.pools.drain()
			return
		}
	}
}

// Close stops listening and drops all connections. It may be called more than once.
func (l *Listening) Close() error {
	l.cancel()
	var failed []error
	for i, socket := range l.sockets {
		if err := socket.Close(); !errors.Is(err, net.ErrClosed) {
			failed = append(failed, err)
		}
		failed = append(failed, l.servers[i].Close())
	}
	l.running.Wait()
	return errors.Join(failed...)
}

// queue passes connections to a server. It implements [net.Listener].
type queue struct {
	conns  chan net.Conn
	closed <-chan struct{}
	addr   net.Addr
}

// push gives a connection to the server, or closes it if the listener is closed.
func (q *queue) push(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.closed:
		_ = c.Close() // the listener is closed
	}
}

// Accept implements [net.Listener].
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		select {
		case <-q.closed:
			_ = c.Close() // the listener is closed
		default:
			return c, nil
		}
	case <-q.closed:
	}
	return nil, net.ErrClosed
}

// Close implements [net.Listener]; the sockets are closed by [Listening.Close].
func (q *queue) Close() error { return nil }

// Addr implements [net.Listener].
func (q *queue) Addr() net.Addr { return q.addr }
