package proxy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// via returns what Fly Proxy adds to Via.
func via(major int) string {
	if major == 2 {
		return "2 fly.io"
	}
	return "1.1 fly.io"
}

// serverHeader names the proxy in answers; Fly's own ends with its version and date.
const serverHeader = "Fly/0000000 (sandbox)"

// requestInfo is the information about a request that the proxy sends to the app.
type requestInfo struct {
	client  string // the address of the client
	address string // the app's address that the client called
	port    int
	secure  bool
	region  string
	id      string
	at      time.Time
}

// set sets the headers of Fly's http handler (Fly docs, "Request headers") and replaces those of
// the client, except that X-Forwarded-For grows, and that X-Forwarded-Port may be the client's.
func (in requestInfo) set(h http.Header, major int) {
	for key := range h {
		if strings.HasPrefix(key, "Fly-Replay") || key == "Fly-Preferred-Instance-Unavailable" {
			delete(h, key)
		}
	}
	// After an upgrade to h2c, which RFC 9113, 3.1 made obsolete, the proxy could not inspect the rest.
	if strings.EqualFold(h.Get("Upgrade"), "h2c") {
		h.Del("Upgrade")
		h.Del("Connection")
		h.Del("HTTP2-Settings")
	}
	chain := slices.Clone(h["X-Forwarded-For"])
	chain = append(chain, in.client)
	if in.address != "" {
		chain = append(chain, in.address)
	}
	proto, ssl := "http", "off"
	if in.secure {
		proto, ssl = "https", "on"
	}
	port := strconv.Itoa(in.port)
	if h.Get("X-Forwarded-Port") == "" {
		h.Set("X-Forwarded-Port", port)
	}
	h.Set("X-Forwarded-For", strings.Join(chain, ", "))
	h.Set("X-Forwarded-Proto", proto)
	h.Set("X-Forwarded-Ssl", ssl)
	h.Set("Fly-Client-Ip", in.client)
	h.Set("Fly-Forwarded-Port", port)
	h.Set("Fly-Region", in.region)
	h.Set("Fly-Request-Id", in.id)
	h.Set("X-Request-Start", "t="+strconv.FormatInt(in.at.UnixMicro(), 10))
	h.Add("Via", via(major))
}

// setResponseHeaders sets the headers of an answer: Fly's own, and the changes by the port's http_options.
func setResponseHeaders(h http.Header, options spec.HTTPOptions, id string, major int) {
	if !options.Response.Pristine {
		h.Set("Server", serverHeader)
		h.Add("Via", via(major))
		h.Set("Fly-Request-Id", id)
	}
	for key, raw := range options.Response.Headers {
		var values []string
		var value string
		var keep bool
		switch {
		case json.Unmarshal(raw, &value) == nil:
			h.Set(key, value)
		case json.Unmarshal(raw, &values) == nil:
			h[http.CanonicalHeaderKey(key)] = values
		case json.Unmarshal(raw, &keep) == nil && !keep:
			h.Del(key)
		}
	}
}

// requestID returns an id in Fly's form: a ULID and the region.
func requestID(at time.Time, region string) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [26]byte
	ms, high, low := uint64(at.UnixMilli()), rand.Uint64(), rand.Uint64()
	for i := 9; i >= 0; i-- {
		b[i] = digits[ms&31]
		ms >>= 5
	}
	for i := 10; i < 18; i++ {
		b[i], b[i+8] = digits[high&31], digits[low&31]
		high, low = high>>5, low>>5
	}
	return string(b[:]) + "-" + region
}

// addressOf returns the app's address to which names of the kind resolve.
func addressOf(site flysim.Site, k nameKind) string {
	want := []string{"private_v6"}
	if k == kindPublic {
		want = []string{"v4", "shared_v4", "v6"}
	}
	for _, kind := range want {
		for _, a := range site.Addresses {
			if a.Kind == kind {
				return a.IP
			}
		}
	}
	return ""
}

// proxyHeader returns the PROXY protocol's header of a connection (Fly docs, "Services";
// haproxy.org, proxy-protocol.txt).
func proxyHeader(version string, from, to netip.AddrPort) []byte {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	four := from.Addr().Is4() && to.Addr().Is4()
	if version != "v2" {
		family := "TCP6"
		if four {
			family = "TCP4"
		}
		return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family, from.Addr(), to.Addr(), from.Port(), to.Port())
	}
	header := []byte("\r\n\r\n\x00\r\nQUIT\n\x21")
	addresses := slices.Concat(from.Addr().AsSlice(), to.Addr().AsSlice())
	family := byte(0x11)
	if !four {
		a, b := from.Addr().As16(), to.Addr().As16()
		family, addresses = 0x21, slices.Concat(a[:], b[:])
	}
	addresses = append(addresses, byte(from.Port()>>8), byte(from.Port()), byte(to.Port()>>8), byte(to.Port()))
	header = append(header, family, 0, byte(len(addresses)))
	return append(header, addresses...)
}

// addrPort returns the address of an end of a connection, or the zero value if it is not IP.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}
