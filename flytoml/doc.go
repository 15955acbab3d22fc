// Package flytoml reads fly.toml files, and fly.json and fly.yaml, which hold the
// same configuration in other formats, and converts them to the configuration of
// Fly Machines.
//
// [Parse] reads a file. [File.Apply] converts it to the Machine configuration
// that `fly deploy` would send. It follows flyctl's rules (internal/appconfig),
// including the odd ones: unknown keys are ignored, key names match in any case,
// and old spellings are translated first. [File.Validate] refuses what
// `fly config validate` refuses.
//
//	file, err := flytoml.Parse("fly.toml", data)
//	for _, group := range file.Groups() {
//		config, err := file.Apply(group, existing)
//	}
//
// The package uses no network, and reads other files only from the folder given
// to [File.WithFiles].
//
// # Packages
//
//	flytoml           read, validate, convert
//	flytoml/edit      change services in the file's own bytes
//	flytoml/lint      find mistakes, and apply fixes that are unambiguous
//	flytoml/render    write a fly.toml from a release or from running Machines
//	flytoml/machine   a Machine's configuration: read it, change it, compare it
//	flytoml/syntax    decode the three formats; errors with a position
//
// # Formats
//
// The file's suffix decides the format, as in flyctl. Each format is decoded by
// the library that flyctl uses, or by that library's successor, so this package
// accepts and refuses the same files. The decoded document is a map[string]any.
// The types of its numbers depend on the format, because flyctl's translation of
// old spellings depends on them.
//
// # Files
//
//	file, groups       File, and its process groups
//	definition         a fly.toml as flyctl understands it
//	decode, encode     document to Definition, through JSON, as in flyctl
//	stored             the definition that a release stores
//	convert            Definition and process group to machine.Config
//	validate           what `fly config validate` prints
package flytoml
