// Package lint finds mistakes in fly.toml files, and fixes those with one right
// fix.
//
// [Lint] returns findings, each with its place, the reason and the fix in words.
// A finding whose fix is certain has an edit, too, and [Fix] applies such edits.
// Codes of findings are stable; docs/lint.md lists them.
//
//	lint, finding, limit        how findings are made, and how many
//	keys, swallowed             unknown and misplaced keys
//	names, suggest              which key was meant
//	shape, refused              what flyctl refuses
//	sections, groups, guest, paths, check, service, port, stray, wake, appname
//	                            one subject each
//	fix                         applying the edits
//	recognize                   whether a file is a fly.toml at all
package lint
