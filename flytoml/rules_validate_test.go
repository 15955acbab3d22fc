package flytoml

import (
	"errors"
	"testing"
)

// TestValidationRules compares the whole text, so that order, line ends and warnings
// are flyctl's. An empty want means a valid file, with or without warnings.
func TestValidationRules(t *testing.T) {
	const invalid = "\n   ✘invalid app configuration"
	const noPorts = "WARNING: Service must expose at least one port. Add a [[services.ports]] section to " +
		"fly.toml; Check docs at https://fly.io/docs/reference/configuration/#services-ports \n" +
		" Validation for _services without ports_ will hard fail after February 15, 2024."
	mount := func(keys string) string { return "[mounts]\nsource = 'd'\n" + keys }
	for _, tt := range []struct{ toml, want string }{
		{"[deploy]\nstrategy = 'canary'", ""},
		{"[deploy]\nstrategy = ''\n[[mounts]]", ""},
		{"[deploy]\nstrategy = 'blue-green'",
			"unsupported deployment strategy 'blue-green'; Apps v2 supports the following strategies: canary, " +
				"rolling, immediate, bluegreen" + invalid},
		{"[deploy]\nrelease_command = '\"'\nstrategy = 'canary'\n[[mounts]]",
			"Can't shell split release command: '\"'\nerror canary deployment strategy is not supported when using " +
				"mounted volumes" + invalid},

		{"[checks.b]\nport = 1\n[checks.a]\ntype = 'script'\nport = 1",
			"Can't process top level check 'a': Missing or invalid check type, must be 'http' or 'tcp'\n" +
				"Can't process top level check 'b': Missing or invalid check type, must be 'http' or 'tcp'\n" + invalid},
		{"[checks.a]\ntype = 'HTTP'\nport = 1\ninterval = 2000\ntimeout = 60000",
			"Can't process top level check 'a': Missing or invalid check type, must be 'http' or 'tcp'\n" + invalid},
		{"[checks.a]\ntype = 'tcp'\ninterval = 0\ntimeout = '60001ms'",
			"Check 'a' interval is too short: 0s, minimum is 2 seconds\n" +
				"Check 'a' timeout is too long: 1m0.001s, maximum is 60 seconds\n" + invalid},
		{"[checks.a]\ntype = 'tcp'\ninterval = ''\ntimeout = '-1s'", ""},

		{"processes = { web = '', work = '' }\n[[services]]\n[http_service]",
			"Service has no processes set but app has 2 processes defined; update fly.toml to set processes for each " +
				"service\n" + invalid},
		{"processes = { web = '', work = '' }\n[[services]]\nprotocol = 'tcp'\n[http_service]\n" +
			"processes = ['web']",
			"Service has no processes set but app has 2 processes defined; update fly.toml to set processes for each " +
				"service\n" + noPorts + invalid},
		{"[http_service]\nprocesses = ['app', 'web', '']",
			"Service specifies 'web' as one of its processes, but no processes are defined with that name; update " +
				"fly.toml [processes] to add 'web' process or remove it from service's processes list\n" +
				"Service specifies '' as one of its processes, but no processes are defined with that name; update " +
				"fly.toml [processes] to add '' process or remove it from service's processes list\n" + invalid},
		{"processes = ['web']\n[http_service]\nprocesses = ['web']",
			"Service specifies 'web' as one of its processes, but no processes are defined with that name; update " +
				"fly.toml [processes] to add 'web' process or remove it from service's processes list\n" + invalid},
		{"[[services]]\nports = []\ntcp_checks = [{ interval = 500, timeout = 0, grace_period = 500 }]\n" +
			"http_checks = [{ interval = 61000, timeout = '1m', grace_period = '2m' }]\n[deploy]\nstrategy = 'x'",
			"unsupported deployment strategy 'x'; Apps v2 supports the following strategies: canary, rolling, " +
				"immediate, bluegreen" + noPorts +
				"WARN Service TCP check has an interval less than 1 second (500ms); this will be raised to 1 second\n" +
				"WARN Service TCP check has a timeout less than 1 second (0s); this will be raised to 1 second\n" +
				"WARN Service TCP check has a grace period that is non-zero and less than 1 second (500ms); this will " +
				"be raised to 1 second\n" +
				"WARN Service HTTP check has an interval greater than 1 minute (1m1s); this will be lowered to 1 minute\n" +
				"WARN Service HTTP check has a grace period greater than 1 minute (2m0s); this will be lowered to 1 " +
				"minute\n" + invalid},
		{"console_command = '\"'\n[http_service]\nchecks = [{ interval = 15000, timeout = '-1s', grace_period = '-1s' }]",
			"WARN Service HTTP check has an interval less than 1 second (15µs); this will be raised to 1 second\n" +
				"WARN Service HTTP check has a timeout less than 1 second (-1s); this will be raised to 1 second\n" +
				"WARN Service HTTP check has a grace period that is non-zero and less than 1 second (-1s); this will be " +
				"raised to 1 second\n" +
				"Can't shell split console command: '\"'\n" + invalid},

		{"processes = { b = \"x 'y\", a = 'x \\' }",
			"Could not parse command for 'a' process group; check [processes] section: EOF found after escape " +
				"character\nCould not parse command for 'b' process group; check [processes] section: EOF found when " +
				"expecting closing quote\n" + invalid},
		{"[build]\nbuilder = 'b'\nbuilt = 1\nbuiltin = 'node'\nbuild-target = 't'\ncompression = 'gzip'\n" +
			"compression_level = -1",
			"WARN more than one build configuration found: [a buildpack, a dockerfile, the \"node\" builtin image]\n" +
				"Invalid value '-1' for compression level. Must be an integer between 0 and 9.\n" + invalid},
		{"[build]\nbuildpacks = ['x']\ndockerfile = 'D'\nbuild_target = 't'\ncompression = 'GZIP'",
			"WARN more than one build configuration found: [a buildpack, the \"D\" dockerfile]\n" +
				"Invalid value 'GZIP' for compression. Valid options are 'gzip', 'zstd', or leave unset.\n" + invalid},
		{"[build]\nimage = 'i'\ndockerfile = 'https://user:pw@example.com/a/Dockerfile?token=t#x'\ncompression = 'x'",
			"WARN more than one build configuration found: [the \"i\" docker image, the " +
				"\"https://example.com/a/Dockerfile\" dockerfile]\n" +
				"Invalid value 'x' for compression. Valid options are 'gzip', 'zstd', or leave unset.\n" + invalid},
		{"[build]\nimage = 'i'\ndockerfile = 'HTTPS:pw@example.com'\ncompression = 'x'",
			"WARN more than one build configuration found: [the \"i\" docker image, the \"invalid URL\" dockerfile]\n" +
				"Invalid value 'x' for compression. Valid options are 'gzip', 'zstd', or leave unset.\n" + invalid},
		{"[build]\ncompression = 'zstd'\ncompression_level = 9\n[experimental]\ncompression = 5\nuse_zstd = 'x'", ""},

		{mount("initial_size = 0"), "mount 'd' has an initial_size '0' value which is smaller than 1GB\n" + invalid},
		{mount("initial_size = '1gib'\nsnapshot_retention = 1"), ""},
		{mount("initial_size = '1 gb'\nsnapshot_retention = 60"), ""},
		{mount("initial_size = '-1'\nsnapshot_retention = 0"),
			"mount 'd' has an initial_size '-1' value which is smaller than 1GB\n" +
				"mount 'd' has a snapshot_retention value which is not between 1 and 60 days inclusive\n" + invalid},
		{mount("auto_extend_size_threshold = 80\nauto_extend_size_increment = '1GB'"), ""},
		{mount("auto_extend_size_threshold = 100\nauto_extend_size_increment = '101GB'\n" +
			"auto_extend_size_limit = '500GB'"),
			"mount 'd' auto_extend_size_threshold must be between 50 and 99\n" +
				"mount 'd' auto_extend_size_increment must be between 1GB and 100GB\n" + invalid},
		{mount("auto_extend_size_limit = '10GB'"),
			"mount 'd' auto_extend_size_threshold must be between 50 and 99\n" +
				"mount 'd' auto_extend_size_increment must be between 1GB and 100GB\n" + invalid},
		{mount("auto_extend_size_increment = '1MB'"),
			"mount 'd' has an auto_extend_size_increment '1MB' value which is smaller than 1GB\n" + invalid},
		{mount("auto_extend_size_threshold = 50\nauto_extend_size_increment = 'x'\nauto_extend_size_limit = '-5'"),
			"mount 'd' with auto_extend_size_increment 'x' will fail because of: invalid size: invalid size: 'x'\n" +
				"mount 'd' has an auto_extend_size_limit '-5' value which is smaller than 1GB\n" +
				"mount 'd' auto_extend_size_increment must be between 1GB and 100GB\n" +
				"mount 'd' auto_extend_size_limit must be between 1GB and 500GB\n" + invalid},
		{"[[mounts]]\n[[mounts]]\ninitial_size = '0.9gb'",
			"mount '' has an initial_size '0.9gb' value which is smaller than 1GB\n" + invalid},

		{"[[restart]]\npolicy = 'always'\nprocesses = ['app']", ""},
		{"[[restart]]\npolicy = 'ALWAYS'\nprocesses = ['x']",
			"Restart policy specifies 'x' as one of its processes, but no processes are defined with that name; " +
				"update fly.toml [processes] to add 'x' process or remove it from restart policy's processes list\n" +
				"invalid restart policy: ALWAYS\n" + invalid},
		{"[[restart]]\nretries = 3\n[build]\ncompression = 'x'",
			"invalid restart policy: \nInvalid value 'x' for compression. Valid options are 'gzip', 'zstd', or leave " +
				"unset.\n" + invalid},

		{"[http_service]\n[[http_service.machine_checks]]\n[[machine_checks]]\n[[metrics]]\n" +
			"processes = ['nobody']\n[[vm]]\nprocesses = ['nobody']\n[checks.a]\ntype = 'tcp'\nprocesses = ['nobody']", ""},
		{"machine_config = 'nothing'\n[build.compose]\nfile = 'none.yml'", ""},
	} {
		err := parseFile(t, tt.toml).Validate()
		var got *InvalidError
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%q: %v", tt.toml, err)
			}
		case !errors.As(err, &got):
			t.Errorf("%q: error = %v, want an InvalidError", tt.toml, err)
		case got.Text != "Validating fly.toml\n"+tt.want:
			t.Errorf("%q:\n got %s\nwant %s", tt.toml, got.Text, tt.want)
		}
	}
}
