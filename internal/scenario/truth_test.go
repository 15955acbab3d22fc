package scenario

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
)

// publicAddresses returns the addresses on which the internet reaches an app, read from the
// platform itself.
func (w *world) publicAddresses(app string) []string {
	var list []string
	for _, a := range w.Addresses(app) {
		ip, err := netip.ParseAddr(a.IP)
		if !strings.HasPrefix(a.Kind, "egress") && (err != nil || fly.NetworkID(ip) == "") {
			list = append(list, a.Kind)
		}
	}
	slices.Sort(list)
	return list
}

// flycastAddresses returns the app's Flycast addresses.
func (w *world) flycastAddresses(app string) []netip.Addr {
	var list []netip.Addr
	for _, a := range w.Addresses(app) {
		if ip, err := netip.ParseAddr(a.IP); err == nil && fly.NetworkID(ip) != "" {
			list = append(list, ip)
		}
	}
	return list
}

// duplicates returns how many Flycast addresses serve a network that another one serves.
func (w *world) duplicates(app string) int {
	networks := make(map[string]bool)
	list := w.flycastAddresses(app)
	for _, ip := range list {
		networks[fly.NetworkID(ip)] = true
	}
	return len(list) - len(networks)
}

// services returns the services of each Machine of an app, read from the platform itself.
func (w *world) services(app string) [][]machine.Service {
	var out [][]machine.Service
	for _, id := range w.MachineIDs(app) {
		services, err := w.MachineConfig(app, id).Services()
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, services)
	}
	return out
}

// hasRoute reports whether some address of the watched app leads to a service with a port. The
// caller holds mu.
func (w *world) hasRoute() bool {
	if !slices.Contains(w.AppNames(), w.app) {
		return false
	}
	public, flycast := len(w.publicAddresses(w.app)) > 0, len(w.flycastAddresses(w.app)) > 0
	for _, services := range w.services(w.app) {
		for _, s := range services {
			for _, p := range s.Ports {
				if public || flycast && !p.ForceHTTPS && !slices.Contains(p.Handlers, "tls") {
					return true
				}
			}
		}
	}
	return false
}

// isPrivate reports whether the app has no public address and is ready for Flycast: a service
// with a port that answers plain requests.
func (w *world) isPrivate(app string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.publicAddresses(app)) == 0 && w.hasRoute()
}

// requests returns how many requests were sent to Fly since the journey began.
func (w *world) requests() int { return len(w.CallsAfter(w.from)) }

// operations returns how often each writing operation was sent since the journey began.
func (w *world) operations() map[string]int {
	out := make(map[string]int)
	for _, c := range w.CallsAfter(w.from) {
		if c.Write {
			out[c.Operation]++
		}
	}
	return out
}

func mustJSON(value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(body)
}
