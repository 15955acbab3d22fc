package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/gateway"
	"github.com/flycast-mcp/flycast-mcp/flysim/program"
	"github.com/flycast-mcp/flycast-mcp/internal/tunnel"
)

// world is a platform with the example apps, their programs, its API and a gateway.
type world struct {
	*flysim.Platform
	t *testing.T
}

func newWorld(t *testing.T) *world {
	t.Helper()
	p := flysim.New(flysim.Options{})
	if err := p.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	api, err := p.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	runner := program.New(program.Options{Platform: p})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	g, err := gateway.Start(gateway.Options{Platform: p, Programs: runner,
		Address: netip.MustParseAddrPort("127.0.0.1:0"), API: strings.TrimPrefix(api.URL, "http://")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := g.Close()
		cancel()
		if err := errors.Join(err, <-done, runner.Close(), api.Close()); err != nil {
			t.Error(err)
		}
	})
	return &world{p, t}
}

// post sends a request to the platform's API and returns its answer.
func (w *world) post(path, body string) []byte {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://127.0.0.1"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.Token())
	response, err := w.Transport().RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode > 299 || strings.Contains(string(answer), `"errors"`) {
		w.t.Fatalf("%s: %s, %v: %s", path, response.Status, err, answer)
	}
	return answer
}

// add adds a peer to a network through the API.
func (w *world) add(key tunnel.Key, name, network string) tunnel.Spec {
	w.t.Helper()
	var org struct {
		Data struct{ Organization struct{ ID string } }
	}
	var peer struct {
		Data struct {
			AddWireGuardPeer struct{ Peerip, Endpointip, Pubkey string }
		}
	}
	for _, ask := range []struct {
		query  func() string
		answer any
	}{
		{func() string { return `{organization(slug:"personal"){id}}` }, &org},
		{func() string {
			return fmt.Sprintf(`mutation{addWireGuardPeer(input:{organizationId:%q,name:%q,pubkey:%q,network:%q})`+
				`{peerip endpointip pubkey}}`, org.Data.Organization.ID, name, key.Public(), network)
		}, &peer},
	} {
		body, err := json.Marshal(map[string]string{"query": ask.query()})
		if err == nil {
			err = json.Unmarshal(w.post("/graphql", string(body)), ask.answer)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	added := peer.Data.AddWireGuardPeer
	return tunnel.Spec{Address: netip.MustParseAddr(added.Peerip), Gateway: netip.MustParseAddrPort(added.Endpointip),
		GatewayKey: added.Pubkey}
}

// member is a peer of the test whose tunnel is open.
type member struct {
	*tunnel.Tunnel
	t        *testing.T
	resolver netip.Addr
}

// join adds a peer and opens its tunnel. It may reach these addresses, and port 53 and 4280 of the
// resolver.
func (w *world) join(name, network string, reach ...netip.AddrPort) *member {
	w.t.Helper()
	key, err := tunnel.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	spec := w.add(key, name, network)
	at := spec.Resolver().Addr()
	spec.Reach = append(reach, netip.AddrPortFrom(at, 53), netip.AddrPortFrom(at, 4280))
	tun, err := tunnel.Open(w.t.Context(), key, spec)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(tun.Close)
	return &member{tun, w.t, at}
}

// overTCP asks the resolver over TCP only.
func (m *member) overTCP(name string) ([]netip.Addr, error) {
	return tunnel.Query(m.t.Context(), func(ctx context.Context, network string) (net.Conn, error) {
		if network != "tcp" {
			return nil, errors.ErrUnsupported
		}
		return m.DialContext(ctx, "tcp", netip.AddrPortFrom(m.resolver, 53).String())
	}, name)
}

// get sends a GET through the tunnel, and returns the status.
func (m *member) get(to netip.AddrPort, url, token string) (int, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return m.DialContext(ctx, "tcp", to.String())
		}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// flycast returns the Flycast address of an app.
func (w *world) flycast(app string) netip.Addr {
	w.t.Helper()
	for _, a := range w.Addresses(app) {
		if a.Kind == "private_v6" {
			return netip.MustParseAddr(a.IP)
		}
	}
	w.t.Fatalf("%s has no Flycast address", app)
	return netip.Addr{}
}

// greeting sends a line on a raw connection and returns the first line of the answer.
func (m *member) greeting(to netip.AddrPort) (string, error) {
	ctx, cancel := context.WithTimeout(m.t.Context(), 20*time.Second)
	defer cancel()
	conn, err := m.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(conn).ReadString('\n')
}
