package render

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Note is a remark on a generated file, for the comment at its top. It names keys
// and Machines, and never contains values.
type Note struct {
	Text  string
	Lines []string // listed below the text
}

// The most lines of a note that are written, and the width at which they are wrapped.
const (
	maxNoteLines = 50
	noteWidth    = 100
)

// Generated puts a comment before a rendered file: flyctl's header (appconfig,
// Config.WriteTo), with the source instead of the date, then the notes. If values
// are masked, the comment says that the file must not be deployed.
func Generated(app, source string, body []byte, notes ...Note) []byte {
	if machine.HoldsMask(string(body)) {
		notes = append(
			[]Note{{Text: "Values that may be secrets are hidden: do not deploy this file."}}, notes...)
	}
	var b bytes.Buffer
	writeComment(&b, "", fmt.Sprintf("fly.toml app configuration file generated for %s from %s", app, source))
	b.WriteString("#\n# See https://fly.io/docs/reference/configuration/ for information about how to use this file.\n#\n")
	for _, note := range notes {
		writeComment(&b, "", note.Text)
		for _, line := range outside.First(note.Lines, maxNoteLines) {
			writeComment(&b, "  ", line)
		}
		b.WriteString("#\n")
	}
	b.WriteByte('\n')
	b.Write(body)
	return b.Bytes()
}

// writeComment writes a text as comment lines, wrapped at spaces.
func writeComment(b *bytes.Buffer, indent, text string) {
	width := 0
	for i, word := range strings.Split(excerpt.Printable([]byte(text)), " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
			b.WriteString("# " + indent)
			width = len("# " + indent)
		case width+1+n > noteWidth:
			b.WriteString("\n#   " + indent)
			width = len("#   " + indent)
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += n
	}
	b.WriteByte('\n')
}
