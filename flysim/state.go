package flysim

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// platformState is the whole state of the platform. Platform.mu guards it.
type platformState struct {
	ids           idSource
	organizations []*organization
	apps          map[string]*appState
	byName        []*appState     // sorted; the slice is replaced, never changed
	takenNames    map[string]bool // app names that belong to organizations the tokens do not cover
	releases      map[string]*appRelease
	builds        map[int]*build
	tokens        []*accessToken
	crashAfter    time.Duration // [Options.CrashAfter]
	delays        delays
}

// organization owns apps and has private networks.
type organization struct {
	id       string
	number   int
	slug     string
	name     string
	personal bool
	networks []*privateNetwork // the default one first
	peers    []*wireGuardPeer  // WireGuard peers
	appReads int64             // how often a list of its apps was read
}

// privateNetwork is a 6PN. Every address on it starts with fdaa: and the 32 bits of its id.
type privateNetwork struct {
	id           string
	bits         uint32
	name         string
	organization *organization
	created      time.Time
	flycast      int // the last Flycast number used
}

// appState is one app and all it owns.
type appState struct {
	id           string
	number       int
	name         string
	organization *organization
	network      *privateNetwork
	status       string // pending or deployed
	created      time.Time
	machines     []*vm
	volumes      []*appVolume
	addresses    []*appAddress // includes recently released ones, see appAddress.gone
	egress       []*egressAddress
	certificates []*certificate
	releases     []*appRelease // oldest first
	reads        atomic.Int64
	machineReads int64 // how often a list of Machines was read
	noBlueGreen  bool  // its organization has no room for a second set of Machines
	secrets      secrets
	listed       int64         // number of the app list read that first shows it
	touches      uint64        // how often it, or something in it, may have changed
	dirty        bool          // it, a Machine or a release of it may have changed since it was stored
	startDelay   time.Duration // of its Machines; zero: [Options.StartDelay]
}

// build is a record of a build; the platform builds nothing.
type build struct {
	id     int
	app    string
	status string
}

// certificate is a custom hostname of an app.
type certificate struct {
	id       string
	hostname string
	created  time.Time
	custom   *customCertificate // nil: none was imported
	noACME   bool               // no certificate is requested from the authority
}

// customCertificate is a certificate that the app's owner imported.
type customCertificate struct {
	issuer          string
	imported, until time.Time
}

func newState() *platformState {
	s := &platformState{
		ids:        idSource{count: make(map[string]int)},
		apps:       make(map[string]*appState),
		takenNames: make(map[string]bool),
		releases:   make(map[string]*appRelease),
		builds:     make(map[int]*build),
	}
	created := time.Date(2025, 9, 1, 8, 0, 0, 0, time.UTC)
	s.addOrganization("personal", "Personal", true, 0x0002_1c4f, created)
	s.addOrganization("partner", "Partner Ltd", false, 0x0003_5b10, created)
	return s
}

func (s *platformState) addOrganization(slug, name string, personal bool, bits uint32, created time.Time) {
	org := &organization{
		id:       s.ids.ulid("organization"),
		number:   s.ids.number("organization number", 4000),
		slug:     slug,
		name:     name,
		personal: personal,
	}
	s.organizations = append(s.organizations, org)
	s.addNetwork(org, defaultNetwork, bits, created)
}

func (s *platformState) addNetwork(org *organization, name string, bits uint32, created time.Time) *privateNetwork {
	n := &privateNetwork{id: s.ids.ulid("network"), bits: bits, name: name, organization: org,
		created: created, flycast: 1}
	org.networks = append(org.networks, n)
	return n
}

func (s *platformState) organization(slug string) *organization {
	i := slices.IndexFunc(s.organizations, func(o *organization) bool { return o.slug == slug })
	if i < 0 {
		return nil
	}
	return s.organizations[i]
}

func (s *platformState) organizationByID(id string) *organization {
	i := slices.IndexFunc(s.organizations, func(o *organization) bool { return o.id == id })
	if i < 0 {
		return nil
	}
	return s.organizations[i]
}

func (s *platformState) networkByID(id string) *privateNetwork {
	for _, o := range s.organizations {
		for _, n := range o.networks {
			if n.id == id {
				return n
			}
		}
	}
	return nil
}

// appsOf returns the apps of an organization (nil: of all), sorted by name.
func (s *platformState) appsOf(org *organization) []*appState {
	if org == nil {
		return slices.Clip(s.byName)
	}
	var apps []*appState
	for _, a := range s.byName {
		if a.organization == org {
			apps = append(apps, a)
		}
	}
	return apps
}

// put adds an app.
func (s *platformState) put(a *appState) {
	s.apps[a.name] = a
	i, _ := s.rank(a)
	s.byName = slices.Insert(slices.Clip(s.byName), i, a)
}

// remove removes an app.
func (s *platformState) remove(a *appState) {
	delete(s.apps, a.name)
	if i, ok := s.rank(a); ok {
		s.byName = slices.Delete(slices.Clone(s.byName), i, i+1)
	}
}

// rank returns the index of an app among all apps sorted by name, or the index it would have.
func (s *platformState) rank(a *appState) (int, bool) {
	return slices.BinarySearchFunc(s.byName, a.name,
		func(other *appState, name string) int { return strings.Compare(other.name, name) })
}

func (o *organization) network(name string) *privateNetwork {
	if name == "" {
		return o.networks[0]
	}
	i := slices.IndexFunc(o.networks, func(n *privateNetwork) bool { return n.name == name })
	if i < 0 {
		return nil
	}
	return o.networks[i]
}

// createApp creates an app, and its network if the organization does not have it yet.
func (s *platformState) createApp(name, orgSlug, networkName string, plan preset, now time.Time) (*appState, error) {
	org := s.organization(orgSlug)
	switch {
	case !validAppName(name):
		return nil, &apiError{http.StatusUnprocessableEntity, "invalid_argument",
			"Validation failed: Name may only contain lowercase letters, numbers and hyphens"}
	case s.apps[name] != nil || s.takenNames[name]:
		return nil, &apiError{http.StatusUnprocessableEntity, "name_taken", "Validation failed: Name has already been taken"}
	case org == nil:
		return nil, &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find Organization"}
	}
	net := org.network(networkName)
	if net == nil {
		bits := plan.network
		if bits == 0 {
			bits = 0x0009_7000 + uint32(s.ids.number("network bits", 0))
		}
		net = s.addNetwork(org, networkName, bits, now)
	}
	a := &appState{
		id:           s.ids.opaque("app", "", 16),
		number:       s.ids.number("app number", 1_000_000),
		name:         name,
		organization: org,
		network:      net,
		status:       "pending",
		created:      now,
		dirty:        true,
	}
	s.put(a)
	return a, nil
}

func validAppName(name string) bool {
	return len(name) > 0 && len(name) <= 63 && name[0] != '-' &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (a *appState) hostname() string    { return a.name + ".fly.dev" }
func (a *appState) cnameTarget() string { return a.id[:6] + "." + a.hostname() }

// active returns the Machines that are not destroyed.
func (a *appState) active() []*vm {
	return slices.DeleteFunc(slices.Clone(a.machines), func(m *vm) bool { return m.state == "destroyed" })
}

// find returns the Machine of an id for reading, or nil if there is none.
func (a *appState) find(id string) *vm {
	i := slices.IndexFunc(a.machines, func(m *vm) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return a.machines[i]
}

// machine is find for callers that may change the Machine.
func (a *appState) machine(id string) *vm {
	m := a.find(id)
	if m != nil {
		m.touch()
	}
	return m
}

// prefix returns the first 48 bits of the network's addresses: fdaa and the id.
func (n *privateNetwork) prefix() [6]byte {
	return [6]byte{0xfd, 0xaa, byte(n.bits >> 24), byte(n.bits >> 16), byte(n.bits >> 8), byte(n.bits)}
}

// nextFlycast returns a new Flycast address on the network: fdaa:<id>:0:1::<n>.
func (n *privateNetwork) nextFlycast() netip.Addr {
	n.flycast++
	var b [16]byte
	prefix := n.prefix()
	copy(b[:], prefix[:])
	b[9], b[14], b[15] = 1, byte(n.flycast>>8), byte(n.flycast)
	return netip.AddrFrom16(b)
}
