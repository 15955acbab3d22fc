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

// Listening is a proxy that takes requests.
type Listening struct {
	Flycast string // base URL for who is inside; empty: not there
	Public  string // base URL for the internet; empty: not there

	proxy   *Proxy
	cancel  context.CancelFunc
	servers []*http.Server
	sockets []net.Listener
	running sync.WaitGroup
}

// Listen takes requests on loopback addresses ("127.0.0.1:0" for any free port;
// an empty one: no such listener) until [Listening.Close].
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

// open begins to serve one of the two.
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
		ErrorLog:          log.New(io.Discard, "", 0), // visits tell
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withClient,
	}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	l.sockets = append(l.sockets, socket)
	l.servers = append(l.servers, server)
	l.running.Go(func() { _ = server.Serve(d.queue) }) // ends with Close; nothing else can be done about an error
	l.running.Go(func() { l.welcome(ctx, d, socket) })
	return "http://" + socket.Addr().String(), nil
}

// welcome lets each connection tell what it is before the server sees it.
func (l *Listening) welcome(ctx context.Context, d *door, socket net.Listener) {
	for {
		conn, err := socket.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			select { // such as too many open files: it may pass
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Millisecond):
				continue
			}
		}
		c := &callerConn{Conn: conn, pools: &l.proxy.pools, port: 80}
		l.running.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // ends what it waits for
			defer stop()
			d.arrive(c)
		})
	}
}

// watch drops what is left of Machines that stop.
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

// Close stops listening and drops all connections. It may be called more than
// once.
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

// queue hands connections to a server. It implements [net.Listener].
type queue struct {
	conns  chan net.Conn
	closed <-chan struct{}
	addr   net.Addr
}

// push gives the server a connection, or closes it with the listener.
func (q *queue) push(c net.Conn) {
	select {
	case q.conns <- c:
	case <-q.closed:
		_ = c.Close() // so is everything
	}
}

// Accept implements [net.Listener].
func (q *queue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		select {
		case <-q.closed:
			_ = c.Close() // it came too late
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
