package outside

import (
	"strings"
)

// Error shows an error whose text may hold words of a file or of Fly: on one
// line of at most limit characters.
func Error(err error, limit int) string {
	return Line(strings.Join(strings.Fields(err.Error()), " "), limit)
}

// QuoteError quotes an error in flyctl's words, which hold values of the file.
func QuoteError(err error) string {
	return Quote(strings.Join(strings.Fields(err.Error()), " "), 600)
}
