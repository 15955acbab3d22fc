package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/drift"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

// TestReadExisting: one configuration, one Machine or a list is told apart, and
// what is neither is refused.
func TestReadExisting(t *testing.T) {
	const deployed = `"metadata":{"fly_platform_version":"v2","fly_process_group":"web"}`
	tests := []struct {
		name, body string
		want       string // id/group of each Machine, then those that are partial
		err        string
	}{
		{"configuration", `{"env":{}}`, "configuration 1/app", ""},
		{"configuration of a group", `{` + deployed + `}`, "configuration 1/web", ""},
		{"configurations", `[{},{` + deployed + `}]`, "configuration 1/app configuration 2/web", ""},
		{"Machine", `{"id":"148e21ea7d9d89","config":{` + deployed + `}}`, "148e21ea7d9d89/", ""},
		{"Machines", "\n[{\"id\":\"3d8d9e0b59e318\",\"config\":{}},{\"id\":\"148e21ea7d9d89\",\"config\":{}}]\n",
			"148e21ea7d9d89/ 3d8d9e0b59e318/", ""},
		{"no Machine", `[]`, "", ""},
		{"gone", `[{"id":"148e21ea7d9d89","state":"destroyed","config":{}}]`, "", ""},
		{"partial", `{"id":"148e21ea7d9d89","incomplete_config":{}}`, "148e21ea7d9d89?", ""},
		{"unreadable", `{"id":"148e21ea7d9d89","config":{"env":[]}}`, "148e21ea7d9d89?", ""},
		{"unreadable configuration", `{"env":[]}`, "", `field "env"`},
		{"mixed", `[{"id":"148e21ea7d9d89","config":{}},{"env":{}}]`, "", "without a valid id"},
		{"without an id", `{"config":{}}`, "", "without a valid id"},
		{"empty", "  ", "", "is empty"},
		{"null", `null`, "", "null is neither"},
		{"null in a list", `[null]`, "", "null is neither"},
		{"text", `"x"`, "", "neither a configuration nor Machines"},
		{"two", `{}{}`, "", "neither a configuration nor Machines"},
	}
	file, err := flytoml.Parse("fly.toml", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := diffRun{program: program{stdin: strings.NewReader(test.body)}, existing: "-"}
			machines, partial, err := d.readExisting(t.Context(), file)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("got %v, want %q", err, test.err)
				}
				return
			}
			var got []string
			for _, m := range machines {
				got = append(got, m.ID+"/"+m.Group)
			}
			for _, id := range partial {
				got = append(got, id+"?")
			}
			if got := strings.Join(got, " "); err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// FuzzReadExisting: whatever is read can be compared, and shown on a terminal.
func FuzzReadExisting(f *testing.F) {
	f.Add([]byte(
		`[{"id":"148e21ea7d9d89","config":{"env":{"A\u001b":"b"},"mounts":[null,{"name":"x"}],` +
			`"metadata":{"fly_platform_version":"v2"}}}]`))
	f.Add([]byte(`{"services":[{"autostop":"stop"}],"metadata":{"fly_process_group":"\n"}}`))
	file, err := flytoml.Parse("fly.toml", []byte("[env]\n  A = \"1\"\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d := diffRun{program: program{stdin: bytes.NewReader(body)}, existing: "-"}
		machines, _, err := d.readExisting(t.Context(), file)
		if err != nil {
			return
		}
		report, err := drift.Compare(drift.Input{File: file, Release: file, Machines: machines})
		if err != nil {
			return
		}
		if text := d.table(report); strings.ContainsFunc(text, isHidden) {
			t.Errorf("not printable: %q", text)
		}
		for _, line := range report.Lines(0) {
			if strings.Contains(line, "\n") || strings.ContainsFunc(line, isHidden) {
				t.Errorf("not one printable line: %q", line)
			}
		}
	})
}

// isHidden reports whether a terminal would obey a character instead of showing it.
func isHidden(r rune) bool { return r != '\n' && !outside.IsVisible(r) }
