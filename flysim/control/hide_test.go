package control

import (
	"encoding/json"
	"testing"
)

// TestShownBody has the documents with values that must not be shown.
func TestShownBody(t *testing.T) {
	tests := []struct{ body, want string }{
		{``, ``},
		{`{"config":{"image":"nginx","env":{"KEY":"s3cret"},"files":[{"guest_path":"/a","raw_value":"czNj"}]}}`,
			`{"config":{"env":{"KEY":"(hidden)"},"files":[{"guest_path":"/a","raw_value":"(hidden)"}],"image":"nginx"}}`},
		{`{"variables":{"input":{"definition":{"env":{"A":{"B":["s3cret",1,null]}}}}}}`,
			`{"variables":{"input":{"definition":{"env":{"A":{"B":["(hidden)","(hidden)",null]}}}}}}`},
		{`{"values":{"A":"s3cret"},"ENV":true,"name":"x"}`, `{"ENV":"(hidden)","name":"x","values":{"A":"(hidden)"}}`},
		{`{"init":{"cmd":["run"],"entrypoint":["s3cret"],"exec":["s3cret"]},"machine_config":"{}"}`,
			`{"init":{"cmd":["(hidden)"],"entrypoint":["(hidden)"],"exec":["(hidden)"]},"machine_config":"(hidden)"}`},
		{`{"env":{"KEY":"s3cr`, ``}, // incomplete
	}
	for _, tt := range tests {
		got, ok := shownBody([]byte(tt.body))
		if got != tt.want || ok != (tt.body == "" || json.Valid([]byte(tt.body))) {
			t.Errorf("%s: %s, %v, want %s", tt.body, got, ok, tt.want)
		}
	}
}

// FuzzShownBody checks that the value of an environment variable is never shown.
func FuzzShownBody(f *testing.F) {
	f.Add(`{"a":1}`)
	f.Add(`[{"env":{"a":["x"]}}]`)
	f.Fuzz(func(t *testing.T, inner string) {
		if !json.Valid([]byte(inner)) {
			return
		}
		shown, _ := shownBody([]byte(`{"env":` + inner + `}`))
		var got any
		if err := json.Unmarshal([]byte(shown), &got); err != nil {
			t.Fatal(err)
		}
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for _, inner := range v {
					walk(inner)
				}
			case []any:
				for _, inner := range v {
					walk(inner)
				}
			case nil:
			default:
				if v != hidden {
					t.Errorf("%v of %s is shown", v, inner)
				}
			}
		}
		walk(got)
	})
}
