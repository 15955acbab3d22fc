package tools

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/rules"
)

// reached says who gets to the app now.
func reached(s rules.Snapshot) string {
	reach := s.Reach()
	switch {
	case reach == nil:
		return "It is unknown what reaches it now: its Machines could not be read completely."
	case slices.Equal(reach, []string{rules.Nothing}):
		return "NOTHING REACHES IT NOW: " + s.Unreached() + "."
	}
	return "It is reached at " + strings.Join(plan.Shortened(reach), ", ") + ", according to its configuration."
}

// change is what a release of addresses does to those who come over the internet.
type change struct {
	app           string
	before, after []fly.Address
	names         []string // custom hostnames
	nowhere       []string // IP versions over which the app had an address and has none now
	over          []string // IP versions over which names still get to the app
	had           []string // and over which they did
}

// changeOf compares two lists of addresses by what the Machines of s serve.
func changeOf(s rules.Snapshot, before, after []fly.Address, certificates []fly.Certificate) change {
	c := change{app: s.Addresses.App.Name, before: before, after: after}
	for _, cert := range certificates {
		c.names = append(c.names, plan.Quote(cert.Hostname))
	}
	for _, family := range []string{rules.IPv4, rules.IPv6} {
		if has(before, family) && !has(after, family) {
			c.nowhere = append(c.nowhere, family)
		}
		if s.Names(family, before) {
			c.had = append(c.had, family)
		}
		if s.Names(family, after) {
			c.over = append(c.over, family)
		}
	}
	return c
}

// has reports whether there is a public address of an IP version in a list.
func has(list []fly.Address, family string) bool {
	return slices.ContainsFunc(list, func(a fly.Address) bool { return a.Kind.Public() && a.IP.Is4() == (family == rules.IPv4) })
}

// one is the IP version that was lost while the other stays; empty if it is not so.
func (c change) one() string {
	if len(c.nowhere) == 1 && len(public(c.after)) > 0 {
		return c.nowhere[0]
	}
	return ""
}

// sentence says which IP version has no address any more; empty if the app has
// lost none, or all.
func (c change) sentence() string {
	family := c.one()
	if family == "" {
		return ""
	}
	return fmt.Sprintf("No %s address is left: callers that have only %s cannot reach the app. %s.", family, family, c.again(family))
}

// again says how to get an address of an IP version.
func (c change) again(family string) string {
	if family == rules.IPv4 {
		return fmt.Sprintf("fly ips allocate-v4 --shared -a %s allocates a free one, for HTTP and TLS", c.app)
	}
	return fmt.Sprintf("fly ips allocate-v6 -a %s allocates a new one, free", c.app)
}

// next is what a person may do about a lost IP version.
func (c change) next() []plan.Next {
	switch c.one() {
	case rules.IPv4:
		return []plan.Next{{Who: "person", Command: "fly ips allocate-v4 --shared -a " + c.app, Why: "only if IPv4 callers need access: it is free, for HTTP and TLS"}}
	case rules.IPv6:
		return []plan.Next{{Who: "person", Command: "fly ips allocate-v6 -a " + c.app, Why: "only if IPv6 callers need access: it is free"}}
	}
	return nil
}

// stop reports whether custom hostnames answered and will not.
func (c change) stop() bool { return len(c.names) > 0 && len(c.over) == 0 }

// keepsNames reports whether custom hostnames still answer, as long as their DNS
// records do not point at an address that goes.
func (c change) keepsNames() bool { return len(c.names) > 0 && len(c.over) > 0 }

// hostnames says what becomes of the custom hostnames; empty if nothing does.
func (c change) hostnames() string {
	names := plan.Few(c.names)
	switch {
	case len(c.names) == 0 || len(c.had) == len(c.over) && len(c.had) > 0:
		return ""
	case len(c.over) == 0:
		return "custom hostnames stop answering: " + names
	case c.over[0] == rules.IPv6:
		return "custom hostnames answer over IPv6 only: " + names
	}
	return "custom hostnames answer over IPv4 only, and their certificates may stop renewing, because Fly checks the IPv6 address or DNS records: " + names
}
