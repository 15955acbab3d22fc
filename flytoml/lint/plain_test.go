package lint

import (
	"regexp"
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
)

// TestLintPlainPort: the port that lint names beside TLS alone is free, and
// another one for each service; a program that another service offers without
// TLS needs none.
func TestLintPlainPort(t *testing.T) {
	const head = "app = 'x'\n"
	service := func(internal, ports string) string {
		return "[[services]]\nprotocol = 'tcp'\ninternal_port = " + internal + "\nports = [" + ports + "]\n"
	}
	const tls80, tls443, plain80 = "{port = 80, handlers = ['tls', 'http']}",
		"{port = 443, handlers = ['tls', 'http']}", "{port = 80, handlers = ['http']}"
	const rest = " with handlers = [\"http\"]"
	tests := []struct {
		name, toml string
		want       []string // the ports; "" for a fix that names none
	}{
		{"one", head + service("8080", tls443), []string{"80"}},
		{"port 80 has TLS", head + service("8080", tls80), []string{"8080"}},
		{"port 80 is another program's", head + service("8080", plain80) + service("9090", tls443), []string{"8080"}},
		{"8080 is taken too", head + service("8080",
			plain80+", {start_port = 8080, end_port = 8089}") + service("9090", tls443), []string{"8090"}},
		{"two", head + service("8080", tls443) + service("9090", "{port = 8443, handlers = ['tls', 'http']}"),
			[]string{"80", "8080"}},
		{"the same program, plain", head + service("8080", plain80) + service("8080", tls443), nil},
		{"the same program for another group", head + "[processes]\na = ''\nb = ''\n" + service("8080",
			plain80) + "processes = ['a']\n" + service("8080", tls443) + "processes = ['b']\n", []string{"8080"}},
		{"raw TCP", head + service("1883", "{port = 8883, handlers = ['tls']}"), []string{""}},
	}
	named := regexp.MustCompile(`port (\d+)` + regexp.QuoteMeta(rest))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, err := flytoml.Parse("fly.toml", []byte(test.toml))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range LintPrivate(f) {
				if finding.Code != FindingTLSOnly {
					continue
				}
				port := ""
				if m := named.FindStringSubmatch(finding.Fix); m != nil {
					port = m[1]
				}
				got = append(got, port)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
