package tunnel_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/gateway"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/internal/tunnel"
)

// network is a platform with the example apps and a gateway.
type network struct {
	*flysim.Platform
	t *testing.T
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	p := flysim.New(flysim.Options{})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	runner := program.New(program.Options{Platform: p})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	g, err := gateway.Start(gateway.Options{Platform: p, Programs: runner, Address: netip.MustParseAddrPort("127.0.0.1:0")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := g.Close()
		cancel()
		if err := errors.Join(err, <-done, runner.Close()); err != nil {
			t.Error(err)
		}
	})
	return &network{p, t}
}

// flycast returns the Flycast address of an app.
func (n *network) flycast(app string) netip.Addr {
	for _, a := range n.Addresses(app) {
		if a.Kind == "private_v6" {
			return netip.MustParseAddr(a.IP)
		}
	}
	n.t.Fatalf("%s has no Flycast address", app)
	return netip.Addr{}
}

// add adds a peer to the default network through the API.
func (n *network) add(key tunnel.Key) tunnel.Spec {
	n.t.Helper()
	query := `mutation($input: AddWireGuardPeerInput!) { addWireGuardPeer(input: $input) { peerip endpointip pubkey } }`
	body, err := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"input": map[string]any{
		"organizationId": n.organization(), "name": "test-peer", "pubkey": key.Public(),
	}}})
	if err != nil {
		n.t.Fatal(err)
	}
	var answer struct {
		Data struct {
			AddWireGuardPeer struct{ Peerip, Endpointip, Pubkey string }
		}
	}
	n.ask(body, &answer)
	added := answer.Data.AddWireGuardPeer
	return tunnel.Spec{Address: netip.MustParseAddr(added.Peerip), Gateway: netip.MustParseAddrPort(added.Endpointip),
		GatewayKey: added.Pubkey}
}

func (n *network) organization() string {
	var answer struct {
		Data struct{ Organization struct{ ID string } }
	}
	n.ask([]byte(`{"query":"{organization(slug:\"personal\"){id}}"}`), &answer)
	return answer.Data.Organization.ID
}

func (n *network) ask(body []byte, answer any) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, "http://127.0.0.1/graphql", bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.Token())
	response, err := n.Transport().RoundTrip(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(data, answer)
	}
	if err != nil {
		n.t.Fatalf("%v: %s", err, data)
	}
}

// open opens a tunnel that may reach these addresses.
func (n *network) open(reach ...netip.AddrPort) *tunnel.Tunnel {
	n.t.Helper()
	key, err := tunnel.NewKey()
	if err != nil {
		n.t.Fatal(err)
	}
	spec := n.add(key)
	spec.Reach = reach
	t, err := tunnel.Open(n.t.Context(), key, spec)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(t.Close)
	return t
}

func TestTunnel(t *testing.T) {
	n := newNetwork(t)
	ip := n.flycast("inner-circle")
	door := netip.AddrPortFrom(ip, 80)
	tun := n.open(door)
	list, err := tun.AAAA(t.Context(), "inner-circle.flycast")
	if err != nil || len(list) != 1 || list[0] != ip {
		t.Fatalf("inner-circle.flycast is %v, %v; want %v", list, err, ip)
	}
	for _, name := range []string{"shop-api.flycast", "tenant-7.flycast", "nothing.flycast"} {
		if list, err := tun.AAAA(t.Context(), name); !errors.Is(err, tunnel.ErrNoSuchName) {
			t.Errorf("%s is %v, %v", name, list, err)
		}
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return tun.DialContext(ctx, "tcp", door.String())
	}}}
	defer client.CloseIdleConnections()
	for range 2 {
		response, err := client.Get("http://inner-circle.flycast/up")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
			t.Errorf("status %s, %v", response.Status, err)
		}
		response.Body.Close()
	}
}

// TestReach checks both filters: the dialer refuses what it was not made for, and WireGuard drops
// what would go to, or come from, another address.
func TestReach(t *testing.T) {
	n := newNetwork(t)
	ip := n.flycast("inner-circle")
	tun := n.open(netip.AddrPortFrom(ip, 80))
	machine := n.Machine("inner-circle", n.MachineIDs("inner-circle")[0]).PrivateIP
	for _, address := range []string{
		fmt.Sprintf("[%s]:8081", machine), fmt.Sprintf("[%s]:81", ip), fmt.Sprintf("[%s]:4280", tun.Resolver().Addr()),
		"127.0.0.1:80", "inner-circle.flycast:80", "",
	} {
		if conn, err := tun.DialContext(t.Context(), "tcp", address); err == nil {
			conn.Close()
			t.Errorf("%s was dialed", address)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if conn, err := tun.DialPast(ctx, netip.MustParseAddrPort(fmt.Sprintf("[%s]:8081", machine))); err == nil {
		conn.Close()
		t.Error("a packet to an address that is not allowed got through")
	}
}

// TestSilentGateway checks that an open without an answer ends, and leaves nothing behind.
func TestSilentGateway(t *testing.T) {
	n := newNetwork(t)
	n.SetGatewayFaults(flysim.GatewayFaults{Silent: true})
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	if _, err := tunnel.Open(ctx, key, n.add(key)); err == nil {
		t.Error("a gateway that is silent was joined")
	}
}

// TestClose counts goroutines: none of a tunnel is left.
func TestClose(t *testing.T) {
	n := newNetwork(t)
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	spec := n.add(key)
	before := runtime.NumGoroutine()
	for range 5 {
		tun, err := tunnel.Open(t.Context(), key, spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tun.AAAA(t.Context(), "inner-circle.flycast"); err != nil {
			t.Error(err)
		}
		tun.Close()
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+10; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, want about %d", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}

func TestKeyIsMasked(t *testing.T) {
	key, err := tunnel.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%+v", key), fmt.Sprintf("%#v", key)} {
		if !strings.Contains(text, "private key") || strings.Contains(text, "0x") {
			t.Errorf("the key prints as %s", text)
		}
	}
}
