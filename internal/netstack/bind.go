package netstack

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"golang.zx2c4.com/wireguard/conn"
)

// The first byte of a WireGuard message says what it is.
const (
	messageInitiation = 1
	messageResponse   = 2
)

// Bind is one UDP socket of a WireGuard device: one that is connected to a single gateway
// ([NewDialed]) and receives from nobody else, or one that listens on one address
// ([NewListening]). It implements [conn.Bind].
type Bind struct {
	local, remote *net.UDPAddr // one of them

	mu     sync.Mutex
	socket *net.UDPConn

	answered chan struct{} // closed when the other side has begun or answered a handshake
	once     sync.Once
	refused  chan struct{} // closed when the other side's computer refuses packets
	twice    sync.Once
}

// NewDialed returns a bind that is connected to a gateway.
func NewDialed(gateway netip.AddrPort) *Bind {
	return &Bind{remote: net.UDPAddrFromAddrPort(gateway), answered: make(chan struct{}), refused: make(chan struct{})}
}

// NewListening returns a bind that listens on an address. With port 0 it takes a free one and
// keeps it: see [Bind.Local].
func NewListening(address netip.AddrPort) (*Bind, error) {
	b := &Bind{local: net.UDPAddrFromAddrPort(address), answered: make(chan struct{}), refused: make(chan struct{})}
	if _, _, err := b.Open(0); err != nil {
		return nil, err
	}
	return b, nil
}

// Local returns the address on which the bind listens.
func (b *Bind) Local() netip.AddrPort { return b.local.AddrPort() }

// Answered is closed when the other side has answered a handshake, or begun one.
func (b *Bind) Answered() <-chan struct{} { return b.answered }

// Refused is closed when the other side's computer has said that nothing listens there.
func (b *Bind) Refused() <-chan struct{} { return b.refused }

// Open implements [conn.Bind]. The port is the bind's own: the argument does not count.
func (b *Bind) Open(uint16) ([]conn.ReceiveFunc, uint16, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.socket != nil {
		return nil, 0, conn.ErrBindAlreadyOpen
	}
	var err error
	if b.remote != nil {
		b.socket, err = net.DialUDP("udp", nil, b.remote)
	} else {
		b.socket, err = net.ListenUDP("udp", b.local)
	}
	if err != nil {
		b.socket = nil
		return nil, 0, err
	}
	at := b.socket.LocalAddr().(*net.UDPAddr)
	if b.remote == nil {
		b.local = at
	}
	socket := b.socket
	receive := func(packets [][]byte, sizes []int, endpoints []conn.Endpoint) (int, error) {
		n, from, err := b.receive(socket, packets[0])
		if err != nil {
			return 0, err
		}
		sizes[0], endpoints[0] = n, peerEndpoint(from)
		return 1, nil
	}
	return []conn.ReceiveFunc{receive}, uint16(at.Port), nil
}

// receive waits for a packet. A refusal by the other side's computer does not end the socket.
func (b *Bind) receive(socket *net.UDPConn, packet []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := socket.ReadFromUDPAddrPort(packet)
		switch {
		case errors.Is(err, net.ErrClosed):
			return 0, from, net.ErrClosed
		case err != nil && b.remote != nil:
			b.twice.Do(func() { close(b.refused) })
			continue
		case err != nil:
			return 0, from, err
		}
		if n > 0 && (packet[0] == messageResponse || packet[0] == messageInitiation) {
			b.once.Do(func() { close(b.answered) })
		}
		if b.remote != nil {
			from = b.remote.AddrPort()
		}
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), nil
	}
}

// Close implements [conn.Bind].
func (b *Bind) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.socket == nil {
		return nil
	}
	err := b.socket.Close()
	b.socket = nil
	return err
}

// Send implements [conn.Bind].
func (b *Bind) Send(packets [][]byte, to conn.Endpoint) error {
	b.mu.Lock()
	socket := b.socket
	b.mu.Unlock()
	if socket == nil {
		return net.ErrClosed
	}
	for _, packet := range packets {
		var err error
		if b.remote != nil {
			_, err = socket.Write(packet)
		} else if at, ok := to.(peerEndpoint); ok {
			_, err = socket.WriteToUDPAddrPort(packet, netip.AddrPort(at))
		} else {
			err = conn.ErrWrongEndpointType
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// SetMark implements [conn.Bind]: packets are not marked.
func (*Bind) SetMark(uint32) error { return nil }

// BatchSize implements [conn.Bind].
func (*Bind) BatchSize() int { return 1 }

// ParseEndpoint implements [conn.Bind].
func (*Bind) ParseEndpoint(s string) (conn.Endpoint, error) {
	at, err := netip.ParseAddrPort(s)
	return peerEndpoint(at), err
}

// peerEndpoint is the address of the other side.
type peerEndpoint netip.AddrPort

func (peerEndpoint) ClearSrc()             {}
func (peerEndpoint) SrcToString() string   { return "" }
func (peerEndpoint) SrcIP() netip.Addr     { return netip.Addr{} }
func (e peerEndpoint) DstToString() string { return netip.AddrPort(e).String() }
func (e peerEndpoint) DstIP() netip.Addr   { return netip.AddrPort(e).Addr() }

// DstToBytes implements [conn.Endpoint].
func (e peerEndpoint) DstToBytes() []byte {
	b, _ := netip.AddrPort(e).MarshalBinary() // it never fails
	return b
}
