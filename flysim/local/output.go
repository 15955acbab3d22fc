package local

import (
	"bytes"
	"strings"
	"sync"
)

// maxLine is how many bytes of a command's output line are kept.
const maxLine = 4096

// output splits the output of a command into lines.
type output struct {
	line func(string)

	mu   sync.Mutex
	part []byte
	cut  bool // whether the rest of this line is dropped
}

func (r *runner) output(c *child, stream string) *output {
	return &output{line: func(text string) { r.say(c, stream, text) }}
}

// Write implements [io.Writer].
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(b)
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if !o.cut {
			room := maxLine - len(o.part)
			o.part = append(o.part, line[:min(len(line), room)]...)
			o.cut = len(line) > room
		}
		if whole {
			o.end()
		}
		b = rest
	}
	return n, nil
}

// end passes the line on. The caller holds mu.
func (o *output) end() {
	o.line(strings.ToValidUTF8(strings.TrimSuffix(string(o.part), "\r"), "\uFFFD"))
	o.part, o.cut = o.part[:0], false
}

// flush passes on a last line that has no line end.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.part) > 0 {
		o.end()
	}
}
