package syntax

import (
	"bytes"
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxComparisons is the most comparisons of keys that go-toml may have to make:
// it compares each new key of a table with the ones before it. One table of
// 10,000 keys takes this many.
const maxComparisons = 50_000_000

// findCrowded returns the offset at which the tables of a TOML file have too many
// keys for go-toml to read in reasonable time. It returns -1 if they never do, or
// if the file is not TOML.
func findCrowded(data []byte) int {
	if most := bytes.Count(data, []byte("=")) + bytes.Count(data, []byte("[")); most*most/2 <= maxComparisons {
		return -1
	}
	c := census{keys: map[string]int{}, seen: map[string]bool{}, items: map[string]int{}}
	var parser unstable.Parser
	parser.Reset(data)
	table, offset := "", -1
	for parser.NextExpression() && offset < 0 {
		switch expr := parser.Expression(); expr.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, offset = c.enter("", expr.Key(), expr.Kind == unstable.ArrayTable)
		case unstable.KeyValue:
			if _, offset = c.enter(table, expr.Key(), false); offset < 0 {
				offset = c.value(expr.Value())
			}
		}
	}
	return offset
}

// census counts the keys of tables. A path consists of the names of tables and
// the indexes of arrays, joined by a character that no name contains.
type census struct {
	keys        map[string]int // in each table
	seen        map[string]bool
	items       map[string]int // in each [[array]]
	comparisons int
}

// enter counts the parts of a key or header in their tables. It returns the path
// of the last part, and the offset of the first key that is one too many.
func (c *census) enter(path string, parts unstable.Iterator, array bool) (string, int) {
	for parts.Next() {
		table := path
		path += "\x00" + string(parts.Node().Data)
		if !c.seen[path] {
			c.seen[path] = true
			c.comparisons += c.keys[table]
			c.keys[table]++
		}
		if c.comparisons > maxComparisons {
			return path, int(parts.Node().Raw.Offset)
		}
		if array && parts.IsLast() {
			c.items[path]++
		}
		if n := c.items[path]; n > 0 {
			path += "\x00" + strconv.Itoa(n)
		}
	}
	return path, -1
}

// value counts the keys of the inline tables in a value.
func (c *census) value(value *unstable.Node) int {
	if value.Kind != unstable.InlineTable && value.Kind != unstable.Array {
		return -1
	}
	keys := 0
	for it := value.Children(); it.Next(); {
		item := it.Node()
		if item.Kind == unstable.KeyValue {
			c.comparisons += keys
			keys++
			if c.comparisons > maxComparisons {
				return int(item.Raw.Offset)
			}
			item = item.Value()
		}
		if offset := c.value(item); offset >= 0 {
			return offset
		}
	}
	return -1
}
