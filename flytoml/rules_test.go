package flytoml

import "testing"

func TestEnvRules(t *testing.T) {
	testRules(t, []rule{
		{"values of any type",
			"[env]\nS = ''\nB = true\nI = 0xFF\nF = 2.0\nE = 1e21\nN = -0.5\nINF = inf\nNAN = nan", "app", "env",
			`{"S":"","B":"true","I":"255","F":"2","E":"1e+21","N":"-0.5","INF":"+Inf","NAN":"NaN","FLY_PROCESS_GROUP":"app"}`},
		{"dates and times",
			"[env]\nD = 1979-05-27\nT = 07:32:00\nL = 1979-05-27T07:32:00\nZ = 1979-05-27T07:32:00Z", "app", "env",
			`{"D":"1979-05-27","T":"07:32:00","L":"1979-05-27T07:32:00","Z":"1979-05-27 07:32:00 +0000 UTC",` +
				`"FLY_PROCESS_GROUP":"app"}`},
		{"lists and tables", "[env]\nL = [1, 'two', [3.5]]\n[env.production]\nSIZE = 'x'\nMEMORY = 512", "app",
			"env", `{"L":"[1 two [3.5]]","production":"map[MEMORY:512 SIZE:x]","FLY_PROCESS_GROUP":"app"}`},
		{"an empty region says nothing", "primary_region = ''\n[env]\nPRIMARY_REGION = 'x'", "app", "env",
			`{"PRIMARY_REGION":"x","FLY_PROCESS_GROUP":"app"}`},
		{"strings of a section in capitals", "[ENV]\nA = '1'", "app", "env", `{"A":"1","FLY_PROCESS_GROUP":"app"}`},
		{"both spellings", "[ENV]\nA = '1'\nB = '1'\n[env]\nB = 2", "app", "env",
			`{"A":"1","B":"2","FLY_PROCESS_GROUP":"app"}`},
	})
}

func TestInitRules(t *testing.T) {
	testRules(t, []rule{
		{"quotes, backslashes, several lines", "[processes]\nweb = '''a \\\"b c\\\" 'd e' f\\ g\n   h'''", "web",
			"init", `{"cmd":["a","\"b","c\"","d e","f g","h"]}`},
		{"blank is no command, but one", "experimental.cmd = ['x']\n[processes]\nweb = '  '", "web", "init", `{}`},
		{"a comment is no command, but one", "experimental.cmd = ['x']\n[processes]\nweb = '# off'", "web", "init", `{}`},
		{"experimental lists", "[experimental]\ncmd = ['a b', '']\nentrypoint = '/e'\nexec = ['x', 'y']", "app",
			"init", `{"cmd":["a b",""],"entrypoint":["/e"],"exec":["x","y"]}`},
		{"empty lists", "[experimental]\ncmd = []\nentrypoint = []\nexec = []", "app", "init", `{}`},
		{"a command keeps experimental's entrypoint",
			"experimental = { cmd = 'x', entrypoint = '/e' }\nprocesses = { web = 'y' }", "web", "init",
			`{"cmd":["y"],"entrypoint":["/e"]}`},
		{"no swap", "swap_size_mb = 0", "app", "init", `{"swap_size_mb":0}`},
		{"tables among processes that have names",
			"[[processes]]\nname = 5\ncommand = 6\n[[processes]]\ncommand = 'x'", "5", "init", `{"cmd":["6"]}`},
		{"strings as processes are dropped", "processes = ['web']", "app", "init", `{}`},
		{"no processes", "[processes]", "app", "init", `{}`},
	})
}

func TestStopRules(t *testing.T) {
	testRules(t, []rule{
		{"a duration", "kill_timeout = '1m30s'", "app", "stop_config", `{"timeout":"1m30s"}`},
		{"fractions of seconds are cut off", "kill_timeout = 1.9", "app", "stop_config", `{"timeout":"1s"}`},
		{"negative", "kill_timeout = -5", "app", "stop_config", `{"timeout":"-5s"}`},
		{"an empty timeout says nothing", "kill_timeout = ''", "app", "stop_config", absent},
		{"a boolean says nothing", "kill_timeout = true", "app", "stop_config", absent},
		{"an empty signal stays", "kill_signal = ''", "app", "stop_config", `{"signal":""}`},
		{"an empty timeout hides experimental's", "kill_timeout = ''\nexperimental.kill_timeout = 5", "app",
			"stop_config", absent},
		{"experimental's empty timeout", "experimental.kill_timeout = ''", "app", "stop_config", absent},
	})
}

func TestMountRules(t *testing.T) {
	testRules(t, []rule{
		{"only the default group's",
			"processes = { a = '', b = '' }\nmounts = { source = 's', destination = '/d' }", "b", "mounts", absent},
		{"of a group", "processes = { a = '', b = '' }\n[[mounts]]\nsource = 's'\nprocesses = ['b']", "b",
			"mounts", `[{"name":"s"}]`},
		{"what concerns the volume is not sent",
			"[mounts]\nsource = 's'\ndestination = '/d'\ninitial_size = 10\nsnapshot_retention = 5\n" +
				"scheduled_snapshots = false", "app", "mounts", `[{"name":"s","path":"/d"}]`},
		{"sizes are decimal and cut off",
			"[mounts]\nauto_extend_size_threshold = 80\nauto_extend_size_increment = '1.9GB'\n" +
				"auto_extend_size_limit = '1TB'", "app", "mounts",
			`[{"extend_threshold_percent":80,"add_size_gb":1,"size_gb_limit":1000}]`},
		{"sizes that do not parse are zero", "[mounts]\nsource = 's'\nauto_extend_size_increment = 'x'", "app",
			"mounts", `[{"name":"s"}]`},
		{"an empty mount", "[[mounts]]", "app", "mounts", `[{}]`},
		{"no mounts", "mounts = []", "app", "mounts", absent},
	})
}

func TestSizeRules(t *testing.T) {
	groups := "processes = { app = '', b = '' }\n"
	testRules(t, []rule{
		{"an empty vm is the default size", "[[vm]]", "app", "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":256}`},
		{"cpus do not change memory", "vm = { cpus = 2 }", "app", "guest", `{"cpu_kind":"shared","cpus":2,"memory_mb":256}`},
		{"a kind does not change memory", "[vm]\ncpu_kind = 'performance'", "app", "guest",
			`{"cpu_kind":"performance","cpus":1,"memory_mb":256}`},
		{"MB are binary", "[[vm]]\nmemory = '512MB'", "app", "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":512}`},
		{"half a gigabyte", "[[vm]]\nmemory = '0.5 g'", "app", "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":512}`},
		{"a negative number", "[[vm]]\nmemory = -512", "app", "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":-512}`},
		{"empty memory says nothing", "[[vm]]\nmemory = ''", "app", "guest",
			`{"cpu_kind":"shared","cpus":1,"memory_mb":256}`},
		{"a GPU's size", "[[vm]]\nsize = 'a100-80gb'\ngpus = 2", "app", "guest",
			`{"cpu_kind":"performance","cpus":8,"memory_mb":32768,"gpus":2,"gpu_kind":"a100-sxm4-80gb"}`},
		{"zero, empty and none say nothing",
			"[[vm]]\nsize = 'shared-cpu-2x'\ncpus = 0\ncpu_kind = ''\nmemory_mb = 0\nkernel_args = []\n" +
				"persist_rootfs = 'none'", "app", "guest", `{"cpu_kind":"shared","cpus":2,"memory_mb":512}`},
		{"persist_rootfs by number 0", "[[vm]]\npersist_rootfs = 0", "app", "guest",
			`{"cpu_kind":"shared","cpus":1,"memory_mb":256}`},
		{"the vm's host wins", "host_dedication_id = 'a'\n[[vm]]\nhost_dedication_id = 'b'", "app", "guest",
			`{"cpu_kind":"shared","cpus":1,"memory_mb":256,"host_dedication_id":"b"}`},
		{"of several for the group the last wins",
			"[[vm]]\ncpus = 2\nprocesses = ['app']\n[[vm]]\ncpus = 4\nprocesses = ['app']\n[[vm]]\ncpus = 8", "app",
			"guest", `{"cpu_kind":"shared","cpus":4,"memory_mb":256}`},
		{"the default group by an empty name is not named",
			"[[vm]]\ncpus = 2\nprocesses = ['']\n[[vm]]\ncpus = 4", "app", "guest",
			`{"cpu_kind":"shared","cpus":2,"memory_mb":256}`},
		{"one for all groups", groups + "[[vm]]\ncpus = 2", "b", "guest", `{"cpu_kind":"shared","cpus":2,"memory_mb":256}`},
		{"one for another group", groups + "[[vm]]\ncpus = 2\nprocesses = ['app']", "b", "guest", absent},
		{"an empty name is not another group", groups + "[[vm]]\ncpus = 2\nprocesses = ['']", "b", "guest", absent},
		{"compute, computes and vm in this order",
			"[[vm]]\ncpus = 1\n[computes]\ncpus = 2\n[[compute]]\ncpus = 4", "app", "guest",
			`{"cpu_kind":"shared","cpus":4,"memory_mb":256}`},
	})
}

func TestOtherRules(t *testing.T) {
	groups := "processes = { a = '', b = '' }\n"
	testRules(t, []rule{
		{"statics are every group's", groups +
			"[[statics]]\nguest_path = '/p'\nindex_document = 'i'\nprocesses = ['a']", "b", "statics",
			`[{"guest_path":"/p","url_prefix":"","tigris_bucket":"","index_document":"i"}]`},
		{"a secret beats a raw value", "[[files]]\nguest_path = '/f'\nraw_value = 'x'\nsecret_name = 'S'", "app",
			"files", `[{"guest_path":"/f","secret_name":"S"}]`},
		{"an empty raw value is no content", "[[files]]\nguest_path = '/f'\nraw_value = ''", "app", "files",
			`[{"guest_path":"/f"}]`},
		{"raw values are encoded once more", "[[files]]\nguest_path = '/f'\nraw_value = 'aGVsbG8='", "app",
			"files", `[{"guest_path":"/f","raw_value":"YUdWc2JHOD0="}]`},
		{"a removed file can come again, at the end",
			"files = [{ guest_path = '/f', raw_value = 'x' }, { guest_path = '/g', secret_name = 'S' }, { guest_path " +
				"= '/f' }, { guest_path = '/f', raw_value = 'y' }]", "app", "files",
			`[{"guest_path":"/g","secret_name":"S"},{"guest_path":"/f","raw_value":"eQ=="}]`},
		{"metrics over https", "[metrics]\nport = 1\npath = '/m'\nhttps = true", "app", "metrics",
			`{"port":1,"path":"/m","https":true}`},
		{"metrics of a group", groups + "[[metrics]]\nport = 1\n[[metrics]]\nport = 2\nprocesses = ['b']", "b",
			"metrics", `{"port":2}`},
		{"metrics hide experimental's", "experimental.metrics_port = 1\n[metrics]\npath = '/m'", "app", "metrics",
			`{"path":"/m"}`},
		{"metrics without a value of their own", "metrics = [{}]", "app", "metrics", absent},
		{"restart on failure", "restart = [{ policy = 'on-failure', retries = 5 }]", "app", "restart",
			`{"policy":"on-failure","max_retries":5}`},
		{"restart of a group, the last wins", groups +
			"[[restart]]\npolicy = 'never'\nprocesses = ['b']\n[[restart]]\npolicy = 'always'\n" +
			"processes = ['a', 'b']", "b", "restart", `{"policy":"always"}`},
		{"a restart without a group is the default's", groups + "[[restart]]\npolicy = 'never'", "b", "restart", absent},
		{"sections of the deploy and of long ago change nothing",
			"[deploy]\nseed_command = 'x'\nmax_unavailable = 0\n[scale]\nmin = 1\n[[redis]]\nx = 1\n[experimental]\n" +
				"allowed_public_ports = []\nauto_rollback = true\nprivate_network = true", "app", "init", `{}`},
	})
}
