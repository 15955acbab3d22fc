package proxy

import (
	"net"
	"sync"
)

// reservedSeat is the place of a request or a connection on a Machine. It counts as load until
// leave is called.
type reservedSeat struct {
	*member
	end func() // nil: the client's connection holds the place
}

func (s *reservedSeat) leave() {
	if s.end != nil {
		s.end()
	}
}

// takeSeat takes a place. If the service counts connections, the client's connection holds the place
// until it ends.
func (p *Proxy) takeSeat(m *member, c *callerConn) *reservedSeat {
	if m.connections && c.occupy(m, p) {
		return &reservedSeat{member: m}
	}
	return &reservedSeat{m, p.traffic.Begin(m.ID)}
}

// callerConn is a connection of a client, or one inside a CONNECT tunnel.
type callerConn struct {
	net.Conn
	pools  *pools
	head   []byte     // bytes that were already read
	tunnel *rawTunnel // nil: the Host header says where it leads
	secure bool       // TLS ended here
	port   int        // of CONNECT, or the default of its scheme

	mu     sync.Mutex
	seats  map[string]func() // by Machine
	closed bool
}

// rawTunnel is the target of CONNECT.
type rawTunnel struct {
	name hostName
	port int
}

// Read implements [net.Conn].
func (c *callerConn) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(b, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// Close implements [net.Conn]. It also frees the connection's places.
func (c *callerConn) Close() error {
	c.mu.Lock()
	seats := c.seats
	c.seats, c.closed = nil, true
	c.mu.Unlock()
	for machine, end := range seats {
		c.pools.forget(machine, c)
		end()
	}
	return c.Conn.Close()
}

// abort closes the connection so that the other side sees a reset.
func (c *callerConn) abort() {
	conn := c.Conn
	for {
		inner, ok := conn.(*callerConn)
		if !ok {
			break
		}
		conn = inner.Conn
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // if this fails, it is closed in the ordinary way
	}
	_ = c.Close() // it is being dropped
}

// holds reports whether the connection has a place on the Machine.
func (c *callerConn) holds(m *member) bool {
	if c == nil || !m.connections {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seats[m.ID] != nil
}

// occupy gives the connection a place on the Machine. It reports false if the connection is closed.
func (c *callerConn) occupy(m *member, p *Proxy) bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	switch held := c.seats[m.ID] != nil; {
	case c.closed, held:
		c.mu.Unlock()
		return held
	case c.seats == nil:
		c.seats = make(map[string]func())
	}
	c.seats[m.ID] = p.traffic.Begin(m.ID)
	c.mu.Unlock()
	p.pools.guest(m, c)
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed { // closed meanwhile: its places are already free
		p.pools.forget(m.ID, c)
	}
	return true
}

// vacate frees the place on a Machine.
func (c *callerConn) vacate(machine string) {
	c.mu.Lock()
	end := c.seats[machine]
	delete(c.seats, machine)
	c.mu.Unlock()
	if end != nil {
		end()
	}
}
