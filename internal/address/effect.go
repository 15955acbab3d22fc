package address

import (
	"fmt"
	"slices"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// releaseEffect is what a release of addresses does to callers from the internet.
type releaseEffect struct {
	app          string
	after        []fly.Address
	names        []string // custom hostnames
	lostFamilies []string // IP versions of which the app had an address and has none now
	namesBefore  []string // IP versions over which custom hostnames reached the app
	namesAfter   []string // and over which they still do
}

// effectOf compares two lists of addresses by what the Machines of s serve.
func effectOf(s rules.Snapshot, before, after []fly.Address, certificates []fly.Certificate) releaseEffect {
	e := releaseEffect{app: s.Addresses.App.Name, after: after}
	for _, cert := range certificates {
		e.names = append(e.names, plan.Quote(cert.Hostname))
	}
	for _, family := range []string{rules.IPv4, rules.IPv6} {
		if hasPublic(before, family) && !hasPublic(after, family) {
			e.lostFamilies = append(e.lostFamilies, family)
		}
		if s.AcceptsHostnames(family, before) {
			e.namesBefore = append(e.namesBefore, family)
		}
		if s.AcceptsHostnames(family, after) {
			e.namesAfter = append(e.namesAfter, family)
		}
	}
	return e
}

// hasPublic reports whether a list has a public address of an IP version.
func hasPublic(list []fly.Address, family string) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool {
		return a.Kind.Public() && a.IP.Is4() == (family == rules.IPv4)
	})
}

// lostFamily returns the IP version that has no addresses left, if the other has one.
func (e releaseEffect) lostFamily() string {
	if len(e.lostFamilies) == 1 && len(rules.PublicIPs(e.after)) > 0 {
		return e.lostFamilies[0]
	}
	return ""
}

// allocateCommand allocates a new address of an IP version.
func (e releaseEffect) allocateCommand(family string) string {
	if family == rules.IPv4 {
		return "fly ips allocate-v4 --shared -a " + e.app
	}
	return "fly ips allocate-v6 -a " + e.app
}

// sentence says which IP version has no addresses left; empty if that is none, or all.
func (e releaseEffect) sentence() string {
	family := e.lostFamily()
	if family == "" {
		return ""
	}
	allocates := "allocates a new one, free"
	if family == rules.IPv4 {
		allocates = "allocates a free one, for HTTP and TLS"
	}
	return fmt.Sprintf("No %s address is left: callers that have only %s cannot reach the app. %s %s.",
		family, family, e.allocateCommand(family), allocates)
}

// next returns what a person can do about a lost IP version.
func (e releaseEffect) next() []plan.Next {
	family := e.lostFamily()
	if family == "" {
		return nil
	}
	why := "only if IPv6 callers need access: it is free"
	if family == rules.IPv4 {
		why = "only if IPv4 callers need access: it is free, for HTTP and TLS"
	}
	return []plan.Next{{Who: "person", Command: e.allocateCommand(family), Why: why}}
}

// namesStop reports whether the app has custom hostnames that will not answer.
func (e releaseEffect) namesStop() bool { return len(e.names) > 0 && len(e.namesAfter) == 0 }

// namesStay reports whether custom hostnames still answer, as long as their DNS records do
// not point at an address that is released.
func (e releaseEffect) namesStay() bool { return len(e.names) > 0 && len(e.namesAfter) > 0 }

// hostnames says how the custom hostnames are affected; empty if they are not.
func (e releaseEffect) hostnames() string {
	names := plan.Few(e.names)
	switch {
	case len(e.names) == 0 || len(e.namesBefore) == len(e.namesAfter) && len(e.namesBefore) > 0:
		return ""
	case len(e.namesAfter) == 0:
		return "custom hostnames stop answering: " + names
	case e.namesAfter[0] == rules.IPv6:
		return "custom hostnames answer over IPv6 only: " + names
	}
	return "custom hostnames answer over IPv4 only, and their certificates may stop renewing, " +
		"because Fly checks the IPv6 address or DNS records: " + names
}
