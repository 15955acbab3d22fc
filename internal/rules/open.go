package rules

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// OpenPort is a port on which the internet reaches a service.
type OpenPort struct {
	machine.Port
	UDP bool
	IPs []string // the public addresses that carry it
}

// String returns the port with its protocol and handlers, such as "80 (http)" or "5432/tcp".
func (p OpenPort) String() string {
	switch {
	case p.UDP:
		return p.Port.String() + "/udp"
	case p.IsHTTP() && p.IsEncrypted():
		return p.Port.String() + " (https)"
	case p.IsHTTP():
		return p.Port.String() + " (http)"
	case p.IsEncrypted():
		return p.Port.String() + "/tcp with TLS"
	}
	return p.Port.String() + "/tcp"
}

// IsUsual reports whether it is a port for browsers: HTTP on 80 or 443.
func (p OpenPort) IsUsual() bool {
	number := p.Port.String()
	return !p.UDP && p.IsHTTP() && (number == "80" || number == "443")
}

// OpenPorts returns the ports of the Machines' services that a public address carries, each
// once, in the order of the Machines.
func (s Snapshot) OpenPorts() []OpenPort {
	var out []OpenPort
	seen := make(map[string]bool)
	for _, m := range s.Machines {
		for _, sv := range m.Config.ServicesOrNone() {
			for _, p := range sv.Ports {
				open := OpenPort{Port: p, UDP: sv.IsUDP()}
				if _, _, ok := p.Range(); !ok || seen[open.String()] {
					continue
				}
				for _, a := range s.Addresses.List {
					if carries(a.Kind, sv, p) {
						open.IPs = append(open.IPs, a.IP.String())
					}
				}
				if len(open.IPs) > 0 {
					seen[open.String()] = true
					out = append(out, open)
				}
			}
		}
	}
	return out
}

// ListenProblem is why Fly Proxy cannot reach a program: where it listens instead.
type ListenProblem struct {
	Machine string
	Port    int // internal_port
	Where   ListenPlace
}

// ListenProblems returns the Machines whose program Fly Proxy cannot reach, among those
// whose processes were read.
func (s Snapshot) ListenProblems() []ListenProblem {
	var out []ListenProblem
	for _, m := range s.Machines {
		processes, sampled := s.Listening[m.ID]
		if !sampled {
			continue
		}
		for _, sv := range m.Config.ServicesOrNone() {
			if !sv.IsRouted() || sv.InternalPort == 0 {
				continue // Fly Proxy does not connect to it
			}
			found := ListenProblem{m.ID, sv.InternalPort, listenProblem(processes, sv.InternalPort)}
			if found.Where != "" && !slices.Contains(out, found) {
				out = append(out, found)
			}
		}
	}
	return out
}

// SilentReason returns why Fly Proxy sends no request to a Machine, whatever its services;
// empty if it may.
func (s Snapshot) SilentReason(id string) string {
	for _, m := range s.Machines {
		if m.ID == id {
			return s.silentReason(m)
		}
	}
	return ""
}

// OpenSockets returns the TCP ports on which programs accept connections from other
// Machines, without that of Fly's SSH server.
func OpenSockets(processes []fly.Process) []int {
	var out []int
	for _, p := range processes {
		for _, socket := range p.Listen {
			host, at, ok := splitSocket(socket.Address)
			ip, err := netip.ParseAddr(host)
			own := at == hallpassPort && fly.NetworkID(ip) != ""
			if !ok || own || err == nil && ip.IsLoopback() || strings.HasPrefix(socket.Proto, "udp") {
				continue
			}
			out = append(out, at)
		}
	}
	return out
}
