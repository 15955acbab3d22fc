// Package sandbox is an emulated Fly.io platform. It speaks Fly's own protocols
// over HTTP: the Machines REST API under /v1, the uiex REST API under /api/v1
// and GraphQL at /graphql, all on one origin and over one state, so that any
// Fly client works on it unchanged.
//
//	p := sandbox.New(sandbox.Options{})          // or sandbox.Open, which keeps its state in a file
//	if err := p.Seed(ctx); err != nil { … }      // the example organization
//	server, err := p.Listen("127.0.0.1:0")       // server.URL is the base URL of all three APIs
//
// Time is virtual ([Clock]) and every request is recorded ([Platform.Calls]).
// Faults and events are injected one by one ([Platform.Inject]), played from a
// script ([ParseScript], [Platform.Play]) or asked for over HTTP
// ([Platform.Control]). docs/flysim.md tells the person who runs it the same.
//
// Three kinds of methods go past the API and leave no trace in Calls. Those such
// as [Platform.StopMachine] act as somebody else who uses the platform at the
// same time, and those such as [Platform.Addresses] tell its truth, past list
// lag: both are for tests, and panic if there is no such app or Machine. Those
// such as [Platform.Site], [Platform.Wake] and [Platform.Park] are for what
// lives with the platform, where apps come and go: they return [ErrGone].
//
// # What stands beside it
//
// This package is the control plane. What requests of an app's users go through
// are packages that know this one; it knows none of them:
//
//   - sandbox/proxy is Fly Proxy: Flycast, public names, routing, autostart
//   - sandbox/autostop stops idle Machines
//   - sandbox/program is what Machines run: a built-in program, or a local command
//   - sandbox/watch is what one sees: scenes, and the changes between them
//   - sandbox/page shows that as a web page
//
// [Traffic] joins them: the proxy counts what is under way on each Machine,
// autostop and watch read it.
//
// # The files
//
//   - state, vm, launch, stop, destroy, lease, volume, release, address, secrets,
//     peer, token: the platform's state and what happens to it
//   - grant, macaroon: what the tokens of a request allow
//   - routes, serve, rest_*: the REST APIs; graphql, resolve_*: GraphQL, from
//     schema/*.graphql; limit, record: what holds for every call
//   - fault, suffer: what goes wrong with calls; event, happen: what happens by
//     itself; script*: both as text; control*: both over HTTP
//   - store*: the state in a file. A state of its own is in records by app and
//     Machine, so that a change writes little
//   - actors, operator, view, overview: the methods that go past the API
//   - listen: loopback listeners
//
// It shares no wire types with the clients that are tested against it.
package flysim
