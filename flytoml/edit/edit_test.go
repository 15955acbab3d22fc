package edit

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/flytomltest"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func parse(t *testing.T, text string) *flytoml.File {
	t.Helper()
	return parseAs(t, "fly.toml", text)
}

func parseAs(t *testing.T, name, text string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Short edits that the tables below are about.
func autostart() Request                      { return Request{Autostart: ptr(true)} }
func plainHTTP() Request                      { return Request{ForceHTTPS: ptr(false)} }
func stopIdle() Request                       { return Request{Autostop: ptr(machine.AutostopStop)} }
func softLimit(n int) Request                 { return Request{SoftLimit: &n} }
func minMachines(n int) Request               { return Request{MinMachines: &n} }
func plainPort(n int) Request                 { return Request{PlainPorts: []int{n}} }
func inGroups(e Request, g ...string) Request { e.Groups = g; return e }

// editTest is a file before and after an edit.
type editTest struct {
	name         string
	edit         Request
	before, want string
}

func editTests() []editTest {
	return []editTest{
		// Values.
		{"boolean", plainHTTP(),
			"[http_service]\nforce_https = true # why\n",
			"[http_service]\nforce_https = false # why\n"},
		{"absent force_https stays absent", plainHTTP(),
			"[http_service]\ninternal_port = 1\n",
			"[http_service]\ninternal_port = 1\n"},
		{"value of another type", plainHTTP(),
			"[http_service]\nforce_https = 'yes'\n",
			"[http_service]\nforce_https = false\n"},
		{"word in its own quotes", stopIdle(),
			"a = \"x\"\nb = \"y\"\n[http_service]\nauto_stop_machines = 'off'\n",
			"a = \"x\"\nb = \"y\"\n[http_service]\nauto_stop_machines = 'stop'\n"},
		{"new word in the file's quotes", stopIdle(),
			"app = 'x'\n[http_service]\ninternal_port = 1\n",
			"app = 'x'\n[http_service]\ninternal_port = 1\nauto_stop_machines = 'stop'\n"},
		{"boolean in place of a word", Request{Autostop: ptr(machine.AutostopSuspend)},
			"[http_service]\nauto_stop_machines = true\n",
			"[http_service]\nauto_stop_machines = \"suspend\"\n"},
		{"true means stop", stopIdle(),
			"[http_service]\nauto_stop_machines = true\n",
			"[http_service]\nauto_stop_machines = true\n"},
		{"false means off", Request{Autostop: ptr(machine.AutostopOff)},
			"[http_service]\nauto_stop_machines = false\n",
			"[http_service]\nauto_stop_machines = false\n"},
		{"multi-line string", stopIdle(),
			"[http_service]\nauto_stop_machines = \"\"\"\noff\"\"\"\ninternal_port = 1\n",
			"[http_service]\nauto_stop_machines = \"stop\"\ninternal_port = 1\n"},
		{"escapes", stopIdle(),
			"[http_service]\nauto_stop_machines = \"o\\u0066f\" # \\u0066\n",
			"[http_service]\nauto_stop_machines = \"stop\" # \\u0066\n"},
		{"number in another spelling", minMachines(16),
			"[http_service]\nmin_machines_running = 0x1_0\n",
			"[http_service]\nmin_machines_running = 0x1_0\n"},
		{"number in quotes", minMachines(0),
			"[http_service]\nmin_machines_running = \"0\"\n",
			"[http_service]\nmin_machines_running = 0\n"},
		{"array in place of a number", minMachines(0),
			"[http_service]\nmin_machines_running = [\n 1,\n]\n",
			"[http_service]\nmin_machines_running = 0\n"},
		{"array over CRLF lines in place of a number", minMachines(0),
			"[http_service]\r\nmin_machines_running = [\r\n  {},\r\n  1\r\n] # x\r\n",
			"[http_service]\r\nmin_machines_running = 0 # x\r\n"},

		// New keys under a header.
		{"behind the keys that flyctl writes before it", autostart(),
			"[http_service]\n  internal_port = 1 # port\n  # note\n  processes = []\n",
			"[http_service]\n  internal_port = 1 # port\n  auto_start_machines = true\n  # note\n  processes = []\n"},
		{"behind the last key", autostart(),
			"[http_service]\n\tprocesses = []\n\n# end\n",
			"[http_service]\n\tprocesses = []\n\tauto_start_machines = true\n\n# end\n"},
		{"last line without newline", autostart(),
			"[http_service]\n  internal_port = 1",
			"[http_service]\n  internal_port = 1\n  auto_start_machines = true"},
		{"last line with a comment and without newline", autostart(),
			"[http_service]\r\n  internal_port = 1 # x",
			"[http_service]\r\n  internal_port = 1 # x\r\n  auto_start_machines = true"},
		{"header on the last line", autostart(),
			"[env]\n    A = 'b'\n[http_service]",
			"[env]\n    A = 'b'\n[http_service]\n    auto_start_machines = true"},
		{"header with a comment and nothing below", autostart(),
			"[http_service] # web\n\n[env]\n",
			"[http_service] # web\n  auto_start_machines = true\n\n[env]\n"},
		{"CRLF", autostart(),
			"[http_service]\r\n  internal_port = 1\r\n\r\n[env]\r\n",
			"[http_service]\r\n  internal_port = 1\r\n  auto_start_machines = true\r\n\r\n[env]\r\n"},
		{"mixed line endings: the neighbour's", autostart(),
			"a = 1\n[http_service]\r\ninternal_port = 1\r\n[env]\n",
			"a = 1\n[http_service]\r\ninternal_port = 1\r\nauto_start_machines = true\r\n[env]\n"},
		{"no blanks around the sign", autostart(),
			"[http_service]\ninternal_port=1\n",
			"[http_service]\ninternal_port=1\nauto_start_machines=true\n"},
		{"sign below the neighbour's", minMachines(0),
			"[http_service]\n  auto_start_machines    = true\n",
			"[http_service]\n  auto_start_machines    = true\n  min_machines_running   = 0\n"},
		{"blank behind the sign only", minMachines(0),
			"[http_service]\nauto_start_machines_not= true\n",
			"[http_service]\nauto_start_machines_not= true\nmin_machines_running = 0\n"},
		{"behind an array over lines", autostart(),
			"[http_service]\n  processes = [ # [\n    \"]\",\n  ] # x\n[env]\n",
			"[http_service]\n  processes = [ # [\n    \"]\",\n  ] # x\n  auto_start_machines = true\n[env]\n"},
		{"quoted header", autostart(),
			"[ \"http_service\" ]\n\"internal_port\" = 1\n",
			"[ \"http_service\" ]\n\"internal_port\" = 1\nauto_start_machines = true\n"},
		{"any case", plainHTTP(),
			"[HTTP_Service]\nForce_HTTPS = true\n[[Services]]\n[[Services.Ports]]\nforce_Https = true\n",
			"[HTTP_Service]\nForce_HTTPS = false\n[[Services]]\n[[Services.Ports]]\nforce_Https = false\n"},

		// Tables without a header of their own.
		{"dotted keys", autostart(),
			"http_service . internal_port = 1\nhttp_service.force_https = true # x\napp = 'a'\n",
			"http_service . internal_port = 1\nhttp_service.force_https = true # x\n" +
				"http_service.auto_start_machines = true\napp = 'a'\n"},
		{"headers of inner tables only", autostart(),
			"[env]\nA = 'b'\n\n# limits\n  [http_service.concurrency]\n  soft_limit = 1\n",
			"[env]\nA = 'b'\n\n  [http_service]\n  auto_start_machines = true\n\n# limits\n" +
				"  [http_service.concurrency]\n  soft_limit = 1\n"},
		{"limits where only inner tables have headers", Request{Autostart: ptr(true), SoftLimit: ptr(9)},
			"app = 'x'\n\n[[http_service.checks]]\npath = '/'\n",
			"app = 'x'\n\n[http_service]\nauto_start_machines = true\n" +
				"concurrency = { type = 'requests', soft_limit = 9 }\n\n[[http_service.checks]]\npath = '/'\n"},
		{"header between two edited tables", autostart(),
			"[services]\nprotocol = 'tcp'\n[http_service.concurrency]\n",
			"[services]\nprotocol = 'tcp'\nauto_start_machines = true\n[http_service]\nauto_start_machines = true\n\n" +
				"[http_service.concurrency]\n"},
		{"inline table", autostart(),
			"http_service = { internal_port = 1 } # x\n",
			"http_service = { internal_port = 1, auto_start_machines = true } # x\n"},
		{"inline table, trailing comma", autostart(),
			"http_service = {internal_port=1,}\n",
			"http_service = {internal_port=1, auto_start_machines=true,}\n"},
		{"empty inline tables", autostart(),
			"http_service = {}\nservices = [{ }]\n",
			"http_service = { auto_start_machines = true }\nservices = [{ }]\n"},
		{"inline table with a blank", autostart(),
			"http_service = { }\n",
			"http_service = { auto_start_machines = true }\n"},
		{"inline table over lines", autostart(),
			"http_service = {\n  internal_port = 1, # port\n  force_https = true # last\n}\n",
			"http_service = {\n  internal_port = 1, # port\n  force_https = true, # last\n  auto_start_machines = true\n}\n"},
		{"inline table over lines, trailing comma, CRLF", autostart(),
			"http_service = {\r\n  internal_port = 1 , # port\r\n}\r\n",
			"http_service = {\r\n  internal_port = 1 , # port\r\n  auto_start_machines = true,\r\n}\r\n"},
		{"inline table over lines, leading commas", autostart(),
			"http_service = {\n  internal_port = 1 # port\n  , }\n",
			"http_service = {\n  internal_port = 1, auto_start_machines = true # port\n  , }\n"},
		{"two keys in an inline table over lines", Request{Autostart: ptr(true), MinMachines: ptr(0)},
			"http_service = {\n\tinternal_port = 1\n}\n",
			"http_service = {\n\tinternal_port = 1,\n\tauto_start_machines = true,\n\tmin_machines_running = 0\n}\n"},
		{"array of inline tables", Request{Autostart: ptr(true), ForceHTTPS: ptr(false)},
			"services = [ # all\n { ports = [{ force_https = true, }, # one\n { port = 1 }] }, # two\n" +
				" { internal_port = 2 } ]\n",
			"services = [ # all\n { ports = [{ force_https = false, }, # one\n" +
				" { port = 1 }], auto_start_machines = true }, # two\n { internal_port = 2, auto_start_machines = true } ]\n"},
		{"nested arrays and comments before a value", plainHTTP(),
			"[services]\nports = [ # {\n [[1, # ]\n 2], '#', ], {a.b = {c = [']']}, force_https = true} ]\n",
			"[services]\nports = [ # {\n [[1, # ]\n 2], '#', ], {a.b = {c = [']']}, force_https = false} ]\n"},

		// Services and ports.
		{"every port of every service", plainHTTP(),
			"[[services]]\n[[services.ports]]\nforce_https = true\n[[services.ports]]\nforce_https = true\n" +
				"[[services]]\n[services.ports]\nforce_https=true\n",
			"[[services]]\n[[services.ports]]\nforce_https = false\n[[services.ports]]\nforce_https = false\n" +
				"[[services]]\n[services.ports]\nforce_https=false\n"},
		{"flat services with flat ports", Request{ForceHTTPS: ptr(false), Autostart: ptr(true)},
			"[services]\n  internal_port = '80'\n  [services.ports]\n    force_https = true",
			"[services]\n  internal_port = '80'\n  auto_start_machines = true\n  [services.ports]\n    force_https = false"},
		{"empty services stay empty", autostart(),
			"[[services]]\n# none\n[[services]]\ninternal_port = 1\n",
			"[[services]]\n# none\n[[services]]\ninternal_port = 1\nauto_start_machines = true\n"},
		{"on again where ports answer plain HTTP", Request{ForceHTTPS: ptr(true)},
			"[[services]]\n[[services.ports]]\nhandlers = ['http']\n[[services.ports]]\nhandlers = ['tls', 'http']\n" +
				"force_https = false\n[[services.ports]]\nport = 1\n",
			"[[services]]\n[[services.ports]]\nhandlers = ['http']\nforce_https = true\n[[services.ports]]\n" +
				"handlers = ['tls', 'http']\nforce_https = false\n[[services.ports]]\nport = 1\n"},

		// Plain ports.
		{"plain port", plainPort(80),
			"[[services]]\n  internal_port = 1\n\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['tls', 'http']\n    [services.ports.tls_options]\n      alpn = ['h2'] # yes\n" +
				"    # more\n\n  [[services.tcp_checks]]\n    port = 1\n",
			"[[services]]\n  internal_port = 1\n\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['tls', 'http']\n    [services.ports.tls_options]\n      alpn = ['h2'] # yes\n" +
				"    # more\n\n  [[services.ports]]\n    port = 80\n    handlers = [\"http\"]\n\n" +
				"  [[services.tcp_checks]]\n    port = 1\n"},
		{"plain port in brackets, on the last line", plainPort(80),
			"services = [ { ports=[{port=443, handlers=[\"tls\", \"http\"]}] } ]",
			"services = [ { ports=[{port=443, handlers=[\"tls\", \"http\"]}, { port = 80, handlers = [\"http\"] }] } ]"},
		{"plain port and more", Request{PlainPorts: []int{80}, ForceHTTPS: ptr(true), SoftLimit: ptr(9)},
			"[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['tls', 'http']",
			"[[services]]\n[services.concurrency]\ntype = \"requests\"\nsoft_limit = 9\n[[services.ports]]\n" +
				"port = 443\nhandlers = ['tls', 'http']\n[[services.ports]]\nport = 80\nhandlers = [\"http\"]\nforce_https = true"},
		{"no plain port where one is, or nothing is routed to", plainPort(80),
			"[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['tls', 'http']\n[[services.ports]]\n" +
				"port = 8080\nhandlers = ['http']\n[[services]]\ninternal_port = 1\n[[services]]\nprotocol = 'udp'\n" +
				"[[services.ports]]\nport = 1\n",
			"[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['tls', 'http']\n[[services.ports]]\n" +
				"port = 8080\nhandlers = ['http']\n[[services]]\ninternal_port = 1\n[[services]]\nprotocol = 'udp'\n" +
				"[[services.ports]]\nport = 1\n"},
		{"plain port of raw TLS", plainPort(1883),
			"[[services]]\n  internal_port = 1883\n  [[services.ports]]\n    port = 8883\n    handlers = ['tls']\n",
			"[[services]]\n  internal_port = 1883\n  [[services.ports]]\n    port = 8883\n    handlers = ['tls']\n" +
				"  [[services.ports]]\n    port = 1883\n"},
		{"plain port of pg_tls", plainPort(5433),
			"[[services]]\n  internal_port = 5432\n  [[services.ports]]\n    port = 5432\n    handlers = ['pg_tls']\n",
			"[[services]]\n  internal_port = 5432\n  [[services.ports]]\n    port = 5432\n    handlers = ['pg_tls']\n" +
				"  [[services.ports]]\n    port = 5433\n"},
		{"plain port with what the program expects", plainPort(80),
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['proxy_proto', 'tls', 'http']\n" +
				"    http_options = { h2_backend = true, compress = true }\n    proxy_proto_options = { version = 'v2' }\n",
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['proxy_proto', 'tls', 'http']\n" +
				"    http_options = { h2_backend = true, compress = true }\n" +
				"    proxy_proto_options = { version = 'v2' }\n  [[services.ports]]\n    port = 80\n" +
				"    handlers = [\"proxy_proto\", \"http\"]\n    http_options = { h2_backend = true }\n" +
				"    proxy_proto_options = { version = \"v2\" }\n"},
		{"plain ports of two programs", Request{PlainPorts: []int{80, 1883}},
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['tls', 'http']\n[[services]]\n  internal_port = 2\n  [[services.ports]]\n" +
				"    port = 8883\n    handlers = ['tls']\n",
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['tls', 'http']\n  [[services.ports]]\n    port = 80\n    handlers = [\"http\"]\n" +
				"[[services]]\n  internal_port = 2\n  [[services.ports]]\n    port = 8883\n    handlers = ['tls']\n" +
				"  [[services.ports]]\n    port = 1883\n"},
		{"one plain port for a program with two services", plainPort(80),
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['tls', 'http']\n[[services]]\n  internal_port = 1\n  [[services.ports]]\n" +
				"    port = 8443\n    handlers = ['tls', 'http']\n",
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 443\n" +
				"    handlers = ['tls', 'http']\n  [[services.ports]]\n    port = 80\n    handlers = [\"http\"]\n" +
				"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 8443\n    handlers = ['tls', 'http']\n"},
		{"plain port beside UDP on it", plainPort(443),
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 8443\n" +
				"    handlers = ['tls', 'http']\n[[services]]\n  protocol = 'udp'\n  internal_port = 443\n" +
				"  [[services.ports]]\n    port = 443\n",
			"[[services]]\n  internal_port = 1\n  [[services.ports]]\n    port = 8443\n" +
				"    handlers = ['tls', 'http']\n  [[services.ports]]\n    port = 443\n    handlers = ['http']\n" +
				"[[services]]\n  protocol = 'udp'\n  internal_port = 443\n  [[services.ports]]\n    port = 443\n"},

		// Limits.
		{"limits of a new table", softLimit(9),
			"[http_service]\n  internal_port = 1\n  # hard_limit = 3\n\n[env]\n",
			"[http_service]\n  internal_port = 1\n  # hard_limit = 3\n\n  [http_service.concurrency]\n" +
				"    type = \"requests\"\n    soft_limit = 9\n\n[env]\n"},
		{"comments above the next header stay there", softLimit(9),
			"[http_service]\ninternal_port = 1\n# env\n[env]\nA = '1'\n",
			"[http_service]\ninternal_port = 1\n\n[http_service.concurrency]\ntype = 'requests'\nsoft_limit = 9\n" +
				"# env\n[env]\nA = '1'\n"},
		{"limits on the last line", softLimit(9),
			"[http_service]\n  internal_port = 1",
			"[http_service]\n  internal_port = 1\n\n  [http_service.concurrency]\n    type = \"requests\"\n    soft_limit = 9"},
		{"limits beside tables that stand deeper than the keys", softLimit(9),
			"[http_service]\ninternal_port = 1\n\n  [[http_service.checks]]\n  path = \"/\"\n",
			"[http_service]\ninternal_port = 1\n\n  [http_service.concurrency]\n  type = \"requests\"\n" +
				"  soft_limit = 9\n\n  [[http_service.checks]]\n  path = \"/\"\n"},
		{"limits of each service", softLimit(9),
			"[[services]]\nprotocol = 'tcp'\n[[services.ports]]\nhandlers = ['http']\n[[services]]\nprotocol = 'tcp'\n",
			"[[services]]\nprotocol = 'tcp'\n[services.concurrency]\ntype = 'requests'\nsoft_limit = 9\n" +
				"[[services.ports]]\nhandlers = ['http']\n[[services]]\nprotocol = 'tcp'\n\n[services.concurrency]\n" +
				"type = 'connections'\nsoft_limit = 9\n"},
		{"limits in dotted keys", softLimit(9),
			"http_service.internal_port = 1\n",
			"http_service.internal_port = 1\nhttp_service.concurrency.type = \"requests\"\n" +
				"http_service.concurrency.soft_limit = 9\n"},
		{"limits in an inline table", softLimit(9),
			"services = [{internal_port=1}]\n",
			"services = [{internal_port=1, concurrency={ type = \"connections\", soft_limit = 9 }}]\n"},
		{"dotted limits in an inline table", softLimit(9),
			"http_service = { concurrency.type = \"connections\", internal_port = 1 }\n",
			"http_service = { concurrency.type = \"connections\", internal_port = 1, concurrency.soft_limit = 9 }\n"},
		{"type is left alone", softLimit(9),
			"[http_service.concurrency]\nhard_limit = 9\n",
			"[http_service.concurrency]\nhard_limit = 9\nsoft_limit = 9\n"},
		{"type for HTTP services only", Request{ConcurrencyType: machine.CountRequests},
			"[http_service.concurrency]\ntype='connections'\n[services.concurrency]\ntype='connections'\n",
			"[http_service.concurrency]\ntype='requests'\n[services.concurrency]\ntype='connections'\n"},
		{"old limits", softLimit(9),
			"[[services]]\nconcurrency = '20, 25'\n",
			"[[services]]\nconcurrency = '9, 25'\n"},
		{"old limits that say so", softLimit(9),
			"[[services]]\nconcurrency = \" 9,25\"\n",
			"[[services]]\nconcurrency = \" 9,25\"\n"},

		// Groups.
		{"one group", inGroups(autostart(), "web"),
			"[processes]\nweb = ''\njobs = ''\n[http_service]\nprocesses = ['web']\n[[services]]\nprocesses = ['jobs']\n",
			"[processes]\nweb = ''\njobs = ''\n[http_service]\nprocesses = ['web']\nauto_start_machines = true\n" +
				"[[services]]\nprocesses = ['jobs']\n"},
		{"shared by two groups", inGroups(autostart(), "web"),
			"[processes]\nweb = ''\njobs = ''\n[[services]]\nprocesses = ['jobs', 'web']\n",
			"[processes]\nweb = ''\njobs = ''\n[[services]]\nprocesses = ['jobs', 'web']\nauto_start_machines = true\n"},
		{"group without a service", inGroups(autostart(), "jobs"),
			"[processes]\nweb = ''\njobs = ''\n[http_service]\nprocesses = ['web']\n",
			"[processes]\nweb = ''\njobs = ''\n[http_service]\nprocesses = ['web']\n"},
		{"no group is the default one", inGroups(autostart(), "a"),
			"[processes]\nb = ''\na = ''\n[http_service]\ninternal_port = 1\n[[services]]\nprocesses = ['']\n" +
				"[[services]]\nprocesses = ['b']\n",
			"[processes]\nb = ''\na = ''\n[http_service]\ninternal_port = 1\nauto_start_machines = true\n" +
				"[[services]]\nprocesses = ['']\nauto_start_machines = true\n[[services]]\nprocesses = ['b']\n"},
		{"groups of a file that flyctl does not read", inGroups(stopIdle(), "web"),
			"[processes]\nweb = ''\n[http_service]\nprocesses = ['web']\nauto_stop_machines = 'on'\n",
			"[processes]\nweb = ''\n[http_service]\nprocesses = ['web']\nauto_stop_machines = 'stop'\n"},

		// New services.
		{"create", Request{Create: &Create{InternalPort: 80}, ForceHTTPS: ptr(false), Autostart: ptr(true),
			SoftLimit: ptr(5)},
			"app = 'x'\n",
			"app = 'x'\n\n[http_service]\n  internal_port = 80\n  force_https = false\n  auto_start_machines = true\n" +
				"\n  [http_service.concurrency]\n    type = 'requests'\n    soft_limit = 5\n"},
		{"create behind an empty line", Request{Create: &Create{InternalPort: 80}},
			"[env]\r\n\tA = \"b\"\r\n\r\n",
			"[env]\r\n\tA = \"b\"\r\n\r\n[http_service]\r\n\tinternal_port = 80\r\n"},
		{"create without a final newline", Request{Create: &Create{InternalPort: 80}},
			"services = []",
			"services = []\n\n[http_service]\n  internal_port = 80"},
		{"create in an empty file", Request{Create: &Create{InternalPort: 80}},
			"",
			"[http_service]\n  internal_port = 80\n"},
		{"create for the only group", Request{Create: &Create{InternalPort: 80}},
			"[processes]\n\"a \\\"b\\\"\" = 'x'\n",
			"[processes]\n\"a \\\"b\\\"\" = 'x'\n\n[http_service]\ninternal_port = 80\nprocesses = ['a \"b\"']\n"},
		{"create for named groups", inGroups(Request{Create: &Create{InternalPort: 80}}, "b", "a"),
			"[processes]\n  a = \"x\"\n  b = \"y\"\n",
			"[processes]\n  a = \"x\"\n  b = \"y\"\n\n[http_service]\n  internal_port = 80\n  processes = [\"b\", \"a\"]\n"},
		{"create where a service is", Request{Create: &Create{InternalPort: 80}},
			"[services]\ninternal_port = 1\nports = [{port = 2}]\n",
			"[services]\ninternal_port = 1\nports = [{port = 2}]\n"},
		{"create beside a service without ports", Request{Create: &Create{InternalPort: 80},
			Autostop: ptr(machine.AutostopStop)},
			"[[services]]\n  internal_port = 80\n",
			"[[services]]\n  internal_port = 80\n  auto_stop_machines = \"stop\"\n\n[http_service]\n" +
				"  internal_port = 80\n  auto_stop_machines = \"stop\"\n"},
		{"create TCP", Request{Create: &Create{InternalPort: 7000, TCP: true}, ForceHTTPS: ptr(false),
			Autostop: ptr(machine.AutostopStop), Autostart: ptr(true), MinMachines: ptr(0), SoftLimit: ptr(5)},
			"app = 'x'\n",
			"app = 'x'\n\n[[services]]\n  protocol = 'tcp'\n  internal_port = 7000\n  auto_stop_machines = 'stop'\n" +
				"  auto_start_machines = true\n  min_machines_running = 0\n\n  [services.concurrency]\n" +
				"    type = 'connections'\n    soft_limit = 5\n\n  [[services.ports]]\n    port = 7000\n"},
		{"create TCP for a database", Request{Create: &Create{InternalPort: 6379, TCP: true},
			Autostop: ptr(machine.AutostopStop), Autostart: ptr(true), MinMachines: ptr(0)},
			"app = 'x'\n",
			"app = 'x'\n\n[[services]]\n  protocol = 'tcp'\n  internal_port = 6379\n  auto_stop_machines = 'off'\n" +
				"  auto_start_machines = true\n\n  [[services.ports]]\n    port = 6379\n"},
		{"create TCP behind other services", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"[[services]]\n  internal_port = 1\n\n[env]\n  A = 'b'\n",
			"[[services]]\n  internal_port = 1\n\n[env]\n  A = 'b'\n\n[[services]]\n  protocol = 'tcp'\n" +
				"  internal_port = 7000\n\n  [[services.ports]]\n    port = 7000\n"},
		{"create TCP in an empty list", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"services = [] # none\n",
			"services = [{ protocol = \"tcp\", internal_port = 7000, ports = [{ port = 7000 }] }] # none\n"},
		{"create TCP in a list", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"services = [{ internal_port = 1 }]\n",
			"services = [{ internal_port = 1 }, { protocol = \"tcp\", internal_port = 7000, ports = [{ port = 7000 }] }]\n"},
		{"create for the group whose services have no ports", Request{Create: &Create{InternalPort: 80}},
			"[processes]\n  a = 'x'\n  b = 'y'\n[[services]]\n  internal_port = 80\n  processes = ['b']\n",
			"[processes]\n  a = 'x'\n  b = 'y'\n[[services]]\n  internal_port = 80\n  processes = ['b']\n\n" +
				"[http_service]\n  internal_port = 80\n  processes = ['b']\n"},
	}
}

func TestEdit(t *testing.T) { testEdits(t, "fly.toml", editTests()) }

func testEdits(t *testing.T, name string, tests []editTest) {
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := parseAs(t, name, tt.before)
			edited, err := Apply(f, tt.edit)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(edited.After); got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
			if got := string(edited.Before); got != tt.before || string(f.Bytes()) != tt.before {
				t.Errorf("the original changed: %q", got)
			}
			checkEdit(t, f, tt.edit)
		})
	}
}

// The converter, which follows flyctl's rules, reads what the editor wrote.
func TestEditIsUnderstood(t *testing.T) {
	t.Parallel()
	e := blueprint()
	e.SoftLimit = ptr(5)
	files := flytomltest.Files(t)
	for seed := range uint64(100) {
		files[fmt.Sprint("random ", seed)] = randomFile(seed)
		files[fmt.Sprint("random ", seed, ".json")] = randomJSON(seed)
		files[fmt.Sprint("random ", seed, ".yaml")] = randomYAML(seed)
	}
	seen, kept := 0, 0
	for name, data := range files {
		f, err := flytoml.Parse(name, data)
		if err != nil {
			continue
		}
		edited, err := Apply(f, e)
		if err != nil {
			continue
		}
		after, err := flytoml.Parse(name, edited.After)
		if err != nil {
			t.Fatal(err)
		}
		keeps := make(map[string]bool)
		for _, r := range edited.Remarks {
			for _, group := range r.Groups {
				keeps[group] = keeps[group] || r.Code != RemarkInternalCallers && r.Code != RemarkUDPBeside
			}
		}
		for _, group := range after.Groups() {
			services, err := after.Services(group)
			if err != nil {
				continue
			}
			before, err := f.Services(group)
			if err != nil {
				continue
			}
			for i, s := range services {
				if s.Protocol == "" && s.InternalPort == 0 && len(s.Ports) == 0 && s.Autostart == nil {
					continue // a stray one, which an edit leaves alone
				}
				if s.Concurrency == nil || s.Concurrency.SoftLimit != 5 ||
					slices.ContainsFunc(s.Ports, func(p machine.Port) bool { return p.ForceHTTPS }) {
					t.Errorf("%s: a service of %s is %+v after\n%s", name, group, s, edited.After)
				}
				stops := s.Autostop != nil && *s.Autostop == machine.AutostopStop
				switch {
				case keeps[group]:
					kept++
					if !reflect.DeepEqual(s.Autostop, before[i].Autostop) ||
						!reflect.DeepEqual(s.MinMachinesRunning, before[i].MinMachinesRunning) {
						t.Errorf("%s: %s is to keep its autostop, and a service is %+v after\n%s", name, group, s, edited.After)
					}
				case len(keeps) > 0 && !stops: // a service that it shares with a group that keeps it
				default:
					seen++
					if !stops || s.Autostart == nil || !*s.Autostart || s.MinMachinesRunning == nil || *s.MinMachinesRunning != 0 {
						t.Errorf("%s: a service of %s is %+v after\n%s", name, group, s, edited.After)
					}
				}
			}
			if !keeps[group] && machine.AllStop(services) && !machine.AnyWoken(services) {
				t.Errorf("%s: nothing wakes %s after\n%s", name, group, edited.After)
			}
		}
	}
	if kept < 20 {
		t.Errorf("%d services that keep their autostop, too few to mean much", kept)
	}
	if seen < 80 {
		t.Errorf("%d services seen, too few to mean much", seen)
	}
}

func TestEditChanges(t *testing.T) {
	f := parse(t,
		"[processes]\nweb = ''\njobs = ''\n\n[[services]]\nprocesses = ['web', 'jobs']\n"+
			"Auto_Stop_Machines = false # x\n[[services.ports]]\nport = 80\nhandlers = ['http']\nforce_https = true\n")
	e := blueprint()
	e.MinMachines = nil
	edited, err := Apply(f, e)
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{Path: "services[0].ports[0].force_https", Before: "true", After: "false", Row: 12},
		{Path: "services[0].Auto_Stop_Machines", Before: "false", After: "'stop'", Row: 7},
		{Path: "services[0].auto_start_machines", After: "true", Row: 8},
	}
	if len(edited.Changes) != len(want) {
		t.Fatalf("changes = %+v", edited.Changes)
	}
	for i, got := range edited.Changes {
		if groups := strings.Join(got.Groups, " "); groups != "web jobs" {
			t.Errorf("%s: groups = %s", got.Path, groups)
		}
		got.Groups = nil
		if got.Path != want[i].Path || got.Before != want[i].Before || got.After != want[i].After || got.Row != want[i].Row {
			t.Errorf("got %+v, want %+v", got, want[i])
		}
	}
}
