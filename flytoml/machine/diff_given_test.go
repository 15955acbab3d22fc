package machine

import (
	"fmt"
	"strings"
	"testing"
)

// TestDiffGiven checks that new values are shown, and that values which the platform
// already has are not, wherever they are moved.
func TestDiffGiven(t *testing.T) {
	const secret = "hunter2-hunter2"
	old := parse(t,
		`{"env":{"TOKEN":"`+secret+`","N":"1"},"files":[{"raw_value":"aGVsZA=="}],`+
			`"checks":{"x":{"headers":[{"name":"A","values":["held-header","x"]}]}}}`)
	held := make(HeldValues)
	held.Add(old)
	held.Add(parse(t, `{"env":{"OTHER":"on-another-machine"}}`))
	tests := []struct {
		name, config, want string
	}{
		{"new", `{"env":{"TOKEN":"` + secret + `","N":"1","NEW":"given"}}`, `env.NEW = "given" [given]`},
		{"changed", `{"env":{"TOKEN":"given","N":"1"}}`, `env.TOKEN: ‹hidden, 15 bytes› → "given" [given]`},
		{"a short value that is held elsewhere", `{"env":{"TOKEN":"` + secret + `","N":"1","M":"1"}}`, `env.M = "1" [given]`},
		{"moved", `{"env":{"MOVED":"` + secret + `"}}`,
			`env.MOVED = ‹hidden, 15 bytes, the value that Fly holds at env.TOKEN›`},
		{"of another Machine", `{"env":{"TOKEN":"on-another-machine"}}`,
			`env.TOKEN: ‹hidden, 15 bytes› → ‹hidden, 18 bytes, the value that Fly holds at env.OTHER›`},
		{"into a header", `{"checks":{"y":{"headers":[{"name":"A","values":["new","` + secret + `"]}]}}}`,
			`headers[0].values = ‹hidden, 25 bytes, the value that Fly holds at env.TOKEN›`},
		{"an element of a header", `{"checks":{"y":{"headers":[{"name":"A","values":["x"]}]}}}`,
			`headers[0].values = ‹hidden`},
		{"a header", `{"checks":{"y":{"headers":[{"name":"A","values":["given"]}]}}}`,
			`headers[0].values = ["given"] [given]`},
		{"a file moved in its list", `{"files":[{"raw_value":"bmV3"},{"raw_value":"aGVsZA=="}]}`,
			`files[1].raw_value = ‹hidden, 8 bytes, the value that Fly holds at files[0].raw_value›`},
		{"into a container", `{"containers":[{"env":{"A":"` + secret + `"}}]}`, `containers[0].env.A = ‹hidden`},
	}
	for _, test := range tests {
		var lines []string
		for _, c := range DiffGiven(old, parse(t, test.config), held) {
			line := c.String()
			if c.Given {
				line += " [given]"
			}
			lines = append(lines, line)
		}
		text := strings.Join(lines, "\n")
		if !strings.Contains(text, test.want) {
			t.Errorf("%s: no %s in\n%s", test.name, test.want, text)
		}
		for _, hidden := range []string{secret, "held-header", "aGVsZA==", "on-another-machine"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s: %s is shown in\n%s", test.name, hidden, text)
			}
		}
	}
	// Results and logs use Diff.
	if text := fmt.Sprint(Diff(Config{}, old)); strings.Contains(text, secret) {
		t.Errorf("Diff shows %s", text)
	}
}
