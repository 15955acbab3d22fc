package flytoml

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
)

// appendJSON writes the same as json.Marshal, including errors.
func TestAppendJSON(t *testing.T) {
	text := "x"
	values := []any{
		nil, true, 1, int64(math.MinInt64), 0.0, math.Copysign(0, -1), -3.0, 0.1, 1e15, 1e20, 1e21, 1e-7,
		math.Inf(1), math.NaN(), float64(1 << 53), uint64(math.MaxUint64),
		"", "a b", "\"\\\n\x7f\u2028<&>é\xff", &text, (*string)(nil), time.Unix(0, 0).UTC(),
		time.Date(99999, 1, 1, 0, 0, 0, 0, time.UTC),
		[]any{}, []any(nil), []string{"a", "<"}, []string(nil), []map[string]any{}, []map[string]any(nil),
		[]map[string]any{{"a": 1}, nil},
		map[string]any{}, map[string]any(nil), map[string]string(nil), map[string]string{"b": "<", "a": "", "A": "x"},
		map[string]any{"b": []any{1, nil, "x"}, "a": map[string]any{"<": 1.5}, "\xff": 1, "": 2},
		map[any]any{1: 2}, []any{map[any]any{1: 2}}, map[string]any{"a": math.Inf(-1), "b": map[any]any{}},
	}
	for _, data := range flytomltest.Files(t) {
		if f, err := Parse("fly.toml", data); err == nil {
			values = append(values, f.doc)
		}
	}
	for _, value := range values {
		want, wantErr := json.Marshal(value)
		got, err := appendJSON(nil, value)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) || err == nil && string(got) != string(want) {
			t.Errorf("%.100v:\n got %s, %v\nwant %s, %v", value, got, err, want, wantErr)
		}
	}
}
