// Package spelling finds the key or word of a fly.toml that a misspelled one was
// meant to be.
package spelling

import (
	"slices"
	"strings"
	"unicode"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
)

// Vocabulary is the words that known names are made of.
type Vocabulary map[string]bool

// VocabularyOf returns the words of the keys of all tables.
func VocabularyOf(homes map[string][]schema.Home) Vocabulary {
	all := Vocabulary{}
	for name := range homes {
		for _, word := range SplitWords(name) {
			all[word] = true
		}
	}
	return all
}

// OnlyName returns the one of names that name must be, or "" if there is none, or
// more than one.
func (v Vocabulary) OnlyName(name string, names []string) string {
	if !isName(name) {
		return ""
	}
	only, split := "", SplitWords(name)
	for _, known := range names {
		if d := len(name) - len(known); d > 3 || d < -6 || !v.sameName(split, known) {
			continue
		}
		if only != "" {
			return ""
		}
		only = known
	}
	return only
}

// sameName reports whether a name, split into its words, can only be a known
// name, written another way: other separators or capitals, the same words in
// another order, or a word misspelled. Only then may an edit replace it, so the
// rules are narrow. Words that carry a unit, a direction or a protocol must be
// there letter by letter, and a word more or less is another name.
func (v Vocabulary) sameName(a []string, known string) bool {
	b := SplitWords(known)
	letters := strings.Join(a, "")
	switch {
	case len(a) == 0:
		return false
	case letters == strings.Join(b, ""):
		return true
	case len(a) != len(b) || len(letters) < shortestTypo:
		return false
	}
	mistakes := 0
	for i := range a {
		n, ok := v.mistakesIn(a[i], b[i])
		if !ok {
			return sameWords(a, b)
		}
		mistakes += n
	}
	return mistakes <= 2
}

// SameLetters reports whether two names differ in separators and capitals alone.
func SameLetters(a, b string) bool {
	return isName(a) && strings.Join(SplitWords(a), "") == strings.Join(SplitWords(b), "")
}

// isName reports whether a text is made of words and their separators: another
// sign, as in !tcp, may mean something.
func isName(s string) bool {
	return len(SplitWords(s)) > 0 && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-. ", r)
	})
}

// sameWords reports whether two names have the same words, in any order; long
// ones may be in the plural in the known name alone.
func sameWords(a, b []string) bool {
	left := slices.Clone(b)
	for _, word := range a {
		i := slices.IndexFunc(left, func(known string) bool {
			return word == known || len(known) > shortestTypo && !isDecisive(known) && known == word+"s" // https is no plural
		})
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return len(a) > 1 && len(left) == 0
}

// SplitWords splits a name at its separators and inner capitals.
func SplitWords(name string) []string {
	var out []string
	begin, last := -1, rune(0)
	for i, r := range name {
		inWord := unicode.IsLetter(r) || unicode.IsDigit(r)
		if begin >= 0 && (!inWord || unicode.IsUpper(r) && unicode.IsLower(last)) {
			out = append(out, strings.ToLower(name[begin:i]))
			begin = -1
		}
		if begin < 0 && inWord {
			begin = i
		}
		last = r
	}
	if begin >= 0 {
		out = append(out, strings.ToLower(name[begin:]))
	}
	return out
}

// isDecisive reports whether a word says which of two things is meant, so that no
// letter of it may differ. Short words are taken for such (min and max, stop,
// soft and hard, mb, tcp, http, cpu and gpu) unless there is no other of the kind.
func isDecisive(word string) bool {
	switch word {
	case "https", "start":
		return true
	case "auto", "file", "kill", "name", "path", "port", "size", "type", "wait":
		return false
	}
	_, isUnit := unitNamed(word)
	return isUnit || len(word) < shortestTypo
}

// shortestTypo is the length of the shortest word, and of the shortest name, in
// which a mistake is recognized.
const shortestTypo = 5

// mistakesIn counts the typing mistakes that turn right into word; ok is false if
// word may be another word.
func (v Vocabulary) mistakesIn(word, right string) (n int, ok bool) {
	switch {
	case word == right:
		return 0, true
	case isDecisive(right):
		return 0, false
	case right == word+"s", right == word+"es": // the singular of a list
		return len(right) - len(word), true
	case strings.HasPrefix(word, right), strings.HasSuffix(word, right), // with a unit, or a prefix like un
		strings.HasPrefix(right, word), strings.HasSuffix(right, word),
		word == "" || word[0] != right[0], // in and ex, in and de
		strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") != "",
		v[word] || isDecisive(word) && len(word) >= shortestTypo: // written right it is not another word misspelt
		return 0, false
	}
	limit := 1
	if len(right) >= 8 {
		limit = 2
	}
	n = typingDistance(word, right)
	return n, n <= limit
}

// typingDistance returns the number of letters that were left out, added, replaced,
// or swapped with their neighbor (optimal string alignment). The words must be
// ASCII and short.
func typingDistance(a, b string) int {
	const far = 1 << 10
	if d := len(a) - len(b); d > 2 || d < -2 {
		return far
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
