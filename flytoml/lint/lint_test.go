package lint

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/edit"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/schema"
	"github.com/flycast-mcp/flycast-mcp/flytoml/internal/spelling"
)

// oneHTTP is the head of a file with one well-formed HTTP service.
const oneHTTP = "app = 'x'\n[http_service]\ninternal_port = 80\n"

// oneTCP is the head of a file with one plain TCP service.
const oneTCP = "app = 'x'\n[[services]]\nprotocol = 'tcp'\ninternal_port = 80\n"

// lintCase is a file and what is found in it: code row:column path, with E or
// I in front of errors and infos.
type lintCase struct {
	name, text string
	want       []string
}

func lintCases() []lintCase {
	return []lintCase{
		{"nothing to say", "app = 'x'\n[build]\nbuild_target = 'y'\n[http_service]\ninternal_port = 80\n" +
			"[[checks]]\nname = 'c'\ntype = 'tcp'", []string{}},
		{"as fly launch writes it", "app = 'x'\nprimary_region = 'ams'\n\n[build]\n\n" +
			"[http_service]\n  internal_port = 8080\n  force_https = true\n  auto_stop_machines = 'stop'\n" +
			"  auto_start_machines = true\n  min_machines_running = 0\n  processes = ['app']\n\n" +
			"[[vm]]\n  memory = '1gb'\n  cpu_kind = 'shared'\n  cpus = 1\n",
			[]string{"I force_https 8:3 http_service.force_https"}},
		{"as it wrote it with a size", oneHTTP + "[[vm]]\nmemory = '1gb'\ncpu_kind = 'shared'\ncpus = 1\n" +
			"memory_mb = 1024\n", nil},
		{"as it wrote it once", "app = 'x'\nkill_signal = 'SIGINT'\nkill_timeout = 5\nprocesses = []\n\n[env]\n\n" +
			"[experimental]\n  allowed_public_ports = []\n  auto_rollback = true\n\n" +
			"[[services]]\n  http_checks = []\n  internal_port = 8080\n  processes = ['app']\n  protocol = 'tcp'\n" +
			"  script_checks = []\n  [services.concurrency]\n    hard_limit = 25\n    soft_limit = 20\n" +
			"    type = 'connections'\n\n  [[services.ports]]\n    force_https = true\n    handlers = ['http']\n" +
			"    port = 80\n\n  [[services.ports]]\n    handlers = ['tls', 'http']\n    port = 443\n\n" +
			"  [[services.tcp_checks]]\n    grace_period = '1s'\n    interval = '15s'\n    restart_limit = 0\n" +
			"    timeout = '2s'\n",
			[]string{"I duration_bare 3:1 kill_timeout", "I dead_key 9:3 experimental.allowed_public_ports",
				"I dead_key 10:3 experimental.auto_rollback", "I dead_key 17:3 services[0].script_checks",
				"I force_https 24:5 services[0].ports[0].force_https", "I dead_key 35:5 services[0].tcp_checks[0].restart_limit"}},
		{"empty", "# nothing\n", []string{"I empty_file 0:0 "}},
		{"no service", "app = 'x'\n", []string{"I no_service 0:0 "}},
		{"no app", "[http_service]\ninternal_port = 80", []string{"I no_app 0:0 "}},
		{"unknown keys at every depth", "primary_regoin = 'ams'\n[http_service]\ninternal_port = 1\n" +
			"  auto_stop = true\n[http_service.concurrency]\nsoft_limits = 3\n" +
			"[http_service.http_options.response.headers]\nAnything = 'x'\n[http_service.http_options.response]\n" +
			"pristin = true\n[env]\nANY = 'y'\n", []string{"I no_app 0:0 ", "unknown_key 1:1 primary_regoin",
			"unknown_key 4:3 http_service.auto_stop", "unknown_key 6:1 http_service.concurrency.soft_limits",
			"unknown_key 10:1 http_service.http_options.response.pristin"}},
		{"in arrays of tables, inline tables and dotted keys", "app = 'x'\n[[services]]\nprotocol = 'tcp'\n" +
			"internal_port = 1\nports = [\n # comment\n { port = 80, handlers = ['http'], forse_https = true } ]\n" +
			"concurrency.typ = 'requests'\n[[services]]\nprotocol = 'tcp'\ninternal_port = 2\n" +
			"[[services.ports]]\nport = 1\n[[services.ports]]\nport = 2\nprot = 2\n[[services.http_checks]]\n" +
			"paht = '/'\n", []string{"unknown_key 7:36 services[0].ports[0].forse_https",
			"unknown_key 8:13 services[0].concurrency.typ", "I dedicated_ipv4 9:3 services[1]",
			"unknown_key 16:1 services[1].ports[1].prot", "I http_check_no_http 17:12 services[1].http_checks[0]",
			"unknown_key 18:1 services[1].http_checks[0].paht"}},
		{"where strict validation is blind", oneHTTP + "[[vm]]\nmemory = 512\ncpu = 3\n[metrics]\nprt = 1\n" +
			"[[mounts]]\nsource = 'a'\ndestination = '/a'\nsize = 3\n[deploy.release_command_vm]\nmemroy = '1gb'\n" +
			"[[files]]\nguest = '/x'", []string{"unknown_key 6:1 vm[0].cpu", "unknown_key 8:1 metrics.prt",
			"unknown_key 12:1 mounts[0].size", "unknown_key 14:1 deploy.release_command_vm.memroy",
			"file_incomplete 15:3 files[0]", "unknown_key 16:1 files[0].guest"}},
		{"unknown sections", oneHTTP + "[flycast]\nenabled = true\n[http_services]\ninternal_port = 3\n",
			[]string{"unknown_key 4:2 flycast", "unknown_key 6:2 http_services"}},
		{"names of the Machines API", oneHTTP + "autostop = true\nautostart = true\n",
			[]string{"unknown_key 4:1 http_service.autostop", "unknown_key 5:1 http_service.autostart"}},
		{"keys in the wrong table", "app = 'x'\nforce_https = true\nmemory = '1gb'\nauto_stop_machines = 'stop'\n" +
			"hard_limit = 3\nrelease_command = 'a'\n[http_service]\ninternal_port = 80\nkill_timeout = '9s'\n" +
			"soft_limit = 9\nhandlers = ['http']\nprotocol = 'tcp'\n[[http_service.ports]]\nport = 80\n" +
			"[build]\nprimary_region = 'ams'\n", []string{"misplaced_key 2:1 force_https",
			"misplaced_key 3:1 memory", "misplaced_key 4:1 auto_stop_machines", "misplaced_key 5:1 hard_limit",
			"misplaced_key 6:1 release_command", "misplaced_key 9:1 http_service.kill_timeout",
			"misplaced_key 10:1 http_service.soft_limit", "misplaced_key 11:1 http_service.handlers",
			"misplaced_key 12:1 http_service.protocol", "misplaced_key 13:16 http_service.ports",
			"misplaced_key 16:1 build.primary_region"}},
		{"keys that a table above them swallowed", oneHTTP + "[[http_service.checks]]\npath = '/'\n" +
			"[http_service.checks.headers]\nHost = 'x'\ninterval = '10s'\n" +
			"[env]\nPORT = '80'\nprimary_region = 'ams'\nlower_case = 'x'\n[build.args]\nimage = 'x'\n" +
			"build-target = 'x'\n", []string{"swallowed_key 8:1 http_service.checks[0].headers.interval",
			"swallowed_key 11:1 env.primary_region", "swallowed_key 15:1 build.args.build-target"}},
		{"a swallowed key that flyctl refuses there", oneHTTP + "[[http_service.checks]]\n" +
			"[http_service.checks.headers]\nHost = 'x'\ntls_skip_verify = true\n",
			[]string{"E swallowed_key 7:1 http_service.checks[0].headers.tls_skip_verify"}},
		{"a service that is a part of another", oneHTTP + "[[services.http_checks]]\npath = '/'\n" +
			"[services.concurrency]\nsoft_limit = 1\n", []string{"stray_service 4:3 services"}},
		{"a stray service that is a list", oneHTTP + "[[services]]\n[[services.ports]]\nport = 443\n" +
			"handlers = ['tls', 'http']\n", []string{"stray_service 4:3 services[0]"}},
		{"files of containers",
			"app = 'x'\nmachine_config = '{\"containers\": [{\"name\": \"app\", \"files\": [{\"guest_path\": \"/a\", " +
				"\"local_path\": \"a\"}, {\"guest_path\": \"/b\", \"raw_value\": " +
				"\"aGVsbG8=\"}]}]}'\n[http_service]\ninternal_port = 80\n",
			[]string{"I outside_file 2:1 machine_config"}},
		{"containers of which one has no image",
			"app = 'x'\nmachine_config = '{\"containers\": [{\"name\": \"app\", \"files\": [{\"guest_path\": \"/a\", " +
				"\"local_path\": \"a\"}]}, {\"name\": \"b\"}]}'\n[http_service]\ninternal_port = 80\n",
			[]string{"E unconvertible 2:1 machine_config", "I outside_file 2:1 machine_config"}},
		{"keys in the wrong table of a service", oneTCP + "force_https = true\nport = 80\nhard_limit = 9\n" +
			"[[services.checks]]\ntype = 'tcp'\n[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"internal_port = 80\nmin_machines_running = 1\n", []string{"misplaced_key 5:1 services[0].force_https",
			"misplaced_key 6:1 services[0].port", "misplaced_key 7:1 services[0].hard_limit",
			"misplaced_key 8:12 services[0].checks", "misplaced_key 13:1 services[0].ports[0].internal_port",
			"misplaced_key 14:1 services[0].ports[0].min_machines_running"}},
		{"words of every day are not sent anywhere", oneHTTP + "[deploy]\npath = 'x'\ncommand = 'y'\n" +
			"[build]\nname = 'n'\n", []string{"unknown_key 5:1 deploy.path", "unknown_key 6:1 deploy.command",
			"unknown_key 8:1 build.name"}},
		{"dead keys", oneTCP + "script_checks = []\n[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"[[services.tcp_checks]]\nrestart_limit = 3\n[experimental]\nallowed_public_ports = []\n" +
			"private_network = true\nauto_rollback = true\n[mounts]\nsource = 'd'\ndestination = '/d'\n" +
			"encrypted = true\n[[redis]]\n", []string{"I dead_key 5:1 services[0].script_checks",
			"dead_key 10:1 services[0].tcp_checks[0].restart_limit",
			"I dead_key 12:1 experimental.allowed_public_ports", "dead_key 13:1 experimental.private_network",
			"I dead_key 14:1 experimental.auto_rollback", "dead_key 18:1 mounts.encrypted", "dead_key 19:3 redis"}},
		{"wrong case", "App = 'x'\n[HTTP_Service]\ninternal_port = 1\n[[VM]]\ncpus = 1",
			[]string{"key_case 1:1 App", "key_case 2:2 HTTP_Service", "key_case 4:3 VM"}},
		{"unknown groups", "app = 'x'\n[processes]\napp = ''\n[http_service]\ninternal_port = 1\n" +
			"processes = ['app', 'wbe']\n[[mount]]\nsource = 'x'\ndestination = '/x'\nprocesses = ['gone']\n" +
			"[checks.c]\ntype = 'tcp'\nport = 1\nprocesses = ['gone']\n[[restart]]\npolicy = 'never'\n" +
			"processes = ['gone']", []string{"E unknown_group 6:1 http_service.processes",
			"unknown_group 10:1 mount[0].processes", "unknown_group 14:1 checks.c.processes",
			"E unknown_group 17:1 restart[0].processes"}},
		{"a service without groups", "app = 'x'\n[processes]\nweb = ''\n[http_service]\ninternal_port = 1\n",
			[]string{"E invalid 4:2 http_service"}},
		{"processes that are dropped", oneHTTP + "[[processes]]\ncommand = 'x'\n[[processes]]\nname = 'app'\n",
			[]string{"E invalid 2:2 http_service", "processes_dropped 4:3 processes[0]"}},
		{"the first group by name", "app = 'x'\n[processes]\nweb = ''\napi = ''\n" +
			"[http_service]\ninternal_port = 1\nprocesses = ['web']\n[[mounts]]\nsource = 'd'\n" +
			"destination = '/d'\n", []string{"default_group 8:3 mounts[0]"}},
		{"several of a kind", oneHTTP + "[[mounts]]\nsource = 'a'\ndestination = '/a'\n[[mounts]]\nsource = 'b'\n" +
			"destination = '/b'\n[[metrics]]\nport = 1\n[[metrics]]\nport = 2\n[[restart]]\npolicy = 'always'\n" +
			"[[restart]]\npolicy = 'never'\n[[vm]]\nmemory = 512\n[[vm]]\nmemory = 1024\n",
			[]string{"several_mounts 7:3 mounts[1]", "several_sections 12:3 metrics[1]",
				"several_sections 16:3 restart[1]", "several_sections 20:3 vm[1]"}},
		{"several sizes", "app = 'x'\n[processes]\na = ''\nb = ''\n[http_service]\ninternal_port = 80\n" +
			"processes = ['a']\n[[vm]]\nmemory = 512\n[[vm]]\nmemory = 1024\nprocesses = ['a']\n" +
			"[[vm]]\nmemory = 2048\nprocesses = ['a']\n", []string{"several_sections 10:3 vm[1]"}},
		{"services", "app = 'x'\n[[services]]\nprotocol = 'udp'\ninternal_port = 53\n" +
			"[[services]]\nprotocol = 'tcp'\n[[services.ports]]\nport = 443\nhandlers = ['tls', 'http']\n" +
			"[[services.ports]]\nport = 99999\nhandlers = ['tls']", []string{"no_ports 2:3 services[0]",
			"I udp_service 3:1 services[0].protocol", "no_internal_port 5:3 services[1]",
			"I tls_only_service 5:3 services[1]", "I dedicated_ipv4 5:3 services[1]",
			"port_out_of_range 11:1 services[1].ports[1].port"}},
		{"nothing can wake it", "app = 'x'\n[[services]]\nprotocol = 'tcp'\ninternal_port = 3\n" +
			"auto_stop_machines = 'stop'\nauto_start_machines = true", []string{"no_ports 2:3 services[0]",
			"autostop_no_start 5:1 services[0].auto_stop_machines"}},
		{"no datagram wakes it", "app = 'x'\n[[services]]\nprotocol = 'udp'\ninternal_port = 3\n" +
			"auto_stop_machines = 'stop'\nauto_start_machines = true\nports = [{port = 3}]",
			[]string{"I dedicated_ipv4 2:3 services[0]", "I udp_service 3:1 services[0].protocol",
				"autostop_no_start 5:1 services[0].auto_stop_machines"}},
		{"another service wakes it", "app = 'x'\n[http_service]\ninternal_port = 3\nauto_stop_machines = 'stop'\n" +
			"auto_start_machines = true\n[[services]]\nprotocol = 'tcp'\ninternal_port = 3\n" +
			"auto_stop_machines = 'stop'\nauto_start_machines = true", []string{"no_ports 6:3 services[0]"}},
		{"ports that are none", "app = 'x'\n[[services]]\nprotocol = 'tcp'\ninternal_port = 3\n" +
			"ports = [{port = 0}]", []string{"I dedicated_ipv4 2:3 services[0]", "no_ports 5:1 services[0].ports",
			"port_out_of_range 5:11 services[0].ports[0].port"}},
		{"a dropped service does not shift the others", "app = 'x'\n[[services]]\n" +
			"[[services]]\nprotocol = 'tcp'\ninternal_port = 3", []string{"service_dropped 2:3 services[0]",
			"no_ports 3:3 services[1]"}},
		{"protocols and handlers", "app = 'x'\n[[services]]\ninternal_port = 1\n[[services.ports]]\nport = 80\n" +
			"handlers = ['http']\n[[services]]\nprotocol = 'TCP'\ninternal_port = 2\n" +
			"[[services.ports]]\nport = 8080\nhandlers = ['htp', 'HTTP', 'proxy_proto']\n",
			[]string{"no_protocol 2:3 services[0]", "unknown_protocol 8:1 services[1].protocol",
				"I proxy_proto 12:1 services[1].ports[0].handlers",
				"unknown_handler 12:13 services[1].ports[0].handlers[0]",
				"unknown_handler 12:20 services[1].ports[0].handlers[1]"}},
		{"ports", oneTCP + "[[services.ports]]\nstart_port = 20\nend_port = 10\n[[services.ports]]\nport = 80.5\n" +
			"handlers = ['http', 'tls']\n[[services.ports]]\nport = 443\nhandlers = ['http']\n" +
			"[[services.ports]]\nport = 0\n", []string{"I dedicated_ipv4 2:3 services[0]",
			"port_reversed 7:1 services[0].ports[0].end_port", "port_handlers 8:12 services[0].ports[1]",
			"port_fraction 9:1 services[0].ports[1].port", "port_handlers 11:12 services[0].ports[2]",
			"port_out_of_range 15:1 services[0].ports[3].port"}},
		{"force_https", oneTCP + "[[services.ports]]\nport = 80\nhandlers = ['http']\nforce_https = true\n" +
			"[[services.ports]]\nport = 5432\nforce_https = true\n[[services.ports]]\nport = 443\n" +
			"handlers = ['tls', 'http']\nforce_https = true\n", []string{"I dedicated_ipv4 2:3 services[0]",
			"I force_https 8:1 services[0].ports[0].force_https", "force_https_unused 11:1 services[0].ports[1].force_https"}},
		{"one port twice", oneTCP + "[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"[[services.ports]]\nstart_port = 70\nend_port = 90\n[[services]]\nprotocol = 'tcp'\ninternal_port = 9\n" +
			"[[services.ports]]\nport = 80\nhandlers = ['http']\n[[services]]\nprotocol = 'udp'\n" +
			"internal_port = 80\n[[services.ports]]\nport = 80\n", []string{"I dedicated_ipv4 2:3 services[0]",
			"duplicate_port 8:12 services[0].ports[1]", "duplicate_port 14:12 services[1].ports[0]",
			"I udp_service 18:1 services[2].protocol"}},
		{"autostop", "app = 'x'\n[http_service]\ninternal_port = 1\nauto_stop_machines = 'stop'\n" +
			"auto_start_machines = false\nmin_machines_running = -1\n[[services]]\nprotocol = 'tcp'\n" +
			"internal_port = 2\n[[services.ports]]\nport = 5",
			[]string{"autostop_no_start 5:1 http_service.auto_start_machines",
				"negative_minimum 6:1 http_service.min_machines_running", "autostop_not_all 7:3 services[0]",
				"I dedicated_ipv4 7:3 services[0]"}},
		{"autostart is not said", oneHTTP + "auto_stop_machines = true", []string{"I autostart_unset 2:2 http_service"}},
		{"a word that is none", oneHTTP + "auto_stop_machines = 'on'\n",
			[]string{"E autostop_value 4:1 http_service.auto_stop_machines"}},
		{"another that is none", oneHTTP + "auto_stop_machines = 1\n",
			[]string{"E autostop_value 4:1 http_service.auto_stop_machines"}},
		{"minimum", oneHTTP + "auto_stop_machines = 'stop'\nauto_start_machines = true\n" +
			"min_machines_running = 1", []string{"minimum_without_region 6:1 http_service.min_machines_running"}},
		{"huge minimum", "primary_region = 'ams'\napp = 'x'\n[http_service]\ninternal_port = 80\n" +
			"auto_stop_machines = 'stop'\nauto_start_machines = true\nmin_machines_running = 100000",
			[]string{"huge_minimum 7:1 http_service.min_machines_running"}},
		{"minimum of what is not stopped", oneHTTP + "min_machines_running = 1",
			[]string{"I minimum_without_autostop 4:1 http_service.min_machines_running"}},
		{"suspend", oneHTTP + "auto_stop_machines = 'suspend'\nauto_start_machines = true\n" +
			"[[vm]]\nmemory = '4gb'\ncpus = 2", []string{"suspend_impossible 4:1 http_service.auto_stop_machines"}},
		{"suspend with swap", "swap_size_mb = 512\napp = 'x'\n[http_service]\ninternal_port = 80\n" +
			"auto_stop_machines = 'suspend'\nauto_start_machines = true\n",
			[]string{"suspend_impossible 5:1 http_service.auto_stop_machines"}},
		{"suspend of a small Machine", oneHTTP + "auto_stop_machines = 'suspend'\nauto_start_machines = true\n" +
			"[[vm]]\nmemory = '2gb'", []string{}},
		{"a restart policy that fights autostop", oneHTTP + "auto_stop_machines = 'stop'\n" +
			"auto_start_machines = true\n[[restart]]\npolicy = 'always'", []string{"I restart_always 7:1 restart[0].policy"}},
		{"concurrency", oneHTTP + "auto_stop_machines = 'stop'\nauto_start_machines = true\n" +
			"[http_service.concurrency]\ntype = 'connections'\nsoft_limit = 30\nhard_limit = 20\n",
			[]string{"I concurrency_connections 7:1 http_service.concurrency.type",
				"soft_over_hard 8:1 http_service.concurrency.soft_limit"}},
		{"limits", oneHTTP + "[http_service.concurrency]\ntype = 'request'\nsoft_limit = 0\nhard_limit = -1\n",
			[]string{"concurrency_type 5:1 http_service.concurrency.type",
				"limit_not_positive 6:1 http_service.concurrency.soft_limit",
				"limit_not_positive 7:1 http_service.concurrency.hard_limit"}},
		{"concurrency of the last service alone", oneTCP + "[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"[[services]]\nprotocol = 'tcp'\ninternal_port = 90\n[[services.ports]]\nport = 90\n" +
			"handlers = ['http']\n[services.concurrency]\nsoft_limit = 9\n",
			[]string{"I dedicated_ipv4 8:3 services[1]", "I last_service_only 14:11 services[1].concurrency"}},
		{"keys that have moved", oneHTTP + "kill_timeout = '9s'\n[experimental]\nkill_timeout = 9\n" +
			"metrics_port = 80\n[metrics]\nport = 90\n", []string{"misplaced_key 4:1 http_service.kill_timeout",
			"I dead_key 6:1 experimental.kill_timeout", "dead_key 7:1 experimental.metrics_port"}},
		{"a key that has moved, and is read", oneHTTP + "[experimental]\nkill_timeout = 9\n",
			[]string{"I dead_key 5:1 experimental.kill_timeout"}},
		{"concurrency of old", oneTCP + "concurrency = '20,25'\n[[services.ports]]\nport = 80\n" +
			"handlers = ['http']\n", []string{"I legacy_concurrency 5:1 services[0].concurrency"}},
		{"check durations", oneHTTP + "[[http_service.checks]]\ninterval = 15000\ntimeout = '2s'\n" +
			"grace_period = 5000000000\nmethod = 'get'\n[[http_service.checks]]\ninterval = '5s'\ntimeout = '10s'\n" +
			"[[http_service.checks]]\ninterval = '2m'\ngrace_period = '5ms'\n",
			[]string{"duration_unit 5:1 http_service.checks[0].interval",
				"I duration_bare 7:1 http_service.checks[0].grace_period",
				"I check_method 8:1 http_service.checks[0].method",
				"timeout_over_interval 11:1 http_service.checks[1].timeout",
				"check_clamped 13:1 http_service.checks[2].interval", "check_clamped 14:1 http_service.checks[2].grace_period"}},
		{"durations of services", oneTCP + "[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"[[services.tcp_checks]]\ninterval = 10000\ntimeout = true\n[[services.tcp_checks]]\ninterval = ''\n",
			[]string{"I duration_bare 9:1 services[0].tcp_checks[0].interval",
				"duration_dropped 10:1 services[0].tcp_checks[0].timeout",
				"duration_dropped 12:1 services[0].tcp_checks[1].interval"}},
		{"an HTTP check where no HTTP is answered", oneTCP + "[[services.ports]]\nport = 5432\n" +
			"[[services.http_checks]]\npath = '/'\n", []string{"I dedicated_ipv4 2:3 services[0]",
			"I http_check_no_http 7:12 services[0].http_checks[0]"}},
		{"durations elsewhere", "app = 'x'\nkill_timeout = 600\n[deploy]\nwait_timeout = 300\n" +
			"[http_service]\ninternal_port = 80\n[checks.c]\ntype = 'tcp'\ninterval = 3000\ntimeout = '4s'\n" +
			"port = 70000\n", []string{"kill_timeout_limit 2:1 kill_timeout", "I duration_bare 2:1 kill_timeout",
			"duration_unit 4:1 deploy.wait_timeout", "I duration_bare 9:1 checks.c.interval",
			"timeout_over_interval 10:1 checks.c.timeout", "port_out_of_range 11:1 checks.c.port"}},
		{"deploy", oneHTTP + "[deploy]\nstrategy = 'bluegreen'\nmax_unavailable = 1.5\n[mounts]\nsource = 'd'\n",
			[]string{"E bluegreen_checks 5:1 deploy.strategy", "bluegreen_mounts 5:1 deploy.strategy",
				"max_unavailable 6:1 deploy.max_unavailable", "mount_incomplete 7:2 mounts"}},
		{"build", oneHTTP + "[build]\nimage = 'i'\ndockerfile = 'd'\n", []string{"build_conflict 4:2 build"}},
		{"files", "app = 'x'\n[processes]\na = ''\nb = ''\n[http_service]\ninternal_port = 80\n" +
			"processes = ['a']\n[[files]]\nguest_path = '/a'\nraw_value = 'aGVsbG8sIHdvcmxkIQ=='\n" +
			"processes = ['a']\n[[files]]\nguest_path = '/b'\nlocal_path = 'b'\n",
			[]string{"raw_value_encoded 10:1 files[0].raw_value", "files_processes 11:1 files[0].processes",
				"I outside_file 14:1 files[1].local_path"}},
		{"Machine configuration beside the file", "app = 'x'\nmachine_config = 'm.json'\n" +
			"[http_service]\ninternal_port = 80", []string{"I outside_file 2:1 machine_config"}},
		{"Machine configuration that is none", "app = 'x'\nmachine_config = '{'\n" +
			"[http_service]\ninternal_port = 80", []string{"E unconvertible 2:1 machine_config"}},
		{"compose", oneHTTP + "[build.compose]\nfile = 'c.yml'", []string{"I outside_file 4:8 build.compose"}},
		{"sizes", "host_dedication_id = 'h'\napp = 'x'\n[http_service]\ninternal_port = 80\n",
			[]string{"host_dedication 1:1 host_dedication_id"}},
		{"memory twice", oneHTTP + "[[vm]]\nmemory = '1gb'\nmemory_mb = 512\n", []string{"memory_twice 6:1 vm[0].memory_mb"}},
		{"a size that is none", oneHTTP + "[[vm]]\nsize = 'shared-cpu-3x'\n", []string{"E unconvertible 5:1 vm[0].size"}},
		{"a size that nobody gets", oneHTTP + "[[vm]]\n[[vm]]\nsize = 'shared-cpu-3x'\n",
			[]string{"several_sections 5:3 vm[1]"}},
		{"sizes that no Machine has", oneHTTP + "[[vm]]\ncpus = 2\n[deploy]\nrelease_command = 'a'\n" +
			"[deploy.release_command_vm]\ncpus = 3\nmemory = '1024'", []string{"E guest_size 4:3 vm[0]",
			"E guest_size 9:1 deploy.release_command_vm.cpus"}},
		{"memory between two steps", oneHTTP + "[[vm]]\nmemory = 300\n", []string{"E guest_size 5:1 vm[0].memory"}},
		{"too much memory", oneHTTP + "[[vm]]\nsize = 'shared-cpu-1x'\nmemory_mb = 4096\n",
			[]string{"E guest_size 6:1 vm[0].memory_mb"}},
		{"too little for a kind", oneHTTP + "[[vm]]\ncpu_kind = 'performance'\nmemory = '1gb'\n",
			[]string{"E guest_size 6:1 vm[0].memory"}},
		{"no kind of CPU", oneHTTP + "[[vm]]\ncpu_kind = 'dedicated'\n", []string{"E guest_size 5:1 vm[0].cpu_kind"}},
		{"a size with a GPU has rules of its own", oneHTTP + "[[vm]]\nsize = 'l40s'\nmemory = '100gb'\n", nil},
		{"sizes that Machines have", "app = 'x'\n[processes]\na = ''\nb = ''\n" +
			"[http_service]\ninternal_port = 80\nprocesses = ['a']\n[[vm]]\nsize = 'performance-4x'\n" +
			"memory = '32gb'\nprocesses = ['a']\n[[vm]]\ncpus = 8\nmemory_mb = 2048\nprocesses = ['b']\n", nil},
		{"a size of the release command that is none", oneHTTP + "[deploy]\nrelease_command = 'a'\n" +
			"[deploy.release_command_vm]\nsize = 'large'", []string{"E unconvertible 7:1 deploy.release_command_vm.size"}},
		{"one that nothing runs on", oneHTTP + "[deploy.release_command_vm]\nsize = 'large'", nil},
		{"memory of the release command that is none", oneHTTP + "[deploy]\nrelease_command = 'a'\n" +
			"release_command_vm = { memory = 'much' }", []string{"E unconvertible 6:24 deploy.release_command_vm.memory"}},
		{"machine checks", oneHTTP + "[[http_service.machine_checks]]\nimage = 'x'\n" +
			"[[http_service.machine_checks]]\ncommand = ['a']\n[[machine_checks]]\ncommand = []\n",
			[]string{"E machine_check_command 4:16 http_service.machine_checks[0]",
				"E machine_check_command 8:3 machine_checks[0]"}},
		{"volume names", "app = 'x'\n[processes]\na = ''\nb = ''\nc = ''\n[http_service]\ninternal_port = 80\n" +
			"processes = ['a']\n[[mounts]]\nsource = 'my-data'\ndestination = '/data'\nprocesses = ['a']\n" +
			"[[mounts]]\nsource = 'a_name_of_thirty_one_characters'\ndestination = '/data'\nprocesses = ['b']\n" +
			"[[mounts]]\nsource = 'pg_data2'\ndestination = '/data'\nprocesses = ['c']\n",
			[]string{"E volume_name 10:1 mounts[0].source", "E volume_name 14:1 mounts[1].source"}},
		{"directories of volumes", oneHTTP + "[[mounts]]\nsource = 'a'\ndestination = '/'\n" +
			"[[mounts]]\nsource = 'b'\ndestination = 'data'\n[[mounts]]\nsource = 'c'\ndestination = '/c'\n" +
			"[[mounts]]\nsource = 'd'\ndestination = '/c/'\n",
			[]string{"E mount_destination 6:1 mounts[0].destination", "several_mounts 7:3 mounts[1]",
				"E mount_destination 9:1 mounts[1].destination", "several_mounts 10:3 mounts[2]",
				"several_mounts 13:3 mounts[3]", "E mount_destination 15:1 mounts[3].destination"}},
		{"paths without a slash", oneHTTP + "checks = [{ path = 'health' }]\n[checks.a]\ntype = 'http'\n" +
			"port = 80\npath = 'http://x/y'\n[checks.b]\ntype = 'tcp'\nport = 80\npath = 'z'\n" +
			"[metrics]\nport = 1\npath = 'metrics'\n[[statics]]\nguest_path = 'public'\nurl_prefix = 'static'\n",
			[]string{"path_form 4:13 http_service.checks[0].path", "path_form 8:1 checks.a.path",
				"path_form 15:1 metrics.path", "path_form 18:1 statics[0].url_prefix"}},
		{"statics and files", oneHTTP + "[[statics]]\nurl_prefix = '/a'\n[[statics]]\nguest_path = '/b'\n" +
			"[[statics]]\nguest_path = '/c'\nurl_prefix = '/c'\n[[statics]]\nguest_path = '/d'\nurl_prefix = '/c'\n" +
			"[[statics]]\nurl_prefix = '/e'\ntigris_bucket = 'b'\n[[files]]\nraw_value = 'x'\n" +
			"[[files]]\nguest_path = 'f'\nraw_value = 'x'\n[[files]]\nguest_path = '/g'\n" +
			"[[files]]\nguest_path = '/h'\nraw_value = 'x'\nsecret_name = 'x'\n[[files]]\nguest_path = '/i'\n" +
			"raw_value = ''\n", []string{"static_incomplete 4:3 statics[0]", "static_incomplete 6:3 statics[1]",
			"static_incomplete 13:1 statics[3].url_prefix", "file_incomplete 17:3 files[0]",
			"file_incomplete 20:1 files[1].guest_path", "file_incomplete 22:3 files[2]", "file_incomplete 24:3 files[3]"}},
		{"PORT", "app = 'x'\n[env]\nPORT = '3000'\n[http_service]\ninternal_port = 8080\n",
			[]string{"port_variable 3:1 env.PORT"}},
		{"PORT of one of several", oneTCP + "[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"[[services]]\nprotocol = 'tcp'\ninternal_port = 81\n[[services.ports]]\nport = 443\n" +
			"handlers = ['tls', 'http']\n[env]\nPORT = 81\n", []string{"I tls_only_service 8:3 services[1]"}},
		{"PORT behind a proxy", "app = 'x'\n[env]\nPORT = '3000'\n[http_service]\ninternal_port = 8080\n" +
			"[[mounts]]\nsource = 'litefs'\ndestination = '/var/lib/litefs'\n", nil},
		{"signals", oneHTTP + "[env]\nPORT = '$PORT'\n", nil},
		{"a name of no signal", "app = 'x'\nkill_signal = 'SIGFOO'\n[http_service]\ninternal_port = 80",
			[]string{"kill_signal 2:1 kill_signal"}},
		{"a signal of real time", "app = 'x'\nkill_signal = 'SIGRTMIN+3'\n[http_service]\ninternal_port = 80", []string{}},
		{"no signal", "app = 'x'\nkill_signal = 'sigterm'\n[http_service]\ninternal_port = 80",
			[]string{"kill_signal 2:1 kill_signal"}},
		{"ports sections", oneTCP + "[[services.ports]]\nhandlers = ['http']\n[[services.ports]]\nport = 80\n" +
			"end_port = 90\n[[services.ports]]\nstart_port = 5\n", []string{"I dedicated_ipv4 2:3 services[0]",
			"port_incomplete 5:12 services[0].ports[0]", "port_incomplete 7:12 services[0].ports[1]",
			"port_incomplete 10:12 services[0].ports[2]"}},
		{"a placeholder", "app = 'my-app-name'\n[http_service]\ninternal_port = 80", []string{"app_name 1:1 app"}},
		{"region", "app = 'x'\nprimary_region = 'Amsterdam'\n[http_service]\ninternal_port = 80\n",
			[]string{"region_form 2:1 primary_region"}},
		{"env", "app = 'x'\nprimary_region = 'ams'\n[http_service]\ninternal_port = 80\n" +
			"[env]\nPRIMARY_REGION = 'fra'\nFLY_PROCESS_GROUP = 'x'\nRATIO = 1.50\nHEX = 0xff\nPORT = 8080\n" +
			"ON = true\nDB_PASSWORD = 'hunter2'\nTOKEN_TTL = '5'\nAPI_TOKEN = '$OTHER'\nLIST = [1]\n",
			[]string{"env_overwritten 6:1 env.PRIMARY_REGION", "env_overwritten 7:1 env.FLY_PROCESS_GROUP",
				"env_text 8:1 env.RATIO", "env_text 9:1 env.HEX", "port_variable 10:1 env.PORT",
				"I env_secret 12:1 env.DB_PASSWORD", "env_text 15:1 env.LIST"}},
		{"top-level check without a port", oneTCP + "[[services.ports]]\nport = 80\nhandlers = ['http']\n" +
			"[checks.c]\ntype = 'tcp'\n", []string{"E unconvertible 8:9 checks.c"}},
		{"refused in several places", "app = 'x'\nconsole_command = '\"'\n[http_service]\ninternal_port = 80\n" +
			"[deploy]\nstrategy = 'x'\nrelease_command = '\"'\n[checks.c]\ntype = 'script'\ninterval = '1s'\n" +
			"[[restart]]\npolicy = 'x'\n[mounts]\nsource = 'd'\ndestination = '/d'\nsnapshot_retention = 99\n" +
			"initial_size = '1mb'\n[build]\ncompression_level = 22\n", []string{"E invalid 2:1 console_command",
			"E invalid 6:1 deploy.strategy", "E invalid 7:1 deploy.release_command", "E invalid 9:1 checks.c.type",
			"E invalid 10:1 checks.c.interval", "E invalid 12:1 restart[0].policy",
			"E invalid 16:1 mounts.snapshot_retention", "E invalid 17:1 mounts.initial_size",
			"E invalid 19:1 build.compression_level"}},
		{"wrong shapes", "app = 5\nkill_timeout = '30'\n[http_service]\ninternal_port = '80'\nprocesses = 'app'\n" +
			"http_options.idle_timeout = -1\n[[services]]\nports = 5\nconcurrency = 'many'\n" +
			"[[vm]]\nkernel_args = 'x'\n[deploy]\nwait_timeout = true\n", []string{"E invalid 1:1 app",
			"E invalid 2:1 kill_timeout", "E invalid 4:1 http_service.internal_port",
			"E invalid 5:1 http_service.processes", "E invalid 6:14 http_service.http_options.idle_timeout",
			"E invalid 8:1 services[0].ports", "E invalid 9:1 services[0].concurrency",
			"E invalid 11:1 vm[0].kernel_args", "E invalid 13:1 deploy.wait_timeout"}},
		{"a list where one table is meant", "app = 'x'\n[[http_service]]\ninternal_port = 1",
			[]string{"E invalid 2:3 http_service"}},
	}
}

func lintLine(f Finding) string {
	mark := map[Severity]string{SeverityError: "E ", SeverityInfo: "I "}[f.Severity]
	return fmt.Sprintf("%s%s %d:%d %s", mark, f.Code, f.Row, f.Column, f.Path)
}

func TestLint(t *testing.T) {
	for _, tt := range lintCases() {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, f := range Lint(parseTOML(t, tt.text)) {
				got = append(got, lintLine(f))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%s\n got %q\nwant %q", tt.text, got, tt.want)
			}
		})
	}
}

// TestLintPrivate: what stands in the way of Flycast is a warning where the app
// is to be private, and a note where it may be public.
func TestLintPrivate(t *testing.T) {
	f := parseTOML(t, "app = 'x'\n[http_service]\ninternal_port = 80\nforce_https = true\n"+
		"[[services]]\nprotocol = 'udp'\ninternal_port = 53\n[[services.ports]]\nport = 53\n"+
		"[[services]]\nprotocol = 'tcp'\ninternal_port = 5432\n[[services.ports]]\nport = 5432\nhandlers = ['pg_tls']\n")
	lines := func(findings []Finding) (out []string) {
		for _, f := range findings {
			out = append(out, lintLine(f))
		}
		return out
	}
	want := []string{"force_https 4:1 http_service.force_https", "I dedicated_ipv4 5:3 services[0]",
		"udp_service 6:1 services[0].protocol", "tls_only_service 10:3 services[1]"}
	if got := lines(LintPrivate(f)); !slices.Equal(got, want) {
		t.Errorf("private: got %q, want %q", got, want)
	}
	for _, finding := range Lint(f) {
		if finding.Severity != SeverityInfo {
			t.Errorf("public: %s", lintLine(finding))
		}
	}
}

// TestLintAppNames: names that no app has, and names that apps have.
func TestLintAppNames(t *testing.T) {
	for name, want := range map[string]bool{
		"my-app-name": true, "<app>": true, "your-app": true, "your-app-name": true, "$APP": true,
		"${APP_NAME}": true, "{{app}}": true,
		"{{ .Name }}-web": true, "my-app": true, "app-name": true, "YOUR_APP": true, "pr-${PR}-shop": true,
		"change-me": true, "replace-with-your-app": true,
		"%APP%": true, "{APP_NAME}": true, "<your app name>": true, "__APP__": true, "todo": true,
		"My Shop": true, "shop_api": true, "shop.example": true, "-shop": true,
		strings.Repeat("a", 64): true, "Shop": true, "xxxx": true, "my-fly-app": true, "the-app-name": true,
		"shop": false, "shop-api": false, "a": false, "restless-fire-6276": false, "my-shop": false,
		"app": false, "todo-app": false, "myapp-prod": false,
		"appserver": false, "2048": false, "your": false, "changelog": false, "service-mesh": false,
		strings.Repeat("a", 63): false, "name-service": false,
	} {
		findings := Lint(parseTOML(t, fmt.Sprintf("app = '%s'\n[http_service]\ninternal_port = 80\n", name)))
		got := slices.ContainsFunc(findings, func(f Finding) bool { return f.Code == FindingAppName })
		if got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
	}
}

// TestLintCodes: every code has a case, and every finding says what follows
// and what to do.
func TestLintCodes(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "finding.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Finding") {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil || codes[code] {
				t.Errorf("code %q twice, or %v", code, err)
			}
			codes[code] = true
		}
		return true
	})
	if len(codes) < 60 {
		t.Fatalf("%d codes in finding.go", len(codes))
	}
	unseen := maps.Clone(codes)
	cases := append(lintCases(), lintCase{name: "more than are listed", text: overfull()})
	for _, tt := range cases {
		for _, f := range Lint(parseTOML(t, tt.text)) {
			delete(unseen, f.Code)
			if !codes[f.Code] || f.What == "" || f.Why == "" || f.Fix == "" || f.Severity == "" {
				t.Errorf("%s: incomplete %+v", tt.name, f)
			}
		}
	}
	if len(unseen) > 0 {
		t.Errorf("without a case: %q", slices.Sorted(maps.Keys(unseen)))
	}
}

// TestLintWords: where a key belongs, and what it was meant to be.
func TestLintWords(t *testing.T) {
	for _, tt := range []struct{ text, fix string }{
		{"force_https = true", "move it to [http_service]"},
		{"[http_service]\n[[http_service.mounts]]\nsource = 'd'", "write it as its own section, [[mounts]]"},
		{"[http_service.vm]\nmemory = 512", "write it as its own section, [[vm]]"},
		{"[[services]]\n[[services.compute]]\nmemory = 512", "write it as its own section, [[vm]]"},
		{"[http_service]\nrestart = 'always'", "write it as its own section, [[restart]]"},
		{"[http_service.env]\nA = 'b'", "write it as its own section, [env]"},
		{"[concurrency]\nsoft_limit = 2", "write it as its own section, [http_service.concurrency]"},
		{"[[http_service.checks]]\n[http_service.checks.headers]\ninterval = '5s'",
			"move it to [[http_service.checks]], above [http_service.checks.headers]"},
		{"[env]\nkill_timeout = 5", "move it to the top of the file, above [env]"},
		{"[http_service]\ninternal_port = 80\n[[services.http_checks]]\npath = '/'",
			"rename [[services.http_checks]] to [[http_service.checks]]"},
		{"[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['tls']",
			"if the app speaks plain TCP, add a port with handlers = []: Fly Proxy then passes the bytes through"},
		{"memory = '1gb'", "move it to [[vm]]"},
		{"soft_limit = 1", "move it to [http_service.concurrency]"},
		{"start_port = 1", "move it to [[services.ports]]"},
		{"[[services]]\nforce_https = true", "move it to [[services.ports]]"},
		{"[[services]]\nhard_limit = 1", "move it to [services.concurrency]"},
		{"[[services]]\n[[services.ports]]\ninternal_port = 1", "move it to [[services]]"},
		{"[[services]]\n[[services.tcp_checks]]\npath = '/'", "move it to [[services.http_checks]]"},
		{"[[services]]\n[[services.checks]]\ntype = 'tcp'",
			"rename it to [[services.http_checks]] or [[services.tcp_checks]]"},
		{"[http_service]\nsoft_limit = 1", "move it to [http_service.concurrency]"},
		{"[http_service]\nprimary_region = 'ams'", "move it to the top of the file, above the first table"},
		{"[http_service]\nautostop = true", "did you mean auto_stop_machines?"},
		{"[http_service]\nauto-stop-machines = true", "did you mean auto_stop_machines?"},
		{"[http_service]\ninternalPort = 80", "did you mean internal_port?"},
		{"[http_services]\ninternal_port = 1", "did you mean http_service?"},
		{"[http_service]\nmax_machines_running = 1",
			"remove it: there is no maximum to set. Fly Proxy starts and stops existing Machines and never " +
				"creates one; `fly scale count` sets their number"},
		{"[http_service]\nauto_machine_start = true", "did you mean auto_start_machines?"},
		{"[http_service]\nforce_http = true", "did you mean force_https?"},
		{"[build]\ntarget = 'x'", "did you mean build-target?"},
		{"[build]\nbuild_args = { a = 'b' }", "rename it to [build.args]"},
		{"[build_args]\na = 'b'", "rename it to [build.args]"},
		{"[[restart]]\nmax_retries = 3", "did you mean retries?"},
		{"[deploy]\nrelease_cmd = 'a'", "did you mean release_command?"},
		{"[deploy]\nmax_available = 3",
			"remove it, or use max_unavailable, which means something else: change the value too"},
		{"[[vm]]\nmemory_gb = 2", "did you mean memory_mb? It uses another unit: memory_mb = 2048"},
		{"[[vm]]\nmemory_gib = 1.5", "did you mean memory_mb? It uses another unit: memory_mb = 1536"},
		{"swap_size_kb = 1", "did you mean swap_size_mb? It uses another unit: convert the value"},
		{"[[mounts]]\ninitial_size_gb = 3", `did you mean initial_size? Its value includes the unit: initial_size = "3gb"`},
		{"[deploy]\nwait_timeout_s = 90", `did you mean wait_timeout? Its value includes the unit: wait_timeout = "1m30s"`},
		{"[http_service.concurrency]\nhard_limit_mb = 5", "did you mean hard_limit?"},
		{"[http_service]\nno_force_https = true",
			"remove it, or use force_https, which means something else: change the value too"},
		{"[[mounts]]\nscheduled_snapshots_disabled = true",
			"remove it, or use scheduled_snapshots, which means something else: change the value too"},
		{"[[metrics]]\nports = 9091", "did you mean port?"},
		{"[checks.alive]\nports = 9091", "did you mean port?"},
		{"[[http_service.checks]]\ntimeoutMs = 500",
			`did you mean timeout? Its value includes the unit: timeout = "500ms"`},
		{"[[services]]\n[[services.ports]]\nport = 443\nhandlers = ['https']",
			`use handlers = ["tls", "http"], which is HTTPS: Fly Proxy terminates TLS and speaks HTTP to the app`},
		{"[[services]]\nprotocol = 'https'", `write "tcp": the handlers of the ports add HTTP and TLS`},
		{"[[restart]]\npolicy = 'unless-stopped'", `write "always": a Machine that is stopped on purpose stays stopped`},
	} {
		i := slices.IndexFunc(Lint(parseTOML(t, tt.text)), func(f Finding) bool { return f.Fix == tt.fix })
		if i < 0 {
			t.Errorf("%q: no finding says %q:\n%s", tt.text, tt.fix, findingLines(Lint(parseTOML(t, tt.text))))
		}
	}
}

// TestLintFormats: the rules are about what is decoded, in every format.
func TestLintFormats(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"fly.json", `{"app": "x", "env": {"PORT": 80, "BIG": 21000000}, "http_service": {"internal_port": 80, ` +
			`"auto_stop": true}}`,
			[]string{"unknown_key http_service.auto_stop", "env_text env.BIG"}},
		{"fly.json", `{"app": "x", "http_service": {"internal_port": "80"}}`,
			[]string{"E invalid http_service.internal_port"}},
		{"fly.json", `{"app": "x", "http_service": null, "services": [{"protocol": "tcp", "internal_port": 80, ` +
			`"ports": [{"port": 80, "handlers": ["http"]}], "tcp_checks": [{"interval": 10000}]}]}`,
			[]string{"I duration_bare services[0].tcp_checks[0].interval"}},
		{"fly.yaml", "app: x\nhttp_service:\n  internal_port: 80\n  soft_limit: 3\nchecks:\n" +
			"  c: {type: tcp, interval: 10000}\n",
			[]string{"misplaced_key http_service.soft_limit", "duration_dropped checks.c.interval"}},
	} {
		f, err := flytoml.Parse(tt.name, []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, finding := range Lint(f) {
			mark := map[Severity]string{SeverityError: "E ", SeverityInfo: "I "}[finding.Severity]
			got = append(got, mark+finding.Code+" "+finding.Path)
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s %s\n got %q\nwant %q", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for key, want := range map[string]string{
		"internalport":     "internal_port",
		"force_http":       "force_https",
		"Auto_stop_machin": "auto_stop_machines",
		"auto_stop":        "auto_stop_machines",
		"max_machines":     "",
		"zzz":              "",
	} {
		if got := spelling.Nearest(key, schema.Root().Keys["http_service"].Names()); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

// What comes from the file cannot break out of its quotes or its length.
func TestLintQuotes(t *testing.T) {
	f := parseTOML(t, "app = 'x'\n[http_service]\ninternal_port = 1\n"+
		"\"a\\u001b[31m\\u202e\\n"+strings.Repeat("x", 600)+"\" = 1")
	findings := Lint(f)
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	all := findings[0].What + findings[0].Fix + findings[0].Path
	if strings.ContainsAny(all, "\x1b\n\u202e") || len(findings[0].What) > 200 || len(findings[0].Path) > 200 {
		t.Errorf("got %q", all)
	}
}

// Values of env, headers and files, and JSON in machine_config, are in no
// finding.
func TestLintKeepsSecrets(t *testing.T) {
	for _, text := range []string{
		"[env]\nDB_PASSWORD = 'hunter2'\nA = ['hunter2']\nFLY_PROCESS_GROUP = 'hunter2'",
		"env = 'hunter2'",
		"[checks.x]\nheaders = [{ value = 'hunter2' }]",
		"[checks.x]\nheaders = 'hunter2'",
		"[http_service.checks]\nheaders = 'hunter2'",
		"[[http_service.checks]]\nheaders = ['hunter2']",
		"[[services]]\n[[services.http_checks]]\nheaders = ['hunter2']",
		"[[files]]\nraw_value = 'hunter2'\nprocesses = 'x'",
		"[http_service]\nauto_stop_machines = { a = 'hunter2' }",
		"[http_service]\nauto_stop_machines = ['hunter2']",
		`machine_config = '{"env": {"PW": "hunter2"}, "containers": 5}'`,
		`machine_config = '{"env": {"PW": "hunter2"'`,
	} {
		findings, err := json.Marshal(Lint(parseTOML(t, text)))
		if err != nil || strings.Contains(string(findings), "hunter2") {
			t.Errorf("%q: %v\n%s", text, err, findings)
		}
	}
}

// TestFix: the edits of all findings at once.
func TestFix(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a misspelt key", "[http_service]\nforse_https = false # why", "[http_service]\nforce_https = false # why"},
		{"a quoted key with a list", "[http_service]\n\"proceses\" = ['app']", "[http_service]\nprocesses = ['app']"},
		{"not where the right one stands as well", "[http_service]\nforse_https = true\nforce_https = true", ""},
		{"the first of two that are near, by name", "[http_service]\nfource_https = true\nforse_https = true",
			"[http_service]\nfource_https = true\nforce_https = true"},
		{"not another protocol", "[http_service]\nforce_http = true\n[[services]]\nprotocol = 'tcpp'\n" +
			"[[services.ports]]\nport = 443\nhandlers = ['https']", ""},
		{"no protocol for an empty one", "[[services]]\nprotocol = ''", ""},
		{"not another unit", "swap_size_gb = 2\nkill_timeout_s = 5\n[[vm]]\nmemory_gb = 2\n" +
			"[deploy]\nwait_timeout_ms = 5\n[http_service]\n[[http_service.checks]]\ninterval_s = 5\ntimeouts = 5", ""},
		{"no duration without a unit", "[[http_service.checks]]\ntimeuot = 5\ninterval = 1\n[deploy]\nwait_timeot = 5", ""},
		{"a duration with its unit", "[deploy]\nwait_timeot = '5m'", "[deploy]\nwait_timeout = '5m'"},
		{"no case that changes a duration", "[[services]]\n[[services.tcp_checks]]\nInterval = 5000", ""},
		{"not the opposite", "[deploy]\nmax_available = 3\n[http_service]\nmax_machines_running = 3\n" +
			"external_port = 80\n[http_service.concurrency]\nhad_limit = 3", ""},
		{"not a word more or less", "[http_service]\nno_force_https = true\nprocesses_off = ['app']", ""},
		{"not with a sign in front", "[http_service]\n'!force_https' = true\n[[services]]\nprotocol = '!tcp'", ""},
		{"other separators", "[http_service]\nauto-stop-machines = true\nautoStartMachines = true",
			"[http_service]\nauto_stop_machines = true\nauto_start_machines = true"},
		{"the same words", "[http_service]\nauto_machine_stop = true\nauto_machine_start = true",
			"[http_service]\nauto_stop_machines = true\nauto_start_machines = true"},
		{"the singular of a list", "[http_service]\nprocess = ['app']", "[http_service]\nprocesses = ['app']"},
		{"quoted numbers and booleans", "[http_service]\ninternal_port = '8080'\nforce_https = \"True\"\n" +
			"min_machines_running = '0'\n[deploy]\nmax_unavailable = '0.5'", "[http_service]\ninternal_port = 8080\n" +
			"force_https = true\nmin_machines_running = 0\n[deploy]\nmax_unavailable = 0.5"},
		{"not what is more than a number", "kill_timeout = '30'\n[http_service]\ninternal_port = '8080 '\n" +
			"force_https = 'yes'\nmin_machines_running = '01'\n[[vm]]\nmemory_mb = '512mb'", ""},
		{"a quoted number with another fault", "[build]\ncompression_level = '22'", "[build]\ncompression_level = 22"},
		{"words with other separators", "[deploy]\nstrategy = 'blue-green'\n[[restart]]\npolicy = 'on_failure'\n" +
			"[http_service.concurrency]\ntype = 'Request'\n[checks.a]\ntype = 'HTTP'\nport = 80",
			"[deploy]\nstrategy = 'bluegreen'\n[[restart]]\npolicy = 'on-failure'\n[http_service.concurrency]\n" +
				"type = 'requests'\n[checks.a]\ntype = 'http'\nport = 80"},
		{"neither of two that are the same", "[http_service]\nForce_https = true\nFORCE_https = true", ""},
		{"no word for an empty one", "[[services]]\n[[services.ports]]\nhandlers = ['', 'HTTP']", "[[services]]\n" +
			"[[services.ports]]\nhandlers = ['', 'http']"},
		{"not where the value would not do", "[http_service]\ninternal_prt = '80'", ""},
		{"not the name of a table", "[http_services]\ninternal_port = 80", ""},
		{"wrong case", "APP = 'x'\n[Http_Service]\nInternal_port = 1", "app = 'x'\n[Http_Service]\ninternal_port = 1"},
		{"autostop words", "[http_service]\nauto_stop_machines = 'on'\n" +
			"[[services]]\nauto_stop_machines = \"false\"", "[http_service]\nauto_stop_machines = 'stop'\n" +
			"[[services]]\nauto_stop_machines = \"off\""},
		{"not a guess", "[http_service]\nauto_stop_machines = 'pause'", ""},
		{"a reversed range", "[[services]]\n[[services.ports]]\nstart_port = 20 # a\nend_port = 10", ""},
		{"a reversed range on lines", "[[services]]\n[[services.ports]]\nend_port = 10\n  start_port = 20",
			"[[services]]\n[[services.ports]]\nend_port = 20\n  start_port = 10"},
		{"a misspelt key in a reversed range", "[[services]]\n[[services.ports]]\nstart_port = 20\n" +
			"forse_https = true\nend_port = 10", "[[services]]\n[[services.ports]]\nstart_port = 20\n" +
			"force_https = true\nend_port = 10"},
		{"a reversed range in a line", "services = [{ports = [{start_port = 20, 'end_port' = 10}]}]",
			"services = [{ports = [{start_port = 10, 'end_port' = 20}]}]"},
		{"durations", "kill_timeout = 90\n[[services]]\n[[services.tcp_checks]]\ninterval = 1_500",
			"kill_timeout = \"1m30s\"\n[[services]]\n[[services.tcp_checks]]\ninterval = \"1.5s\""},
		{"CRLF stays", "kill_timeout = 5\r\napp = 'x'\r\n", "kill_timeout = \"5s\"\r\napp = 'x'\r\n"},
	} {
		f := parseTOML(t, tt.text)
		edited, err := Fix(f, Lint(f))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		want := tt.want
		if want == "" {
			want = tt.text
		}
		if string(edited.After) != want {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, edited.After, want)
		}
		if string(edited.Before) != tt.text || (edited.Diff("fly.toml") != "") != (tt.want != "") ||
			(len(edited.Changes) > 0) != (tt.want != "") {
			t.Errorf("%s: changes %+v, diff\n%s", tt.name, edited.Changes, edited.Diff("fly.toml"))
		}
	}
}

func TestFixDiff(t *testing.T) {
	f := parseTOML(t, "app = 'x'\n[http_service]\nforse_https = false\nauto_stop_machines = 'on'\n")
	edited, err := Fix(f, Lint(f))
	if err != nil {
		t.Fatal(err)
	}
	want := "--- fly.toml\n+++ fly.toml\n@@ -1,4 +1,4 @@\n app = 'x'\n [http_service]\n-forse_https = false\n" +
		"-auto_stop_machines = 'on'\n+force_https = false\n+auto_stop_machines = 'stop'\n"
	if got := edited.Diff("fly.toml"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if edited.Changes[1].Row != 4 || edited.Changes[1].Before != "'on'" || edited.Changes[1].After != "'stop'" {
		t.Errorf("changes %+v", edited.Changes)
	}
}

func TestFixRefuses(t *testing.T) {
	f := parseTOML(t, "app = 'x'\nkill_timeout = 5\n")
	finding := func(path string, edit TextEdit) Finding {
		return Finding{Code: FindingBareDuration, Path: path, Edit: &edit}
	}
	for name, findings := range map[string][]Finding{
		"outside":     {finding("a", TextEdit{Offset: 25, Length: 9})},
		"before":      {finding("a", TextEdit{Offset: -1, Length: 1})},
		"overlapping": {finding("a", TextEdit{0, 5, "b"}), finding("b", TextEdit{4, 2, "b"})},
		"no help":     {finding("kill_timeout", TextEdit{25, 1, "6"})},
	} {
		if edited, err := Fix(f, findings); !errors.Is(err, edit.ErrUnintended) || edited != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// parseTOML reads a file that must be readable.
func parseTOML(t testing.TB, data string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse("fly.toml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}
