package syntax

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/excerpt"
)

// readYAML reads the first document of a text; flyctl ignores the others. flyctl
// uses gopkg.in/yaml.v3; this package uses its successor, and accepts the same
// files: UTF-8 with a byte order mark, UTF-16, and lines that end in CR, NEL, LS
// or PS.
func readYAML(data []byte) (map[string]any, *Error) {
	t := &yamlText{data: data}
	node, err := t.compose()
	doc := map[string]any{}
	if err != nil || node == nil {
		return doc, err
	}
	if err := t.missingKey(node); err != nil {
		return nil, err
	}
	if err := t.repeats(node); err != nil {
		return nil, err
	}
	if err := t.duplicates(node); err != nil {
		return nil, err
	}
	if err := node.Load(&doc, yaml.WithV3Defaults(), yaml.WithUniqueKeys(false)); err != nil {
		return nil, t.error(err, node)
	}
	if doc == nil {
		return nil, t.errorAt(node.Line, node.Column, nullReason)
	}
	return doc, nil
}

// yamlText is a YAML file while it is read.
type yamlText struct {
	data  []byte
	index *LineIndex // made on first use
}

// missingKey refuses ": value" in a block. The library reads it as an empty key; yaml.v3
// refuses it.
func (t *yamlText) missingKey(node *yaml.Node) *Error {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && node.Style&yaml.FlowStyle == 0 && i%2 == 0 &&
			child.Kind == yaml.ScalarNode && child.Value == "" && child.Style == 0 && child.Anchor == "" {
			e := t.errorAt(child.Line, child.Column, "did not find expected key")
			if bytes.HasPrefix(t.index.Data[t.index.Offset(child.Line, child.Column):], []byte(":")) {
				line := yamlV3Line(yaml.ParserStage, node.Line, child.Line)
				return e.withText("yaml: " + line + e.Reason)
			}
		}
		if err := t.missingKey(child); err != nil {
			return err
		}
	}
	return nil
}

// maxDirectives is the most directives that a file may have: the library compares
// each %TAG with all others.
const maxDirectives = 100

// compose reads the first document's nodes. It returns nil if there is no
// document. It only loads nodes: decoding would compare each key of a mapping
// with all others. See duplicates.
func (t *yamlText) compose() (*yaml.Node, *Error) {
	if offset := manyDirectives(t.data); offset >= 0 {
		return nil, ErrorAt("", t.data, offset, "too many directives")
	}
	var deep bool
	limit := loaderlimits.DepthFunc(func(depth int, _ *loaderlimits.DepthContext) error {
		if deep = depth > MaxDepth; deep {
			return errors.New(TooDeepReason())
		}
		return nil
	})
	loader, err := yaml.NewLoader(bytes.NewReader(t.data), yaml.WithV3Defaults(), yaml.WithPlugin(loaderlimits.New(limit)))
	if err != nil {
		return nil, &Error{Reason: err.Error()}
	}
	var node yaml.Node
	switch err := loader.Load(&node); {
	case err == io.EOF:
		return nil, nil
	case deep:
		e := t.error(err, nil)
		e.Reason, e.Text = TooDeepReason(), ""
		return nil, e
	case err != nil:
		return nil, t.error(err, nil)
	}
	return &node, nil
}

// ComposeYAML reads the nodes of a text's first document, nil if there is none.
func ComposeYAML(data []byte) (*yaml.Node, *Error) {
	return (&yamlText{data: data}).compose()
}

// manyDirectives returns the offset of the first directive that is one too many,
// -1 if there is none. It works in UTF-16 too.
func manyDirectives(data []byte) int {
	n, behindBreak := 0, true
	for i, b := range data {
		switch b {
		case 0, ' ', '\t':
			continue // a byte of a UTF-16 character, or a space
		case '%':
			if behindBreak {
				n++
			}
			if n > maxDirectives {
				return i
			}
		}
		// CR, LF, or the last byte of NEL, LS or PS.
		behindBreak = b == '\n' || b == '\r' || b == 0x85 || b == 0xa8 || b == 0xa9
	}
	return -1
}

// maxRepeated is how much aliases may add to a document, in bytes. Each value counts
// as valueWeight bytes in addition to its text.
const (
	maxRepeated = 8 << 20
	valueWeight = 64
)

// repeats refuses aliases that expand a small file to a large document.
func (t *yamlText) repeats(node *yaml.Node) *Error {
	r := repeater{weights: map[*yaml.Node]int{}}
	r.weigh(node)
	if r.blame == nil {
		return nil
	}
	return t.errorAt(r.blame.Line, r.blame.Column, fmt.Sprintf("aliases expand to more than %d MiB", maxRepeated>>20))
}

// repeater computes the weight of nodes. An alias has the weight of the node that it refers to.
type repeater struct {
	weights map[*yaml.Node]int // of nodes with an anchor; 0 while the node itself is being weighed
	added   int
	blame   *yaml.Node
}

func (r *repeater) weigh(node *yaml.Node) int {
	weight := valueWeight + len(node.Value)
	if node.Kind == yaml.AliasNode {
		weight += r.weights[node.Alias]
		if r.added += weight; r.added > maxRepeated && r.blame == nil {
			r.blame = node
		}
		return weight
	}
	for _, child := range node.Content {
		if r.blame != nil {
			break
		}
		weight += r.weigh(child)
	}
	if node.Anchor != "" {
		r.weights[node] = weight
	}
	return weight
}

// maxDuplicates is the most repeated keys that an error lists.
const maxDuplicates = 10

// duplicates refuses repeated keys, as yaml.v3 does.
func (t *yamlText) duplicates(node *yaml.Node) *Error {
	found := duplicateKeys(node, nil)
	if len(found) == 0 {
		return nil
	}
	text := "yaml: unmarshal errors:"
	for _, d := range found {
		text += "\n  " + fmt.Sprintf("line %d: %s", d.again.Line, d)
	}
	return t.errorAt(found[0].again.Line, found[0].again.Column, excerpt.Line(found[0].String())).withText(text)
}

// duplicate is a key that a mapping has twice.
type duplicate struct{ first, again *yaml.Node }

func (d duplicate) String() string {
	return fmt.Sprintf("mapping key %#v already defined at line %d", d.again.Value, d.first.Line)
}

func duplicateKeys(node *yaml.Node, found []duplicate) []duplicate {
	if node.Kind == yaml.MappingNode {
		type key struct {
			kind  yaml.Kind
			value string
		}
		seen := make(map[key]*yaml.Node, len(node.Content)/2)
		before := len(found)
		for i := 0; i < len(node.Content) && len(found) < maxDuplicates; i += 2 {
			n := node.Content[i]
			k := key{n.Kind, n.Value}
			if first := seen[k]; first != nil {
				found = append(found, duplicate{first, n})
				continue
			}
			seen[k] = n
		}
		if len(found) > before {
			return found
		}
	}
	for _, child := range node.Content {
		if len(found) == maxDuplicates {
			break
		}
		found = duplicateKeys(child, found)
	}
	return found
}
