package flysim

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// EnvListen is an environment variable of a Machine that sets what the built-in program listens on,
// in the form that [ParseListen] reads. A deploy can break and fix an app's bind with it. PORT also
// works, as in most web programs: it changes the program's main port and keeps its host. A variable
// takes effect when it is new or changes; otherwise the last [Platform.SetListen] stays in effect.
const EnvListen = "SANDBOX_LISTEN"

// ParseListen parses what a program listens on: addresses separated by commas, such as
// "0.0.0.0:8080", "[::]:8080", "tcp6://[::]:8080" (IPv6 only), "localhost:8080",
// "fly-local-6pn:8080" (the Machine's own 6PN address, here any address in fdaa::/16), ":8080"
// (dual stack, as in Go) or only a port (on 0.0.0.0). Empty text gives no addresses.
func ParseListen(text string) ([]string, error) {
	var sockets []string
	for field := range strings.SplitSeq(text, ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		proto, address, ok := strings.Cut(field, "://")
		if !ok {
			proto, address = "tcp", field
		}
		host, port, ok := cutPort(address)
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, fmt.Errorf("listen address %.60q: want a host and a port, such as 0.0.0.0:8080", field)
		}
		switch {
		case !ok:
			host = "0.0.0.0"
		case host == "" || host == "*":
			host = "[::]"
		case host == "localhost":
			host = "127.0.0.1"
		case host == "fly-local-6pn":
			host = "[fdaa::3]"
		}
		if _, err := netip.ParseAddrPort(host + ":" + port); err != nil {
			return nil, fmt.Errorf("listen address %.60q: the host is not an IP address, localhost, fly-local-6pn or *", field)
		}
		if !slices.Contains(protocols(), proto) {
			return nil, fmt.Errorf("listen address %.60q: the protocol is not tcp, tcp6 or udp", field)
		}
		sockets = append(sockets, proto+"://"+host+":"+port)
	}
	return sockets, nil
}

// cutPort splits host and port. ok is false if the address is only a port.
func cutPort(address string) (host, port string, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return "", address, false
	}
	return address[:i], address[i+1:], true
}

// port returns the socket's host and port. A host that is a name gives the zero Addr.
func (s socket) port() (netip.Addr, int) {
	at, err := netip.ParseAddrPort(strings.Replace(s.address, "*:", "[::]:", 1))
	if err != nil {
		return netip.Addr{}, 0
	}
	return at.Addr().Unmap(), int(at.Port())
}

// CanListen reports whether a program can listen on a socket such as
// "0.0.0.0:8080" or "udp://[::]:53".
func CanListen(address string) bool { return parseSocket(address).valid() }

// valid reports whether a program can listen on the socket.
func (s socket) valid() bool {
	host, _ := s.port()
	return host.IsValid() && slices.Contains(protocols(), s.proto)
}

func protocols() []string { return []string{"tcp", "tcp4", "tcp6", "udp"} }

// reaches reports whether Fly Proxy and health checks, which use the Machine's private IPv4
// address, can connect to a port (Fly docs, "Flycast": an app has to bind 0.0.0.0, and
// fly-local-6pn is not enough). A socket on [::] accepts IPv4 too, unless it is IPv6 only (tcp6).
func (s socket) reaches(port int) bool {
	host, bound := s.port()
	switch {
	case s.proto == "udp" || bound != port || host.IsLoopback() || isPrivate(host):
		return false
	case host.Is6():
		return host.IsUnspecified() && s.proto != "tcp6"
	}
	return host.IsValid()
}

// reachesDirect reports whether others on the private network, which is IPv6, can connect to a
// port.
func (s socket) reachesDirect(port int) bool {
	host, bound := s.port()
	return s.proto != "udp" && bound == port && host.Is6() && !host.IsLoopback()
}

func isPrivate(addr netip.Addr) bool {
	return addr.Is6() && addr.As16()[0] == 0xfd && addr.As16()[1] == 0xaa
}

// updateSockets applies changes of EnvListen and PORT in the environment of the next configuration.
func (m *vm) updateSockets(next spec.Config) {
	before, after := socketSettingsOf(m.config), socketSettingsOf(next)
	if before.listen != after.listen {
		sockets, err := ParseListen(after.listen)
		switch {
		case err != nil: // with an invalid setting the program listens nowhere
			m.listen = nil
		case after.listen != "":
			m.listen = nil
			for _, s := range sockets {
				m.listen = append(m.listen, parseSocket(s))
			}
		default:
			m.listen = internalPorts(m.versions[len(m.versions)-1].config)
			before.port = 0
		}
	}
	first := next
	if len(m.versions) > 0 {
		first = m.versions[len(m.versions)-1].config
	}
	from, to := cmp.Or(before.port, mainPort(first)), cmp.Or(after.port, mainPort(first))
	if after.listen != "" || from == to {
		return
	}
	m.listen = slices.Clone(m.listen)
	for i, s := range m.listen {
		if _, port := s.port(); port == from && s.proto != "udp" {
			m.listen[i].address = strings.TrimSuffix(s.address, strconv.Itoa(from)) + strconv.Itoa(to)
		}
	}
}

// socketSettings are the settings in a Machine's environment that concern sockets.
type socketSettings struct {
	listen string
	port   int
}

func socketSettingsOf(config spec.Config) socketSettings {
	env, err := config.Env()
	if err != nil {
		return socketSettings{}
	}
	port, err := strconv.ParseUint(env["PORT"], 10, 16)
	if err != nil {
		port = 0
	}
	return socketSettings{env[EnvListen], int(port)}
}

// mainPort returns the internal port of the first TCP service, or 0 if there is none.
func mainPort(config spec.Config) int {
	for _, s := range internalPorts(config) {
		if _, port := s.port(); s.proto == "tcp" {
			return port
		}
	}
	return 0
}

// Program is a Machine as its program sees it, at one moment.
type Program struct {
	Region, State, Instance string
	Started                 time.Time // when it was last started; zero: never
	// The state it was last started from: created, stopped, suspended, or restarting if its program
	// had ended.
	From      string
	PrivateIP netip.Addr
	Listen    []string
	Config    spec.Config
	Until     time.Time // when it next changes by itself; zero: never
}

// Running reports whether the program is running and belongs to the given instance and start.
func (r Program) Running(instance string, started time.Time) bool {
	return r.State == "started" && r.Instance == instance && r.Started.Equal(started)
}

// Reaches returns the socket that accepts a TCP connection to a port, from Fly Proxy or, if direct,
// from elsewhere on the private network. If ok is false, the connection is refused.
func (r Program) Reaches(port int, direct bool) (address string, ok bool) {
	for _, text := range r.Listen {
		s := parseSocket(text)
		if direct && s.reachesDirect(port) || !direct && s.reaches(port) {
			return s.address, true
		}
	}
	return "", false
}

// Program returns a Machine's program. It costs less than [Platform.Site]. If the Machine does not
// exist or is destroyed, the error is [ErrGone].
func (p *Platform) Program(app, id string) (Program, error) {
	var r Program
	err := p.look(app, id, func(m *vm, _ time.Time) {
		r = Program{
			Region: m.region, State: m.state, Instance: m.instance, Started: m.started, From: m.startedFrom(),
			PrivateIP: m.privateIP, Config: m.config,
		}
		for _, s := range m.listen {
			r.Listen = append(r.Listen, s.proto+"://"+s.address)
		}
		r.Until, _ = m.due()
	})
	if err == nil && r.State == "destroyed" {
		err = ErrGone
	}
	return r, err
}

// startedFrom returns the state from which the Machine was last started, according to its history.
func (m *vm) startedFrom() string {
	started := false
	for _, e := range m.events {
		switch {
		case e.kind == "start" && e.status == "started":
			started = true
		case started && e.exit != nil && e.exit.restarting:
			return "restarting"
		case started && slices.Contains([]string{"created", "stopped", "suspended"}, e.status):
			return e.status
		}
	}
	return "created"
}
