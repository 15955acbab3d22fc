package tools

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestArgumentBounds: every text and every list that a tool takes has a bound,
// and beyond it nothing is read or sent.
func TestArgumentBounds(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	many := make([]any, plan.MaxItems+1)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}).String()
	}
	for _, tool := range w.toolset.all() {
		w.tools[tool.Spec().Name] = tool
		schema, _ := tool.(interface {
			DeriveSchemas() (in, out *jsonschema.Schema)
		}).DeriveSchemas()
		for name, property := range schema.Properties {
			var value any
			switch property.Type {
			case "string":
				value = strings.Repeat("x", 2<<20)
			case "array":
				value = many
			default:
				continue
			}
			arguments := map[string]any{"app": "shop-api"}
			for _, required := range schema.Required {
				switch schema.Properties[required].Type {
				case "string":
					arguments[required] = "shop-api"
				case "integer":
					arguments[required] = 8080
				}
			}
			arguments[name] = value
			w.ResetCalls()
			var out plan.Result
			w.call(tool.Spec().Name, arguments, &out)
			if len(w.Calls()) > 0 {
				t.Errorf("%s with a long %s: %d calls", tool.Spec().Name, name, len(w.Calls()))
			}
			if len(out.Summary) > 2000 || !strings.Contains(out.Summary, name) {
				t.Errorf("%s with a long %s: %.300s", tool.Spec().Name, name, out.Summary)
			}
		}
	}
	for _, arguments := range []map[string]any{
		{"app": "shop-api", "ips": []any{strings.Repeat("1", call.MaxItem+1)}},
		{"app": "shop-api", strings.Repeat("i", 1<<20): true},
	} {
		var out plan.Result
		if w.call("release_public_ips", arguments, &out); out.Code != gate.InvalidInput || len(out.Summary) > 500 {
			t.Errorf("got %s: %.300s", out.Code, out.Summary)
		}
	}
}

// TestCorrectionsAreForTheAgent calls every tool with a near miss of an
// argument: the agent can correct it, so it is not left to a person.
func TestCorrectionsAreForTheAgent(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	for _, tool := range w.toolset.all() {
		t.Run(tool.Spec().Name, func(t *testing.T) {
			result, err := tool.Call(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{
				Name: tool.Spec().Name, Arguments: map[string]any{"ap": "shop-api"}}})
			if err != nil {
				t.Fatal(err)
			}
			var out struct {
				Next []struct{ Who, Why string } `json:"next"`
			}
			body, err := json.Marshal(result.StructuredContent)
			if err == nil {
				err = json.Unmarshal(body, &out)
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Next) != 1 || out.Next[0].Who != "agent" || !strings.Contains(out.Next[0].Why, "did you mean app") {
				t.Errorf("next is %v, want the correction for the agent", out.Next)
			}
		})
	}
}
