package gateway_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/tunnel"
)

// TestResolver asks for the same names over UDP and TCP, from two networks.
func TestResolver(t *testing.T) {
	w := newWorld(t)
	var started []netip.Addr
	for _, id := range w.MachineIDs("inner-circle") {
		if m := w.Machine("inner-circle", id); m.State == "started" {
			started = append(started, netip.MustParseAddr(m.PrivateIP))
		}
	}
	slices.SortFunc(started, netip.Addr.Compare)
	if len(started) == 0 || len(started) == len(w.MachineIDs("inner-circle")) {
		t.Fatalf("%d Machines of inner-circle are started: the test needs some, and not all", len(started))
	}
	home, away := w.join("home", ""), w.join("away", "tenant-7")
	for _, test := range []struct {
		from *member
		name string
		want []netip.Addr // nil: no such name
	}{
		{home, "inner-circle.flycast", []netip.Addr{w.flycast("inner-circle")}},
		{home, "INNER-circle.Flycast", []netip.Addr{w.flycast("inner-circle")}},
		{home, "inner-circle.internal", started},
		{home, "_api.internal", []netip.Addr{home.resolver}},
		{home, "shop-api.flycast", nil}, // it has only public addresses
		{home, "tenant-7.internal", nil},
		{home, "nothing.flycast", nil},
		{home, "flycast", nil},
		{home, "inner-circle.fly.dev", nil},
		{away, "_api.internal", []netip.Addr{away.resolver}},
		{away, "inner-circle.flycast", nil},
		{away, "inner-circle.internal", nil},
	} {
		for transport, ask := range map[string]func(string) ([]netip.Addr, error){
			"udp": func(name string) ([]netip.Addr, error) { return test.from.AAAA(t.Context(), name) },
			"tcp": test.from.overTCP,
		} {
			got, err := ask(test.name)
			if !slices.Equal(got, test.want) || test.want == nil && !errors.Is(err, tunnel.ErrNoSuchName) {
				t.Errorf("%s over %s from %v: %v, %v; want %v", test.name, transport, test.from.resolver, got, err, test.want)
			}
		}
	}
	if home.resolver == away.resolver {
		t.Errorf("both networks have the resolver %v", home.resolver)
	}
}

// TestReach connects to all that a peer can reach: Flycast through HTTP and raw services, Machines
// without Fly Proxy, and the Machines API.
func TestReach(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/apps", `{"app_name":"raw-db","org_slug":"personal"}`)
	w.post("/v1/apps/raw-db/ip_assignments", `{"type":"private_v6"}`)
	w.post("/v1/apps/raw-db/machines", `{"config":{"image":"registry-1.docker.io/library/postgres:17","services":`+
		`[{"protocol":"tcp","internal_port":5433,"ports":[{"port":5432}]}]}}`)
	id := w.MachineIDs("raw-db")[0]
	w.SetListen("raw-db", id, []string{"[::]:5433"})
	machine := netip.MustParseAddr(w.Machine("raw-db", id).PrivateIP)
	var (
		http80  = netip.AddrPortFrom(w.flycast("inner-circle"), 80)
		raw     = netip.AddrPortFrom(w.flycast("raw-db"), 5432)
		closed  = netip.AddrPortFrom(w.flycast("raw-db"), 5433)
		direct  = netip.AddrPortFrom(machine, 5433)
		nothing = netip.AddrPortFrom(w.flycast("raw-db").Next(), 5432)
	)
	home := w.join("home", "", http80, raw, closed, direct, nothing)
	away := w.join("away", "tenant-7", http80, raw, direct)
	api := netip.AddrPortFrom(home.resolver, 4280)
	for _, test := range []struct {
		what string
		from *member
		to   netip.AddrPort
		url  string
		want int // 0: no answer
	}{
		{"HTTP through Flycast", home, http80, "http://inner-circle.flycast/up", 200},
		{"a port without a service", home, closed, "http://raw-db.flycast:5433/", 0},
		{"an address that nobody has", home, nothing, "http://raw-db.flycast:5432/", 0},
		{"the Machines API", home, api, "http://_api.internal:4280/v1/apps/raw-db", 200},
	} {
		got, err := test.from.get(test.to, test.url, w.Token())
		if got != test.want {
			t.Errorf("%s: %d, %v; want %d", test.what, got, err, test.want)
		}
	}
	for _, to := range []netip.AddrPort{raw, direct} { // the built-in program greets on a raw connection
		if greeting, err := home.greeting(to); err != nil || !strings.HasPrefix(greeting, "emulated program of Machine "+id) {
			t.Errorf("%v: %q, %v", to, greeting, err)
		}
	}
	for _, to := range []netip.AddrPort{http80, raw, direct} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if conn, err := away.DialContext(ctx, "tcp", to.String()); err == nil {
			conn.Close()
			t.Errorf("%v was reached from another network", to)
		} else if ctx.Err() != nil {
			t.Errorf("%v: no reset: %v", to, err)
		}
		cancel()
	}
}

// TestReap removes a peer while its tunnel is open: it reaches nothing anymore, the other does.
func TestReap(t *testing.T) {
	w := newWorld(t)
	first, second := w.join("first", ""), w.join("second", "")
	for _, m := range []*member{first, second} {
		if _, err := m.overTCP("_api.internal"); err != nil {
			t.Fatal(err)
		}
	}
	if !w.RemovePeer("first") || w.RemovePeer("first") {
		t.Error("a peer is removed once")
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		conn, err := first.DialContext(ctx, "tcp", netip.AddrPortFrom(first.resolver, 53).String())
		cancel()
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("a peer that was removed still reaches the resolver")
		}
	}
	if _, err := second.overTCP("_api.internal"); err != nil {
		t.Errorf("the other peer: %v", err)
	}
}

// TestSilent checks that a silent gateway neither answers nor refuses, and answers later.
func TestSilent(t *testing.T) {
	w := newWorld(t)
	w.SetGatewayFaults(flysim.GatewayFaults{Silent: true})
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	spec := w.add(key, "peer", "")
	if _, err := tunnel.Open(t.Context(), key, spec); !errors.Is(err, tunnel.ErrSilent) {
		t.Errorf("a silent gateway: %v, want %v", err, tunnel.ErrSilent)
	}
	w.SetGatewayFaults(flysim.GatewayFaults{})
	tun, err := tunnel.Open(t.Context(), key, spec)
	if err != nil {
		t.Fatal(err)
	}
	tun.Close()
}

// TestLate checks that a gateway learns of a peer only after a while, by the platform's clock.
func TestLate(t *testing.T) {
	w := newWorld(t)
	w.Clock().SetSpeed(0)
	early := w.join("early", "")
	w.SetGatewayFaults(flysim.GatewayFaults{Late: time.Minute})
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	spec := w.add(key, "late", "")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if tun, err := tunnel.Open(ctx, key, spec); err == nil {
		tun.Close()
		t.Error("the gateway knows a peer that comes later")
	}
	w.Clock().Advance(time.Minute)
	tun, err := tunnel.Open(t.Context(), key, spec)
	if err != nil {
		t.Fatalf("the gateway does not know a peer that is due: %v", err)
	}
	tun.Close()
	if _, err := early.overTCP("_api.internal"); err != nil {
		t.Errorf("a peer that was there before: %v", err)
	}
}

// TestDNSLag checks that new addresses resolve after a while, by the platform's clock.
func TestDNSLag(t *testing.T) {
	w := newWorld(t)
	w.Clock().SetSpeed(0)
	w.SetGatewayFaults(flysim.GatewayFaults{DNSLag: time.Minute})
	w.post("/v1/apps/shop-api/ip_assignments", `{"type":"private_v6"}`)
	m := w.join("peer", "")
	if got, err := m.AAAA(t.Context(), "shop-api.flycast"); !errors.Is(err, tunnel.ErrNoSuchName) {
		t.Errorf("a new address: %v, %v", got, err)
	}
	if got, err := m.AAAA(t.Context(), "inner-circle.flycast"); err != nil {
		t.Errorf("an old address: %v, %v", got, err)
	}
	w.Clock().Advance(time.Minute)
	if got, err := m.AAAA(t.Context(), "shop-api.flycast"); err != nil || !slices.Equal(got, []netip.Addr{w.flycast("shop-api")}) {
		t.Errorf("a minute later: %v, %v", got, err)
	}
}
