// Package lint finds mistakes in fly.toml files, and fixes those with exactly one
// right fix.
//
// [Lint] returns findings, each with its place, the reason and the fix in words.
// A finding whose fix is unambiguous also has an edit; [Fix] applies these edits.
// Codes of findings are stable; docs/lint.md lists them.
//
//	lint, finding, limit        how findings are made, and how many
//	keys, swallowed             unknown and misplaced keys
//	shape, refused              what flyctl refuses
//	sections, groups, guest, paths, check, service, port, stray, wake, appname
//	                            one subject each
//	fix                         applying the edits
//	recognize                   whether a file is a fly.toml at all
package lint
