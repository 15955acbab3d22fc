package drift

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// Entry is one value that differs in the same way on some Machines of a group.
type Entry struct {
	Group    string
	Machines []string // ids, sorted
	Field
}

// Entries returns the report's fields, each once: by group, path and first Machine.
func (r Report) Entries() []Entry {
	var out []Entry
	for _, group := range r.Groups {
		first := len(out)
		at := make(map[Field]int)
		for _, difference := range group.Differences {
			for _, field := range difference.Fields {
				i, seen := at[field]
				if !seen {
					i = len(out)
					at[field] = i
					out = append(out, Entry{Group: group.Name, Field: field})
				}
				out[i].Machines = append(out[i].Machines, difference.Machines...)
			}
		}
		for i := first; i < len(out); i++ {
			slices.Sort(out[i].Machines)
		}
		slices.SortStableFunc(out[first:], func(a, b Entry) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Machines[0], b.Machines[0]))
		})
	}
	return out
}

// Why returns where differences come from: "changed on the Machines since version 14".
func (r Report) Why(origin Origin) string {
	since := "the last release"
	if r.Version > 0 {
		since = fmt.Sprintf("version %d", r.Version)
	}
	switch origin {
	case FromEdit:
		return "the edit of the services"
	case FromFile:
		return "edited in the file since " + since
	case FromLive:
		return "changed on the Machines since " + since
	case FromBoth:
		return "changed on the Machines and in the file since " + since
	case Behind:
		return "on Machines that did not get " + since
	}
	return "where from is not known"
}

// Doubts lists what makes the origins in a group doubtful, one sentence each.
func (r Report) Doubts(g Group) []string {
	var out []string
	if g.Unreleased != "" {
		out = append(out, fmt.Sprintf("where the changes of group %s come from is not known: %s",
			quoteName(g.Name), g.Unreleased))
	}
	if len(g.Behind) > 0 {
		out = append(out, fmt.Sprintf("%s of group %s did not get version %d: what differs there may be older than it",
			machinesText(g.Behind), quoteName(g.Name), r.Version))
	}
	return out
}

// Undoes reports whether a deploy would undo a change of a Machine.
func (o Origin) Undoes() bool { return o == FromLive || o == FromBoth }

// Lines returns the report for people, at most max lines (all of them if max is 0),
// the last of which then counts what is left out. Each is printable, names its
// group and is no longer than about 300 characters.
func (r Report) Lines(max int) []string {
	var lines []string
	for _, g := range r.Groups {
		switch g.Fate {
		case Destroy:
			lines = append(lines, fmt.Sprintf("group %s is not in the file: fly deploy would destroy its %s",
				quoteName(g.Name), machinesText(g.Machines)))
		case Create:
			lines = append(lines, fmt.Sprintf("group %s has no Machine: fly deploy would create some", quoteName(g.Name)))
		}
		lines = append(lines, r.Doubts(g)...)
	}
	for _, e := range r.Entries() {
		line := fmt.Sprintf("%s of %s of group %s: live %s, file %s: %s",
			short(e.Path), machinesText(e.Machines), quoteName(e.Group), valueText(e.Live), valueText(e.File), r.Why(e.Origin))
		if e.Origin.Undoes() {
			line += "; a deploy would undo it"
		}
		lines = append(lines, line)
	}
	if max > 0 && len(lines) > max {
		lines = outside.First(lines, max-1)
	}
	return lines
}

func machinesText(ids []string) string {
	if len(ids) == 1 {
		return "Machine " + short(ids[0])
	}
	return fmt.Sprintf("%d Machines", len(ids))
}

// quoteName quotes a name from outside: printable, on one line, cut.
func quoteName(text string) string { return strconv.Quote(short(text)) }

// valueText shows one side of a field: none where it has nothing.
func valueText(text string) string {
	if text == "" {
		return "none"
	}
	return short(text)
}

// short cuts text after 60 characters, and takes out what is not printable.
func short(text string) string {
	const most = 60
	n := 0
	var b strings.Builder
	for _, r := range text {
		if n++; n > most {
			return b.String() + "…"
		}
		if !strconv.IsPrint(r) {
			r = '·'
		}
		b.WriteRune(r)
	}
	return b.String()
}
