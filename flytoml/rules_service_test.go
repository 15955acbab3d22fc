package flytoml

import "testing"

// The ports of [http_service], without options.
const impliedPorts = `"ports":[{"port":80,"handlers":["http"]},{"port":443,"handlers":["http","tls"]}]`

func TestServiceRules(t *testing.T) {
	const end = `"force_instance_key":null}]`
	testRules(t, []rule{
		{"numbers in any base", "[[services]]\ninternal_port = 0x1F_90", "app", "services", `[{"internal_port":8080,` + end},
		{"a quoted port with a leading zero", "[[services]]\nports = [{ port = '080' }]", "app", "services",
			`[{"ports":[{"port":80}],` + end},
		{"ports are not checked", "[[services]]\nports = [{ port = -1 }, { port = 700000 }, { port = 0 }]", "app",
			"services", `[{"ports":[{"port":-1},{"port":700000},{"port":0}],` + end},
		{"a port as a fraction is cut off", "[[services]]\nports = [{ port = 80.9 }]", "app", "services",
			`[{"ports":[{"port":80}],` + end},
		{"ranges", "[[services]]\nports = [{ start_port = 2, end_port = 1 }]", "app", "services",
			`[{"ports":[{"start_port":2,"end_port":1}],` + end},
		{"false and empty lists of a port are left out",
			"[[services]]\nports = [{ port = 1, force_https = false, handlers = [] }]", "app", "services",
			`[{"ports":[{"port":1}],` + end},
		{"empty options stay", "[[services]]\nports = [{ port = 1, tls_options = {}, http_options = {} }]", "app",
			"services", `[{"ports":[{"port":1,"tls_options":{},"http_options":{}}],` + end},
		{"zero and false of options stay",
			"[[services]]\nports = [{ http_options = { compress = false, h2_backend = false, idle_timeout = 0, " +
				"headers_read_timeout = 0 }, tls_options = { default_self_signed = false } }]", "app", "services",
			`[{"ports":[{"http_options":{"compress":false,"h2_backend":false,"idle_timeout":0,` +
				`"headers_read_timeout":0},"tls_options":{"default_self_signed":false}}],` + end},
		{"response headers of any type",
			"[[services]]\n[[services.ports]]\n[services.ports.http_options.response]\npristine = false\n" +
				"headers = { A = 'x', B = false, C = ['x', 'y'], D = 1 }", "app", "services",
			`[{"ports":[{"http_options":{"response":{"headers":{"A":"x","B":false,"C":["x","y"],"D":1},` +
				`"pristine":false}}}],` + end},
		{"replay cache",
			"[[services]]\n[[services.ports]]\n[[services.ports.http_options.replay_cache]]\npath_prefix = '/'\n" +
				"allow_bypass = false", "app", "services",
			`[{"ports":[{"http_options":{"replay_cache":[{"path_prefix":"/","ttl_seconds":0,"type":"","name":""}]}}],` + end},
		{"proxy protocol",
			"[[services]]\nports = [{ handlers = ['proxy_proto'], proxy_proto_options = { version = 'v2' } }]",
			"app", "services", `[{"ports":[{"handlers":["proxy_proto"],"proxy_proto_options":{"version":"v2"}}],` + end},
		{"old concurrency is soft,hard", "[[services]]\nconcurrency = '25,20'", "app", "services",
			`[{"concurrency":{"type":"requests","hard_limit":20,"soft_limit":25},` + end},
		{"concurrency without type, zero left out",
			"[[services]]\nconcurrency = { hard_limit = 25, soft_limit = 0 }", "app", "services",
			`[{"concurrency":{"hard_limit":25},` + end},
		{"empty concurrency stays", "[[services]]\nprotocol = 'tcp'\nconcurrency = {}", "app", "services",
			`[{"protocol":"tcp","concurrency":{},` + end},
		{"autostop off and false",
			"[[services]]\nauto_stop_machines = 'off'\n[[services]]\nauto_stop_machines = false", "app", "services",
			`[{"autostop":false,"force_instance_key":null},{"autostop":false,` + end},
		{"autostop stop and true",
			"[[services]]\nauto_stop_machines = 'stop'\n[[services]]\nauto_stop_machines = true", "app", "services",
			`[{"autostop":true,"force_instance_key":null},{"autostop":true,` + end},
		{"a whole fraction is a number", "[[services]]\nmin_machines_running = 1.0", "app", "services",
			`[{"min_machines_running":1,` + end},
		{"any protocol", "[[services]]\nprotocol = 'sctp'", "app", "services", `[{"protocol":"sctp",` + end},
		{"keys of the wire and of long ago count for nothing",
			"[[services]]\nforce_instance_key = 'k'\nautostop = true\nscript_checks = []\ntcp_checks = []\n" +
				"http_checks = []\nprotocol = ''", "app", "services", `[{` + end},
		{"a service of nothing but empty checks is dropped", "[[services]]\ntcp_checks = []\nhttp_checks = []",
			"app", "services", absent},
		{"an empty list of services", "services = []", "app", "services", absent},
		{"a group that is named twice", "[[services]]\ninternal_port = 1\nprocesses = ['app', 'app', '']", "app",
			"services", `[{"internal_port":1,` + end},
		{"services of several groups",
			"processes = { a = '', b = '' }\n[[services]]\ninternal_port = 1\nprocesses = ['a', 'b']\n[[services]]\n" +
				"internal_port = 2\nprocesses = ['b']", "b", "services",
			`[{"internal_port":1,"force_instance_key":null},{"internal_port":2,` + end},
		{"two spellings of a key: the lower-case one is read last",
			"[[services]]\nInternal_Port = 1\ninternal_port = 2", "app", "services", `[{"internal_port":2,` + end},
		{"mixed case is not translated", "[[services]]\n[[services.Ports]]\nPort = 5", "app", "services",
			`[{"ports":[{"port":5}],` + end},

		{"an empty section is a service", "[http_service]", "app", "services", `[{"protocol":"tcp",` +
			impliedPorts + `,` + end},
		{"force_https is port 80's, TLS options are 443's, HTTP options both's",
			"[http_service]\nforce_https = true\ntls_options = { alpn = ['h2'] }\n" +
				"http_options = { compress = true }", "app", "services",
			`[{"protocol":"tcp","ports":[{"port":80,"handlers":["http"],"force_https":true,` +
				`"http_options":{"compress":true}},{"port":443,"handlers":["http","tls"],"tls_options":{"alpn":["h2"]},` +
				`"http_options":{"compress":true}}],` + end},
		{"sections in two spellings are one",
			"[HTTP_Service]\ninternal_port = 1\n[http_service]\nmin_machines_running = 0", "app", "services",
			`[{"protocol":"tcp","internal_port":1,"min_machines_running":0,` + impliedPorts + `,` + end},
		{"a whole fraction is a port", "[http_service]\ninternal_port = 8080.0", "app", "services",
			`[{"protocol":"tcp","internal_port":8080,` + impliedPorts + `,` + end},
		{"keys of [[services]] count for nothing",
			"[http_service]\nprotocol = 'udp'\nports = 5\ntcp_checks = 5\nmachine_checks = [{ command = ['x'] }]",
			"app", "services", `[{"protocol":"tcp",` + impliedPorts + `,` + end},
	})
}

func TestCheckRules(t *testing.T) {
	http := func(checks string) string {
		return `[{"protocol":"tcp",` + impliedPorts + `,"checks":[` + checks + `],"force_instance_key":null}]`
	}
	service := func(checks string) string { return `[{"checks":[` + checks + `],"force_instance_key":null}]` }
	testRules(t, []rule{
		{"numbers are milliseconds",
			"[[services]]\n[[services.tcp_checks]]\ninterval = 15000\ntimeout = 1\ngrace_period = 1000", "app",
			"services", service(`{"type":"tcp","interval":"15s","timeout":"1ms","grace_period":"1s"}`)},
		{"fractions of milliseconds are cut off", "[[services]]\n[[services.tcp_checks]]\ninterval = 1500.7",
			"app", "services", service(`{"type":"tcp","interval":"1.5s"}`)},
		{"zero and negative durations", "[[services]]\n[[services.tcp_checks]]\ninterval = 0\ntimeout = '-5s'",
			"app", "services", service(`{"type":"tcp","interval":"0s","timeout":"-5s"}`)},
		{"durations are normalized",
			"[[services]]\n[[services.tcp_checks]]\ninterval = '90s'\ntimeout = '0.5s'\ngrace_period = '1h0m'",
			"app", "services", service(`{"type":"tcp","interval":"1m30s","timeout":"500ms","grace_period":"1h0m0s"}`)},
		{"keys of HTTP in a TCP check count for nothing",
			"[[services]]\n[[services.tcp_checks]]\nmethod = 'GET'\nport = 5\nrestart_limit = 0", "app", "services",
			service(`{"type":"tcp"}`)},
		{"one check in place of a list", "[[services]]\n[services.http_checks]\npath = '/'\nenabled = true",
			"app", "services", service(`{"type":"http","path":"/"}`)},
		{"false and empty stay", "[[services]]\n[[services.http_checks]]\ntls_skip_verify = false\npath = ''",
			"app", "services", service(`{"type":"http","path":"","tls_skip_verify":false}`)},
		{"headers of any type, in a table",
			"[[services]]\n[[services.http_checks]]\nheaders = { B = 1, A = true, C = [1], D = 1.50 }", "app", "services",
			service(`{"type":"http","headers":[{"name":"A","values":["true"]},{"name":"B","values":["1"]},` +
				`{"name":"C","values":["[1]"]},{"name":"D","values":["1.5"]}]}`)},
		{"a header of a list without a value", "[[services]]\n[[services.http_checks]]\nheaders = [{ name = 5 }]",
			"app", "services", service(`{"type":"http","headers":[{"name":"5","values":[""]}]}`)},
		{"no headers", "[[services]]\n[[services.http_checks]]\nheaders = []", "app", "services", service(`{"type":"http"}`)},

		{"http_service durations",
			"[http_service]\n[[http_service.checks]]\ninterval = 1000000000\ntimeout = 1.9\ngrace_period = '5s'",
			"app", "services", http(`{"type":"http","interval":"1s","timeout":"1ns","grace_period":"5s"}`)},
		{"http_service headers, unknown keys",
			"[http_service]\n[[http_service.checks]]\nstatus = 200\nport = 5\ntype = 'tcp'\n" +
				"[http_service.checks.headers]\nX = 'y'", "app", "services",
			http(`{"type":"http","headers":[{"name":"X","values":["y"]}]}`)},
		{"http_service checks inline", "http_service = { checks = [{}, { path = '/b' }] }", "app", "services",
			http(`{"type":"http"},{"type":"http","path":"/b"}`)},

		{"a list with names, the later of two wins",
			"[[checks]]\nname = 'a'\ntype = 'tcp'\nport = 1\ntimeout = '1s'\n[[checks]]\nname = 'a'\ntype = 'http'\n" +
				"port = 2", "app", "checks", `{"a":{"port":2,"type":"http"}}`},
		{"port 0 is a port", "[http_service]\ninternal_port = 9\n[checks.a]\ntype = 'tcp'\nport = 0", "app",
			"checks", `{"a":{"port":0,"type":"tcp"}}`},
		{"the port of an http_service without one", "[http_service]\n[checks.a]\ntype = 'tcp'", "app", "checks",
			`{"a":{"port":0,"type":"tcp"}}`},
		{"every field",
			"[checks.a]\ntype = 'http'\nport = 1\ngrace_period = '1m'\nmethod = 'head'\npath = '/x'\n" +
				"protocol = 'https'\ntls_skip_verify = true\ntls_server_name = 'n'\nheaders = { H = 1 }", "app", "checks",
			`{"a":{"port":1,"type":"http","grace_period":"1m0s","method":"HEAD","path":"/x","protocol":"https",` +
				`"tls_skip_verify":true,"tls_server_name":"n","headers":[{"name":"H","values":["1"]}]}}`},
		{"checks of another group",
			"processes = { a = '', b = '' }\n[checks.x]\ntype = 'tcp'\nport = 1\nprocesses = ['a']\n[checks.y]\n" +
				"type = 'tcp'\nport = 2", "b", "checks", absent},
		{"checks without a group are the default's",
			"processes = { a = '', b = '' }\n[checks.y]\ntype = 'tcp'\nport = 2", "a", "checks",
			`{"y":{"port":2,"type":"tcp"}}`},
		{"a kind is not known", "[checks.a]\ntype = 'tcp'\nport = 1\nkind = 'readiness'", "app", "checks",
			`{"a":{"port":1,"type":"tcp"}}`},
		{"no checks", "checks = []", "app", "checks", absent},
	})
}
