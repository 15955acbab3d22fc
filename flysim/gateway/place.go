package gateway

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

const (
	portDNS = 53
	portAPI = 4280 // of the Machines API, at the resolver's address
)

// prefixOf returns the 48 bits that all addresses of a network share.
func prefixOf(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, 48).Masked() }

// resolverOf returns the address of the resolver of a network.
func resolverOf(a netip.Addr) netip.Addr {
	b := prefixOf(a).Addr().As16()
	b[15] = 3
	return netip.AddrFrom16(b)
}

// place is where an address of a network leads.
type place struct {
	caller network // from which Fly Proxy is asked
	name   string  // under .flycast or .internal
}

// find returns where an address leads for a caller; ok is false if nothing is there.
func (g *Gateway) find(from, to netip.Addr) (at place, ok bool) {
	if prefixOf(from) != prefixOf(to) {
		return place{}, false
	}
	for _, site := range g.sites() {
		for _, a := range site.Addresses {
			if a.Kind == "private_v6" && a.IP == to.String() {
				return place{network{a.Org, a.Network}, site.App + ".flycast"}, true
			}
		}
		for _, m := range site.Machines {
			if m.PrivateIP == to {
				return place{network{site.Org, site.Network}, fmt.Sprintf("%s.vm.%s.internal", m.ID, site.App)}, true
			}
		}
	}
	return place{}, false
}

// lookup returns the addresses of a name on the caller's network; ok is false if the name does not
// exist there, or not yet.
func (g *Gateway) lookup(from netip.Addr, name string) (list []netip.Addr, ok bool) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "_api.internal" {
		return []netip.Addr{resolverOf(from)}, true
	}
	// What is newer than this is not known to the resolver yet.
	known := g.options.Platform.Clock().Now().Add(-g.options.Platform.GatewayFaults().DNSLag)
	for _, site := range g.sites() {
		switch name {
		case site.App + ".flycast":
			for _, a := range site.Addresses {
				ip, err := netip.ParseAddr(a.IP)
				if err == nil && a.Kind == "private_v6" && prefixOf(ip) == prefixOf(from) && !a.Created.After(known) {
					list = append(list, ip)
				}
			}
		case site.App + ".internal":
			for _, m := range site.Machines {
				if m.State == "started" && prefixOf(m.PrivateIP) == prefixOf(from) && !m.Started.After(known) {
					list = append(list, m.PrivateIP)
				}
			}
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list, len(list) > 0
}

// sites returns all apps.
func (g *Gateway) sites() []flysim.Site {
	var out []flysim.Site
	for _, app := range g.options.Platform.AppNames() {
		if site, err := g.options.Platform.Site(app); err == nil {
			out = append(out, site)
		}
	}
	return out
}
