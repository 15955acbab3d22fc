// Package flysim is an emulated Fly.io platform for tests and demonstrations. It
// speaks Fly's own protocols over HTTP: the Machines API under /v1, the uiex API
// under /api/v1 and GraphQL at /graphql, all on one origin and over one state, so
// that any Fly client works on it unchanged, the official flyctl included.
//
//	p := flysim.New(flysim.Options{})
//	if err := p.Seed(ctx); err != nil { … }  // the example organization
//	server, err := p.Listen("127.0.0.1:0")   // server.URL is the base URL of all three APIs
//
// Time is virtual ([Clock]) and every request is recorded ([Platform.Calls]), so
// that a test can assert what was not sent. Faults are injected one by one
// ([Platform.Inject]) or played with events ([Platform.Play]). A platform keeps
// its state in memory, or in a [Storage] ([Open]).
//
// # Methods that bypass the API
//
// They leave no trace in [Platform.Calls] and ignore leases, rate limits, faults and list lag.
//
//   - Methods such as [Platform.StopMachine] act as another user of the platform,
//     and methods such as [Platform.Addresses] read its true state. Both are for
//     tests and panic if the app or the Machine does not exist.
//   - Methods such as [Platform.Site], [Platform.Wake] and [Platform.Park] are for
//     code that runs beside the platform, where apps come and go: they return
//     [ErrGone].
//
// # Packages
//
// This package is the control plane. The data plane and the displays import it:
//
//   - dataplane starts the three packages after it, for most users
//   - proxy is Fly Proxy: Flycast, public names, routing, autostart
//   - program is the built-in program that Machines run
//   - autostop stops idle Machines
//   - watch reports what happens, as scenes and the changes between them
//   - page shows that as a web page
//   - spec is a Machine's configuration, which all of them read
//
// These packages are for a program that operates a platform, as cmd/flysim does:
//
//   - state keeps the state in a file
//   - fault reads faults and events from scripts and command lines
//   - control is an HTTP endpoint for faults, events and the clock
//   - seed builds apps from an operator's file and fly.toml files
//   - local runs commands of this computer as Machines' programs
//   - terminal shows the platform as a live table
//
// [Traffic] connects them: the proxy counts requests in progress on each Machine;
// autostop and watch read the counts.
//
// # Files
//
//   - state, vm, launch, stop, destroy, lease, volume, release, address, secrets,
//     peer, token: the state of the platform and its rules
//   - grant, macaroon: what the tokens of a request allow
//   - routes, serve: a request's way; limit, record: what applies to every request
//   - routes, serve: how a request is served; limit, record: what applies to every request
//   - fault, fault_serve: faults; event, incident: events
//   - storage, store*: how the state is stored, in a record for each app and
//     Machine, so that a change writes little
//   - actors, operator, view, overview: the methods that bypass the API
//   - listen, transport: loopback listeners, and requests in memory
//
// Flysim shares no wire types with the clients that are tested against it.
package flysim
