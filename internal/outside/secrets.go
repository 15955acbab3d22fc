package outside

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Hidden stands in a text where a secret was.
const Hidden = "‹hidden›"

// Lengths of the pieces by which a secret is recognized, in letters and digits.
const (
	minSecret  = 4  // a shorter secret could be any word
	tokenPiece = 8  // of a token
	plainPiece = 12 // of other secrets, which may hold words; and of hexadecimal text
	longSecret = 20 // from this length on, pieces of a secret are hidden too; of a token always
)

// MaskSecrets hides secrets in a text from outside. A text may hold a secret as it is,
// and also cut at either end, with line ends or blanks in it, quoted, escaped for a
// URL, for JSON or for HTML, or as base64 or hexadecimal text. So only letters and
// digits are compared, and a piece of the secret is enough. The first of the secrets
// are access tokens; tokens is their number.
func MaskSecrets(text string, secrets []string, tokens int) string {
	var short, long pieces
	for i, secret := range secrets {
		if len(secret) < minSecret {
			continue
		}
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret),
			base64.StdEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret)),
		} {
			text = strings.ReplaceAll(text, form, Hidden)
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
		b.WriteString(text[end:max(first.start, end)] + Hidden)
		end = letters[i].end
	}
	return b.String() + text[end:]
}

// pieces holds pieces of secrets, of one length.
type pieces map[string]struct{}

// add adds all pieces of a text.
func (s *pieces) add(text string, length int) {
	if *s == nil {
		*s = make(pieces)
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

// addEncoded adds a secret as base64, at any offset in a longer text, and as
// hexadecimal text. Pieces of hexadecimal text are long, because it has few different
// letters.
func (s *pieces) addEncoded(secret string, base64Pieces *pieces) {
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
func (s pieces) find(letters []letter, length int, found []bool) {
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

// letter is a letter or digit of a text, in lower case, with the range of the text
// that it was read from, an escape included.
type letter struct {
	letter     byte
	start, end int
}

// lettersOf returns the letters and digits of a text, with escapes undone.
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

// unescape returns the character that a text begins with, plain or escaped: %2B, also when
// escaped again (%252B); \u002b, \x2b and \n; &#43;, &#x2b; and &amp;.
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
