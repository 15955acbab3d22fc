package rules

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// unreachableListeners are the Machines whose program Fly Proxy cannot reach,
// as sentences: it enters over the Machine's private IPv4, so a program on
// loopback or on the 6PN address only is refused (error codes PC01 and PC02).
// No sockets at all proves nothing (an old init, or not bound yet), and is not
// reported.
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
				continue // Fly Proxy does not come in there
			}
			if where := listenProblem(processes, sv.InternalPort); where != "" {
				out = append(out, fmt.Sprintf("Machine %s: port %d is %s", m.ID, sv.InternalPort, where))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// listens tells what is wrong with who listens on a TCP port; empty if nothing is,
// or if it cannot be told.
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

// hallpassPort on the private address is Fly's own SSH server, in every Machine.
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

// Sample picks the Machines to look into: one started Machine for each process
// group and region.
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
