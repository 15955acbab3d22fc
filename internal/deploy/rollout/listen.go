package rollout

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// listenWithin is how long a program may take to open its ports, once the
// Machine is proved otherwise (flyctl: 15 s, or the longest grace period).
const listenWithin = 15 * time.Second

// checkListening looks once for each group whether the program listens where its TCP
// services expect it. As with fly deploy it decides nothing: a list of processes
// that cannot be read, or shows no socket, says nothing about the program.
func (r *run) checkListening(ctx context.Context, j *job) {
	ports := tcpPorts(j.config)
	r.mu.Lock()
	seen := len(ports) == 0 || r.seen[j.out.Group]
	r.seen[j.out.Group] = true
	r.mu.Unlock()
	if seen {
		return
	}
	r.say(j, "looking at its listening sockets")
	deadline := r.Clock.Now().Add(listenWithin)
	for pause := pollStep; ; pause = min(2*pause, maxPollStep) {
		processes, err := r.Client.Processes(ctx, r.work.App, j.out.ID)
		if err != nil {
			processes = nil
		}
		j.out.Listening = portStates(ports, processes)
		open := !slices.ContainsFunc(j.out.Listening, func(p Port) bool { return p.State != ReachAll })
		if open || err != nil && !isTransient(err) || !r.Clock.Now().Before(deadline) || r.pause(ctx, pause) != nil {
			return
		}
	}
}

// unreachablePorts says which ports of a Machine whose checks do not pass cannot be reached:
// the likely reason, which can no longer be seen once the Machine is put back. It is empty
// if all are open, or if that is unknown.
func (r *run) unreachablePorts(ctx context.Context, j *job) string {
	ports := tcpPorts(j.config)
	if len(ports) == 0 {
		return ""
	}
	processes, err := r.Client.Processes(ctx, r.work.App, j.out.ID)
	if err != nil {
		return ""
	}
	var text strings.Builder
	for _, p := range portStates(ports, processes) {
		switch p.State {
		case ReachLoopback, ReachPrivate:
			fmt.Fprintf(&text, "; port %d is bound to %.60s, which Fly Proxy cannot reach: bind it to 0.0.0.0 or [::]",
				p.Port, p.Address)
		case ReachNone:
			fmt.Fprintf(&text, "; nothing listens on port %d", p.Port)
		}
	}
	return text.String()
}

// tcpPorts returns the internal ports of services over TCP, each once. A service that
// names no protocol is one.
func tcpPorts(config machine.Config) []int {
	services, err := config.Services()
	if err != nil {
		return nil
	}
	var ports []int
	for _, s := range services {
		if s.Protocol != "udp" && s.InternalPort > 0 && !slices.Contains(ports, s.InternalPort) {
			ports = append(ports, s.InternalPort)
		}
	}
	slices.Sort(ports)
	return ports
}

// portStates finds for each port who can reach it.
func portStates(ports []int, processes []fly.Process) []Port {
	silent := true
	best := make(map[int]Port)
	for _, process := range processes {
		for _, socket := range process.Listen {
			port, reach, ok := parseSocket(socket)
			if !ok {
				continue
			}
			// Every Machine has an SSH server of Fly's on its private address.
			silent = silent && reach == ReachPrivate && port == 22
			if have, ok := best[port]; !ok || have.State != ReachAll && (reach == ReachAll || reach == ReachPrivate) {
				best[port] = Port{Port: port, State: reach, Address: socket.Address}
			}
		}
	}
	var out []Port
	for _, port := range ports {
		found, ok := best[port]
		switch {
		case ok:
		case silent:
			found = Port{Port: port, State: ReachUnknown}
		default:
			found = Port{Port: port, State: ReachNone}
		}
		out = append(out, found)
	}
	return out
}

// parseSocket reads the address of a TCP socket, such as [::]:8080 or *:8080.
func parseSocket(socket fly.Socket) (port int, r Reach, ok bool) {
	if !strings.HasPrefix(socket.Proto, "tcp") {
		return 0, "", false
	}
	address := socket.Address
	if rest, any := strings.CutPrefix(address, "*:"); any {
		address = "0.0.0.0:" + rest
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0, "", false
	}
	host := at.Addr().Unmap()
	switch {
	case host.IsLoopback():
		r = ReachLoopback
	case host.Is6() && fly.NetworkID(host) != "":
		r = ReachPrivate
	default:
		r = ReachAll
	}
	return int(at.Port()), r, true
}
