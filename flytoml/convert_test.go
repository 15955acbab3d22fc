package flytoml

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// parseFile reads a file that must be readable.
func parseFile(t testing.TB, data string) *File {
	t.Helper()
	f, err := Parse("fly.toml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func parseConfig(t testing.TB, data string) machine.Config {
	t.Helper()
	c, err := machine.ParseConfig([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rule is one field of a conversion from nothing. `absent` wants it left out.
type rule struct{ name, toml, group, field, want string }

const absent = ""

func testRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, tt := range rules {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseFile(t, tt.toml).Apply(tt.group, machine.Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(got.Raw(tt.field)); !sameJSON(t, got, tt.want) {
				t.Errorf("%s:\n got %s\nwant %s", tt.field, got, tt.want)
			}
		})
	}
}

func TestApply(t *testing.T) {
	testRules(t, []rule{
		{"a service without protocol has none", "[[services]]\ninternal_port = 1", "app", "services",
			`[{"internal_port":1,"force_instance_key":null}]`},
		{"quoted ports and old concurrency",
			"[[services]]\ninternal_port = \"8080\"\nconcurrency = \"12,23\"\n[[services.ports]]\nport = \"80\"",
			"app", "services",
			`[{"internal_port":8080,"ports":[{"port":80}],"concurrency":{"type":"requests","hard_limit":23,` +
				`"soft_limit":12},"force_instance_key":null}]`},
		{"fractions are cut off", "[[services]]\ninternal_port = 80.9", "app", "services",
			`[{"internal_port":80,"force_instance_key":null}]`},
		{"flat service",
			"[services]\ninternal_port = 1\nauto_stop_machines = 'suspend'\n[services.ports]\nport = 2\n" +
				"handlers = ['tls', 'http']\n[services.tcp_checks]\ninterval = 10000\ngrace_period = ''", "app", "services",
			`[{"internal_port":1,"autostop":"suspend","ports":[{"port":2,"handlers":["tls","http"]}],` +
				`"checks":[{"type":"tcp","interval":"10s"}],"force_instance_key":null}]`},
		{"TCP checks come first, methods stay, headers of a list",
			"[[services]]\n[[services.http_checks]]\nmethod = 'get'\nheaders = [{ name = 'origin', value = 'x' }]\n" +
				"[[services.tcp_checks]]\ntimeout = '2s'", "app", "services",
			`[{"checks":[{"type":"tcp","timeout":"2s"},{"type":"http","method":"get","headers":[{"name":"origin",` +
				`"values":["x"]}]}],"force_instance_key":null}]`},
		{"numbers in http_service checks are nanoseconds",
			"[http_service]\n[[http_service.checks]]\ninterval = 10000", "app", "services",
			`[{"protocol":"tcp","ports":[{"port":80,"handlers":["http"]},{"port":443,"handlers":["http","tls"]}],` +
				`"checks":[{"type":"http","interval":"10µs"}],"force_instance_key":null}]`},
		{"an absent autostop stays absent, zero minimum is sent",
			"[[services]]\nauto_start_machines = false\nmin_machines_running = 0", "app", "services",
			`[{"autostart":false,"min_machines_running":0,"force_instance_key":null}]`},
		{"http_service comes first, ports may repeat",
			"[[services]]\ninternal_port = 1\n[[services.ports]]\nport = 80\n[http_service]\ninternal_port = 2",
			"app", "services",
			`[{"protocol":"tcp","internal_port":2,"ports":[{"port":80,"handlers":["http"]},{"port":443,` +
				`"handlers":["http","tls"]}],"force_instance_key":null},{"internal_port":1,"ports":[{"port":80}],` +
				`"force_instance_key":null}]`},
		{"empty services are dropped", "[[services]]\n[[services]]\nprotocol = 'tcp'", "app", "services",
			`[{"protocol":"tcp","force_instance_key":null}]`},
		{"mixed case in a list of services", "[[Services]]\nInternal_Port = 5", "app", "services",
			`[{"internal_port":5,"force_instance_key":null}]`},
		{"a group without services has none",
			"[http_service]\nprocesses = ['web']\n[processes]\nweb = ''\nwork = ''", "work", "services", absent},
		{"empty name means the default group",
			"[http_service]\ninternal_port = 3\nprocesses = ['']\n[processes]\nbeta = ''\nalpha = ''", "beta",
			"services", absent},

		{"top-level checks raise the method's case",
			"[checks.x]\ntype = 'http'\nport = 1\nmethod = 'get'\ninterval = 5000", "app", "checks",
			`{"x":{"port":1,"type":"http","interval":"5s","method":"GET"}}`},
		{"a check's port comes from http_service",
			"[http_service]\ninternal_port = 8080\n[checks.x]\ntype = 'tcp'", "app", "checks",
			`{"x":{"port":8080,"type":"tcp"}}`},
		{"a boolean is no duration and is dropped", "[checks.x]\ntype = 'tcp'\nport = 1\ninterval = true", "app",
			"checks", `{"x":{"port":1,"type":"tcp"}}`},

		{"env of several tables", "[[env]]\nA = 1\nB = 1.50\n[[env]]\nA = 'x'", "app", "env",
			`{"A":"x","B":"1.5","FLY_PROCESS_GROUP":"app"}`},
		{"flyctl's own variables win",
			"primary_region = 'ams'\n[env]\nPRIMARY_REGION = 'x'\nFLY_PROCESS_GROUP = 'y'", "app", "env",
			`{"PRIMARY_REGION":"ams","FLY_PROCESS_GROUP":"app"}`},

		{"commands are split into words", "[processes]\nweb = '''sh -c \"a 'b'\" # comment'''", "web", "init",
			`{"cmd":["sh","-c","a 'b'"]}`},
		{"an empty command leaves experimental's", "experimental.cmd = 'serve all'\n[processes]\nweb = ''", "web",
			"init", `{"cmd":["serve all"]}`},
		{"a list of processes", "[[processes]]\nname = 'web'\ncommand = 'x y'", "web", "init", `{"cmd":["x","y"]}`},
		{"swap", "swap_size_mb = 512", "app", "init", `{"swap_size_mb":512}`},

		{"kill_timeout is seconds", "kill_timeout = 120\nkill_signal = 'SIGTERM'", "app", "stop_config",
			`{"timeout":"2m0s","signal":"SIGTERM"}`},
		{"experimental kill_timeout", "[experimental]\nkill_timeout = 5", "app", "stop_config", `{"timeout":"5s"}`},
		{"the top kill_timeout wins", "kill_timeout = '1m'\n[experimental]\nkill_timeout = 5", "app",
			"stop_config", `{"timeout":"1m0s"}`},
		{"experimental metrics", "[experimental]\nmetrics_port = 9\nmetrics_path = '/m'", "app", "metrics",
			`{"port":9,"path":"/m"}`},
		{"the first metrics win", "[[metrics]]\nport = 1\n[[metrics]]\nport = 2", "app", "metrics", `{"port":1}`},
		{"metric comes before metrics", "[metrics]\nport = 1\n[metric]\nport = 2", "app", "metrics", `{"port":2}`},

		{"memory units", "[[vm]]\nmemory = '1.5gb'", "app", "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":1536}`},
		{"memory as a number", "[[vm]]\nmemory = 512", "app", "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":512}`},
		{"memory_mb beats memory beats size", "[[vm]]\nsize = 'performance-2x'\nmemory = '8gb'\nmemory_mb = 5000",
			"app", "guest", `{"cpu_kind":"performance","cpus":2,"memory_mb":5000}`},
		{"a GPU kind changes the default size", "[[vm]]\ngpu_kind = 'l40s'", "app", "guest",
			`{"cpu_kind":"performance","cpus":8,"memory_mb":16384,"gpu_kind":"l40s"}`},
		{"a vm for the group beats one for all", "[[vm]]\ncpus = 4\n[[vm]]\ncpus = 2\nprocesses = ['app']", "app",
			"guest", `{"cpu_kind":"shared","cpus":2,"memory_mb":256}`},
		{"persist_rootfs as a number", "[[vm]]\npersist_rootfs = 3", "app", "guest",
			`{"cpu_kind":"shared","cpus":1,"memory_mb":256,"persist_rootfs":"always"}`},
		{"of equal vms the first wins", "[[vm]]\ncpus = 4\n[[vm]]\ncpus = 2", "app", "guest",
			`{"cpu_kind":"shared","cpus":4,"memory_mb":256}`},
		{"host dedication needs a vm", "host_dedication_id = 'h'", "app", "guest", absent},
		{"host dedication with a vm", "host_dedication_id = 'h'\n[[vm]]\nsize = 'shared-cpu-2x'", "app", "guest",
			`{"cpu_kind":"shared","cpus":2,"memory_mb":512,"host_dedication_id":"h"}`},
		{"upper-case VM is dropped", "[[VM]]\ncpus = 4", "app", "guest", absent},

		{"mount and mounts are one list",
			"[mount]\nsource = 'a'\n[[mounts]]\nsource = 'b'\nauto_extend_size_threshold = 80\n" +
				"auto_extend_size_increment = '1GB'\nauto_extend_size_limit = '5'", "app", "mounts",
			`[{"name":"a"},{"name":"b","extend_threshold_percent":80,"add_size_gb":1,"size_gb_limit":5}]`},
		{"statics have all four fields", "[[statics]]\nguest_path = '/p'\nurl_prefix = '/u'", "app", "statics",
			`[{"guest_path":"/p","url_prefix":"/u","tigris_bucket":"","index_document":""}]`},
		{"files are every group's and encoded; the later wins",
			"processes.a = ''\nprocesses.b = ''\n[[files]]\nguest_path = '/f'\nraw_value = 'x'\nprocesses = ['a']\n" +
				"[[files]]\nguest_path = '/f'\nsecret_name = 'S'", "b", "files",
			`[{"guest_path":"/f","secret_name":"S"}]`},
		{"a file without content removes an earlier one",
			"[[files]]\nguest_path = '/f'\nraw_value = 'x'\n[[files]]\nguest_path = '/g'\nraw_value = 'y'\n" +
				"[[files]]\nguest_path = '/f'", "app", "files", `[{"guest_path":"/g","raw_value":"eQ=="}]`},
		{"the last restart wins, never is no",
			"[[restart]]\npolicy = 'always'\n[[restart]]\npolicy = 'never'\nretries = 3", "app", "restart",
			`{"policy":"no","max_retries":3}`},
		{"metadata", "", "app", "metadata", `{"fly_platform_version":"v2","fly_process_group":"app"}`},
	})
}

func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	if got == "" || want == "" {
		return got == want
	}
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(g)
	b, _ := json.Marshal(w)
	return string(a) == string(b)
}

// TestApplyKeeps checks that fields which flyctl does not take from fly.toml stay
// byte for byte.
func TestApplyKeeps(t *testing.T) {
	existing := parseConfig(t, `{
		"future": {"a": 1.0, "b": [ ]}, "image": "i", "schedule": "daily", "dns": {"x": 1},
		"init": {"tty": true, "future": 7, "cmd": ["old"], "swap_size_mb": 1},
		"metadata": {"owner": "me", "fly_process_group": "old", "fly_flyctl_version": "1", "fly_release_id": "r"},
		"guest": {"cpus": 3, "future": true}, "restart": {"policy": "always"}, "stop_config": {"timeout": "1s"},
		"env": {"OLD": "1"}, "services": [{"internal_port": 1}], "checks": {"c": {}}, "mounts": [{"volume": "v"}],
		"statics": [{}], "metrics": {"port": 1}, "files": [{"guest_path": "/f"}]}`)
	got, err := parseFile(t, "app = 'x'").Apply("app", existing)
	if err != nil {
		t.Fatal(err)
	}
	want := parseConfig(t, `{
		"future": {"a": 1.0, "b": [ ]}, "image": "i", "schedule": "daily", "dns": {"x": 1},
		"init": {"tty": true, "future": 7},
		"metadata": {"owner": "me", "fly_process_group": "app", "fly_platform_version": "v2",
			"fly_flyctl_version": "1", "fly_release_id": "r"},
		"guest": {"cpus": 3, "future": true}, "env": {"FLY_PROCESS_GROUP": "app"}}`)
	for _, key := range want.Keys() {
		if !sameJSON(t, string(got.Raw(key)), string(want.Raw(key))) {
			t.Errorf("%s = %s, want %s", key, got.Raw(key), want.Raw(key))
		}
	}
	if g, w := strings.Join(got.Keys(), " "), strings.Join(want.Keys(), " "); g != w {
		t.Errorf("keys = %s, want %s", g, w)
	}
	if string(got.Raw("future")) != string(existing.Raw("future")) {
		t.Errorf("future = %s", got.Raw("future"))
	}
}

// TestApplyRefuses: with flyctl's words where it refuses, with ours where it
// would read other files.
func TestApplyRefuses(t *testing.T) {
	const invalid = "can not flatten an invalid v2 application config: "
	for _, tt := range []struct{ toml, want string }{
		{"[http_service]\ninternal_port = '8080'", invalid +
			"json: cannot unmarshal string into Go struct field HTTPService.http_service.internal_port of type int"},
		{"[[http_service]]\ninternal_port = 1", invalid +
			"json: cannot unmarshal array into Go struct field Config.http_service of type appconfig.HTTPService"},
		{"app = 5", invalid + "json: cannot unmarshal number into Go struct field Config.app of type string"},
		{"[[services]]\n[[services.ports]]\nstart_port = 'x'", invalid +
			"json: cannot unmarshal string into Go struct field MachinePort.services.ports.start_port of type int"},
		{"[[services]]\nports = 5", invalid + "Error processing ports: int64"},
		{"[[services]]\nconcurrency = 'many'", invalid + "Unknown value 'many' for concurrency limits"},
		{"[[services]]\nauto_stop_machines = 'true'", invalid + `invalid autostop string value "true"`},
		{"[http_service]\nauto_stop_machines = 1", invalid + "autostop value is not a valid bool or string"},
		{"kill_timeout = '30'", invalid + `time: missing unit in duration "30"`},
		{"[deploy]\nwait_timeout = true", invalid + "unknown duration type: bool"},
		{"[[vm]]\nkernel_args = 'x'", invalid +
			"json: cannot unmarshal string into Go struct field Compute.vm.MachineGuest.kernel_args of type []string"},
		{"[[vm]]\npersist_rootfs = 'x'", invalid + `invalid persist_rootfs string value "x"`},
		{"[[vm]]\npersist_rootfs = 4", invalid + "invalid persist_rootfs int value 4"},
		{"env = 'A=1'", invalid + "Do not know how to process 'env' section of type: string"},
		{"processes = 1", invalid + "Unknown processes type: int64"},
		{"[[checks]]\ntype = 'tcp'", invalid + "check item name not a string"},
		{"[checks.x]\ntype = 'tcp'",
			"Check 'x' for process group 'app' has no port set and the group has no http_service to take it from"},
		{"[[vm]]\nsize = 'shared-cpu-3x'",
			"'shared-cpu-3x' is an invalid machine size, choose one of: [shared-cpu-1x shared-cpu-2x shared-cpu-4x " +
				"shared-cpu-6x shared-cpu-8x]"},
		{"[[vm]]\nmemory = '0'", "memory cannot be zero"},
		{"[[vm]]\nmemory = 'lots'", "invalid size: invalid size: 'lots'"},
		{"[processes]\napp = \"a 'b\"",
			"could not parse command for app process group: EOF found when expecting closing quote"},
		{"[[restart]]", "invalid restart policy: "},
		{"[[files]]\nguest_path = '/f'\nlocal_path = 'x'",
			"[[files]] for '/f' takes its content from local_path, which is not supported here: use fly deploy, or " +
				"write the content as raw_value"},
		{"[build.compose]\nfile = 'c.yml'",
			"[build.compose] takes containers from a compose file, which is not supported here: use fly deploy"},
		{"machine_config = 'm.json'",
			"machine_config takes its content from the file 'm.json', which is not supported here: use fly deploy, " +
				"or write the JSON into machine_config itself"},
		{"machine_config = 'm.yml'", `invalid machine config source: "m.yml"`},
		{"container = 'web'\nmachine_config = '{\"containers\":[{\"name\":\"app\"}]}'", `container "web" not found`},
		{"machine_config = '{\"containers\":[{\"name\":\"app\"},{\"name\":\"b\"}]}'",
			`container "b" must have an image specified`},
		{"processes.web = ''", "the file has no process group 'app'; it has web"},
	} {
		_, err := parseFile(t, tt.toml).Apply("app", machine.Config{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.toml, err, tt.want)
		}
	}
}

// flyctl treats a group without a name as the default group.
func TestApplyGroupWithoutName(t *testing.T) {
	f := parseFile(t, "[processes]\n'' = 'a'\napp = 'b'\nweb = 'c'")
	config, err := f.Apply("", machine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"cmd":["b"]}`
	if got := string(config.Raw("init")); got != want {
		t.Errorf("init = %s, want %s", got, want)
	}
	if got, want := string(config.Raw("env")), `{"FLY_PROCESS_GROUP":"app"}`; got != want {
		t.Errorf("env = %s, want %s", got, want)
	}
}

func TestApplyRefusesManyGroups(t *testing.T) {
	var b strings.Builder
	for i := range MaxGroups {
		fmt.Fprintf(&b, "g%d = ''\n", i)
	}
	for _, tt := range []struct{ toml, want string }{
		{"[processes]\n" + b.String(), ""},
		{"[processes]\n" + b.String() + "more = ''\n", "the file has 1001 process groups, more than the 1000 allowed"},
	} {
		_, err := parseFile(t, tt.toml).Apply("g0", machine.Config{})
		if got := fmt.Sprint(err); tt.want == "" && err != nil || tt.want != "" && got != tt.want {
			t.Errorf("got %s, want %q", got, tt.want)
		}
	}
}

func TestServices(t *testing.T) {
	f := parseFile(t, "processes.web = ''\nprocesses.work = ''\n[http_service]\ninternal_port = 80\nprocesses = ['web']")
	web, err := f.Services("web")
	if err != nil || len(web) != 1 || web[0].InternalPort != 80 {
		t.Errorf("web: %+v, %v", web, err)
	}
	work, err := f.Services("work")
	if err != nil || len(work) != 0 {
		t.Errorf("work: %+v, %v", work, err)
	}
}
