// Package edit changes the services of a fly.toml, fly.json or fly.yaml without
// touching anything else in it: comments, order, indentation, line endings and
// unknown keys stay as they are.
//
// A [Request] describes the wanted services. [Apply] returns the new bytes and a
// list of the changes, or an error; a file is never changed halfway. Before the
// new bytes are returned, they are decoded and compared with the old document.
//
//	edit        Request, Apply, Result
//	blueprint   the request of Fly's guide to private apps
//	keep        which groups keep their autostop, and remarks for the person
//	service, value, port, create   what each request changes
//	toml, json, yaml, braces       how each format writes a new key
//	splice, comment                replacing bytes
//	verify      proof that only the listed values changed
//	diff        the change as a unified diff
package edit
