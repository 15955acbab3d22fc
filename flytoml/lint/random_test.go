package lint

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
)

// TestLintRandom: of whatever is made of flyctl's keys and of values right and
// wrong, lint has an error if and only if flyctl would refuse it.
func TestLintRandom(t *testing.T) {
	t.Parallel()
	w := docWriter{rand.New(rand.NewPCG(1, 2))}
	known, refused := schema.Root(), 0
	for range 1_000 {
		data, err := json.Marshal(w.table(known, "", 0.15))
		if err != nil {
			t.Fatal(err)
		}
		f, err := flytoml.Parse("fly.json", data)
		if err != nil {
			t.Fatal(err)
		}
		findings := Lint(f)
		checkErrors(t, f, findings)
		if f.Validate() != nil {
			refused++
		}
	}
	if refused < 200 || refused > 800 {
		t.Errorf("%d of 1000 are refused: too few of one kind", refused)
	}
}

// docWriter writes random documents.
type docWriter struct{ *rand.Rand }

func (w docWriter) table(s *schema.Key, path string, share float64) map[string]any {
	table := map[string]any{}
	if s.Free {
		for _, name := range []string{"app", "web"} {
			if w.Float64() < 0.4 {
				table[name] = w.value(s.Keys[""], path+".NAME")
			}
		}
		return table
	}
	for _, name := range s.Names() {
		if w.Float64() < share {
			key := name
			if w.IntN(30) == 0 {
				key = strings.ToUpper(name[:1]) + name[1:]
			}
			table[key] = w.value(s.Keys[name], path+"."+name)
		}
	}
	return table
}

func (w docWriter) value(s *schema.Key, path string) any {
	if w.IntN(60) == 0 {
		return w.pick(nil, true, 1.0, -1.0, 80.5, "", "x", "80", "15s", []any{}, []any{"app"}, map[string]any{},
			[]any{map[string]any{}}, []any{nil}, 1e12)
	}
	if s.Keys != nil {
		table := w.table(s, path, 0.25)
		if s.Type.Kind() == reflect.Slice && w.IntN(5) > 0 {
			return []any{table}
		}
		return table
	}
	key := path[strings.LastIndexByte(path, '.')+1:]
	switch {
	case strings.HasSuffix(path, "processes"):
		return w.pick([]any{"app"}, []any{"web"}, []any{"app", "web"}, []any{"none"}, []any{""})
	case key == "type":
		return w.pick("tcp", "http", "requests")
	case key == "policy":
		return w.pick("always", "never")
	case key == "strategy":
		return w.pick("rolling", "bluegreen", "canary")
	case key == "auto_stop_machines":
		return w.pick("stop", "off", true, "suspend")
	case key == "size":
		return w.pick("shared-cpu-1x", "nonsense")
	case key == "memory", strings.Contains(key, "_size"):
		return w.pick("1gb", "5GB", 512.0, "lots")
	case key == "machine_config":
		return w.pick("m.json", "{}", "m.yml", "")
	case key == "interval", strings.HasSuffix(key, "timeout"), key == "grace_period":
		return w.pick("15s", 3000.0, "1s", "2m")
	}
	kind := s.Type
	if kind == nil {
		return "x"
	}
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	switch kind.Kind() {
	case reflect.Int, reflect.Uint32, reflect.Float64:
		return w.pick(80.0, 3.0, 0.0, 70000.0)
	case reflect.Bool:
		return w.pick(true, false)
	case reflect.Slice:
		return w.pick([]any{"http"}, []any{})
	}
	return w.pick("x", "tcp", "80", "ams")
}

func (w docWriter) pick(values ...any) any { return values[w.IntN(len(values))] }
