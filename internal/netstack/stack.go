// Package netstack runs a WireGuard device without a network interface: [Stack] is a network of
// its own inside the process, and [Bind] the socket through which the device sends. It needs no
// rights and listens nowhere unless it is told to.
package netstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"

	"golang.zx2c4.com/wireguard/tun"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// MTU is the size of the largest packet: the least that IPv6 allows, so that no packet is ever
// too big for a path.
const MTU = 1280

// nic is the number of the only interface of a stack.
const nic = 1

// queued is how many packets wait for the device.
const queued = 512

// Stack is an IPv6 network stack in this process. It implements [tun.Device]: WireGuard takes the
// packets that it sends, and gives it those that arrive.
//
// Unlike the netstack of wireguard-go, closing it while packets are on their way is safe.
type Stack struct {
	endpoint *channel.Endpoint
	stack    *stack.Stack
	events   chan tun.Event
	open     context.Context
	closing  context.CancelFunc
	once     sync.Once
}

// New returns a stack that has one address.
func New(address netip.Addr) (*Stack, error) {
	s, err := newStack(true)
	if err != nil {
		return nil, err
	}
	own := tcpip.ProtocolAddress{
		Protocol:          ipv6.ProtocolNumber,
		AddressWithPrefix: tcpip.AddrFromSlice(address.AsSlice()).WithPrefix(),
	}
	if problem := s.stack.AddProtocolAddress(nic, own, stack.AddressProperties{}); problem != nil {
		return nil, errors.Join(fmt.Errorf("netstack: address %v: %v", address, problem), s.Close())
	}
	return s, nil
}

// NewGateway returns a stack that answers for every address: see [Stack.Forward].
func NewGateway() (*Stack, error) {
	s, err := newStack(false) // else every source would count as an address of its own
	if err != nil {
		return nil, err
	}
	for _, problem := range []tcpip.Error{s.stack.SetPromiscuousMode(nic, true), s.stack.SetSpoofing(nic, true)} {
		if problem != nil {
			return nil, errors.Join(fmt.Errorf("netstack: %v", problem), s.Close())
		}
	}
	return s, nil
}

func newStack(handleLocal bool) (*Stack, error) {
	s := &Stack{
		endpoint: channel.New(queued, MTU, ""),
		stack: stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv6.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol6},
			HandleLocal:        handleLocal,
		}),
		events: make(chan tun.Event, 1),
	}
	s.open, s.closing = context.WithCancel(context.Background())
	if problem := s.stack.CreateNIC(nic, s.endpoint); problem != nil {
		s.closing()
		return nil, fmt.Errorf("netstack: %v", problem)
	}
	s.stack.AddRoute(tcpip.Route{Destination: header.IPv6EmptySubnet, NIC: nic})
	s.events <- tun.EventUp
	return s, nil
}

// Read implements [tun.Device]: it waits for a packet that the stack sends.
func (s *Stack) Read(buffers [][]byte, sizes []int, offset int) (int, error) {
	packet := s.endpoint.ReadContext(s.open)
	if packet == nil {
		return 0, os.ErrClosed
	}
	defer packet.DecRef()
	view := packet.ToView()
	defer view.Release()
	n, err := view.Read(buffers[0][offset:])
	if err != nil {
		return 0, err
	}
	sizes[0] = n
	return 1, nil
}

// Write implements [tun.Device]: the stack receives packets. What is not IPv6 is dropped.
func (s *Stack) Write(buffers [][]byte, offset int) (int, error) {
	if s.open.Err() != nil {
		return 0, os.ErrClosed
	}
	for _, b := range buffers {
		data := b[offset:]
		if len(data) == 0 || data[0]>>4 != 6 {
			continue
		}
		packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(data)})
		s.endpoint.InjectInbound(ipv6.ProtocolNumber, packet)
		packet.DecRef()
	}
	return len(buffers), nil
}

// File implements [tun.Device]: there is no file.
func (s *Stack) File() *os.File { return nil }

// MTU implements [tun.Device].
func (s *Stack) MTU() (int, error) { return MTU, nil }

// Name implements [tun.Device].
func (s *Stack) Name() (string, error) { return "netstack", nil }

// Events implements [tun.Device].
func (s *Stack) Events() <-chan tun.Event { return s.events }

// BatchSize implements [tun.Device].
func (s *Stack) BatchSize() int { return 1 }

// Close ends the stack and all its connections. A device that has it closes it too.
func (s *Stack) Close() error {
	s.once.Do(func() {
		s.closing()
		s.stack.RemoveNIC(nic)
		s.endpoint.Close()
		s.stack.Close()
		close(s.events)
	})
	return nil
}

// DialTCP connects to an address through the stack.
func (s *Stack) DialTCP(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return gonet.DialContextTCP(ctx, s.stack, fullAddress(to), ipv6.ProtocolNumber)
}

// DialUDP returns a socket that sends to an address through the stack.
func (s *Stack) DialUDP(to netip.AddrPort) (net.Conn, error) {
	address := fullAddress(to)
	return gonet.DialUDP(s.stack, nil, &address, ipv6.ProtocolNumber)
}

func fullAddress(a netip.AddrPort) tcpip.FullAddress {
	return tcpip.FullAddress{NIC: nic, Addr: tcpip.AddrFromSlice(a.Addr().AsSlice()), Port: a.Port()}
}
