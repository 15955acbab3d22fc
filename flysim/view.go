package flysim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// The methods in this file are for code that runs beside the API for as long as the platform: Fly
// Proxy, the programs of Machines, and the pages that show it. Like those in actors.go they leave
// no trace in Calls and ignore leases, rate limits, faults and list lag. Apps and Machines may
// disappear at any time, which is an error here.

// ErrGone means that an app or a Machine does not exist.
var ErrGone = errors.New("flysim: no such app or Machine")

// Site is one app at a moment.
type Site struct {
	App, Org, Network string
	Status            string
	Addresses         []Address // as Platform.Addresses lists them
	Hostnames         []string  // custom ones, of its certificates
	Machines          []Backend // in the order of creation, destroyed ones left out

	// Revision is [Platform.Revision] at that moment. The site is current while the revision does
	// not change and the clock has not reached Until (zero: no limit). [Platform.Renew] updates it.
	Revision uint64
	Until    time.Time

	id      string // of the app
	touches uint64 // of the app, at that moment
}

// Backend is a Machine at a moment.
type Backend struct {
	ID, Name, InstanceID string
	Region, Group, State string
	Since                time.Time // the last change of its state or configuration
	Updated              time.Time // the API's updated_at
	Started              time.Time // when it was last started; zero: never
	PrivateIP            netip.Addr
	Cordoned             bool
	HostStatus           string // ok, unknown or unreachable
	Leased               bool
	Passing              bool   // all of its checks pass; true if it has none
	Serving              string // passing, warning or critical: the worst of its services' checks, which Fly Proxy asks
	Listen               []string
	Booting              bool // its program is another process that does not listen yet
	Config               spec.Config
	Cause                Cause
	Unsuspendable        string // why it is stopped instead of suspended; empty: it can be suspended
}

// Cause is the data plane's last change of a Machine's state, and its time: a request woke the
// Machine, it was parked because it was idle, or its program ended. Changes through the API do not
// update it, so it explains a change of state only if it is as recent as that change.
type Cause struct {
	What string // request, idle or exit; empty: nothing yet
	At   time.Time
}

// Public reports whether the app has an address on the internet.
func (s Site) Public() bool {
	return slices.ContainsFunc(s.Addresses, func(a Address) bool {
		return a.Kind == "v4" || a.Kind == "v6" ||
			a.Kind == "shared_v4"
	})
}

// Flycast reports whether the app has a Flycast address, on a network of any organization.
func (s Site) Flycast() bool {
	return slices.ContainsFunc(s.Addresses, func(a Address) bool { return a.Kind == "private_v6" })
}

// Revision counts the changes of the platform, except those that time makes.
func (p *Platform) Revision() uint64 { return p.revision.Load() }

// Changed returns a channel that is closed at the platform's next change, except those that time
// makes.
func (p *Platform) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// Site returns the current state of an app. If there is no such app, the error is [ErrGone].
func (p *Platform) Site(app string) (Site, error) {
	p.catchUp()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.site(app)
}

// Renew returns the current [Platform.Site] of the site's app. If nothing in the app changed since,
// the result is the same site with the current Revision, same is true, and the call costs almost
// nothing.
func (p *Platform) Renew(site Site) (now Site, same bool, err error) {
	p.catchUp()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.state.apps[site.App]
	if a != nil && a.id == site.id && a.touches == site.touches && (site.Until.IsZero() ||
		p.clock.Now().Before(site.Until)) {
		site.Revision = p.revision.Load()
		return site, true, nil
	}
	now, err = p.site(site.App)
	return now, false, err
}

// site makes a Site. The caller holds mu.
func (p *Platform) site(app string) (Site, error) {
	a := p.state.apps[app]
	if a == nil {
		return Site{}, fmt.Errorf("app %q: %w", app, ErrGone)
	}
	now := p.clock.Now()
	site := Site{
		App: a.name, Org: a.organization.slug, Network: a.network.name, Status: a.status,
		Addresses: a.rows(), Revision: p.revision.Load(), id: a.id,
	}
	for _, c := range a.certificates {
		site.Hostnames = append(site.Hostnames, c.hostname)
	}
	until := func(at time.Time) {
		if at.After(now) && (site.Until.IsZero() || at.Before(site.Until)) {
			site.Until = at
		}
	}
	for _, m := range a.machines {
		if m.settle(p.state, now); m.state == "destroyed" {
			continue
		}
		if at, ok := m.due(); ok {
			until(at)
		}
		if m.state == "started" {
			until(m.started.Add(p.options.CheckDelay))
		}
		site.Machines = append(site.Machines, m.backend(now, p.options.CheckDelay))
	}
	site.touches = a.touches // read last, because settling touches the app
	return site, nil
}

// AppOf returns the app with a certificate for a hostname, or "" if there is none. A wildcard
// matches one label.
func (p *Platform) AppOf(hostname string) string {
	_, parent, _ := strings.Cut(hostname, ".")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.state.appsOf(nil) {
		for _, c := range a.certificates {
			if c.hostname == hostname || c.hostname == "*."+parent {
				return a.name
			}
		}
	}
	return ""
}

func (m *vm) backend(now time.Time, checkDelay time.Duration) Backend {
	b := Backend{
		ID: m.id, Name: m.name, InstanceID: m.instance, Region: m.region, State: m.state, Since: m.updated,
		PrivateIP: m.privateIP,
		Cordoned:  m.cordoned, HostStatus: m.host, Passing: true, Serving: "passing", Config: m.config, Cause: m.cause,
		Booting:       m.booting && m.state == "started",
		Leased:        m.activeLease(now) != nil,
		Unsuspendable: m.unsuspendable(),
	}
	if m.state == "started" && m.started.After(b.Since) {
		b.Since = m.started
	}
	b.Updated, b.Started = m.updated, m.started
	b.Group = m.parse().group
	for _, h := range m.health(now, checkDelay) {
		b.Passing = b.Passing && h.status == "passing"
		if strings.HasPrefix(h.name, "servicecheck-") && h.status != "passing" && b.Serving != "critical" {
			b.Serving = h.status
		}
	}
	for _, s := range m.listen {
		b.Listen = append(b.Listen, s.proto+"://"+s.address)
	}
	return b
}

// Wake starts a Machine as Fly Proxy does for a request. It does nothing to a Machine that is
// started or starting, and does not wait for the start. The error says why the Machine cannot be
// started.
func (p *Platform) Wake(app, id string) error {
	return p.with(app, id, func(m *vm, now time.Time) error {
		switch {
		case m.state == "started" || m.pending != nil:
			return nil
		case m.host == "unreachable":
			return fmt.Errorf("the host of Machine %s is unreachable", id)
		case m.state != "stopped" && m.state != "suspended" && m.state != "created":
			return fmt.Errorf("unable to start Machine %s from its state %s", id, m.state)
		}
		m.cause = Cause{"request", now}
		m.launch(p.state, "starting", now, p.options.StartDelay)
		return nil
	})
}

// Park stops or suspends a started Machine as Fly Proxy's autostop does. A Machine that cannot be
// suspended ([Backend.Unsuspendable]) is stopped.
func (p *Platform) Park(app, id string, suspend bool) error {
	return p.with(app, id, func(m *vm, now time.Time) error {
		if m.state != "started" {
			return fmt.Errorf("unable to stop Machine %s in its state %s", id, m.state)
		}
		to := "stopped"
		if suspend {
			to = "suspended"
		}
		m.cause = Cause{"idle", now}
		m.halt(p.state, to, now)
		return nil
	})
}

// Exit ends the program of a Machine as if it had ended by itself; the restart policy decides what
// follows. It does nothing if the Machine has another instance, because that is another program.
func (p *Platform) Exit(app, id, instance string, code int) error {
	return p.with(app, id, func(m *vm, now time.Time) error {
		if m.state == "started" && m.instance == instance {
			m.cause = Cause{"exit", now}
			m.ending = &programEnd{at: now, exit: programExit{code: code}}
			m.settle(p.state, now)
		}
		return nil
	})
}

// Boot says that the Machine's program is another process, which takes real time until it listens.
// From now on, and after each later start of the Machine that is not a resumption, the program
// listens nowhere until [Platform.Bind], and requests wait for it.
func (p *Platform) Boot(app, id string) error {
	return p.with(app, id, func(m *vm, _ time.Time) error {
		m.externalProgram, m.booting, m.listen = true, true, nil
		return nil
	})
}

// Bind sets what the Machine's program listens on, as [Platform.SetListen] does, and ends the wait
// that Boot began.
func (p *Platform) Bind(app, id string, sockets []string) error {
	return p.with(app, id, func(m *vm, _ time.Time) error {
		m.booting, m.listen = false, nil
		for _, s := range sockets {
			m.listen = append(m.listen, parseSocket(s))
		}
		return nil
	})
}

// look runs f on a Machine under the lock.
func (p *Platform) look(app, id string, f func(*vm, time.Time)) error {
	p.catchUp()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := p.state.apps[app]
	if a == nil {
		return fmt.Errorf("app %q: %w", app, ErrGone)
	}
	m := a.find(id)
	if m == nil {
		return fmt.Errorf("Machine %q of app %q: %w", id, app, ErrGone)
	}
	now := p.clock.Now()
	m.settle(p.state, now)
	f(m, now)
	return nil
}

// with is look for a change: it also notifies those who wait for one.
func (p *Platform) with(app, id string, f func(*vm, time.Time) error) error {
	var done error
	err := p.look(app, id, func(m *vm, now time.Time) {
		m.touch()
		if done = f(m, now); done == nil {
			p.notify()
		}
	})
	return errors.Join(err, done)
}
