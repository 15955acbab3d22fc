package fly

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Lengths of the pieces by which a secret is known again, in letters and digits.
const (
	minSecret  = 4  // a shorter one is a word of every day
	tokenPiece = 8  // of a token
	plainPiece = 12 // of other secrets, which may hold words; and of hexadecimal text
	longSecret = 20 // one that is looked for in pieces; a token always is
)

// maskSecrets hides secrets in a text that came from outside. An error may hold
// a secret as it is, and also cut at either end, with line ends or blanks in it,
// quoted, escaped for a URL, for JSON or for HTML, or as base64 or hexadecimal
// text. So letters and digits are compared, whatever stands between them, and a
// piece is enough. tokens are the first of the secrets.
func maskSecrets(text string, secrets []string, tokens int) string {
	var short, long set
	for i, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))} {
			text = strings.ReplaceAll(text, form, hidden)
		}
		switch token := i < tokens; {
		case token:
			short.add(secret, tokenPiece)
			long.addEncoded(secret, &short)
		case len(secret) >= longSecret:
			long.add(secret, plainPiece)
			long.addEncoded(secret, &long)
		}
	}
	if len(short)+len(long) == 0 {
		return text
	}
	letters := lettersOf(text)
	found := make([]bool, len(letters))
	short.find(letters, tokenPiece, found)
	long.find(letters, plainPiece, found)

	var b strings.Builder
	end := 0
	for i := 0; i < len(letters); i++ {
		if !found[i] {
			continue
		}
		first := letters[i]
		for i+1 < len(letters) && found[i+1] {
			i++
		}
		b.WriteString(text[end:max(first.start, end)] + hidden)
		end = letters[i].end
	}
	return b.String() + text[end:]
}

// set holds pieces of secrets, of one length.
type set map[string]struct{}

// add adds all pieces of a text.
func (s *set) add(text string, length int) {
	if *s == nil {
		*s = make(set)
	}
	letters := lettersOf(text)
	all := make([]byte, len(letters))
	for i, l := range letters {
		all[i] = l.letter
	}
	for i := 0; i+length <= len(all); i++ {
		(*s)[string(all[i:i+length])] = struct{}{}
	}
}

// addEncoded adds what a secret is as base64, wherever in a longer text it
// begins, and as hexadecimal text. Pieces of hexadecimal text have few letters,
// and so they are long.
func (s *set) addEncoded(secret string, base64Pieces *set) {
	s.add(hex.EncodeToString([]byte(secret)), plainPiece)
	length := tokenPiece
	if base64Pieces == s {
		length = plainPiece
	}
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
		if before > 0 { // what depends on the text before it
			encoded = encoded[4:]
		}
		base64Pieces.add(encoded[:max(len(encoded)-4, 0)], length)
	}
}

// find marks the letters that belong to a piece.
func (s set) find(letters []letter, length int, found []bool) {
	if len(s) == 0 {
		return
	}
	all := make([]byte, len(letters))
	for i, l := range letters {
		all[i] = l.letter
	}
	for i := 0; i+length <= len(all); i++ {
		if _, ok := s[string(all[i:i+length])]; ok {
			for j := i; j < i+length; j++ {
				found[j] = true
			}
		}
	}
}

// letter is a letter or digit of a text, in lower case, and where it stands
// there, with the escape that it is written as.
type letter struct {
	letter     byte
	start, end int
}

// lettersOf are the letters and digits of a text, with escapes undone. What stands
// between them does not count.
func lettersOf(text string) []letter {
	letters := make([]letter, 0, len(text))
	for i := 0; i < len(text); {
		c, size := unescape(text[i:])
		switch {
		case c >= 'A' && c <= 'Z':
			letters = append(letters, letter{byte(c) + 'a' - 'A', i, i + size})
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			letters = append(letters, letter{byte(c), i, i + size})
		}
		i += size
	}
	return letters
}

// unescape is the character that a text begins with, as it stands or as an
// escape: %2B, also when escaped again (%252B); \u002b, \x2b
// and \n; &#43;, &#x2b; and &amp;.
func unescape(text string) (c rune, size int) {
	switch text[0] {
	case '%':
		at := 1
		for strings.HasPrefix(text[at:], "25") {
			at += 2
		}
		if c, ok := hexadecimal(text[at:], 2); ok {
			return c, at + 2
		}
		if at > 1 {
			return '%', at
		}
	case '\\':
		if len(text) < 2 {
			break
		}
		for prefix, digits := range map[byte]int{'u': 4, 'x': 2, 'U': 8} {
			if c, ok := hexadecimal(text[2:], digits); ok && text[1] == prefix {
				return c, 2 + digits
			}
		}
		if strings.IndexByte("ntrbfav0\\\"'/\n\r", text[1]) >= 0 {
			return ' ', 2
		}
	case '&':
		entity, _, ok := strings.Cut(text[1:min(len(text), 12)], ";")
		if !ok {
			break
		}
		number, ok := strings.CutPrefix(entity, "#")
		if !ok {
			return ' ', len(entity) + 2 // &amp; and the like: no letters
		}
		base := 10
		if strings.HasPrefix(strings.ToLower(number), "x") {
			base, number = 16, number[1:]
		}
		if c, err := strconv.ParseUint(number, base, 31); err == nil {
			return rune(c), len(entity) + 2
		}
	}
	c, size = utf8.DecodeRuneInString(text)
	return c, size
}

func hexadecimal(text string, digits int) (c rune, ok bool) {
	if len(text) < digits {
		return 0, false
	}
	n, err := strconv.ParseUint(text[:digits], 16, 32)
	return rune(n), err == nil && n <= utf8.MaxRune
}
