package flysim

import (
	"maps"
	"slices"
	"time"
)

// destroyApp ends an app: its Machines are destroyed, its volumes, addresses, hostnames and
// releases are removed, and its name becomes free. The caller holds mu.
func (p *Platform) destroyApp(a *appState, now time.Time) {
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
	maps.DeleteFunc(s.releases, func(_ string, r *appRelease) bool { return r.app == a })
	maps.DeleteFunc(s.builds, func(_ int, b *build) bool { return b.app == a.name })
	s.remove(a)
	delete(p.configs, a.name)
}

// maxGone is how many destroyed Machines, destroyed volumes and released addresses an app still
// remembers, each.
const maxGone = 100

// keepLatest drops the oldest entries that are gone while there are more than maxGone of them.
func keepLatest[T any](list []T, gone func(T) bool) []T {
	excess := -maxGone
	for _, one := range list {
		if gone(one) {
			excess++
		}
	}
	if excess <= 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool {
		drop := excess > 0 && gone(one)
		if drop {
			excess--
		}
		return drop
	})
}
