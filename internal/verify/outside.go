package verify

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// outsideWithin bounds one request from the internet.
const outsideWithin = 5 * time.Second

// Internet is a place on the internet to ask from.
type Internet interface {
	// Lookup returns the addresses of a name. No address is not an error.
	Lookup(ctx context.Context, host string) ([]netip.Addr, error)
	Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error)
}

// Here is the internet as this computer sees it.
type Here struct{}

// Lookup asks this computer's resolver.
func (Here) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var missing *net.DNSError
	if errors.As(err, &missing) && missing.IsNotFound {
		return nil, nil
	}
	return list, err
}

// Dial connects from this computer.
func (Here) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.String())
}

// Outside proves that an app's public name and its former addresses do not lead to it. Other apps
// share addresses, and an address may be another app's by now: so each is asked for this app's name.
// internet is nil if nothing can be asked from here.
func Outside(ctx context.Context, internet Internet, app string, released []netip.Addr) Report {
	var r Report
	host := app + ".fly.dev"
	if internet == nil {
		r.add(GoneOutside, NotVerified, "%s was not asked: an emulated platform is not on the internet", host)
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, 3*outsideWithin)
	defer cancel()
	list, err := internet.Lookup(ctx, host)
	if err != nil {
		r.add(GoneOutside, NotVerified, "%s could not be looked up: %s", host, plan.Message(cause(err)))
		return r
	}
	if len(list) == 0 {
		r.add(GoneOutside, Verified, "%s has no address in the DNS", host)
	}
	asked := make(map[netip.Addr]bool)
	for _, ip := range append(list, released...) {
		if ip = ip.Unmap(); asked[ip] {
			continue
		}
		asked[ip] = true
		status, err := askOutside(ctx, internet, ip, host)
		switch {
		case err == nil && status < 500:
			r.add(GoneOutside, Refuted, "%s still answers for %s: status %d", ip, host, status)
		case err == nil:
			r.add(GoneOutside, Verified, "%s does not lead to the app: status %d", ip, status)
		case ip.Is6() && isUnreachable(err):
			r.add(GoneOutside, NotVerified, "%s was not asked: no IPv6 here", ip)
		default:
			r.add(GoneOutside, Verified, "%s does not answer for %s", ip, host)
		}
	}
	return r
}

// askOutside sends one plain request for the app's name to an address.
func askOutside(ctx context.Context, internet Internet, ip netip.Addr, host string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, outsideWithin)
	defer cancel()
	socket, err := internet.Dial(ctx, netip.AddrPortFrom(ip, 80))
	if err != nil {
		return 0, err
	}
	defer socket.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = socket.SetDeadline(deadline)
	}
	if _, err := fmt.Fprintf(socket, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: flycast-mcp\r\nConnection: close\r\n\r\n",
		host); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(socket), nil)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// isUnreachable reports whether this computer has no way to an address.
func isUnreachable(err error) bool {
	text := err.Error()
	return strings.Contains(text, "network is unreachable") || strings.Contains(text, "no route to host") ||
		strings.Contains(text, "cannot assign requested address")
}
