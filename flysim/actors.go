package flysim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// The methods in this file act as another user of the platform, or read its true state. They leave
// no trace in Calls and ignore leases, rate limits, faults and list lag. They panic if the app or
// the Machine does not exist, because a test that names a wrong one is itself wrong.

// Address is one address of an app, as the platform stores it.
type Address struct {
	ID      string
	IP      string
	Kind    string // v4, v6, private_v6, shared_v4, egress_v4 or egress_v6
	Region  string
	Network string // of private_v6: the network's name
	Org     string // of private_v6: the slug of the network's organization
	Created time.Time
}

// Machine is one Machine as the platform knows it, at the current time of the platform's clock.
type Machine struct {
	ID, Name, State, Region string
	InstanceID              string
	PrivateIP               string
	Config                  spec.Config
	ChecksPassing           bool // all of them, and true if there are none
	LeaseOwner              string
	Cordoned                bool
	HostStatus              string
	Events                  []string // each as "type status", newest first
}

func (p *Platform) mustApp(name string) *appState {
	a := p.state.apps[name]
	if a == nil {
		panic(fmt.Sprintf("flysim: no app %q", name))
	}
	a.touch()
	return a
}

// act runs f on a Machine under the lock and notifies those who wait for a change.
func (p *Platform) act(app, id string, f func(*vm, time.Time)) {
	p.catchUp()
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	m := p.mustApp(app).machine(id)
	if m == nil {
		panic(fmt.Sprintf("flysim: no Machine %q in app %q", id, app))
	}
	now := p.clock.Now()
	m.settle(p.state, now)
	f(m, now)
}

// AppNames returns the names of all apps, sorted.
func (p *Platform) AppNames() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var names []string
	for _, a := range p.state.appsOf(nil) {
		names = append(names, a.name)
	}
	return names
}

// Addresses returns the app's inbound addresses in the order of allocation, then its egress
// addresses.
func (p *Platform) Addresses(app string) []Address {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mustApp(app).rows()
}

func (a *appState) rows() []Address {
	var list []Address
	for _, addr := range a.currentAddresses() {
		row := Address{ID: addr.id, IP: addr.ip.String(), Kind: addr.kind, Region: addr.region, Created: addr.created}
		if addr.network != nil {
			row.Network, row.Org = addr.network.name, addr.network.organization.slug
		}
		list = append(list, row)
	}
	for _, e := range a.egress {
		list = append(list, Address{
			ID: e.id, IP: e.ip.String(), Kind: fmt.Sprintf("egress_v%d", e.version()), Region: e.region, Created: e.updated,
		})
	}
	return list
}

// MachineIDs returns the ids of the app's Machines in the order of creation, without destroyed
// ones.
func (p *Platform) MachineIDs(app string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, m := range p.mustApp(app).active() {
		list = append(list, m.id)
	}
	return list
}

// Machine returns the true state of a Machine.
func (p *Platform) Machine(app, id string) Machine {
	var truth Machine
	p.act(app, id, func(m *vm, now time.Time) {
		truth = Machine{
			ID: m.id, Name: m.name, State: m.state, Region: m.region, InstanceID: m.instance,
			PrivateIP: m.privateIP.String(), Config: m.config, ChecksPassing: true, Cordoned: m.cordoned, HostStatus: m.host,
		}
		for _, h := range m.health(now, p.options.CheckDelay) {
			truth.ChecksPassing = truth.ChecksPassing && h.status == "passing"
		}
		if l := m.activeLease(now); l != nil {
			truth.LeaseOwner = l.owner
		}
		for _, e := range m.events {
			truth.Events = append(truth.Events, e.kind+" "+e.status)
		}
	})
	return truth
}

// mustConfig parses a configuration given by a test, and panics if it is invalid.
func mustConfig(document json.Marshaler) spec.Config {
	config, err := spec.Of(document)
	if err != nil {
		panic("flysim: " + err.Error())
	}
	return config
}

// AddApp creates an app, and also its network if the organization does not have it yet. An empty
// network means the organization's default one.
func (p *Platform) AddApp(name, org, network string) {
	if err := p.CreateApp(name, org, network); err != nil {
		panic("flysim: " + err.Error())
	}
}

// ForbidBlueGreen makes the platform answer that the app's organization has no room for a second
// set of Machines, which the bluegreen strategy needs.
func (p *Platform) ForbidBlueGreen(app string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	p.mustApp(app).noBlueGreen = true
}

// AddMachine creates a Machine, starts it and returns its id; StartDelay applies. The configuration
// is any value that encodes to one, such as a [json.RawMessage] or a [spec.Config]. Volumes that it
// mounts are created if they do not exist.
func (p *Platform) AddMachine(app, region string, document json.Marshaler) string {
	config := mustConfig(document)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	now := p.clock.Now()
	a := p.mustApp(app)
	p.state.ensureVolumes(a, config, region, now)
	m := p.state.createMachine(a, config, "", region, preset{}, now)
	m.launch(p.state, "starting", now, p.options.StartDelay)
	return m.id
}

// MachineConfig returns the Machine's current configuration.
func (p *Platform) MachineConfig(app, id string) spec.Config { return p.Machine(app, id).Config }

// SetMachineConfig gives the Machine a new version with another configuration and starts it, as
// another user's `fly machine update` would.
func (p *Platform) SetMachineConfig(app, id string, document json.Marshaler) {
	config := mustConfig(document)
	p.act(app, id, func(m *vm, now time.Time) {
		p.state.ensureVolumes(m.app, config, m.region, now)
		m.update(p.state, config, false, now, p.options.StartDelay)
	})
}

// StopMachine stops the Machine as Fly Proxy or a person would.
func (p *Platform) StopMachine(app, id string) {
	p.act(app, id, func(m *vm, now time.Time) { m.halt(p.state, "stopped", now) })
}

// StartMachine starts the Machine; StartDelay applies.
func (p *Platform) StartMachine(app, id string) {
	p.act(app, id, func(m *vm, now time.Time) { m.launch(p.state, "starting", now, p.options.StartDelay) })
}

// DestroyMachine removes the Machine for good.
func (p *Platform) DestroyMachine(app, id string) {
	p.act(app, id, func(m *vm, now time.Time) { m.halt(p.state, "destroyed", now) })
}

// FailMachine sets how the next launches of the Machine end, whether by update or by start: one
// failure for each launch. FailNone lets a launch succeed.
func (p *Platform) FailMachine(app, id string, next ...Failure) {
	p.act(app, id, func(m *vm, _ time.Time) { m.failures = next })
}

// SetHost sets the status of the Machine's host: ok, unknown or unreachable. While it is not ok the
// API shows only part of the Machine's configuration, and while it is unreachable the API cannot
// change the Machine.
func (p *Platform) SetHost(app, id, status string) {
	p.act(app, id, func(m *vm, _ time.Time) { m.host = status })
}

// SetListen sets what the Machine's program listens on, such as "0.0.0.0:8080", "127.0.0.1:8080",
// "[::]:8080" or "udp://172.19.0.2:5000". A check of a port that cannot be reached is critical.
// Before the first call a Machine listens on every internal port of its first configuration.
func (p *Platform) SetListen(app, id string, sockets []string) {
	p.act(app, id, func(m *vm, _ time.Time) {
		m.listen = nil
		for _, s := range sockets {
			m.listen = append(m.listen, parseSocket(s))
		}
	})
}

// SetCheck overrides the status (passing, warning, critical) of one check of the Machine while the
// Machine is started. The check is named as in the API. An empty status removes the override.
func (p *Platform) SetCheck(app, id, name, status string) {
	p.act(app, id, func(m *vm, _ time.Time) {
		if m.checkOverrides == nil {
			m.checkOverrides = make(map[string]string)
		}
		if m.checkOverrides[name] = status; status == "" {
			delete(m.checkOverrides, name)
		}
	})
}

// HoldLease takes the Machine's lease for another user, even if it is held already, and returns its
// nonce.
func (p *Platform) HoldLease(app, id, owner string, ttl time.Duration) string {
	var nonce string
	p.act(app, id, func(m *vm, now time.Time) {
		nonce = p.state.ids.opaque("nonce", "", 12)
		m.lease = &machineLease{nonce: nonce, owner: owner, expires: now.Add(ttl)}
	})
	return nonce
}

// DropLease ends the Machine's lease.
func (p *Platform) DropLease(app, id string) {
	p.act(app, id, func(m *vm, _ time.Time) { m.lease = nil })
}

// AddAddress allocates an address of a kind (v4, v6, private_v6, shared_v4) and returns it. Network
// and org are as in Fly's API: if both are empty, the default network of the app's organization.
func (p *Platform) AddAddress(app, kind, org, network string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	w := addressRequest{kind: kind, network: network}
	if org != "" {
		w.organization = p.state.organization(org)
	}
	addr, err := p.state.allocate(p.mustApp(app), w, preset{}, p.clock.Now())
	if err != nil {
		panic("flysim: " + err.Error())
	}
	return addr.ip.String()
}

// RemoveAddress releases an address.
func (p *Platform) RemoveAddress(app, ip string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	addr, err := netip.ParseAddr(ip)
	if err == nil {
		err = p.mustApp(app).release(addr)
	}
	if err != nil {
		panic("flysim: " + err.Error())
	}
}

// AddCertificate gives the app a custom hostname.
func (p *Platform) AddCertificate(app, hostname string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	if _, err := p.mustApp(app).certify(p.state, hostname, p.clock.Now()); err != nil {
		panic("flysim: " + err.Error())
	}
}

// TakeName makes an app name belong to an organization that no token here can see: reading the app
// is forbidden, and creating it fails with name_taken.
func (p *Platform) TakeName(app string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	p.state.takenNames[app] = true
}
