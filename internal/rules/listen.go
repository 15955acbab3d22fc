package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// unreachableListeners returns, as sentences, the Machines whose program Fly Proxy
// cannot reach. It connects to the Machine's private IPv4, so a program that listens
// only on loopback or on the 6PN address gets no requests (error codes PC01 and PC02).
// A Machine without any sockets is not reported: its init may be old, or its program
// still starting.
func (s Snapshot) unreachableListeners() []string {
	var out []string
	for _, m := range s.Machines {
		processes, sampled := s.Listening[m.ID]
		if !sampled {
			continue
		}
		services, err := m.Config.Services()
		if err != nil {
			continue
		}
		for _, sv := range services {
			if !sv.IsRouted() || sv.InternalPort == 0 {
				continue // Fly Proxy does not connect to it
			}
			if problem := listenProblem(processes, sv.InternalPort); problem != "" {
				out = append(out, fmt.Sprintf("Machine %s: port %d is %s", m.ID, sv.InternalPort, problem))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// listenProblem returns why Fly Proxy cannot reach the program on a TCP port; empty
// if it can, or if that is unknown.
func listenProblem(processes []fly.Process, port int) string {
	var loopback, sixpn, other bool
	for _, p := range processes {
		for _, socket := range p.Listen {
			host, at, ok := splitSocket(socket.Address)
			ip, err := netip.ParseAddr(host)
			switch {
			case !ok, at == hallpassPort && fly.NetworkID(ip) != "":
			case at != port, strings.HasPrefix(socket.Proto, "udp"):
				other = true
			case err != nil, ip.IsUnspecified():
				return ""
			case ip.IsLoopback():
				loopback = true
			case fly.NetworkID(ip) != "":
				sixpn = true
			default:
				return ""
			}
		}
	}
	switch {
	case loopback:
		return "open on loopback only"
	case sixpn:
		return "open on the private IPv6 address only, which Fly Proxy cannot reach"
	case other:
		return "not open, but other ports are"
	}
	return ""
}

// hallpassPort is the port of Fly's SSH server, on the private address of every Machine.
const hallpassPort = 22

func splitSocket(address string) (host string, port int, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", 0, false
	}
	port, err := strconv.Atoi(address[i+1:])
	host = strings.Trim(address[:i], "[]")
	return host, port, err == nil
}

// Sample returns the Machines whose processes to read: one started Machine for each
// process group and region.
func (s Snapshot) Sample() []string {
	seen := make(map[string]bool)
	var out []string
	for _, m := range s.Machines {
		key := m.Config.ProcessGroup() + "\x00" + m.Region
		if m.State == "started" && !seen[key] {
			seen[key] = true
			out = append(out, m.ID)
		}
	}
	return out
}
