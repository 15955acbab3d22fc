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
	for _, p := range s.ListenProblems() {
		out = append(out, fmt.Sprintf("Machine %s: port %d is %s", p.Machine, p.Port, p.Where))
	}
	slices.Sort(out)
	return out
}

// ListenPlace is where a program listens that Fly Proxy cannot reach, as part of a sentence.
type ListenPlace string

// The places.
const (
	OnLoopback  ListenPlace = "open on loopback only"
	OnPrivateIP ListenPlace = "open on the private IPv6 address only, which Fly Proxy cannot reach"
	OnOtherPort ListenPlace = "not open, but other ports are"
)

// listenProblem returns why Fly Proxy cannot reach the program on a TCP port; empty
// if it can, or if that is unknown.
func listenProblem(processes []fly.Process, port int) ListenPlace {
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
		return OnLoopback
	case sixpn:
		return OnPrivateIP
	case other:
		return OnOtherPort
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
