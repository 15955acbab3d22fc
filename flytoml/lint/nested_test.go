package lint

import "testing"

// TestLintListsInLists: where a list may stand for a table, a list in that list
// is one mistake more.
func TestLintListsInLists(t *testing.T) {
	for _, text := range []string{
		"checks = [[]]",
		"checks = [[{ name = 'a', prot = 1 }]]",
		"checks = [[[{ headers = [[{ name = 'a' }]] }]]]",
		"processes = [[{ name = 'a' }]]",
		"[[services]]\nhttp_checks = [[{ headers = [[{ name = 'a' }]] }]]",
		"[[services]]\nports = [[[{ port = 80 }]]]",
		"env = [[{ A = 'b' }]]",
		"[[vm]]\nprocesses = [[['a']]]",
		"mounts = [[{ source = 'a' }]]",
		"metrics = [[{ port = 1 }]]",
		"http_service = [[[]]]",
	} {
		f := parseTOML(t, text)
		checkErrors(t, f, Lint(f))
	}
}
