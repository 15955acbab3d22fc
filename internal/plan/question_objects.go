package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// maxObjects is how many objects are listed one by one; more are counted.
const maxObjects = 6

// what lists the objects: addresses and volumes by value, then each distinct change once, with
// its Machines.
func (p Plan) what(d Detail) []string {
	var addresses, others []Step
	for _, s := range p.ShownSteps() {
		switch {
		case s.isMachine():
		case s.Verb == gate.ReleaseAddress:
			addresses = append(addresses, s)
		default:
			others = append(others, s)
		}
	}
	out := append(addressLines(addresses, d), otherLines(others, d)...)
	var cut, fromFile, unnamed bool
	for _, b := range blocksOf(p.machineSteps()) {
		unnamed = unnamed || !d.everything && len(b.of) > maxObjects
		out = append(out, b.head(d)...)
		for _, c := range b.changes {
			text, wasCut := c.text(d.cut)
			cut, fromFile = cut || wasCut, fromFile || c.FromFile
			lines, last := wrapChange(text), len(out)-1
			if fitsOnLine(out[last], lines) {
				out[last] += "; " + strings.TrimSpace(lines[0])
				continue
			}
			out = append(out, lines...)
		}
	}
	if fromFile {
		out = append(out, "(file): shown because it comes from the file; values stored by Fly are hidden")
	}
	switch {
	case cut && unnamed:
		out = append(out, "old values are cut and Machines only counted here: flycast-mcp approve shows "+
			"everything in a terminal")
	case cut:
		out = append(out, "old values are cut here: flycast-mcp approve shows them in full in a terminal")
	case unnamed:
		out = append(out, "Machines are only counted here: flycast-mcp approve lists them by id in a terminal")
	}
	return out
}

// machineSteps returns the shown steps that are about Machines.
func (p Plan) machineSteps() []Step {
	return slices.DeleteFunc(p.ShownSteps(), func(s Step) bool { return !s.isMachine() })
}

// isMachine reports whether the step is about a Machine.
func (s Step) isMachine() bool {
	switch s.Verb {
	case gate.UpdateMachine, gate.CreateMachine, gate.DestroyMachine, gate.LeaseMachine:
		return true
	}
	return len(s.Changes) > 0
}

// addressLines lists released addresses: by value or, if there are too many, counted by kind.
func addressLines(steps []Step, d Detail) []string {
	var out []string
	if len(steps) <= maxObjects || d.everything {
		for _, s := range steps {
			out = append(out, s.Line())
		}
		return out
	}
	kinds := make(map[string][]string)
	var order []string
	for _, s := range steps {
		kind := s.Get(ParamKind)
		if kinds[kind] == nil {
			order = append(order, kind)
		}
		kinds[kind] = append(kinds[kind], Clean(s.Target))
	}
	for _, kind := range order {
		list := kinds[kind]
		line := fmt.Sprintf("%s of kind %s", Count(len(list), "address", "addresses"), KindName(kind))
		if (Step{Verb: gate.ReleaseAddress, Params: []Param{{ParamKind, kind}}}).Undo() == UndoNo {
			line += ", LOST FOR GOOD"
		}
		if !d.counted {
			out = append(out, joinLines(line+": ", list)...)
			continue
		}
		out = append(out, line)
	}
	return out
}

// otherLines lists volumes and other objects: equal lines once, and the first of many.
func otherLines(steps []Step, d Detail) []string {
	times := make(map[string]int)
	var lines []string
	for _, s := range steps {
		line := s.Line()
		if times[line]++; times[line] == 1 {
			lines = append(lines, line)
		}
	}
	var out []string
	for i, line := range lines {
		if i == maxObjects && len(lines) > maxObjects && !d.everything {
			left := 0
			for _, line := range lines[i:] {
				left += times[line]
			}
			return append(out, outside.More(left)+" of this kind")
		}
		if n := times[line]; n > 1 {
			line = fmt.Sprintf("%s, %d times", line, n)
		}
		out = append(out, line)
	}
	return out
}

// block is changes, with the Machines that get all of them.
type block struct {
	of      []Step // one for each Machine
	changes []Change
}

// blocksOf puts each distinct change into one block. Changes of the same Machines are one
// block; blocks with the most Machines come first.
func blocksOf(steps []Step) []block {
	type atom struct {
		change Change
		only   bool // there is no change: the Machine goes, or is proved
		of     []int
	}
	atoms := make(map[string]*atom)
	var order []string
	add := func(i int, key string, c Change, only bool) {
		a := atoms[key]
		if a == nil {
			a = &atom{change: c, only: only}
			atoms[key] = a
			order = append(order, key)
		}
		if n := len(a.of); n == 0 || a.of[n-1] != i {
			a.of = append(a.of, i)
		}
	}
	for i, s := range steps {
		does := strings.Join([]string{string(s.Verb), s.Get(ParamEnd), s.Get(ParamProve)}, "\x00")
		if s.Verb == gate.CreateMachine && s.Get(ParamMachine) != "" {
			does += "\x00instead"
		}
		if len(s.Changes) == 0 {
			add(i, does, Change{}, true)
		}
		for _, c := range s.Changes {
			add(i, does+"\x00"+c.key(), c, false)
		}
	}
	at := make(map[string]int)
	var blocks []block
	for _, key := range order {
		a := atoms[key]
		place := fmt.Sprint(a.only, a.of)
		i, ok := at[place]
		if !ok {
			i = len(blocks)
			at[place] = i
			blocks = append(blocks, block{})
			for _, of := range a.of {
				blocks[i].of = append(blocks[i].of, steps[of])
			}
		}
		if !a.only {
			blocks[i].changes = append(blocks[i].changes, a.change)
		}
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(len(b.of), len(a.of)) })
	return blocks
}

// head lists or counts the Machines of a block, and says what happens to them besides its
// changes.
func (b block) head(d Detail) []string {
	first := b.of[0]
	end := ""
	switch {
	case first.Get(ParamEnd) != "":
		end = ": DESTROYED FOR GOOD, " + Line(first.Get(ParamEnd))
	case first.Get(ParamProve) != "":
		end = ": already have their configuration and are only tested: " + Line(first.Get(ParamProve))
	}
	byGroup, groups := split(b.of, ParamGroup)
	if len(b.of) <= maxObjects || d.everything {
		var out []string
		if first.Get(ParamProve) != "" {
			for _, s := range b.of {
				out = append(out, s.Line())
			}
			return out
		}
		for _, group := range groups {
			var names []string
			for _, s := range byGroup[group] {
				names = append(names, s.machineName())
			}
			lines := joinLines("group "+Quote(group)+": ", names)
			lines[len(lines)-1] += end
			out = append(out, lines...)
		}
		return out
	}
	what := "Machines"
	switch {
	case first.Verb == gate.CreateMachine && first.Get(ParamMachine) != "":
		what = "NEW Machines in place of old ones"
	case first.Verb == gate.CreateMachine:
		what = "NEW Machines"
	}
	parts := inParts(byGroup, groups, d.Names, "groups", func(group string) string {
		byRegion, regions := split(byGroup[group], ParamRegion)
		inRegions := inParts(byRegion, regions, d.Names, "regions", func(region string) string {
			return fmt.Sprintf("%s %d", Quote(region), len(byRegion[region]))
		})
		return fmt.Sprintf("group %s %d (%s)", Quote(group), len(byGroup[group]), inRegions)
	})
	return []string{fmt.Sprintf("%d %s: %s%s", len(b.of), what, parts, end)}
}

// inParts describes the steps of each value, and counts those of the values after the first
// most.
func inParts(by map[string][]Step, values []string, most int, noun string,
	describe func(value string) string) string {
	var parts []string
	left := 0
	for i, value := range values {
		if i < most {
			parts = append(parts, describe(value))
		} else {
			left += len(by[value])
		}
	}
	if left > 0 {
		parts = append(parts, fmt.Sprintf("%d more %s %d", len(values)-most, noun, left))
	}
	return strings.Join(parts, ", ")
}

// split groups steps by a parameter; the values with the most steps come first.
func split(steps []Step, param string) (by map[string][]Step, order []string) {
	by = make(map[string][]Step)
	for _, s := range steps {
		value := s.Get(param)
		if by[value] == nil {
			order = append(order, value)
		}
		by[value] = append(by[value], s)
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(by[b]), len(by[a])) })
	return by, order
}

// machineName returns a Machine as the list of its group shows it.
func (s Step) machineName() string {
	name := Clean(s.Get(ParamMachine))
	switch {
	case s.Verb == gate.CreateMachine && name != "":
		name = "a NEW Machine in place of " + name
	case s.Verb == gate.CreateMachine:
		name = "a NEW Machine"
	}
	return name + " (" + Quote(s.Get(ParamRegion)) + ")"
}

// joinLines lists names on as many lines as they need.
func joinLines(lead string, names []string) []string {
	const width = 2 * lineLimit
	line, used := lead, utf8.RuneCountInString(lead)
	var out []string
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		n := utf8.RuneCountInString(name) + 1
		if used+n > width && i > 0 {
			out = append(out, strings.TrimSuffix(line, " "))
			line, used = "  ", 2
		}
		line, used = line+name+" ", used+n
	}
	return append(out, strings.TrimSuffix(line, " "))
}
