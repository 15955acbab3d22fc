package proxy

import (
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// look parses an authority and finds where it leads.
func (d *door) look(authority string) (n hostName, port int, t *routingTable, err error) {
	host, port, err := parseAuthority(authority)
	if err != nil {
		return hostName{}, 0, nil, failHost(authority, d.inside)
	}
	n, ok := parseName(host)
	if !ok {
		n.app = ""
		return n, port, nil, failName(host, "is not a name on this platform")
	}
	t, err = d.resolve(&n)
	return n, port, t, err
}

// resolve finds the app of a name, as Fly's resolvers and addresses do. It fails if the name does
// not exist for this listener's callers. For a custom hostname it sets the app in n.
func (d *door) resolve(n *hostName) (*routingTable, error) {
	switch {
	case n.kind != kindPublic && !d.inside:
		return nil, failName(n.host, "exists on the private network only")
	case n.kind == kindPublic && n.app == "":
		if n.app = d.proxy.appOf(n.host); n.app == "" {
			return nil, failHost(n.host, d.inside)
		}
	}
	t, err := d.proxy.table(n.app)
	if err != nil {
		gone := n.app
		n.app = "" // the name belongs to no app
		return nil, failNoApp(gone)
	}
	caller := d.proxy.caller(t.site)
	switch {
	case n.kind == kindPublic && !t.site.Public():
		return nil, failName(n.host, "has no public address")
	case n.kind == kindFlycast && !t.site.Flycast():
		return nil, failName(n.host, "has no Flycast address")
	case n.kind == kindFlycast && !caller.reaches(t.site):
		return nil, failName(n.host, "has no Flycast address on the caller's network, "+caller.String())
	case n.kind == kindInternal && caller != (Caller{t.site.Org, t.site.Network}):
		return nil, failName(n.host, "is not on the caller's network, "+caller.String())
	}
	return t, nil
}

// caller returns the place from which callers inside call an app.
func (p *Proxy) caller(site flysim.Site) Caller {
	c := p.options.Caller
	if c == (Caller{}) {
		return Caller{site.Org, site.Network}
	}
	if c.Network == "" {
		c.Network = "default"
	}
	return c
}

// reaches reports whether one of the app's Flycast addresses is on the caller's network.
func (c Caller) reaches(site flysim.Site) bool {
	return slices.ContainsFunc(site.Addresses, func(a flysim.Address) bool {
		return a.Kind == "private_v6" && a.Org == c.Org && a.Network == c.Network
	})
}

// String returns the network and its organization.
func (c Caller) String() string { return c.Network + " of " + c.Org }

// machines returns the Machines that a name under .internal resolves to: the started ones (Fly
// docs, "Private networking").
func (t *routingTable) machines(n hostName) []flysim.Backend {
	return slices.DeleteFunc(slices.Clone(t.site.Machines), func(b flysim.Backend) bool {
		return b.State != "started" || n.machine != "" && b.ID != n.machine ||
			n.region != "" && b.Region != n.region || n.group != "" && b.Group != n.group
	})
}

// matches reports whether a certificate's hostname matches a host. A wildcard matches one label.
func matches(hostname, host string) bool {
	if parent, ok := strings.CutPrefix(hostname, "*."); ok {
		_, of, _ := strings.Cut(host, ".")
		return of == parent
	}
	return hostname == host
}

func failName(host, why string) *Failure {
	return fail("DNS", http.StatusBadGateway, "no such name: %s %s", host, why)
}

func failNoApp(app string) *Failure {
	return fail("DNS", http.StatusBadGateway, "no such name: there is no app %s", app)
}

func failNoService(app string, port int) *Failure {
	return fail("PORT", http.StatusBadGateway,
		"connection closed: no service of app %s has the external port %d", app, port)
}

// failHost returns the failure for a host that is not on the platform.
func failHost(authority string, inside bool) *Failure {
	names := "<app>.fly.dev and custom hostnames"
	if inside {
		names = "<app>.flycast, names under .internal, <app>.fly.dev and custom hostnames"
	}
	host, _, err := net.SplitHostPort(authority)
	if err != nil {
		host = authority
	}
	host = strings.Trim(host, "[]")
	if net.ParseIP(host) != nil || host == "localhost" || host == "" {
		return fail(codeHost, http.StatusNotFound,
			"this is Fly Proxy of an emulated platform: name an app in the Host header, or use this address as an "+
				"HTTP proxy, for %s", names)
	}
	return fail(codeHost, http.StatusForbidden,
		"%.100q is not a name on this platform, and this proxy serves only %s", host, names)
}
