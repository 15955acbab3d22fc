package edit

import (
	"bytes"
	"fmt"
	"strings"
)

// contextLines is the number of unchanged lines that a diff shows around a change.
const contextLines = 3

// region is a run of whole lines that an edit replaces.
type region struct {
	from, to int // offsets in the old text, at the start of lines
	text     []byte
}

// Diff returns the edit as a unified diff for a file with the given name, with
// three lines of context. It is empty if nothing changed.
//
// The diff is made from the splices instead of by comparing the texts, so it
// shows exactly what was done and takes time in proportion to the file.
func (e *Result) Diff(name string) string {
	regions := wholeLines(e.Before, e.splices)
	if len(regions) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", name, name)
	row, added := 0, 0 // row: lines of the old text so far; added: how many more the new text has
	offset := 0
	for len(regions) > 0 {
		// Regions with few lines between them go into one hunk.
		n := 1
		for n < len(regions) && bytes.Count(e.Before[regions[n-1].to:regions[n].from], []byte("\n")) <= 2*contextLines {
			n++
		}
		row += bytes.Count(e.Before[offset:regions[0].from], []byte("\n"))
		before := lastLines(e.Before[offset:regions[0].from], contextLines)
		var body strings.Builder
		olds := writeLines(&body, ' ', before)
		first := row - olds
		news := olds
		for i, r := range regions[:n] {
			if i > 0 {
				same := writeLines(&body, ' ', e.Before[regions[i-1].to:r.from])
				olds, news = olds+same, news+same
			}
			olds += writeLines(&body, '-', e.Before[r.from:r.to])
			news += writeLines(&body, '+', r.text)
		}
		offset = regions[n-1].to
		after := writeLines(&body, ' ', firstLines(e.Before[offset:], contextLines))
		row = first + olds
		olds, news = olds+after, news+after
		fmt.Fprintf(&b, "@@ -%s +%s @@\n%s", lineRange(first, olds), lineRange(first+added, news), body.String())
		added += news - olds
		regions = regions[n:]
	}
	return b.String()
}

// lineRange returns a line and a count as diff -u writes them: an empty range has
// the number of the line before it, and a count of one is left out.
func lineRange(before, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", before)
	case 1:
		return fmt.Sprint(before + 1)
	}
	return fmt.Sprintf("%d,%d", before+1, count)
}

// wholeLines extends sorted splices to the lines that they touch, and joins
// splices that touch the same or adjacent lines.
func wholeLines(src []byte, list []splice) []region {
	var regions []region
	done := 0 // how much of src is in the last region's text
	for _, sp := range list {
		from, to := touchedLines(src, sp, regions)
		if n := len(regions); n == 0 || from > regions[n-1].to {
			if n > 0 {
				regions[n-1].text = append(regions[n-1].text, src[done:regions[n-1].to]...)
			}
			regions = append(regions, region{from: from, to: to})
			done = from
		}
		r := &regions[len(regions)-1]
		r.text = append(r.text, src[done:sp.at.Start]...)
		r.text = append(r.text, sp.text...)
		done, r.to = sp.at.End, max(r.to, to)
	}
	if n := len(regions); n > 0 {
		regions[n-1].text = append(regions[n-1].text, src[done:regions[n-1].to]...)
	}
	return regions
}

// touchedLines returns the lines that a splice touches. It does not search the lines
// of the last region again, because all splices may be on one long line.
func touchedLines(src []byte, sp splice, regions []region) (from, to int) {
	if n := len(regions); n > 0 && sp.at.End < regions[n-1].to {
		return regions[n-1].from, regions[n-1].to
	}
	from, to = bytes.LastIndexByte(src[:sp.at.Start], '\n')+1, len(src)
	// An insertion of whole lines between two lines leaves both alone.
	if sp.at.Start == sp.at.End && from == sp.at.Start && strings.HasSuffix(sp.text, "\n") {
		return from, from
	}
	if i := bytes.IndexByte(src[sp.at.End:], '\n'); i >= 0 {
		to = sp.at.End + i + 1
	}
	return from, to
}

// writeLines writes lines after a sign, and returns their number.
func writeLines(b *strings.Builder, sign byte, text []byte) int {
	n := 0
	for ; len(text) > 0; n++ {
		line := firstLines(text, 1)
		text = text[len(line):]
		b.WriteByte(sign)
		b.Write(line)
		if line[len(line)-1] != '\n' {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
	return n
}

// firstLines returns the first n lines of a text.
func firstLines(text []byte, n int) []byte {
	end := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(text[end:], '\n')
		if i < 0 {
			return text
		}
		end += i + 1
	}
	return text[:end]
}

// lastLines returns the last n lines of a text that ends with a newline.
func lastLines(text []byte, n int) []byte {
	start := len(text)
	for ; n > 0 && start > 0; n-- {
		start = bytes.LastIndexByte(text[:start-1], '\n') + 1
	}
	return text[start:]
}
