package edit

import (
	"errors"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/layout"
	"github.com/flycast-mcp/flycast-mcp/flytoml/syntax"
)

func TestEditRefusesFile(t *testing.T) {
	tests := []refusal{
		{"keys differ in case", "[http_service]\ninternal_port = 1\n  Internal_Port = 2\n", 3, 3,
			`"Internal_Port" differs from "internal_port" in case alone`},
		{"tables differ in case", "[http_service]\n[HTTP_SERVICE]\n", 2, 2, "in case alone"},
		{"sections differ in case", "[env]\n[ENV]\n", 2, 2, "in case alone"},
		{"dotted keys differ in case", "[[services]]\nconcurrency.a = 1\nConcurrency.b = 1\n", 3, 1, "in case alone"},
		{"keys of inline tables differ in case", "services = [{a = 1, A = 2}]\n", 1, 21, "in case alone"},
		{"keys of ports differ in case", "[[services]]\n[[services.ports]]\nport = 1\nPORT = 2\n", 4, 1, "in case alone"},
		{"long s", "[http_service]\n\"proce\u017fses\" = []\nprocesses = []\n", 3, 1, "in case alone"},
		{"array of http_service", "[[http_service]]\ninternal_port = 1\n", 1, 3, "http_service is not a table"},
		{"http_service is a value", "http_service = 80\n", 1, 16, "http_service is not a table"},
		{"services is a value", "app = ''\nservices = 'web'\n", 2, 12, "services is not a table"},
		{"services are values", "services = [{a = 1}, 80]\n", 1, 22, "services[1] is not a table"},
		{"a table for a value", "[http_service]\n[http_service.auto_stop_machines]\na = 1\n", 2, 15,
			"http_service.auto_stop_machines is a table"},
		{"a comment in the value", "[http_service]\nauto_stop_machines = [ # x\n]\n", 2, 22, "contains a comment"},
		{"array of limits", "[http_service]\n[[http_service.concurrency]]\ntype = ''\n", 2, 16,
			"http_service.concurrency is not a table"},
		{"number of limits", "[[services]]\nconcurrency = 20\n", 2, 15, "concurrency is not a table"},
		{"text of limits", "[[services]]\nconcurrency = 'many'\n", 2, 15, `neither a table nor "soft,hard"`},
		{"old limits of http_service", "[http_service]\nconcurrency = '1,2'\n", 2, 15, "is not a table"},
		{"hard limit", "[http_service.concurrency]\nhard_limit = 19\n", 2, 14,
			"the hard limit 19 is below the soft limit 20"},
		{"old hard limit", "[[services]]\nconcurrency = '1,2'\n", 2, 15, "the hard limit 2 is below the soft limit 20"},
	}
	testRefusals(t, "fly.toml", tests)
}

// refusal is a file that cannot be edited, and the expected error.
type refusal struct {
	name, text  string
	row, column int
	reason      string
}

func testRefusals(t *testing.T, name string, tests []refusal) {
	all := blueprint()
	all.SoftLimit = ptr(20)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := Apply(parseAs(t, name, tt.text), all)
			var refused *syntax.Error
			if !errors.As(err, &refused) {
				t.Fatalf("err = %v", err)
			}
			if edited != nil {
				t.Errorf("edited = %v", edited)
			}
			if refused.Row != tt.row || refused.Column != tt.column {
				t.Errorf("at %d:%d, want %d:%d", refused.Row, refused.Column, tt.row, tt.column)
			}
			if !strings.Contains(refused.Reason, tt.reason) {
				t.Errorf("reason = %s, want %s", refused.Reason, tt.reason)
			}
		})
	}
}

func TestEditRefusesJSON(t *testing.T) {
	testRefusals(t, "fly.json", []refusal{
		{"a key twice", `{"http_service":{"a":1,"b":1,"a":2}}`, 1, 30, `the key "a" is there twice`},
		{"services twice", `{"services":[],"services":[{"a":1}]}`, 1, 16, `the key "services" is there twice`},
		{"keys differ in case", `{"services":[{"ports":[{"port":1,"PORT":2}]}]}`, 1, 34, "in case alone"},
		{"tables differ in case", "{\"http_service\":{},\n\"HTTP_SERVICE\":{}}", 2, 1, "in case alone"},
		{"services that are none", `{"services":[{"a":1},null]}`, 1, 22, "services[1] is not a table"},
		{"a list for a service", `{"http_service":[]}`, 1, 17, "http_service is not a table"},
		{"number of limits", `{"services":[{"concurrency":1}]}`, 1, 29, "concurrency is not a table"},
		{"hard limit", `{"http_service":{"concurrency":{"hard_limit":1.9e1}}}`, 1, 46,
			"the hard limit 19 is below the soft limit 20"},
	})
}

func TestEditRefusesYAML(t *testing.T) {
	testRefusals(t, "fly.yaml", []refusal{
		{"keys differ in case", "http_service:\n  a: 1\n  A: 1\n", 3, 3, "in case alone"},
		{"service used twice", "services:\n- &a\n  internal_port: 1\n  ports: [{port: 80}]\n- *a\n", 3, 3,
			"services[0] is used in more than one place"},
		{"port used twice", "services:\n- ports:\n  - &p {force_https: true}\n  - *p\n", 3, 22,
			"services[0].ports[0].force_https is used in more than one place"},
		{"value used twice", "http_service:\n  min_machines_running: &n 1\nx: *n\n", 2, 28,
			"min_machines_running is used in more than one place"},
		{"value used as a key", "http_service:\n  min_machines_running: &n 1\nx: {*n : 1}\n", 2, 28,
			"min_machines_running is used in more than one place"},
		{"service from elsewhere", "x: &x {internal_port: 1}\nhttp_service: *x\n", 2, 15,
			"http_service is used in more than one place"},
		{"keys from elsewhere", "services:\n- &a\n  internal_port: 1\n- <<: *a\n  x: 1\n", 4, 3,
			"services[1] takes keys from another place"},
		{"limits from elsewhere", "http_service:\n  concurrency:\n    <<: {a: 1}\n", 3, 5,
			"http_service.concurrency takes keys from another place"},
		{"ports from elsewhere", "services:\n- ports:\n  - <<: {force_https: true}\n", 3, 5,
			"services[0].ports[0] takes keys from another place"},
		{"all from elsewhere", "<<: {http_service: {}}\n", 1, 1, "the file takes keys from another place"},
		{"tag", "http_service:\n  min_machines_running: !!int 1\n", 2, 31, "has a tag"},
		{"text over lines", "http_service:\n  auto_stop_machines: |\n    off\n", 2, 23, "is a text over several lines"},
		{"text that does not end", "http_service:\n  é: |\n    x", 3, 6, "end its last line first"},
		{"table for a value", "http_service:\n  auto_stop_machines:\n    a: b\n", 3, 5,
			"is a table, but flyctl expects a single value"},
		{"list for a value", "http_service:\n  auto_stop_machines:\n  - b\n", 3, 3,
			"is a table, but flyctl expects a single value"},
		{"comment in a value", "http_service:\n  auto_stop_machines: [ # x\n  ]\n", 2, 23, "contains a comment"},
		{"two documents", "http_service:\n  a: 1\n---\nb: 1\n", 3, 1, "more than one YAML document"},
		{"explicit key", "http_service:\n  ? a\n  : 1\n", 2, 5, "not a plain one"},
		{"key that is a number", "http_service:\n  1: 1\n", 2, 3, "the key '1' is not a text"},
		{"key alone", "http_service: {é: 1, concurrency}\n", 1, 34, "http_service.concurrency is a key without a colon"},
		{"colon on the next line", "{\n c\n:}\n", 2, 2, "not a plain one"},
		{"pair without braces", "services: [ports: [port: 80], {}]\n", 1, 12, "services[0] is a pair without braces"},
		{"CR only", "a: 1 # b\rhttp_service:\n", 1, 9, "line break that YAML knows"},
		{"CR at the end", "#\r", 1, 2, "line break that YAML knows"},
		{"odd line break", "http_service:\n  a: \"x\u2028y\"\n", 2, 8, "line break that YAML knows"},
		{"CR only", "http_service:\n  a: \"x\ry\"\n", 2, 8, "line break that YAML knows"},
		{"UTF-16", "\xff\xfea\x00:\x00 \x00b\x00\n\x00", 1, 1, "is in UTF-16"},
		{"services that are none", "services:\n- a: 1\n-\n", 3, 2, "services[1] is not a table"},
		{"a value for a service", "http_service: 80\n", 1, 15, "http_service is not a table"},
		{"old hard limit", "services:\n- concurrency: '1,2'\n", 2, 16, "the hard limit 2 is below the soft limit 20"},
		{"hard limit", "http_service:\n  concurrency:\n    hard_limit: 0x13\n", 3, 17,
			"the hard limit 19 is below the soft limit 20"},
	})
}

func TestEditRefusesPlainPort(t *testing.T) {
	const tls = "[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['tls', 'http']\n"
	tests := []struct {
		name, text, reason string
	}{
		{"http_service has it", "[http_service]\n" + tls,
			"the plain port 80 cannot be added to services[0].ports: http_service already has it"},
		{"another service has it", tls + "[[services]]\n[[services.ports]]\nport = '80'\n",
			"services[1].ports[0] already has it"},
		{"another service has it in a range",
			tls + "[[services]]\n[[services.ports]]\nstart_port = 1\nend_port = 99\n", "services[1].ports[0] already has it"},
		{"the port itself", "[[services]]\n[[services.ports]]\nport = 80\nhandlers = ['tls', 'http']\n",
			"services[0].ports[0] already has it"},
		{"two services want it", tls + tls,
			"2 services use only TLS and need a plain port each: services[0] (internal port 0), services[1] " +
				"(internal port 0)"},
		{"a single port", "[[services]]\n[services.ports]\nport = 443\nhandlers = ['tls', 'http']\n", "write it as a list"},
		{"no port in the list", "[[services]]\nports = [{port = 443, handlers = ['tls', 'http']}, 1]\n",
			"contains an item that is not a port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := Apply(parse(t, tt.text), plainPort(80))
			var refused *syntax.Error
			if !errors.As(err, &refused) || !strings.Contains(refused.Reason, tt.reason) || refused.Row == 0 || edited != nil {
				t.Errorf("edited = %v, err = %v, want %s", edited, err, tt.reason)
			}
		})
	}
}

// Names that are data may differ only in case.
func TestEditKeepsNamesThatDifferInCase(t *testing.T) {
	for _, text := range []string{
		"[http_service]\ninternal_port = 1\n[http_service.http_options.response.headers]\nX-A = 'b'\nx-a = 'c'\n",
		"[env]\nA = '1'\na = '2'\n[http_service]\ninternal_port = 1\n",
		"[processes]\nWeb = ''\nweb = ''\n[http_service]\nprocesses = ['web']\n",
	} {
		edited, err := Apply(parse(t, text), blueprint())
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if len(edited.Changes) == 0 {
			t.Errorf("%s: no changes", text)
		}
	}
}

// Parse already refuses these files, with the position.
func TestParseRefusesUnsafeFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		text        string
		row, column int
	}{
		"CR only":         {"app = 'x'\r[http_service]\r", 1, 10},
		"CR in a comment": {"app = 'x'\n# a\rb\n", 2, 4},
		"NUL":             {"app = 'x'\n# \x00\n", 2, 3},
		"byte order mark": {"\xef\xbb\xbfapp = 'x'\n", 1, 1},
	} {
		_, err := flytoml.Parse("fly.toml", []byte(tt.text))
		var refused *syntax.Error
		if !errors.As(err, &refused) || refused.Row != tt.row || refused.Column != tt.column {
			t.Errorf("%s: err = %v, want one at %d:%d", name, err, tt.row, tt.column)
		}
	}
}

// An error does not list thousands of process groups.
func TestEditRefusesShortly(t *testing.T) {
	f := parse(t, "[processes]\n"+strings.Repeat("a", 900)+" = ''\nb = ''\n")
	for _, edit := range []Request{{Groups: []string{"c"}}, {Create: &Create{InternalPort: 80}}} {
		if _, err := Apply(f, edit); err == nil || len(err.Error()) > 400 {
			t.Errorf("got %v", err)
		}
	}
}

func TestEditRefusesEdit(t *testing.T) {
	text := "[processes]\nweb = ''\njobs = ''\n"
	tests := []struct {
		name, want string
		edit       Request
	}{
		{"unknown group", `no process group "app"; the file has jobs, web`, Request{Groups: []string{"web", "app"}}},
		{"negative minimum", "min_machines_running cannot be -1", Request{MinMachines: ptr(-1)}},
		{"no limit", "soft_limit cannot be 0", Request{SoftLimit: ptr(0)}},
		{"unknown type", `not "tcp"`, Request{ConcurrencyType: "tcp"}},
		{"no such plain port", "a port cannot be 0", Request{PlainPorts: []int{0}}},
		{"no port", "needs an internal_port", Request{Create: &Create{}}},
		{"no such port", "internal_port cannot be 65536", Request{Create: &Create{InternalPort: 65536}}},
		{"whose service", "name the process groups of the new service: the file has jobs, web",
			Request{Create: &Create{InternalPort: 80}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edited, err := Apply(parse(t, text), tt.edit)
			if err == nil || !strings.Contains(err.Error(), tt.want) || edited != nil {
				t.Errorf("edited = %v, err = %v, want %s", edited, err, tt.want)
			}
		})
	}
}

// Verification finds what a faulty editor would change.
func TestVerify(t *testing.T) {
	const text = "a = 1\n[http_service]\nforce_https = true\nlist = [nan, 2024-01-01]\n[[services]]\nx = 1\n"
	path := keyPath{{key: "http_service"}, {key: "force_https"}}
	tests := []struct {
		name, after, want string
	}{
		{"as meant", "a = 1\n[http_service]\nforce_https = false\nlist = [nan, 2024-01-01]\n[[services]]\nx = 1\n", ""},
		{"not done", text, "http_service.force_https does not have the intended value"},
		{"wrong type", strings.Replace(text, "true", "'false'", 1),
			"http_service.force_https does not have the intended value"},
		{"something else",
			"a = 2\n[http_service]\nforce_https = false\nlist = [nan, 2024-01-01]\n[[services]]\nx = 1\n", "a differs"},
		{"another list",
			"a = 1\n[http_service]\nforce_https = false\nlist = [2024-01-01, nan]\n[[services]]\nx = 1\n",
			"http_service.list differs"},
		{"gone", "a = 1\n[http_service]\nforce_https = false\n[[services]]\nx = 1\n", "http_service.list is gone"},
		{"new", "a = 1\nb = 1\n[http_service]\nforce_https = false\nlist = [nan, 2024-01-01]\n[[services]]\n" +
			"x = 1\n", "b is new"},
		{"one more", "a = 1\n[http_service]\nforce_https = false\nlist = [nan, 2024-01-01]\n[[services]]\nx = 1\n" +
			"[[services]]\n", "services differs"},
		{"no TOML", "a = \n", "toml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ed := &editor{
				changes: make([]Change, 1),
				paths:   []keyPath{path},
				values:  []scalar{{kind: layout.KindBool, on: false}},
			}
			err := ed.verify(syntax.TOML, parse(t, text).Document(), []byte(tt.after))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestEditRefusalHides checks that an error does not show the text next to the
// offending key or value, and that the caret is below what it shows.
func TestEditRefusalHides(t *testing.T) {
	all := blueprint()
	all.SoftLimit = ptr(20)
	for _, tt := range []struct{ name, text, line, caret string }{
		{"fly.json", `{"env":{"A":"S3CR3T"},"services":[{"ports":[{"port":1,"PORT":2}]}],"x":"S3CR3T"}`,
			`… "PORT" …`, "  ^"},
		{"fly.json", `{"env":{"A":"S3CR3T"},"http_service":["S3CR3T"]}`, `… [ …`, "  ^"},
		{"fly.yaml", "{env: {A: S3CR3T}, http_service: 80, x: S3CR3T}", `… 80 …`, "  ^"},
		{"fly.toml", "http_service = {a = 'S3CR3T', A = 'S3CR3T'}\n", `… A …`, "  ^"},
		{"fly.toml", "[http_service]\nA.x = 'S3CR3T'\n  a.y = 'S3CR3T'\n", `a.y …`, "^"},
		{"fly.toml", "http_service = 'S3CR3T with blanks'\n", `…  …`, "  ^"},
		{"fly.yaml", "http_service: " + strings.Repeat(`"`, 2) + "\n", `… ""`, "  ^"},
	} {
		_, err := Apply(parseAs(t, tt.name, tt.text), all)
		var refused *syntax.Error
		if !errors.As(err, &refused) {
			t.Fatalf("%s: %v", tt.text, err)
		}
		if refused.Line != tt.line || refused.Caret != tt.caret || strings.Contains(err.Error(), "S3CR3T") {
			t.Errorf("%s: %q, %q\n%v", tt.text, refused.Line, refused.Caret, err)
		}
	}
}

// TestEditBeforeHides checks that a change does not show the content of a table or
// list that it replaces.
func TestEditBeforeHides(t *testing.T) {
	for _, tt := range []struct{ name, text, before string }{
		{"fly.toml", "[http_service]\nforce_https = { a = 'S3CR3T' }\n", "a table"},
		{"fly.json", `{"http_service": {"force_https": ["S3CR3T"]}}`, "a list"},
		{"fly.yaml", "http_service: {force_https: {a: S3CR3T}}", "a table"},
	} {
		edited, err := Apply(parseAs(t, tt.name, tt.text), Request{ForceHTTPS: ptr(false)})
		if err != nil || len(edited.Changes) != 1 || edited.Changes[0].Before != tt.before {
			t.Errorf("%s: %+v, %v", tt.text, edited, err)
		}
	}
}
