package program

import (
	"errors"
	"net"
	"sync"
	"time"
)

// memory is a listener for connections that are made in memory.
type memory struct {
	accept chan net.Conn
	closed chan struct{}
	close  func()
}

func newMemory() *memory {
	m := &memory{accept: make(chan net.Conn), closed: make(chan struct{})}
	m.close = sync.OnceFunc(func() { close(m.closed) })
	return m
}

// hand gives a connection to the server, or closes it if the server has ended.
func (m *memory) hand(conn net.Conn) {
	select {
	case m.accept <- conn:
	case <-m.closed:
		conn.Close()
	}
}

// Accept implements [net.Listener].
func (m *memory) Accept() (net.Conn, error) {
	select {
	case conn := <-m.accept:
		return conn, nil
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (m *memory) Close() error {
	m.close()
	return nil
}

// Addr implements [net.Listener].
func (m *memory) Addr() net.Addr { return memoryAddr("memory") }

// memoryAddr is the address of one end of a connection in memory.
type memoryAddr string

// Network implements [net.Addr].
func (memoryAddr) Network() string { return "tcp" }

// String implements [net.Addr].
func (a memoryAddr) String() string { return string(a) }

// memoryConn is one end of a connection in memory. It consists of two pipes, one for each
// direction, so that one direction can be closed alone.
type memoryConn struct {
	in, out       net.Conn
	local, remote memoryAddr
	peer          *memoryConn
}

// newPair returns both ends of a connection between two addresses.
func newPair(caller, callee memoryAddr) (dialed, accepted *memoryConn) {
	toCaller, fromCallee := net.Pipe()
	toCallee, fromCaller := net.Pipe()
	dialed = &memoryConn{in: toCaller, out: fromCaller, local: caller, remote: callee}
	accepted = &memoryConn{in: toCallee, out: fromCallee, local: callee, remote: caller, peer: dialed}
	dialed.peer = accepted
	return dialed, accepted
}

// Read implements [net.Conn].
func (c *memoryConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Write implements [net.Conn].
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.Write(b) }

// CloseWrite ends what the other side reads, as [net.TCPConn.CloseWrite] does.
func (c *memoryConn) CloseWrite() error { return c.out.Close() }

// Close implements [net.Conn]. It closes the outgoing pipe first, because a server still answers
// when its reading fails.
func (c *memoryConn) Close() error {
	// Stop the timers: while they run they keep the pipes in memory.
	_ = c.SetDeadline(time.Time{})
	_ = c.peer.SetDeadline(time.Time{})
	return errors.Join(c.out.Close(), c.in.Close())
}

// LocalAddr implements [net.Conn].
func (c *memoryConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements [net.Conn].
func (c *memoryConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements [net.Conn].
func (c *memoryConn) SetDeadline(t time.Time) error {
	return errors.Join(c.in.SetDeadline(t), c.out.SetDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (c *memoryConn) SetReadDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }

// SetWriteDeadline implements [net.Conn].
func (c *memoryConn) SetWriteDeadline(t time.Time) error { return c.out.SetWriteDeadline(t) }
