package netstack

import (
	"net"
	"net/netip"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Flow is a connection through a gateway: who wants to reach what.
type Flow struct{ From, To netip.AddrPort }

// Forwarding says what a gateway does with connections. Each function is called in a goroutine of
// its own, and closes its connection.
type Forwarding struct {
	// Accepts reports whether a TCP connection is accepted; others are reset.
	Accepts func(Flow) bool
	TCP     func(Flow, net.Conn)
	// UDP gets a socket that has received a packet, and answers to its sender.
	UDP func(Flow, net.Conn)
}

// maxConnecting bounds the connections that are being made.
const maxConnecting = 256

// Forward handles everything that arrives at the stack. It is called once.
func (s *Stack) Forward(f Forwarding) {
	s.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(s.stack, 0, maxConnecting,
		func(r *tcp.ForwarderRequest) {
			flow := flowOf(r.ID())
			if !f.Accepts(flow) {
				r.Complete(true)
				return
			}
			var queue waiter.Queue
			endpoint, problem := r.CreateEndpoint(&queue)
			r.Complete(problem != nil)
			if problem == nil {
				go f.TCP(flow, gonet.NewTCPConn(&queue, endpoint))
			}
		}).HandlePacket)
	s.stack.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(s.stack, func(r *udp.ForwarderRequest) {
		var queue waiter.Queue
		endpoint, problem := r.CreateEndpoint(&queue)
		if problem == nil {
			go f.UDP(flowOf(r.ID()), gonet.NewUDPConn(&queue, endpoint))
		}
	}).HandlePacket)
}

// flowOf returns a connection as its maker sees it.
func flowOf(id stack.TransportEndpointID) Flow {
	return Flow{From: addrPort(id.RemoteAddress, id.RemotePort), To: addrPort(id.LocalAddress, id.LocalPort)}
}

func addrPort(a tcpip.Address, port uint16) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(a.AsSlice())
	return netip.AddrPortFrom(ip, port)
}
