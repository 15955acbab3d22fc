// Package proxy is the data plane of the emulated platform: Fly Proxy with
// Flycast, autostart and load balancing, the names of the private network that
// go past it, and the public names.
//
//	p := proxy.New(proxy.Options{Platform: platform, Programs: programs, Traffic: &traffic})
//	listening, err := p.Listen("127.0.0.1:0", "127.0.0.1:0")
//
// # Two listeners
//
// Names such as shop-api.flycast exist on Fly only, so a listener stands for a
// place to call from: [Listening.Flycast] for a Machine or a WireGuard peer, to
// whom <app>.flycast and the names under .internal resolve, and
// [Listening.Public] for the internet. Both take the name from the Host header,
// and both are HTTP proxies, which is how curl and browsers use them:
//
//	curl -x http://127.0.0.1:4281 http://shop-api.flycast/
//	curl -H 'Host: shop-api.flycast' http://127.0.0.1:4281/
//	curl -p -x http://127.0.0.1:4281 telnet://my-db.flycast:5432
//
// They listen on loopback IPs only and connect to nothing but the platform's
// Machines. TLS comes on the same ports, told by its first byte; certificates
// are made in memory and signed by themselves. In a Host header the listener's
// own port stands for the port that the scheme implies.
//
// # A request through Fly Proxy
//
// The name gives the app ([name], door.resolve), its addresses tell whether the
// caller reaches it, and the external port the services: all Machines that
// declare the port share it, whatever their process group (route). The search
// then looks for a Machine until it finds one or runs out of time: those that
// are started, not cordoned, healthy and below their hard limit, the nearest
// region first, the least loaded there. Where none is, or all are at their soft
// limit, it starts one and holds the request. A Machine that refuses the
// connection is tried again for a while. All of this waits by the platform's
// clock.
//
// What fails carries Fly Proxy's code and sentence ([Failure]) in the answer and
// in the [flysim.Visit]; a raw connection is closed.
//
// # What differs from Fly
//
//   - A name that does not resolve is an answer here: 502 with the code DNS. A port
//     that no service declares is one with the code PORT; Fly closes the connection.
//   - A raw connection goes through CONNECT and is refused before it is made, with
//     the reason, where Fly accepts it and closes it.
//   - Responses are not compressed; pg_tls and UDP are not there.
//   - An absent autostart is true, as fly.toml's documentation has it.
//   - Regions are as near to each other as their cities.
package proxy
