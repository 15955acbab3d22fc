// Package flytoml reads, checks, edits and converts fly.toml files, and
// fly.json and fly.yaml, which say the same in other formats.
//
// [Parse] keeps the file's bytes beside what they say, so that an edit can
// leave everything it is not about as it was. [File.Apply] converts a file to
// the Machine configuration that `fly deploy` would send, by flyctl's own
// rules, its quirks included (flyctl, internal/appconfig): unknown keys are
// ignored, key names match in any case, old spellings are translated first.
//
//	file, err := flytoml.Parse("fly.toml", data)
//	for _, group := range file.Groups() {
//		config, err := file.Apply(group, existing)
//	}
//
// It needs no network, and no other file unless [File.WithFiles] gives it some.
//
// # Three formats
//
// The end of the name decides, as it does for flyctl. Each format is read by
// the library that flyctl uses or by its successor: what flyctl reads is read,
// and what it refuses is refused. From there on there is one document, a
// map[string]any; only numbers still tell which decoder they come from, as
// flyctl's translations mind that. To find keys in the bytes the document is
// parsed again: no decoder tells where its values stood.
//
// # Where things are
//
// The files of one subject begin with the same word; _toml, _json and _yaml end
// those that are about one format.
//
//	file, format, groups     File, and what it says at once
//	read, depth, crowded     bytes to document, within limits of size, depth and time
//	error, lines             why not, and where
//	legacy, encode, decode   document to Definition: old spellings, then JSON, as flyctl does
//	definition               fly.toml as flyctl understands it
//	validate                 what `fly config validate` says of it
//	convert                  Definition and group to machine.Config
//	finding, lint            what else is to be said, with the place and the edit that mends it
//	positions                where every key stands: for lint, by its path
//	edit, blueprint          changes to services: what to change, and the proof that no more did
//	scan                     where services stand, and how they are written: for edit
//	splice                   new bytes in the place of old ones
//	render                   a stored Definition, as a fly.toml
//	from_machines            live Machines, as a fly.toml, and what is lost on the way
//	text                     text from a file, as messages show it
package flytoml
