package edit

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func yamlTests() []editTest {
	return []editTest{
		// Values.
		{"boolean", plainHTTP(),
			"http_service:\n  force_https: true # why\n",
			"http_service:\n  force_https: false # why\n"},
		{"word in its own quotes", stopIdle(),
			"a: x\nhttp_service:\n  auto_stop_machines: 'off'\n",
			"a: x\nhttp_service:\n  auto_stop_machines: 'stop'\n"},
		{"word without quotes", stopIdle(),
			"a: 'x'\nhttp_service:\n  auto_stop_machines: off\n",
			"a: 'x'\nhttp_service:\n  auto_stop_machines: stop\n"},
		{"new word in the file's quotes", stopIdle(),
			"app: \"x\"\nhttp_service:\n  internal_port: 1\n",
			"app: \"x\"\nhttp_service:\n  internal_port: 1\n  auto_stop_machines: \"stop\"\n"},
		{"the same in other words", Request{Autostop: ptr(machine.AutostopStop), MinMachines: ptr(16)},
			"services:\n- auto_stop_machines: True\n  min_machines_running: 0x10\n",
			"services:\n- auto_stop_machines: True\n  min_machines_running: 0x10\n"},
		{"value on the next line", minMachines(0),
			"http_service:\n  min_machines_running: # few\n    1\n  x: y\n",
			"http_service:\n  min_machines_running: # few\n    0\n  x: y\n"},
		{"text over lines", stopIdle(),
			"http_service:\n  auto_stop_machines: o\n    f\n\n    f # x\n  b: 'a\n    b'\n",
			"http_service:\n  auto_stop_machines: stop # x\n  b: 'a\n    b'\n"},
		{"null is no value", Request{ForceHTTPS: ptr(false), Autostart: ptr(true), MinMachines: ptr(1)},
			"http_service:\n  force_https: ~\n  auto_start_machines: # yes?\n  min_machines_running: null\n",
			"http_service:\n  force_https: ~\n  auto_start_machines: true # yes?\n  min_machines_running: 1\n"},
		{"list in place of a number", minMachines(0),
			"http_service: {min_machines_running: [1,\n  2], x: }\n",
			"http_service: {min_machines_running: 0, x: }\n"},
		{"alias in place of a value", minMachines(0),
			"x: &n 1\nhttp_service:\n  min_machines_running: *n # n\ny: *n\n",
			"x: &n 1\nhttp_service:\n  min_machines_running: 0 # n\ny: *n\n"},
		{"anchor that nobody uses", minMachines(0),
			"http_service: &web\n  min_machines_running: &n 1\n",
			"http_service: &web\n  min_machines_running: &n 0\n"},
		{"tags and anchors elsewhere", minMachines(0),
			"x: !<tag:yaml.org,2002:str> 1\ny: [!!str 2, &z ]\nhttp_service: !!map\n  a: &a !!seq [b]\n" +
				"  min_machines_running: 1\nz: !!map &b\n",
			"x: !<tag:yaml.org,2002:str> 1\ny: [!!str 2, &z ]\nhttp_service: !!map\n  a: &a !!seq [b]\n" +
				"  min_machines_running: 0\nz: !!map &b\n"},
		{"characters of several bytes", plainHTTP(),
			"http_service: {\"é\": \"ü€😀\", force_https: true, ü: 1}\n",
			"http_service: {\"é\": \"ü€😀\", force_https: false, ü: 1}\n"},

		// New keys.
		{"behind the keys that flyctl writes before it", autostart(),
			"http_service:\n    internal_port: 1 # port\n    # note\n    processes: []\n",
			"http_service:\n    internal_port: 1 # port\n    auto_start_machines: true\n    # note\n    processes: []\n"},
		{"behind the last key", autostart(),
			"http_service:\n  processes: []\n\n# end\n",
			"http_service:\n  processes: []\n  auto_start_machines: true\n\n# end\n"},
		{"without a final newline", autostart(),
			"http_service:\r\n  processes: [] # x",
			"http_service:\r\n  processes: [] # x\r\n  auto_start_machines: true"},
		{"on the dash line, list not indented", autostart(),
			"services:\n- internal_port: 1\n- ports: []\n",
			"services:\n- internal_port: 1\n  auto_start_machines: true\n- ports: []\n  auto_start_machines: true\n"},
		{"on the dash line, list indented", autostart(),
			"services:\n  -   internal_port: 1\n\n  # two\n  -\n    ports:\n    - port: 80\n",
			"services:\n  -   internal_port: 1\n      auto_start_machines: true\n\n  # two\n  -\n    ports:\n" +
				"    - port: 80\n    auto_start_machines: true\n"},
		{"behind a table with comments of its own", Request{Autostart: ptr(true), SoftLimit: ptr(9)},
			"http_service:\n  concurrency:\n    type: requests\n    # hard_limit: 25\n  # more\n",
			"http_service:\n  concurrency:\n    type: requests\n    soft_limit: 9\n    # hard_limit: 25\n" +
				"  auto_start_machines: true\n  # more\n"},
		{"behind tables at the same place", Request{Autostart: ptr(true), SoftLimit: ptr(9)},
			"http_service:\n  concurrency:\n    type: requests\n",
			"http_service:\n  concurrency:\n    type: requests\n    soft_limit: 9\n  auto_start_machines: true\n"},
		{"flow mapping", blueprint(),
			"services: [{internal_port: 80, ports: [{port: 80, force_https: true}]}, # x\n  {internal_port: 81}]\n",
			"services: [{internal_port: 80, auto_stop_machines: stop, auto_start_machines: true, " +
				"min_machines_running: 0, ports: [{port: 80, force_https: false}]}, # x\n" +
				"  {internal_port: 81, auto_stop_machines: stop, auto_start_machines: true, min_machines_running: 0}]\n"},
		{"flow mapping over lines", autostart(),
			"http_service: {\n  internal_port: 80, # p\n  processes: [a] # q\n}\n",
			"http_service: {\n  internal_port: 80, # p\n  auto_start_machines: true,\n  processes: [a] # q\n}\n"},
		{"flow mapping with keys alone", autostart(),
			"http_service: {x, \"y\": }\n",
			"http_service: {x, \"y\": , auto_start_machines: true}\n"},
		{"comment behind nothing in a flow mapping", autostart(),
			"http_service: {\n  x:  # a\n}\n",
			"http_service: {\n  x:,  # a\n  auto_start_machines: true\n}\n"},
		{"comment behind a key alone", autostart(),
			"http_service: {\n  x # a\n  , # b\n}\n",
			"http_service: {\n  x, auto_start_machines: true # a\n  , # b\n}\n"},
		{"comment behind limits in place of nothing", softLimit(9),
			"http_service: {\n  concurrency:  # a\n}\n",
			"http_service: {\n  concurrency: { type: requests, soft_limit: 9 }  # a\n}\n"},
		{"value of a pair without braces", plainHTTP(),
			"services: [ports: [force_https: true]]\n",
			"services: [ports: [force_https: false]]\n"},
		{"empty flow mapping", autostart(),
			"http_service: {}\n",
			"http_service: { auto_start_machines: true }\n"},
		{"nothing on the last line", Request{SoftLimit: ptr(9), ConcurrencyType: machine.CountRequests},
			"http_service:\n  concurrency:\n    soft_limit:",
			"http_service:\n  concurrency:\n    soft_limit: 9\n    type: requests"},
		{"behind a text over lines", autostart(),
			"http_service:\n  processes: [x]\n  note: |+\n    a\n   # b\n\nenv: {}\n",
			"http_service:\n  processes: [x]\n  note: |+\n    a\n   # b\n\n  auto_start_machines: true\nenv: {}\n"},
		{"behind a text of blanks", autostart(),
			"http_service:\n  processes: [x]\n  note: |1\n      \n\nenv: {}\n",
			"http_service:\n  processes: [x]\n  note: |1\n      \n  auto_start_machines: true\n\nenv: {}\n"},
		{"before a text that does not end", autostart(),
			"http_service:\n  internal_port: 1\n  note: >-\n    a",
			"http_service:\n  internal_port: 1\n  auto_start_machines: true\n  note: >-\n    a"},
		{"JSON in a YAML file", autostart(),
			"{\n  \"http_service\": {\n    \"internal_port\": 80\n  }\n}\n",
			"{\n  \"http_service\": {\n    \"internal_port\": 80,\n    auto_start_machines: true\n  }\n}\n"},
		{"the whole file indented, with marks", autostart(),
			"--- # doc\n  http_service:\n    internal_port: 1\n... # end\n# over\n",
			"--- # doc\n  http_service:\n    internal_port: 1\n    auto_start_machines: true\n... # end\n# over\n"},

		// Plain ports.
		{"plain port", Request{PlainPorts: []int{80}, ForceHTTPS: ptr(true), Autostart: ptr(true)},
			"services:\n- ports:\n  - port: 443\n    handlers: [tls, http]\n    # more\n  # last\n- internal_port: 1\n",
			"services:\n- ports:\n  - port: 443\n    handlers: [tls, http]\n    # more\n  - port: 80\n" +
				"    handlers: [http]\n    force_https: true\n  auto_start_machines: true\n  # last\n" +
				"- internal_port: 1\n  auto_start_machines: true\n"},
		{"plain port, list not indented, all keys behind", Request{PlainPorts: []int{80}, SoftLimit: ptr(9),
			Autostart: ptr(true)},
			"services:\n  - ports:\n    - port: 443\n      handlers: [tls, http]",
			"services:\n  - ports:\n    - port: 443\n      handlers: [tls, http]\n    - port: 80\n" +
				"      handlers: [http]\n    auto_start_machines: true\n    concurrency:\n      type: requests\n" +
				"      soft_limit: 9"},
		{"plain port in braces behind a dash", plainPort(80),
			"services:\n- ports:\n  - {port: 443, handlers: [tls, http]} # x\n",
			"services:\n- ports:\n  - {port: 443, handlers: [tls, http]} # x\n  - { port: 80, handlers: [http] }\n"},
		{"plain port in brackets", plainPort(80),
			"services: [{ports: [{port: 443, handlers: [tls, http]}]}]\n",
			"services: [{ports: [{port: 443, handlers: [tls, http]}, { port: 80, handlers: [http] }]}]\n"},

		// New TCP services.
		{"create TCP", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"app: x\n",
			"app: x\n\nservices:\n  - protocol: tcp\n    internal_port: 7000\n    ports:\n      - port: 7000\n"},
		{"create TCP in place of nothing", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"services:\napp: x\n",
			"services:\n  - protocol: tcp\n    internal_port: 7000\n    ports:\n      - port: 7000\napp: x\n"},
		{"create TCP in an empty list", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"services: []\napp: x\n",
			"services: [{ protocol: tcp, internal_port: 7000, ports: [{ port: 7000 }] }]\napp: x\n"},
		{"create TCP behind another", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"services:\n- internal_port: 1\napp: x\n",
			"services:\n- internal_port: 1\n- protocol: tcp\n  internal_port: 7000\n  ports:\n    - port: 7000\napp: x\n"},
		{"create TCP in a flow mapping", Request{Create: &Create{InternalPort: 7000, TCP: true}},
			"{app: x}\n",
			"{app: x, services: [{ protocol: tcp, internal_port: 7000, ports: [{ port: 7000 }] }]}\n"},

		// Limits.
		{"limits", softLimit(9),
			"http_service:\n  internal_port: 1\n  # hard_limit: 3\n\nenv:\n",
			"http_service:\n  internal_port: 1\n  # hard_limit: 3\n  concurrency:\n    type: requests\n" +
				"    soft_limit: 9\n\nenv:\n"},
		{"limits of each service", softLimit(9),
			"services:\n- ports:\n  - handlers: [http]\n# two\n- internal_port: 1\n",
			"services:\n- ports:\n  - handlers: [http]\n  concurrency:\n    type: requests\n    soft_limit: 9\n" +
				"# two\n- internal_port: 1\n  concurrency:\n    type: connections\n    soft_limit: 9\n"},
		{"limits in place of nothing", softLimit(9),
			"http_service:\n  concurrency: # none\n    # yet\n  x: 1\n",
			"http_service:\n  concurrency: # none\n    type: requests\n    soft_limit: 9\n    # yet\n  x: 1\n"},
		{"limits in place of null", softLimit(9),
			"http_service:\n  concurrency: ~ # none\n",
			"http_service:\n  concurrency: { type: requests, soft_limit: 9 } # none\n"},
		{"old limits", softLimit(9),
			"services:\n- concurrency: 20,25\n- concurrency: '20,25'\n",
			"services:\n- concurrency: \"9,25\"\n- concurrency: '9,25'\n"},

		// Services, ports and groups.
		{"every port of every service", plainHTTP(),
			"services:\n  - ports:\n      - port: 80\n        force_https: true\n      - {force_https: true}\n" +
				"  - ports:\n      force_https: true\n",
			"services:\n  - ports:\n      - port: 80\n        force_https: false\n      - {force_https: false}\n" +
				"  - ports:\n      force_https: false\n"},
		{"one group", inGroups(autostart(), "web"),
			"processes:\n  web: ''\n  jobs: ''\nservices:\n- processes: [web]\n- processes:\n  - jobs\n",
			"processes:\n  web: ''\n  jobs: ''\nservices:\n- processes: [web]\n  auto_start_machines: true\n" +
				"- processes:\n  - jobs\n"},
		{"aliases for what is only read", softLimit(9),
			"p: &p [{handlers: [http]}]\nservices:\n- ports: *p\n",
			"p: &p [{handlers: [http]}]\nservices:\n- ports: *p\n  concurrency:\n    type: requests\n    soft_limit: 9\n"},

		// New services.
		{"create", Request{Create: &Create{InternalPort: 80}, Autostart: ptr(true), SoftLimit: ptr(5)},
			"app: x\n\nenv:\n    A: b\n",
			"app: x\n\nenv:\n    A: b\n\nhttp_service:\n    internal_port: 80\n    auto_start_machines: true\n" +
				"    concurrency:\n        type: requests\n        soft_limit: 5\n"},
		{"create where no lines are empty", Request{Create: &Create{InternalPort: 80}},
			"app: x\nenv: {}",
			"app: x\nenv: {}\nhttp_service:\n  internal_port: 80"},
		{"create before the end of the document", Request{Create: &Create{InternalPort: 80}},
			"---\napp: x\n# more\n...\n",
			"---\napp: x\n# more\n\nhttp_service:\n  internal_port: 80\n...\n"},
		{"create behind a text that keeps empty lines", Request{Create: &Create{InternalPort: 80}},
			"env:\n  A: |+\n    b\n",
			"env:\n  A: |+\n    b\nhttp_service:\n  internal_port: 80\n"},
		{"create between such a text and the end of the document", Request{Create: &Create{InternalPort: 80}},
			"env:\n  A: >+\n    b\n...\n",
			"env:\n  A: >+\n    b\nhttp_service:\n  internal_port: 80\n...\n"},
		{"create behind such a text and a comment", Request{Create: &Create{InternalPort: 80}},
			"env:\n  A: |+\n    b\n# c\n",
			"env:\n  A: |+\n    b\n# c\n\nhttp_service:\n  internal_port: 80\n"},
		{"create behind a key that waits for its value", Request{Create: &Create{InternalPort: 80}},
			"env:\n  A: b\n  ? C\n... # end\n",
			"env:\n  A: b\n  ? C\n\nhttp_service:\n  internal_port: 80\n... # end\n"},
		{"create behind three dots that end nothing", Request{Create: &Create{InternalPort: 80}},
			"a: {\n...: b}\n",
			"a: {\n...: b}\n\nhttp_service:\n  internal_port: 80\n"},
		{"create in an empty file", Request{Create: &Create{InternalPort: 80}},
			"",
			"http_service:\n  internal_port: 80\n"},
		{"create in a file of comments", Request{Create: &Create{InternalPort: 80}},
			"# mine\n",
			"# mine\n\nhttp_service:\n  internal_port: 80\n"},
		{"create in place of nothing", Request{Create: &Create{InternalPort: 80}},
			"http_service:\napp: x\n",
			"http_service:\n  internal_port: 80\napp: x\n"},
		{"create in a flow mapping", Request{Create: &Create{InternalPort: 80}},
			"{app: x}\n",
			"{app: x, http_service: { internal_port: 80 }}\n"},
		{"create for a group", Request{Create: &Create{InternalPort: 80}},
			"processes:\n  on: x\n",
			"processes:\n  on: x\n\nhttp_service:\n  internal_port: 80\n  processes: [\"on\"]\n"},
	}
}

func TestEditYAML(t *testing.T) { testEdits(t, "fly.yaml", yamlTests()) }

// A byte order mark has no column, and stays.
func TestEditYAMLByteOrderMark(t *testing.T) {
	const mark = "\ufeff"
	for _, tt := range yamlTests() {
		if tt.before == "" {
			continue
		}
		f := parseAs(t, "fly.yaml", mark+tt.before)
		edited, err := Apply(f, tt.edit)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got, want := string(edited.After), mark+tt.want; got != want {
			t.Errorf("%s: got:\n%s\nwant:\n%s", tt.name, got, want)
		}
	}
}
