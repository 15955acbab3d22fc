package flytoml

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
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

// intent is a tree of the values that an edit meant to change.
type intent struct {
	value scalar
	below map[pathStep]*intent // nil where value counts
}

func (ed *editor) intent() *intent {
	top := &intent{}
	for i, path := range ed.paths {
		at := top
		for _, step := range path {
			if at.below == nil {
				at.below = map[pathStep]*intent{}
			}
			next := at.below[step]
			if next == nil {
				next = &intent{}
				at.below[step] = next
			}
			at = next
		}
		at.value = ed.values[i]
	}
	return top
}

// verify decodes the edited bytes, and compares them with the document before:
// every value that was meant to change has, and no other.
func (ed *editor) verify(format format, before map[string]any, after []byte) error {
	if len(ed.changes) == 0 {
		if len(ed.list) > 0 {
			return errors.New("bytes differ without a change")
		}
		return nil
	}
	doc, err := format.decode(after)
	if err != nil {
		return err
	}
	if m := compare(before, doc, ed.intent()); m != nil {
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

// compare finds a mismatch between two documents and the intent. before is nil
// for a table that is new.
func compare(before, after any, want *intent) *mismatch {
	switch {
	case want == nil && same(before, after):
		return nil
	case want == nil:
		return &mismatch{what: "differs"}
	case want.below == nil && want.value.decodesTo(after):
		return nil
	case want.below == nil:
		return &mismatch{what: "is not what it was to be"}
	}
	switch after := after.(type) {
	case map[string]any:
		was, ok := before.(map[string]any)
		if before != nil && !ok {
			return &mismatch{what: "became a table"}
		}
		for key := range was {
			if _, ok := after[key]; !ok {
				return (&mismatch{what: "is gone"}).under(pathStep{key: key})
			}
		}
		for key, value := range after {
			step := pathStep{key: key}
			if _, ok := was[key]; !ok && want.below[step] == nil {
				return (&mismatch{what: "is new"}).under(step)
			}
			if m := compare(was[key], value, want.below[step]); m != nil {
				return m.under(step)
			}
		}
		for step := range want.below {
			if _, ok := after[step.key]; !ok {
				return (&mismatch{what: "was not added"}).under(step)
			}
		}
		return nil
	case []any:
		was, ok := before.([]any)
		added := 0
		for step := range want.below {
			if step.index >= len(was) {
				added++
			}
		}
		if !ok || len(was)+added != len(after) {
			return &mismatch{what: "has another length"}
		}
		for i, value := range after {
			step := pathStep{index: i}
			var before any // of an item that is new, nothing
			if i < len(was) {
				before = was[i]
			}
			if m := compare(before, value, want.below[step]); m != nil {
				return m.under(step)
			}
		}
		return nil
	}
	return &mismatch{what: "is no longer a table"}
}

// same tells whether two decoded values are equal; NaN equals itself.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			if other, ok := b[key]; !ok || !same(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || math.IsNaN(a) && math.IsNaN(b))
	}
	return reflect.DeepEqual(a, b)
}
