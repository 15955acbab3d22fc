package edit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/legacy"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

// pathStep is a key of a table or, if the key is empty, an index of an array.
// (TOML allows an empty key, but no edit changes anything below one.)
type pathStep struct {
	key   string
	index int
}

// keyPath is the path from the top of a document to a value.
type keyPath []pathStep

func (p keyPath) with(steps ...pathStep) keyPath {
	return append(p[:len(p):len(p)], steps...)
}

// String returns the path as people write it: services[0].ports[1].force_https.
func (p keyPath) String() string {
	var b strings.Builder
	for i, step := range p {
		switch {
		case step.key == "":
			b.WriteString("[" + strconv.Itoa(step.index) + "]")
		case i > 0:
			b.WriteString("." + step.key)
		default:
			b.WriteString(step.key)
		}
	}
	return b.String()
}

// intent is a change that the edit is supposed to make.
type intent struct {
	path  keyPath
	value scalar
}

// intents returns all intents sorted by path, so that those with a common prefix are adjacent.
func (ed *editor) intents() []intent {
	list := make([]intent, len(ed.paths))
	for i, path := range ed.paths {
		list[i] = intent{path, ed.values[i]}
	}
	slices.SortStableFunc(list, func(a, b intent) int {
		return slices.CompareFunc(a.path, b.path, func(a, b pathStep) int {
			return cmp.Or(cmp.Compare(a.index, b.index), strings.Compare(a.key, b.key))
		})
	})
	return list
}

// firstStep splits the list into the intents that share the first one's step at a depth, and
// the others.
func firstStep(list []intent, depth int) (these, others []intent) {
	n := 1
	for n < len(list) && list[n].path[depth] == list[0].path[depth] {
		n++
	}
	return list[:n], list[n:]
}

// verify decodes the edited bytes and compares them with the document before:
// every intended change must be there, and no other.
func (ed *editor) verify(format syntax.Format, before map[string]any, after []byte) error {
	if len(ed.changes) == 0 {
		if len(ed.list) > 0 {
			return errors.New("bytes differ without a change")
		}
		return nil
	}
	doc, err := format.Decode(after)
	if err != nil {
		return err
	}
	if m := compare(before, doc, ed.intents(), 0); m != nil {
		slices.Reverse(m.path)
		return fmt.Errorf("%s %s", m.path, m.what)
	}
	return nil
}

// mismatch is an unintended difference, or an intended change that is missing.
type mismatch struct {
	path keyPath // from the value upwards
	what string
}

func (m *mismatch) under(step pathStep) *mismatch {
	m.path = append(m.path, step)
	return m
}

// compare returns a mismatch between two values, given the intents in them. The
// first depth steps of the intents' paths lead to the values. before is nil for a
// new table.
func compare(before, after any, want []intent, depth int) *mismatch {
	switch {
	case len(want) == 0 && legacy.Equal(before, after):
		return nil
	case len(want) == 0:
		return &mismatch{what: "differs"}
	case len(want[0].path) == depth && want[len(want)-1].value.decodesTo(after):
		return nil
	case len(want[0].path) == depth:
		return &mismatch{what: "does not have the intended value"}
	}
	switch after := after.(type) {
	case map[string]any:
		was, ok := before.(map[string]any)
		if before != nil && !ok {
			return &mismatch{what: "became a table"}
		}
		return compareTables(was, after, want, depth)
	case []any:
		was, ok := before.([]any)
		if before != nil && !ok {
			return &mismatch{what: "has another length"}
		}
		return compareArrays(was, after, want, depth)
	}
	return &mismatch{what: "is no longer a table"}
}

func compareTables(was, after map[string]any, want []intent, depth int) *mismatch {
	meant := make(map[string]struct{}, 8)
	for len(want) > 0 {
		var these []intent
		these, want = firstStep(want, depth)
		step := these[0].path[depth]
		value, ok := after[step.key]
		if !ok {
			return (&mismatch{what: "was not added"}).under(step)
		}
		if m := compare(was[step.key], value, these, depth+1); m != nil {
			return m.under(step)
		}
		meant[step.key] = struct{}{}
	}
	for key := range was {
		if _, ok := after[key]; !ok {
			return (&mismatch{what: "is gone"}).under(pathStep{key: key})
		}
	}
	for key, value := range after {
		if _, ok := meant[key]; ok {
			continue
		}
		before, ok := was[key]
		if !ok {
			return (&mismatch{what: "is new"}).under(pathStep{key: key})
		}
		if !legacy.Equal(before, value) {
			return (&mismatch{what: "differs"}).under(pathStep{key: key})
		}
	}
	return nil
}

// compareArrays accepts additional items at the end if they are intended.
func compareArrays(was, after []any, want []intent, depth int) *mismatch {
	for i, value := range after {
		step := pathStep{index: i}
		var these []intent
		if len(want) > 0 && want[0].path[depth] == step {
			these, want = firstStep(want, depth)
		}
		var before any
		switch {
		case i < len(was):
			before = was[i]
		case these == nil:
			return &mismatch{what: "has another length"}
		}
		if m := compare(before, value, these, depth+1); m != nil {
			return m.under(step)
		}
	}
	if len(after) < len(was) || len(want) > 0 {
		return &mismatch{what: "has another length"}
	}
	return nil
}
