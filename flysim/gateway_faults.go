package flysim

import "time"

// GatewayFaults are what goes wrong at the WireGuard gateway. The zero value is a gateway that
// works. Durations are by the platform's clock.
type GatewayFaults struct {
	Silent bool          // every packet is lost, as where a firewall blocks UDP
	Late   time.Duration // the gateway learns of a new peer this much later, and drops its packets until then
	DNSLag time.Duration // a new address, or a Machine that has just started, resolves this much later
}

// GatewayFaults returns what goes wrong at the WireGuard gateway.
func (p *Platform) GatewayFaults() GatewayFaults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gatewayFaults
}

// SetGatewayFaults replaces what goes wrong at the WireGuard gateway. [Platform.RemovePeer] is the
// one fault that is not kept: it happens once.
func (p *Platform) SetGatewayFaults(f GatewayFaults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gatewayFaults = f
	p.notify()
}
