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

// pathStep is a key of a table or, if that is empty, an index of an array.
// (An empty key exists in TOML, but no edit goes through one.)
type pathStep struct {
	key   string
	index int
}

// keyPath leads from the top of a document to a value.
type keyPath []pathStep

func (p keyPath) with(steps ...pathStep) keyPath {
	return append(p[:len(p):len(p)], steps...)
}

// String is the path as people write it: services[0].ports[1].force_https.
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

// intent is a value that an edit meant to change.
type intent struct {
	path  keyPath
	value scalar
}

// intents are all of them, in the order of their paths, so that those under
// the same step stand together.
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

// firstStep returns the intents of the first of the list's steps at a depth, and
// the others.
func firstStep(list []intent, depth int) (these, others []intent) {
	n := 1
	for n < len(list) && list[n].path[depth] == list[0].path[depth] {
		n++
	}
	return list[:n], list[n:]
}

// verify decodes the edited bytes, and compares them with the document before:
// every value that was meant to change has, and no other.
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

// mismatch is a difference that was not meant, or a change that did not happen.
type mismatch struct {
	path keyPath // from the value upwards
	what string
}

func (m *mismatch) under(step pathStep) *mismatch {
	m.path = append(m.path, step)
	return m
}

// compare finds a mismatch between two values and the intents in them, whose
// paths lead to them by depth steps. before is nil for a table that is new.
func compare(before, after any, want []intent, depth int) *mismatch {
	switch {
	case len(want) == 0 && legacy.Equal(before, after):
		return nil
	case len(want) == 0:
		return &mismatch{what: "differs"}
	case len(want[0].path) == depth && want[len(want)-1].value.decodesTo(after):
		return nil
	case len(want[0].path) == depth:
		return &mismatch{what: "is not what it was to be"}
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

// compareArrays takes items behind those that were for new ones, if they are
// meant.
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
