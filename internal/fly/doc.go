// Package fly is what this program needs of Fly.io: the domain types, and one
// [Client] over fly-go. Those who use the client declare the methods that they
// need.
//
// Every method that changes something takes a [gate.Grant] and spends one step of
// it before it sends anything; if the grant does not hold the step, the error wraps
// [gate.ErrNotGranted]. Other errors are *[Error], with a [gate.Code], or
// *[Ambiguous] for a write whose outcome is unknown. A write is sent once: its
// outcome is settled by reading, never by sending it again.
//
// # What fly-go forces on us
//
// GraphQL goes through fly-go's client, and requests to the Machines API are made
// by flaps.Client.NewRequest: both choose the authorization of each kind of token.
// The rest is ours, because:
//
//   - Its typed calls lose fields that it does not know. Machines, addresses and
//     releases are decoded here from the JSON.
//   - It builds URLs by joining strings, so the names of apps and the ids of
//     Machines are checked first.
//   - It reads the environment: FLY_FLAPS_BASE_URL, FLY_FORCE_TRACE,
//     FLY_FORCE_REGION and FLY_FORCE_INSTANCE_ID. Options, [Client.send] and the
//     transport undo each of them; a FLY_FLAPS_BASE_URL that is not a URL makes
//     [New] fail.
//   - It has two retry layers, which repeat writes too. The errors of the transport
//     do not unwrap to anything that they repeat.
//   - Its GraphQL client follows redirects and takes the token along. The transport
//     refuses redirects.
//   - It does not know uiex, the API of flyctl's releases.
package fly
