// Package edit changes the services of a fly.toml, fly.json or fly.yaml without
// touching anything else in it: comments, order, indentation, line endings and
// unknown keys stay as they are.
//
// A [Request] says what the services are to be. [Apply] returns the new bytes
// with a list of the changes, or an error; a file is never changed halfway. The
// new bytes are decoded and compared with the old document before they are
// returned.
//
//	edit        Request, Apply, Result
//	blueprint   the request of Fly's guide to private apps
//	keep        which groups keep their autostop, and what the person should know
//	service, value, port, create   what each request changes
//	toml, json, yaml, braces       where and how a new key is written
//	splice, comment                new bytes in the place of old ones
//	verify      proof that only the listed values changed
//	diff        the change as a unified diff
package edit
