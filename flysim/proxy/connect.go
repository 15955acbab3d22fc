package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// connect opens a connection to a name of the platform. If Fly Proxy reads the port (http, tls),
// the connection is served as if it had been made to that name. A raw connection is joined with one
// to the program, which is made before the client gets an answer.
func (d *door) connect(w http.ResponseWriter, r *http.Request, v *visit) {
	v.record.Method = ""
	n, port, t, err := d.look(r.Host)
	v.setDestination(n)
	v.record.Path = fmt.Sprintf("tcp/%d", port)
	if err == nil && port == 0 {
		err = fail(codeHost, http.StatusBadRequest, "CONNECT needs a port, as in %s:80", n.host)
	}
	if err != nil {
		v.fail(w, err)
		return
	}
	if n.kind != kindInternal {
		switch route := t.route(port); {
		case route == nil:
			v.fail(w, failNoService(n.app, port))
			return
		case route.http, route.tls:
			d.lead(w, v, n, port)
			return
		case n.kind == kindPublic && !hasDedicatedAddress(t.site):
			v.fail(w, fail("PORT", http.StatusBadGateway,
				"connection closed: raw TCP needs a dedicated address; a shared one is routed by host name"))
			return
		}
	}
	program, done, err := d.reach(r.Context(), v, n, port, t)
	if err != nil {
		v.fail(w, err)
		return
	}
	defer done()
	defer program.Close()
	conn, err := accept(w, v.client)
	if err != nil {
		v.fail(w, fail(codeHost, http.StatusNotImplemented, "CONNECT needs its own connection: use HTTP/1.1"))
		return
	}
	defer conn.Close()
	join(d.ctx, conn, program)
}

// hasDedicatedAddress reports whether the app has a public address that it does not share.
func hasDedicatedAddress(site flysim.Site) bool {
	return slices.ContainsFunc(site.Addresses, func(a flysim.Address) bool { return a.Kind == "v4" || a.Kind == "v6" })
}

// reach connects to a program, directly or through Fly Proxy. Until done is called, the connection
// counts as load.
func (d *door) reach(ctx context.Context, v *visit, n hostName, port int, t *routingTable) (
	program net.Conn, done func(), err error) {
	if n.kind == kindInternal {
		b, err := v.pick(n, t)
		if err != nil {
			return nil, nil, err
		}
		program, err = d.proxy.options.Programs.Dial(ctx, Target{App: n.app, Machine: b.ID,
			Instance: b.InstanceID, Port: port, Direct: true})
		if errors.Is(err, syscall.ECONNREFUSED) {
			err = failDirect(b, port)
		}
		return program, func() {}, err
	}
	return v.dial(ctx, v.newSearch(n.app, port))
}

// dial finds a Machine and connects to its program. If the port uses the PROXY protocol, it sends
// the header.
func (v *visit) dial(ctx context.Context, s *search) (program net.Conn, done func(), err error) {
	s.raw = true
	defer func() { v.record.Woke = s.hasStarted }()
	for {
		seat, route, err := s.next(ctx, v.client)
		if err != nil {
			return nil, nil, err
		}
		v.record.App, v.record.Machine = s.app, seat.ID
		v.record.Held = v.proxy.clock.Now().Sub(s.began)
		program, err = v.proxy.options.Programs.Dial(ctx, seat.target())
		if err == nil && route.proxyProto != "" {
			from, own := addrPort(v.client.RemoteAddr()), addrPort(v.client.LocalAddr())
			_, err = program.Write(proxyHeader(route.proxyProto, from, netip.AddrPortFrom(own.Addr(), uint16(s.port))))
		}
		switch {
		case err == nil:
			return program, seat.leave, nil
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH):
			seat.leave()
			s.refuse(seat.member)
		default:
			seat.leave()
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			return nil, nil, failConnection(err, seat.internalPort)
		}
	}
}

// lead turns the client's connection into one to a port that Fly Proxy reads.
func (d *door) lead(w http.ResponseWriter, v *visit, n hostName, port int) {
	conn, err := accept(w, v.client)
	if err != nil {
		v.fail(w, fail(codeHost, http.StatusNotImplemented, "CONNECT needs its own connection: use HTTP/1.1"))
		return
	}
	v.silent = true
	conn.tunnel = &rawTunnel{n, port}
	conn.port = port
	stop := context.AfterFunc(d.ctx, func() { _ = conn.Close() }) // ends the wait for the client
	defer stop()
	d.serveConnection(conn)
}

// accept answers the client that it is connected, and takes over its connection.
func accept(w http.ResponseWriter, c *callerConn) (*callerConn, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, err
	}
	taken := &callerConn{Conn: conn, pools: c.pools, head: pending(buffered)}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		_ = taken.Close() // the client is gone, and its connection is closed
	}
	return taken, nil
}

// pending returns the bytes that the server has read ahead.
func pending(b *bufio.ReadWriter) []byte {
	head, err := b.Reader.Peek(b.Reader.Buffered())
	if err != nil {
		return nil
	}
	return slices.Clone(head)
}

// join copies in both directions until both have ended or the listener closes.
func join(ctx context.Context, a, b net.Conn) {
	stop := context.AfterFunc(ctx, func() {
		_ = a.Close() // ends the copies
		_ = b.Close()
	})
	defer stop()
	var both sync.WaitGroup
	both.Go(func() { pour(a, b) })
	both.Go(func() { pour(b, a) })
	both.Wait()
}

// pour copies until the source ends or the target accepts no more, and then closes the target for
// writing. What the target sends can still arrive.
func pour(to, from net.Conn) {
	source := &errorKeepingReader{Reader: from}
	_, _ = io.Copy(to, source) // source has the error, if it was the source's
	if source.err != nil {
		_, _ = to.Close(), from.Close() // an answer would have nowhere to go
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		_ = to.Close() // it cannot be closed for writing only
	}
}

// errorKeepingReader is a reader that keeps its last error, except io.EOF.
type errorKeepingReader struct {
	io.Reader
	err error
}

// Read implements [io.Reader].
func (n *errorKeepingReader) Read(p []byte) (int, error) {
	c, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return c, err
}

// CloseWrite closes the connection to the client for writing, or completely if that is not
// possible.
func (c *callerConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
