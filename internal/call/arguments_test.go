package call

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
)

// everyType has an argument of each type that the tools use.
type everyType struct {
	App   string   `json:"app"`
	Text  string   `json:"text,omitempty"`
	Flag  bool     `json:"flag,omitempty"`
	Count int      `json:"count,omitempty"`
	Share float64  `json:"share,omitempty"`
	Names []string `json:"names,omitempty"`
}

func TestArguments(t *testing.T) {
	type object = map[string]any
	tests := []struct {
		name      string
		arguments any
		want      object
		refused   string // part of message and hint; empty: accepted
	}{
		{"absent", nil, object{"app": "default-app"}, ""},
		{"app given", object{"app": "a"}, object{"app": "a"}, ""},
		{"null of every argument", object{"app": nil, "text": nil, "flag": nil, "count": nil, "share": nil,
			"names": nil}, object{"app": "default-app"}, ""},
		{"boolean as text", object{"flag": "true"}, object{"app": "default-app", "flag": true}, ""},
		{"false as text", object{"flag": "false"}, object{"app": "default-app", "flag": false}, ""},
		{"boolean as Python writes it", object{"flag": "True"}, object{"app": "default-app", "flag": true}, ""},
		{"whole number as text", object{"count": "8080"}, object{"app": "default-app", "count": 8080.0}, ""},
		{"fraction as text", object{"share": "0.5"}, object{"app": "default-app", "share": 0.5}, ""},
		{"array as text", object{"names": `["web","worker"]`},
			object{"app": "default-app", "names": []any{"web", "worker"}}, ""},
		{"text stays text", object{"text": "true"}, object{"app": "default-app", "text": "true"}, ""},
		{"number as text stays text", object{"text": "8080"}, object{"app": "default-app", "text": "8080"}, ""},
		{"what hosts add", object{"app": "a", "toolCallId": "1", "sessionId": "2", "action": "sendMessage",
			"chatInput": object{"x": 1.0}}, object{"app": "a"}, ""},
		{"number for boolean", object{"flag": 1.0}, nil, "must be true or false, not a number"},
		{"1 as text for boolean", object{"flag": "1"}, nil, "must be true or false"},
		{"yes for boolean", object{"flag": "yes"}, nil, "must be true or false"},
		{"empty text for boolean", object{"flag": ""}, nil, "must be true or false"},
		{"null as text for boolean", object{"flag": "null"}, nil, "must be true or false"},
		{"fraction for a whole number", object{"count": "80.5"}, nil, "must be a whole number"},
		{"port with a word", object{"count": "8080/tcp"}, nil, "must be a whole number"},
		{"octal", object{"count": "08080"}, nil, "must be a whole number"},
		{"hexadecimal", object{"count": "0x1f90"}, nil, "must be a whole number"},
		{"beyond a float", object{"share": "1e999"}, nil, "must be a number"},
		{"one name for an array", object{"names": "web"}, nil, "must be an array of strings"},
		{"null in an array", object{"names": []any{nil}}, nil, "must hold strings only"},
		{"numbers in an array as text", object{"names": "[1]"}, nil, "must hold strings only"},
		{"object as text for an array", object{"names": `{"a":1}`}, nil, "must be an array of strings"},
		{"near miss of an argument", object{"flags": true}, nil, "did you mean flag"},
		{"null of a near miss", object{"flags": nil}, nil, "did you mean flag"},
		{"near miss of what hosts add", object{"session_id": "1"}, nil, "there is no argument"},
		{"not an object", "app=a", nil, "must be an object"},
		{"empty array", []any{}, nil, "must be an object"},
	}
	schema := InputSchema[everyType](nil)
	a := &Handler{Deps: Deps{DefaultApp: "default-app"}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, problem := a.arguments(schema, mcp.CallToolRequest{Params: mcp.CallToolParams{Arguments: test.arguments}})
			if problem == nil {
				_, problem = Decode[everyType](schema, got)
			}
			switch {
			case test.refused == "" && problem != nil:
				t.Errorf("refused: %s", problem.Message)
			case test.refused == "" && !reflect.DeepEqual(got, test.want):
				t.Errorf("got %v, want %v", got, test.want)
			case test.refused != "" && problem == nil:
				t.Errorf("accepted as %v, want %q", got, test.refused)
			case test.refused != "" && !strings.Contains(problem.Message+" "+problem.Hint, test.refused):
				t.Errorf("refused with %q, hint %q, want %q", problem.Message, problem.Hint, test.refused)
			}
		})
	}
}

// TestHostArgumentsDeclared has a tool with an argument of its own that bears
// the name of one that hosts add: it is the tool's.
func TestHostArgumentsDeclared(t *testing.T) {
	schema := InputSchema[struct {
		Action string `json:"action"`
	}](nil)
	got, problem := (&Handler{}).arguments(schema,
		mcp.CallToolRequest{Params: mcp.CallToolParams{Arguments: map[string]any{"action": "stop"}}})
	if problem != nil || got["action"] != "stop" {
		t.Errorf("got %v, %v, want the tool's own argument", got, problem)
	}
}
