// Package flytoml reads fly.toml files, and fly.json and fly.yaml, which hold the
// same configuration in other formats, and converts them to the configuration of
// Fly Machines.
//
// [Parse] reads a file. [File.Apply] converts it to the Machine configuration
// that `fly deploy` would send, by flyctl's own rules, its quirks included
// (flyctl, internal/appconfig): unknown keys are ignored, key names match in any
// case, and old spellings are translated first. [File.Validate] refuses what
// `fly config validate` refuses.
//
//	file, err := flytoml.Parse("fly.toml", data)
//	for _, group := range file.Groups() {
//		config, err := file.Apply(group, existing)
//	}
//
// The package needs no network, and no other file unless [File.WithFiles] gives
// it some.
//
// # Packages
//
//	flytoml           read, validate, convert
//	flytoml/edit      change services in the file's own bytes
//	flytoml/lint      find mistakes, and fix those with one right fix
//	flytoml/render    write a fly.toml from a release or from running Machines
//	flytoml/machine   a Machine's configuration: read it, change it, compare it
//	flytoml/syntax    the three formats, and errors with their place
//
// # Formats
//
// The end of the name decides the format, as it does for flyctl. Each format is
// read by the library that flyctl uses, or by its successor: what flyctl reads
// is read, and what it refuses is refused. After that there is one document, a
// map[string]any. Only its numbers still differ by format, because flyctl's
// translations of old spellings depend on it.
//
// # Files
//
//	file, groups       File, and its process groups
//	definition         a fly.toml as flyctl understands it
//	decode, encode     document to Definition, by way of JSON, as flyctl does it
//	stored             the definition that a release stores
//	convert            Definition and process group to machine.Config
//	validate           what `fly config validate` prints
package flytoml
