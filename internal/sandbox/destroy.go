package sandbox

import (
	"maps"
	"time"
)

// destroyApp ends an app: its Machines are destroyed, its volumes, addresses,
// hostnames and releases are gone, and its name is free. The caller holds mu.
func (p *Platform) destroyApp(a *app, now time.Time) {
	s := p.state
	for _, m := range a.machines {
		m.settle(s, now)
		m.halt(s, "destroyed", now)
		m.lease = nil
	}
	for _, v := range a.volumes {
		v.state = "pending_destroy"
	}
	a.addresses, a.egress, a.certificates = nil, nil, nil
	maps.DeleteFunc(s.releases, func(_ string, r *release) bool { return r.app == a })
	maps.DeleteFunc(s.builds, func(_ int, b *build) bool { return b.app == a.name })
	delete(s.apps, a.name)
	delete(p.configs, a.name)
}
