package rollout

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestKept: what was to go and is still there is a mismatch; what the platform adds
// by itself is not.
func TestKept(t *testing.T) {
	const (
		forced = `{"services":[{"internal_port":80,"ports":[{"port":80,"force_https":true}]}]}`
		plain  = `{"services":[{"internal_port":80,"ports":[{"port":80}]}]}`
		two    = `{"services":[{"internal_port":80,"ports":[{"port":80}]},{"internal_port":90,"ports":[{"port":90}]}]}`
	)
	tests := []struct {
		name                string
		before, sent, found string
		want                []string // paths
	}{
		{"as sent", forced, plain, plain, nil},
		{"force_https stays", forced, plain, forced, []string{"services[0].ports[0].force_https"}},
		{"a service stays", two, plain, two, []string{"services[1].internal_port", "services[1].ports[0].port"}},
		{"all services stay", plain, `{}`, plain, []string{"services[0].internal_port", "services[0].ports[0].port"}},
		{"a service that nobody sent", plain,
			`{"services":[{"internal_port":80,"ports":[{"port":80}]}],"env":{"A":"1"}}`,
			`{"services":[{"internal_port":80,"ports":[{"port":80},{"port":81}]}],"env":{"A":"1"}}`,
			[]string{"services[0].ports[1].port"}},
		{"a variable stays", `{"env":{"A":"1","B":"2"}}`, `{"env":{"A":"1"}}`, `{"env":{"A":"1","B":"2"}}`,
			[]string{"env.B"}},
		{"a check stays", `{"checks":{"a":{"port":80}}}`, `{}`, `{"checks":{"a":{"port":80}}}`, []string{"checks.a.port"}},
		{"added by the platform", plain, plain,
			`{"services":[{"internal_port":80,"new":1,"ports":[{"port":80,"new":2}]}],"env":{"NEW":"1"},` +
				`"checks":{"a":{"b":1}},"new":1}`,
			nil},
		{"not what a deploy replaces", `{"new":1,"environment":{"a":1}}`, `{}`, `{"new":1,"environment":{"a":1}}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			parse := func(text string) machine.Config {
				c, err := machine.ParseConfig([]byte(text))
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			var got []string
			for _, line := range mismatch(parse(test.sent), parse(test.found), parse(test.before)) {
				path, _, _ := strings.Cut(line, ": ")
				got = append(got, path)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
