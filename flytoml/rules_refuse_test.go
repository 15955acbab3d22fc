package flytoml

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestShapeRules checks flyctl's messages for files that it cannot decode. Such a
// file only has the group app.
func TestShapeRules(t *testing.T) {
	const (
		number = "json: cannot unmarshal number into Go struct field "
		text   = "json: cannot unmarshal string into Go struct field "
		array  = "json: cannot unmarshal array into Go struct field "
		object = "json: cannot unmarshal object into Go struct field "
	)
	for _, tt := range []struct{ toml, want string }{
		{"services = 'x'", "Error processing services: Unknown type 'string'"},
		{"services = ['x']", "Error processing services: Can not cast 'x' of type '%!t(string=x)' as map[string]any"},
		{"[[services]]\ninternal_port = 'web'",
			`Can not convert 'web' to integer: strconv.Atoi: parsing "web": invalid syntax`},
		{"[[services]]\ninternal_port = ' 80'",
			`Can not convert ' 80' to integer: strconv.Atoi: parsing " 80": invalid syntax`},
		{"[[services]]\ninternal_port = true", "Unknown type for cast: bool"},
		{"[[services]]\nports = [80, 443]", "Error processing ports: []interface {}"},
		{"[[services]]\nports = [{ port = [80] }]", "Unknown type for cast: []interface {}"},
		{"[[services]]\nports = [{ port = '80-90' }]",
			`Can not convert '80-90' to integer: strconv.Atoi: parsing "80-90": invalid syntax`},
		{"[[services]]\nports = [{ handlers = 'http' }]", text + "MachinePort.services.ports.handlers of type []string"},
		{"[[services]]\nports = [{ handlers = [80] }]", number + "MachinePort.services.ports.handlers of type string"},
		{"[[services]]\nports = [{ force_https = 'true' }]", text + "MachinePort.services.ports.force_https of type bool"},
		{"[[services]]\nports = [{ http_options = { idle_timeout = 4294967296 } }]",
			"json: cannot unmarshal number 4294967296 into Go struct field " +
				"HTTPOptions.services.ports.http_options.idle_timeout of type uint32"},
		{"[[services]]\nports = [{ http_options = { response = { headers = [] } } }]", array +
			"HTTPResponseOptions.services.ports.http_options.response.headers of type map[string]interface {}"},
		{"[[services]]\nports = [{ tls_options = true }]",
			"json: cannot unmarshal bool into Go struct field MachinePort.services.ports.tls_options of type fly.TLSOptions"},
		{"[[services]]\n[[services.concurrency]]\nhard_limit = 1", "Unknown type for service concurrency: []interface {}"},
		{"[[services]]\nconcurrency = '20, 25'", `Can not convert '20, 25': strconv.Atoi: parsing " 25": invalid syntax`},
		{"[[services]]\nconcurrency = { hard_limit = '25' }",
			text + "MachineServiceConcurrency.services.concurrency.hard_limit of type int"},
		{"[[services]]\nmin_machines_running = 1.5",
			"json: cannot unmarshal number 1.5 into Go struct field Service.services.min_machines_running of type int"},
		{"[[services]]\nauto_start_machines = 'true'", text + "Service.services.auto_start_machines of type bool"},
		{"[[services]]\nauto_stop_machines = ['stop']", "autostop value is not a valid bool or string"},
		{"[[services]]\nprocesses = 'web'", text + "Service.services.processes of type []string"},
		{"[[services]]\ntcp_checks = 5", "Error processing tcp_checks: Unknown type 'int64'"},
		{"[[services]]\nhttp_checks = [5]",
			"Error processing http_checks: Can not cast '%!s(int64=5)' of type '%!t(int64=5)' as map[string]any"},
		{"[[services]]\n[[services.http_checks]]\nheaders = [5]",
			"Error processing http_checks: Can't cast 5 into map[string]any"},
		{"[[services]]\n[[services.http_checks]]\nheaders = true",
			"Error processing http_checks: Unsupported headers format: true"},
		{"[[services]]\n[[services.tcp_checks]]\ninterval = '15'", `time: missing unit in duration "15"`},
		{"[[services]]\n[[services.tcp_checks]]\ninterval = '15 s'", `time: unknown unit " s" in duration "15 s"`},

		{"http_service = []", array + "Config.http_service of type appconfig.HTTPService"},
		{"[http_service]\ninternal_port = 8080.5",
			"json: cannot unmarshal number 8080.5 into Go struct field HTTPService.http_service.internal_port of type int"},
		{"[http_service]\ninternal_port = 99999999999999999999.0",
			"json: cannot unmarshal number 100000000000000000000 into Go struct field " +
				"HTTPService.http_service.internal_port of type int"},
		{"[http_service]\nconcurrency = '20,25'",
			text + "HTTPService.http_service.concurrency of type fly.MachineServiceConcurrency"},
		{"[http_service.checks]\npath = '/'", object +
			"HTTPService.http_service.checks of type []*appconfig.ServiceHTTPCheck"},
		{"[http_service]\n[[http_service.checks]]\nheaders = { X = 1 }", number +
			"ServiceHTTPCheck.http_service.checks.headers of type string"},
		{"[http_service]\n[[http_service.checks]]\ninterval = ''", `time: invalid duration ""`},
		{"[http_service]\n[[http_service.checks]]\ninterval = true", "unknown duration type: bool"},
		{"[http_service]\nprocesses = [1]", number + "HTTPService.http_service.processes of type string"},
		{"[http_service]\nauto_stop_machines = 'True'", `invalid autostop string value "True"`},

		{"[checks]\ntype = 'tcp'", "'checks' section of unknown type: string"},
		{"checks = 5", "'checks' section of unknown type: int64"},
		{"checks = [5]", "check item of unknown type: int64"},
		{"[checks.a]\nport = '80'", text + "ToplevelCheck.checks.port of type int"},
		{"[ENV]\nA = 1", number + "Config.env of type string"},
		{"env = ['A=1']", "Do not know how to process 'env' section of type: string"},
		{"[processes]\nweb = 5", number + "Config.processes of type string"},
		{"[processes]\nweb = ['a', 'b']", array + "Config.processes of type string"},
		{"[processes]\nweb = 'x'\n[processes.env]\nA = 1", object + "Config.processes of type string"},
		{"[experimental]\ncmd = [1]", "could not cast 1 of type int64 to string on cmd"},
		{"[experimental]\nentrypoint = { a = 1 }",
			"could not cast map[a:1] of type map[string]interface {} to []string on entrypoint"},
		{"experimental = 'x'", "Experimental section of unknown type: string"},
		{"experimental.metrics_port = '9'", text + "Metrics.metrics.MachineMetrics.port of type int"},
		{"build = 'x'", "Build section of unknown type: string"},
		{"[build]\nargs = { A = 1 }", number + "Build.build.args of type string"},
		{"mounts = 'x'", "Error processing mounts: Unknown type 'string'"},
		{"metrics = 'x'", "Error processing mounts: Unknown type 'string'"},
		{"vm = 'shared-cpu-1x'", "Error processing compute: Unknown type 'string'"},
		{"[mounts]\nauto_extend_size_increment = 1", number + "Mount.mounts.auto_extend_size_increment of type string"},
		{"[[vm]]\ncpus = '2'", text + "Compute.vm.MachineGuest.cpus of type int"},
		{"[[vm]]\n[vm.processes]\napp = 'x'", object + "Compute.vm.processes of type []string"},
		{"[[vm]]\npersist_rootfs = true",
			"json: cannot unmarshal bool into Go struct field Compute.vm.MachineGuest.persist_rootfs of type string"},
		{"[statics]\nguest_path = '/p'", object + "Config.statics of type []appconfig.Static"},
		{"[files]\nguest_path = '/p'", object + "Config.files of type []appconfig.File"},
		{"[[files]]\nraw_value = 5", number + "File.files.raw_value of type string"},
		{"[restart]\npolicy = 'always'", object + "Config.restart of type []appconfig.Restart"},
		{"[[restart]]\nretries = '3'", text + "Restart.restart.retries of type int"},
		{"kill_signal = 9", number + "Config.kill_signal of type string"},
		{"swap_size_mb = '512'", text + "Config.swap_size_mb of type int"},
		{"primary_region = ['ams']", array + "Config.primary_region of type string"},
		{"deploy = 'rolling'", text + "Config.deploy of type appconfig.Deploy"},
		{"[deploy]\nmax_unavailable = '50%'", text + "Deploy.deploy.max_unavailable of type float64"},
		{"[deploy]\nrelease_command = ['a']", array + "Deploy.deploy.release_command of type string"},
		{"swap_size_mb = nan", "json: unsupported value: NaN"},
		{"[http_service]\ninternal_port = 1979-05-27", text + "HTTPService.http_service.internal_port of type int"},
		{"app = 1\nprimary_region = 2", number + "Config.app of type string"},
	} {
		f := parseFile(t, tt.toml)
		_, err := f.Apply("app", machine.Config{})
		if want := "can not flatten an invalid v2 application config: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", tt.toml, err, want)
		}
		want := "Validating fly.toml\n\n   ✘" + tt.want
		if err := f.Validate(); err == nil || err.Error() != want {
			t.Errorf("%q: Validate:\n got %v\nwant %s", tt.toml, err, want)
		}
	}
}

// TestConversionRules checks valid files that fail to convert.
func TestConversionRules(t *testing.T) {
	const sizes = "[performance-10x performance-12x performance-14x performance-16x performance-1x " +
		"performance-2x performance-4x performance-6x performance-8x]"
	for _, tt := range []struct{ toml, want string }{
		{"[[vm]]\nsize = 'performance-3x'", "'performance-3x' is an invalid machine size, choose one of: " + sizes},
		{"[[vm]]\nsize = 'Shared-CPU-1x'",
			"invalid machine preset requested, 'Shared-CPU-1x', expected to start with 'shared' or 'performance'"},
		{"[[vm]]\nmemory = '100kb'", "memory cannot be zero"},
		{"[[vm]]\nmemory = 1.5", "memory cannot be zero"},
		{"[[vm]]\nmemory = '1,5gb'", `invalid size: strconv.ParseFloat: parsing "1,5": invalid syntax`},
		{"[[vm]]\nmemory = true", "invalid size: invalid size: 'true'"},
		{"[[vm]]\nsize = 'x'\nmemory = 'y'",
			"invalid machine preset requested, 'x', expected to start with 'shared' or 'performance'"},
		{"[[vm]]\nsize = 'x'\n[checks.a]\ntype = 'tcp'",
			"Check 'a' for process group 'app' has no port set and the group has no http_service to take it from"},
		{"processes = { app = '', b = '' }\n[http_service]\nprocesses = ['b']\n[checks.a]\ntype = 'tcp'",
			"Check 'a' for process group 'app' has no port set and the group has no http_service to take it from"},
	} {
		f := parseFile(t, tt.toml)
		if err := f.Validate(); err != nil {
			t.Errorf("%q: Validate = %v", tt.toml, err)
		}
		if _, err := f.Apply("app", machine.Config{}); err == nil || err.Error() != tt.want {
			t.Errorf("%q:\n got %v\nwant %s", tt.toml, err, tt.want)
		}
	}
}
