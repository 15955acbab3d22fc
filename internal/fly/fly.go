// Package fly is what this program needs of Fly.io: the domain types, the
// small [Client] interface, and its one implementation over fly-go.
//
// Every method that changes something takes a [gate.Grant] and spends one step
// of it before it sends anything; a refused step wraps [gate.ErrNotGranted]
// and nothing was sent. Writes are sent once: an answer that was lost comes
// back as an [*Ambiguous] and is settled by reading, never by sending again.
package fly

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"regexp"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// Client reads and changes apps. Errors are *[Error] with a [gate.Code], or
// *[Ambiguous] for a write whose outcome is unknown, or wrap
// [gate.ErrNotGranted]. Implementations are safe for concurrent use.
type Client interface {
	// App reads the app's record; code not_found if this token cannot see it.
	App(ctx context.Context, app string) (App, error)
	// AppNames lists the apps this token can list, sorted; an app-scoped token
	// gets unauthorized.
	AppNames(ctx context.Context) ([]string, error)
	// Organization reads an organization by slug.
	Organization(ctx context.Context, slug string) (Organization, error)
	// Addresses lists every address of the app, egress included, together with
	// the app's record, which comes in the same answer.
	Addresses(ctx context.Context, app string) (Addresses, error)
	// Machines lists all Machines that are not destroyed, nor being destroyed,
	// in one request, sorted by id.
	Machines(ctx context.Context, app string) ([]Machine, error)
	// Machine reads one Machine.
	Machine(ctx context.Context, app, id string) (Machine, error)
	// Certificates lists the app's certificates, all pages.
	Certificates(ctx context.Context, app string) ([]Certificate, error)
	// Release reads the app's current release with its definition: fly.toml as
	// JSON. Code not_found if the app has no release or none with a definition.
	Release(ctx context.Context, app string) (Release, error)
	// Releases lists the app's newest releases, at most limit, the newest first.
	// One without a definition has a nil one.
	Releases(ctx context.Context, app string, limit int) ([]Release, error)
	// CanBlueGreen tells whether Fly lets the app be deployed with the strategy
	// bluegreen: an organization's limits may leave no room for a second set of
	// Machines.
	CanBlueGreen(ctx context.Context, app string) (bool, error)
	// Processes lists what runs in a started Machine, with its listening
	// sockets. Code precondition if the Machine is not started.
	Processes(ctx context.Context, app, id string) ([]Process, error)
	// Wait returns nil once the Machine with this instance id is in state, and an
	// error of code platform_error if it is not within a time. The platform is told
	// the time, in whole seconds, a minute at once; what is left of it goes by the
	// client's clock.
	Wait(ctx context.Context, app, id, instanceID, state string, within time.Duration) error

	// LeaseHolder tells who holds the lease of a Machine, without taking it. The
	// Holder is zero if nobody does; of a Machine that is not there, too.
	LeaseHolder(ctx context.Context, app, id string) (Holder, error)
	// MachineVersions lists the configurations a Machine has and had, as far as
	// Fly keeps them. No order is promised: look for the instance id.
	MachineVersions(ctx context.Context, app, id string) ([]MachineVersion, error)
	// Volumes lists the volumes of the app that are not being destroyed, sorted
	// by id.
	Volumes(ctx context.Context, app string) ([]Volume, error)

	// AllocateFlycast allocates one private address for a network. It spends
	// allocate_address with target [Network.Target]. Fly does not deduplicate:
	// list first, and list again after an *Ambiguous.
	AllocateFlycast(ctx context.Context, grant *gate.Grant, app string, network Network) (Address, error)
	// ReleaseAddress gives an address up for good. It spends release_address
	// with the address as target. A not_found means that the app or the address
	// is not there: read the list to know which.
	ReleaseAddress(ctx context.Context, grant *gate.Grant, app string, ip netip.Addr) error
	// LeaseMachine takes the lease of a Machine for ttl. It spends lease_machine
	// with the id as target. Code busy if somebody else holds it; the message
	// names the owner as the platform does. again, if not nil, is asked after such
	// a refusal, after one for too many requests and after a lost answer: when it
	// returns nil, the lease is asked for once more under the same step; its error
	// ends that.
	LeaseMachine(ctx context.Context, grant *gate.Grant, app, id string, ttl time.Duration, again func(refusal error) error) (*Lease, error)
	// UpdateMachine replaces a Machine's configuration. It spends update_machine,
	// or put_back_machine, with target [Update.Target]. Code stale if the Machine
	// is no longer at the expected instance, busy if the lease is not ours.
	UpdateMachine(ctx context.Context, grant *gate.Grant, app string, update Update) (Machine, error)
	// CreateMachine creates a Machine. It spends create_machine with target
	// [NewMachine.Target]. The lease is of the new Machine if LeaseTTL asked for
	// one and Fly gave it, else nil. Fly does not deduplicate: after an
	// *Ambiguous list the Machines, and know yours by its metadata.
	CreateMachine(ctx context.Context, grant *gate.Grant, app string, machine NewMachine) (Machine, *Lease, error)

	// The next five spend the verb of their name with the Machine's id as target,
	// and answer before the Machine is in its new state: Wait for it. A lease is
	// needed if one is held, else nil. Code busy if somebody else holds the lease,
	// or if the Machine is between two states (as replacing): a later try may do.
	// Code precondition if the Machine's state does not allow it.

	// StartMachine starts a Machine; one that is started is no error.
	StartMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error
	// StopMachine stops a Machine with the signal and time-out of its own
	// stop_config, or Fly's.
	StopMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error
	// DestroyMachine removes a Machine for good, running or not. Its volumes stay.
	DestroyMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error
	// CordonMachine takes a Machine out of Fly Proxy's routing.
	CordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error
	// UncordonMachine puts it in again.
	UncordonMachine(ctx context.Context, grant *gate.Grant, app, id string, lease *Lease) error

	// SetMachineMetadata sets one entry of a Machine's metadata, without a new
	// version and without a restart. It spends set_metadata with target
	// [MetadataTarget]. No lease is asked for.
	SetMachineMetadata(ctx context.Context, grant *gate.Grant, app, id, key, value string) error
	// CreateVolume creates a volume. It spends create_volume with target
	// [NewVolume.Target]. Fly does not deduplicate: list after an *Ambiguous.
	CreateVolume(ctx context.Context, grant *gate.Grant, app string, volume NewVolume) (Volume, error)
	// CreateRelease records a new release; it changes no Machine. It spends
	// create_release with target [NewRelease.Target]. After an *Ambiguous, look
	// for it in Releases.
	CreateRelease(ctx context.Context, grant *gate.Grant, app string, release NewRelease) (Release, error)
	// UpdateRelease records how a release goes on. It spends update_release with
	// the status as target: the id does not exist yet when the step is approved.
	// The release must come from this client and be of this app. Saying the same
	// twice is harmless.
	UpdateRelease(ctx context.Context, grant *gate.Grant, app string, release Release, update ReleaseUpdate) error
}

// App is an app's record. Network is the name of its private network,
// [DefaultNetwork] for the default one; it is empty when Fly did not tell.
type App struct {
	ID           string
	Name         string
	Status       string
	Hostname     string
	Network      string
	Organization Organization
}

// Organization owns apps. ID is the node id that GraphQL inputs want; it may
// be empty where only the slug is known.
//
// GraphQL calls the personal organization of the token's owner "personal", and
// gives its own slug as RawSlug. The Machines API uses that one.
type Organization struct {
	ID      string
	Slug    string
	RawSlug string // empty if Fly did not tell
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

// Kind classifies an address by who can come in through it.
type Kind string

// The kinds. Egress addresses are outbound only. Unknown is what matched no
// rule: it is shown and never touched.
const (
	DedicatedV4 Kind = "dedicated_v4"
	SharedV4    Kind = "shared_v4"
	DedicatedV6 Kind = "dedicated_v6"
	Flycast     Kind = "flycast"
	Egress      Kind = "egress"
	UnknownKind Kind = "unknown"
)

// Public reports whether the internet comes in through this kind of address.
func (k Kind) Public() bool { return k == DedicatedV4 || k == SharedV4 || k == DedicatedV6 }

// MonthlyUSD is the list price in US dollars a month (Fly's pricing page,
// "Anycast IP addresses", read 2026-08): dedicated IPv4 costs, the rest is free.
// Egress addresses are priced by the pair and not counted here.
func (k Kind) MonthlyUSD() float64 {
	if k == DedicatedV4 {
		return 2
	}
	return 0
}

// Address is one address of an app.
type Address struct {
	IP        netip.Addr
	Kind      Kind
	Inferred  bool      // the platform sent no type, or the egress list could not be read
	Region    string    // "global" for anycast
	CreatedAt time.Time // zero for a shared address
	Network   string    // Flycast: name of the network it serves, [DefaultNetwork] for the default one; empty if not told
	Org       string    // Flycast: slug of the organization it serves, if told
}

// NetworkID is the part of a private address that names its 6PN network: the
// 32 bits after fdaa:, as eight hex digits. Empty for other addresses. Two
// addresses with the same NetworkID are on the same network.
func NetworkID(ip netip.Addr) string {
	if !private(ip) {
		return ""
	}
	b := ip.As16()
	return fmt.Sprintf("%08x", binary.BigEndian.Uint32(b[2:6]))
}

// private reports whether ip is in fdaa::/16, Fly's private networks.
func private(ip netip.Addr) bool {
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
	EgressKnown bool // the egress list was read; if not, v4 and v6 are inferred
}

// Machine is one Machine.
type Machine struct {
	ID         string
	Name       string
	State      string // created, started, stopped, suspended, … (Fly's machine states)
	Region     string
	InstanceID string // changes with every update
	PrivateIP  netip.Addr
	HostStatus string // ok, unknown, unreachable; empty if not told
	Cordoned   bool
	Incomplete bool   // the platform could not send the whole configuration: never update from it
	Unreadable bool   // it sent no configuration, or one that this program cannot read: what it serves is not known
	ImageRef   string // what it runs: registry/repository:tag@digest, as far as told
	Config     machine.Config
	Checks     []CheckStatus
	Events     []Event   // the newest first, at most 50
	Started    time.Time // of the newest start event; zero if there is none
	Exit       *Exit     // the newest exit event, if it is newer than the newest start
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Whole reports whether the Machine's configuration was read whole. One that was
// not says nothing about the Machine, and must not be updated from.
func (m Machine) Whole() bool { return !m.Incomplete && !m.Unreadable }

// CheckStatus is the state of one health check.
type CheckStatus struct {
	Name   string
	Status string // passing, warning, critical
	Output string // text from outside
}

// Certificate is a TLS certificate of a custom hostname.
type Certificate struct {
	Hostname   string
	Configured bool
}

// Process is a program in a Machine.
type Process struct {
	PID     int
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
