package fly

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// App is an app's record. Network is the name of its private network,
// [DefaultNetwork] for the default one; empty if it is unknown.
type App struct {
	ID           string
	Name         string
	Status       string
	Hostname     string
	Network      string
	Organization Organization
}

// Organization owns apps. ID is the node id that GraphQL inputs need; it is empty
// where only the slug is known.
//
// GraphQL calls the personal organization of the token's owner "personal", and gives
// its own slug as RawSlug. The Machines API uses that one.
type Organization struct {
	ID      string
	Slug    string
	RawSlug string // empty if it is unknown
	Name    string
}

// HasSlug reports whether slug is one of the organization's.
func (o Organization) HasSlug(slug string) bool {
	return slug != "" && (slug == o.Slug || slug == o.RawSlug)
}

// Is reports whether both are the same organization, under whichever slugs.
func (o Organization) Is(other Organization) bool {
	if o.ID != "" && other.ID != "" {
		return o.ID == other.ID
	}
	return o.HasSlug(other.Slug) || o.HasSlug(other.RawSlug)
}

// Kind is the kind of an address: who can reach the app through it.
type Kind string

// The kinds. Egress addresses are outbound only. An address of unknown kind is shown
// and never touched.
const (
	DedicatedV4 Kind = "dedicated_v4"
	SharedV4    Kind = "shared_v4"
	DedicatedV6 Kind = "dedicated_v6"
	Flycast     Kind = "flycast"
	Egress      Kind = "egress"
	UnknownKind Kind = "unknown"
)

// Public reports whether the internet can reach the app through such an address.
func (k Kind) Public() bool { return k == DedicatedV4 || k == SharedV4 || k == DedicatedV6 }

// Address is one address of an app.
type Address struct {
	IP        netip.Addr
	Kind      Kind
	Inferred  bool      // Fly sent no type, or the egress list could not be read
	Region    string    // "global" for anycast
	CreatedAt time.Time // zero for a shared address
	Network   string    // of Flycast: the network it serves, [DefaultNetwork] for the default one; empty if unknown
	Org       string    // of Flycast: the slug of the organization it serves; empty if unknown
}

// NetworkID returns the part of a private address that names its 6PN network: the
// 32 bits after fdaa:, as eight hex digits. Empty for other addresses. Two
// addresses with the same NetworkID are on the same network.
func NetworkID(ip netip.Addr) string {
	if !isPrivate(ip) {
		return ""
	}
	b := ip.As16()
	return fmt.Sprintf("%08x", binary.BigEndian.Uint32(b[2:6]))
}

// isPrivate reports whether ip is in fdaa::/16, Fly's private networks.
func isPrivate(ip netip.Addr) bool {
	if !ip.Is6() || ip.Is4In6() {
		return false
	}
	b := ip.As16()
	return b[0] == 0xfd && b[1] == 0xaa
}

// Addresses is the whole list of an app at one moment.
type Addresses struct {
	App         App
	List        []Address
	EgressKnown bool // the egress list was read; without it, dedicated addresses are inferred
}

// Machine is one Machine.
type Machine struct {
	ID         string
	Name       string
	State      string // created, started, stopped, suspended, … (Fly's machine states)
	Region     string
	InstanceID string // changes with every update
	PrivateIP  netip.Addr
	HostStatus string // ok, unknown, unreachable; empty if unknown
	Cordoned   bool
	Incomplete bool   // Fly could not send the whole configuration: never update from it
	Unreadable bool   // there is no configuration, or one that this program cannot read: its services are unknown
	ImageRef   string // what it runs: registry/repository:tag@digest, as far as known
	Config     machine.Config
	Checks     []CheckStatus
	Events     []Event   // the newest first, at most 50
	Started    time.Time // of the newest start event; zero if there is none
	Exit       *Exit     // the newest exit event, if it is newer than the newest start
	CreatedAt  time.Time
	UpdatedAt  time.Time // of its configuration; zero if unknown
}

// Whole reports whether the whole configuration of the Machine was read. Otherwise
// the configuration says nothing about the Machine, and must not be updated from.
func (m Machine) Whole() bool { return !m.Incomplete && !m.Unreadable }

// CheckStatus is the state of one health check.
type CheckStatus struct {
	Name   string
	Status string // passing, warning, critical
}

// Certificate is a TLS certificate of a custom hostname.
type Certificate struct{ Hostname string }

// Process is a program in a Machine.
type Process struct {
	Command string
	Listen  []Socket
}

// Socket is a listening socket, such as tcp [::]:8080.
type Socket struct {
	Proto   string
	Address string
}

var (
	appName   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	machineID = regexp.MustCompile(`^[0-9a-f]{1,32}$`)
)

// ValidAppName reports whether a string can be an app's name.
func ValidAppName(s string) bool { return appName.MatchString(s) }
