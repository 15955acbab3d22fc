package verify

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// Emulated is the internet of an emulated platform: its public Fly Proxy, which knows names in place
// of addresses.
type Emulated struct{ at netip.AddrPort }

// NewEmulated returns the internet whose Fly Proxy is at a base URL, on a loopback address.
func NewEmulated(base string) (Emulated, error) {
	u, err := url.Parse(base)
	if err != nil {
		return Emulated{}, err
	}
	at, err := netip.ParseAddrPort(u.Host)
	if err != nil || !at.Addr().IsLoopback() {
		return Emulated{}, fmt.Errorf("%q is not the URL of a loopback address", base)
	}
	return Emulated{at}, nil
}

// Lookup returns the address of Fly Proxy if the name exists.
func (e Emulated) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	socket, err := e.Dial(ctx, e.at)
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = socket.SetDeadline(deadline)
	}
	if _, err := fmt.Fprintf(socket, "HEAD / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(socket), &http.Request{Method: http.MethodHead})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.Header.Get("Fly-Proxy-Error") == "DNS" {
		return nil, nil
	}
	return []netip.Addr{e.at.Addr()}, nil
}

// Dial connects to Fly Proxy, whatever the address.
func (e Emulated) Dial(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", e.at.String())
}
