// Package proxy is the data plane of the emulated platform: Fly Proxy with Flycast, autostart and
// load balancing, the names of the private network that bypass it, and the public names.
//
//	p := proxy.New(proxy.Options{Platform: platform, Programs: programs, Traffic: &traffic})
//	listening, err := p.Listen("127.0.0.1:0", "127.0.0.1:0")
//
// # Two listeners
//
// Names such as shop-api.flycast exist on Fly only, so each listener represents a place to call
// from: [Listening.Flycast] is for callers such as a Machine or a WireGuard peer, for which
// <app>.flycast and the names under .internal resolve, and [Listening.Public] is the internet. Both
// take the name from the Host header, and both are HTTP proxies, which is how curl and browsers use
// them:
//
//	curl -x http://127.0.0.1:4281 http://shop-api.flycast/
//	curl -H 'Host: shop-api.flycast' http://127.0.0.1:4281/
//	curl -p -x http://127.0.0.1:4281 telnet://my-db.flycast:5432
//
// They listen on loopback IPs only and connect only to the platform's Machines. TLS uses the same
// ports and is recognized by its first byte; the certificates are self-signed and made in memory.
// In a Host header the listener's own port means the default port of the scheme.
//
// # A request through Fly Proxy
//
// The name gives the app ([name], door.resolve). The app's addresses decide whether the caller
// reaches it, and the external port gives the services: all Machines that declare the port share
// it, whatever their process group (route). The search then looks for a Machine until it finds one
// or the time is up. It takes a Machine that is started, not cordoned, healthy and below its hard
// limit, from the nearest region, and there the least loaded one. If there is none, or all are at
// their soft limit, it starts one and holds the request. A Machine that refuses the connection is
// tried again for a while. All waiting uses the platform's clock.
//
// A failure has Fly Proxy's code and sentence ([Failure]), in the answer and in the [flysim.Visit].
// A raw connection is closed.
//
// # What differs from Fly
//
//   - A name that does not resolve gets an answer here: 502 with the code DNS. A port that no service declares
//     gets one with the code PORT, where Fly closes the connection.
//   - A raw connection goes through CONNECT. It is refused with the reason before it is made, where Fly accepts
//     and closes it.
//   - Responses are not compressed; pg_tls and UDP are not supported.
//   - An absent autostart means true, as fly.toml's documentation says.
//   - The distance of regions is that of their cities.
package proxy
