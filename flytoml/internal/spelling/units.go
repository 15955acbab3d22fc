package spelling

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
)

// unit is a unit of time in nanoseconds, or of size in bytes.
type unit struct {
	size  bool
	parts int64
}

func unitNamed(word string) (unit, bool) {
	switch word {
	case "ms", "msec", "msecs", "millis", "millisecond", "milliseconds":
		return unit{parts: int64(time.Millisecond)}, true
	case "s", "sec", "secs", "second", "seconds":
		return unit{parts: int64(time.Second)}, true
	case "m", "min", "mins", "minute", "minutes":
		return unit{parts: int64(time.Minute)}, true
	case "h", "hour", "hours":
		return unit{parts: int64(time.Hour)}, true
	case "kb", "kib":
		return unit{true, 1 << 10}, true
	case "mb", "mib":
		return unit{true, 1 << 20}, true
	case "gb", "gib":
		return unit{true, 1 << 30}, true
	case "tb", "tib":
		return unit{true, 1 << 40}, true
	}
	return unit{}, false
}

// otherUnit says how to write a value whose key has a unit that the known key does
// not have, or returns "".
func otherUnit(key string, value any, names []string, known *schema.Key) string {
	parts := SplitWords(key)
	if len(parts) < 2 {
		return ""
	}
	word := parts[len(parts)-1]
	from, ok := unitNamed(word)
	if !ok {
		return ""
	}
	stem := strings.Join(parts[:len(parts)-1], "")
	best, plainName := "", ""
	for _, name := range names {
		theirs := SplitWords(name)
		if strings.Join(theirs, "") == stem {
			plainName = name
		}
		last := theirs[len(theirs)-1]
		if to, ok := unitNamed(last); ok && to.size == from.size && strings.Join(theirs[:len(theirs)-1], "") == stem {
			best = name
		}
	}
	n, isNumber := Number(value)
	amount := n * float64(from.parts)
	switch {
	case best != "":
		to, _ := unitNamed(SplitWords(best)[len(SplitWords(best))-1])
		if whole := amount / float64(to.parts); isNumber && whole == math.Trunc(whole) && math.Abs(whole) < 1<<31 {
			return fmt.Sprintf("did you mean %s? It uses another unit: %s = %d", best, best, int64(whole))
		}
		return fmt.Sprintf("did you mean %s? It uses another unit: convert the value", best)
	case plainName == "":
		return ""
	case known.Keys[plainName].IsDuration() && !from.size:
		if isNumber && math.Abs(amount) < math.MaxInt64 {
			return fmt.Sprintf("did you mean %s? Its value includes the unit: %s = %q", plainName, plainName,
				flytoml.Duration(amount).String())
		}
		return fmt.Sprintf("did you mean %s? Its value includes the unit, for example %s = \"5%s\"", plainName,
			plainName, word)
	case from.size && known.Keys[plainName].Type != reflect.TypeFor[string]():
		return ""
	case from.size:
		if isNumber && n == math.Trunc(n) && math.Abs(n) < 1<<31 {
			return fmt.Sprintf("did you mean %s? Its value includes the unit: %s = \"%d%s\"", plainName, plainName,
				int64(n), word)
		}
		return fmt.Sprintf("did you mean %s? Its value includes the unit, for example %s = \"1%s\"", plainName,
			plainName, word)
	}
	return ""
}

// Number returns a number as any of the formats decodes it.
func Number(value any) (float64, bool) {
	switch n := value.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}
