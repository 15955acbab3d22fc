package flysim

import (
	"hash/fnv"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// appAddress is an inbound address of an app.
type appAddress struct {
	id      string
	ip      netip.Addr
	kind    string // v4, v6, private_v6 or shared_v4
	region  string
	service string
	network *privateNetwork // of private_v6
	created time.Time

	born, gone int64 // the app's list reads at allocation and at release; gone -1: not released
}

// egressAddress is an outbound address of an app.
type egressAddress struct {
	id      string
	ip      netip.Addr
	region  string
	machine string // id of the Machine that uses it; empty: the whole app in the region
	updated time.Time
}

func (e *egressAddress) version() int {
	if e.ip.Is4() {
		return 4
	}
	return 6
}

// addressRequest is a request for an address. An empty network means the default network of the
// organization, and a nil organization means the app's own. The app's own network is never implied,
// and nothing is deduplicated.
type addressRequest struct {
	kind         string
	region       string
	service      string
	organization *organization
	network      string
}

// allocate gives the app an address. It fails for an unknown type and for a second shared IPv4
// address.
func (s *platformState) allocate(a *appState, w addressRequest, plan preset, now time.Time) (*appAddress, error) {
	addr := &appAddress{kind: w.kind, region: w.region, service: w.service, created: now, born: a.reads.Load(), gone: -1}
	switch w.kind {
	case "v4":
		n := s.ids.number("v4", 0)
		addr.ip = netip.AddrFrom4([4]byte{137, 66, byte(20 + n/250), byte(4 + n%250)})
	case "v6":
		n := s.ids.number("v6", 0x41)
		addr.ip = netip.AddrFrom16([16]byte{0x2a, 0x09, 0x82, 0x80, 0, 1, 10: 0, 11: 0x4a, 12: byte(n >> 8),
			13: byte(n), 15: 1})
	case "shared_v4":
		if a.shared() != nil {
			return nil, &apiError{http.StatusConflict, "CONFLICT", "App already has a shared IPv4 address"}
		}
		h := fnv.New32a()
		h.Write([]byte(a.name))
		addr.ip = netip.AddrFrom4([4]byte{66, 241, 124, byte(2 + h.Sum32()%250)})
	case "private_v6":
		org := w.organization
		if org == nil {
			org = a.organization
		}
		if addr.network = org.network(w.network); addr.network == nil {
			return nil, errNoNetwork
		}
		addr.ip = addr.network.nextFlycast()
	default:
		return nil, invalid("unknown IP address type %.20q", w.kind)
	}
	if plan.address.IsValid() {
		addr.ip = plan.address
	}
	if addr.region == "" {
		addr.region = "global"
	}
	addr.id = s.ids.opaque("ip", "ip_", 14)
	a.addresses = append(a.addresses, addr)
	return addr, nil
}

// release takes an address from the app for good. It fails if the app does not have it.
func (a *appState) release(ip netip.Addr) error {
	i := slices.IndexFunc(a.addresses, func(addr *appAddress) bool { return addr.gone < 0 && addr.ip == ip })
	if i < 0 {
		return &apiError{http.StatusNotFound, "NOT_FOUND", "Could not find IPAddress"}
	}
	a.addresses[i].gone = a.reads.Load()
	a.addresses = keepLatest(a.addresses, func(addr *appAddress) bool { return addr.gone >= 0 })
	return nil
}

// releaseEgress takes an outbound address from the app, and reports whether the app had it.
func (a *appState) releaseEgress(ip netip.Addr) bool {
	i := slices.IndexFunc(a.egress, func(e *egressAddress) bool { return e.ip == ip })
	if i >= 0 {
		a.egress = slices.Delete(a.egress, i, i+1)
	}
	return i >= 0
}

// currentAddresses returns the addresses that the app has, regardless of list lag.
func (a *appState) currentAddresses() []*appAddress {
	return slices.DeleteFunc(slices.Clone(a.addresses), func(addr *appAddress) bool { return addr.gone >= 0 })
}

// shared returns the app's shared IPv4 address, or nil if it has none.
func (a *appState) shared() *appAddress {
	i := slices.IndexFunc(a.addresses, func(addr *appAddress) bool { return addr.gone < 0 && addr.kind == "shared_v4" })
	if i < 0 {
		return nil
	}
	return a.addresses[i]
}

// list counts one more read of the address list and returns what it shows. A write becomes visible
// only after lag further reads.
func (a *appState) list(lag int) []*appAddress {
	seen := a.reads.Add(1) - 1
	var shown []*appAddress
	for _, addr := range a.addresses {
		arrived := seen-addr.born >= int64(lag)
		left := addr.gone >= 0 && seen-addr.gone >= int64(lag)
		if arrived && !left {
			shown = append(shown, addr)
		}
	}
	return shown
}

// releaseMachineEgress removes a Machine's outbound addresses from the app and returns them.
func (a *appState) releaseMachineEgress(id string) (gone []*egressAddress) {
	gone = a.egressOf(id)
	a.egress = slices.DeleteFunc(a.egress, func(e *egressAddress) bool { return e.machine == id })
	return gone
}

// egressOf returns the outbound addresses of one Machine, or, with an empty id, those of the app.
func (a *appState) egressOf(machine string) (list []*egressAddress) {
	for _, e := range a.egress {
		if e.machine == machine {
			list = append(list, e)
		}
	}
	return list
}

// allocateEgress gives the app, or one Machine of it, a pair of outbound addresses in a region.
func (s *platformState) allocateEgress(a *appState, region, machine string, plan preset, now time.Time) (v4,
	v6 *egressAddress) {
	n := s.ids.number("egress", 0)
	ip4 := netip.AddrFrom4([4]byte{209, 71, byte(64 + n/250), byte(4 + n%250)})
	ip6 := netip.AddrFrom16([16]byte{0x26, 0x05, 0x4c, 0x40, 0, 0x7e, byte(n >> 8), byte(n), 15: 1})
	if plan.address.IsValid() {
		ip4 = plan.address
	}
	if plan.second.IsValid() {
		ip6 = plan.second
	}
	v4 = &egressAddress{id: s.ids.opaque("egress ip", "eip_", 14), ip: ip4, region: region, machine: machine, updated: now}
	v6 = &egressAddress{id: s.ids.opaque("egress ip", "eip_", 14), ip: ip6, region: region, machine: machine, updated: now}
	a.egress = append(a.egress, v4, v6)
	return v4, v6
}
