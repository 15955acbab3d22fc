package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// hallpass is the SSH server that Fly runs in every Machine.
var hallpass = fly.Process{Command: "/.fly/hallpass", Listen: []fly.Socket{
	{Proto: "tcp6", Address: "[" + ownPrivate + "]:22"}}}

// program listens on the sockets: "udp://…" or an address for TCP.
func program(sockets ...string) fly.Process {
	p := fly.Process{Command: "/app/server"}
	for _, s := range sockets {
		proto, address, ok := strings.Cut(s, "://")
		if !ok {
			proto, address = "tcp", s
		}
		p.Listen = append(p.Listen, fly.Socket{Proto: proto, Address: address})
	}
	return p
}

func TestListens(t *testing.T) {
	const (
		loopback  = "open on loopback only"
		privately = "open on the private IPv6 address only, which Fly Proxy cannot reach"
		wrongPort = "not open, but other ports are"
	)
	tests := []struct {
		name    string
		sockets []string
		want    string
	}{
		{"0.0.0.0", []string{"0.0.0.0:8080"}, ""},
		{"[::]", []string{"[::]:8080"}, ""},
		{"tcp6", []string{"tcp6://[::]:8080"}, ""},
		{"*", []string{"*:8080"}, ""},
		{"no host", []string{":8080"}, ""},
		{"the Machine's private IPv4", []string{"172.19.0.2:8080"}, ""},
		{"IPv4 in IPv6", []string{"[::ffff:0.0.0.0]:8080"}, ""},

		{"loopback", []string{"127.0.0.1:8080"}, loopback},
		{"another loopback", []string{"127.0.0.53:8080"}, loopback},
		{"loopback v6", []string{"[::1]:8080"}, loopback},
		{"loopback v4 in v6", []string{"[::ffff:127.0.0.1]:8080"}, loopback},
		{"loopback, other ports are open", []string{"127.0.0.1:8080", "0.0.0.0:9090"}, loopback},
		{"loopback and everywhere", []string{"127.0.0.1:8080", "0.0.0.0:8080"}, ""},
		{"everywhere and loopback", []string{"0.0.0.0:8080", "[::1]:8080"}, ""},

		{"6PN only", []string{"[" + ownPrivate + "]:8080"}, privately},
		{"6PN and everywhere", []string{"[" + ownPrivate + "]:8080", "[::]:8080"}, ""},
		{"6PN, other ports are open", []string{"[" + ownPrivate + "]:8080", "0.0.0.0:9090"}, privately},

		{"wrong port", []string{"0.0.0.0:3000"}, wrongPort},
		{"wrong port on loopback", []string{"127.0.0.1:3000"}, wrongPort},
		{"UDP on the same port", []string{"udp://0.0.0.0:8080"}, wrongPort},
		{"UDP and TCP on the same port", []string{"udp://172.19.0.2:8080", "0.0.0.0:8080"}, ""},

		{"no sockets", nil, ""}, // an old init, or not bound yet
		{"not an address", []string{"unix"}, ""},
		{"not a port", []string{"0.0.0.0:http"}, ""},
		{"a host that is no address", []string{"localhost:8080"}, ""}, // cannot be told
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, processes := range [][]fly.Process{
				{program(test.sockets...)},
				{hallpass, program(test.sockets...)},
				{program(), program(test.sockets...), hallpass},
			} {
				if got := listenProblem(processes, 8080); string(got) != test.want {
					t.Errorf("%v: got %q, want %q", processes, got, test.want)
				}
			}
		})
	}
	// Fly's own SSH server is neither the program nor proof that sockets are seen.
	if got := listenProblem([]fly.Process{hallpass}, 8080); got != "" {
		t.Errorf("hallpass alone: got %q", got)
	}
	if got := listenProblem([]fly.Process{hallpass}, 22); got != "" {
		t.Errorf("hallpass alone, asked for its port: got %q", got)
	}
	if got := listenProblem([]fly.Process{hallpass, program("127.0.0.1:22")}, 22); got != loopback {
		t.Errorf("an SSH server of the app's own: got %q, want %q", got, loopback)
	}
}

// TestBindBlockers: only TCP services of Machines that were looked into count.
func TestBindBlockers(t *testing.T) {
	const two = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80}]},{"protocol":"tcp","internal_port":8080,"ports":[{"port":81}]},
		{"protocol":"tcp","internal_port":9090,"ports":[{"port":90}]}]`
	const others = `[{"protocol":"udp","internal_port":5000,"ports":[{"port":5000}]},{"internal_port":7000,` +
		`"ports":[{"port":70}]},{"protocol":"tcp","ports":[{"port":71}]}]`
	s := Snapshot{
		Addresses:     fly.Addresses{App: fly.App{Name: "demo"}, List: []fly.Address{flycastAddress(ownFlycast, "", "")}},
		MachinesKnown: true,
		Machines: []fly.Machine{machineWith(t, "b", two), machineWith(t, "a", plainHTTP),
			machineWith(t, "c", plainHTTP), machineWith(t, "d", others)},
		Listening: map[string][]fly.Process{
			"a": {program("127.0.0.1:8080"), hallpass},
			"b": {program("["+ownPrivate+"]:8080", "0.0.0.0:3000"), hallpass},
			"d": {program("127.0.0.1:5000", "127.0.0.1:7000"), hallpass},
		},
	}
	var got []string
	for _, b := range s.Blockers() {
		if b.ID == plan.BindLoopback {
			got = append(got, b.What)
		}
	}
	want := []string{
		"Machine a: port 8080 is open on loopback only",
		"Machine b: port 8080 is open on the private IPv6 address only, which Fly Proxy cannot reach",
		"Machine b: port 9090 is not open, but other ports are",
		"Machine d: port 7000 is open on loopback only", // without a protocol it is TCP
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSample(t *testing.T) {
	m := func(id, group, region, state string) fly.Machine {
		m := withGroup(t, machineWith(t, id, plainHTTP), group)
		m.Region, m.State = region, state
		return m
	}
	s := Snapshot{Machines: []fly.Machine{
		m("1", "web", "iad", "stopped"),
		m("2", "web", "iad", "started"),
		m("3", "web", "iad", "started"),
		m("4", "web", "fra", "started"),
		m("5", "worker", "iad", "started"),
		m("6", "worker", "fra", "suspended"),
		m("7", "cron", "fra", "starting"),
		machineWith(t, "8", plainHTTP),
	}}
	if got, want := s.Sample(), []string{"2", "4", "5", "8"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Snapshot{}).Sample(); len(got) != 0 {
		t.Errorf("got %q of no Machines", got)
	}
}
