package flytoml

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestFormatRules checks rules for which JSON and YAML differ from TOML: the types of
// numbers, and null.
func TestFormatRules(t *testing.T) {
	const invalid = "can not flatten an invalid v2 application config: "
	for _, tt := range []struct{ name, text, field, want string }{
		{"fly.json", `{"services":[{"internal_port":"80","ports":[{"port":80.0}],` +
			`"tcp_checks":[{"interval":15000}]}]}`, "services",
			`[{"internal_port":80,"ports":[{"port":80}],"checks":[{"type":"tcp","interval":"15s"}],"force_instance_key":null}]`},
		{"fly.yaml", "services:\n- internal_port: 80\n  ports:\n  - port: 80\n  tcp_checks:\n  - interval: 15000\n" +
			"    timeout: 2s", "services",
			`[{"internal_port":80,"ports":[{"port":80}],"checks":[{"type":"tcp","timeout":"2s"}],"force_instance_key":null}]`},
		{"fly.json", `{"http_service":{"internal_port":8080,"auto_start_machines":false,` +
			`"min_machines_running":0}}`, "services",
			`[{"protocol":"tcp","internal_port":8080,"autostart":false,"min_machines_running":0,` + impliedPorts +
				`,"force_instance_key":null}]`},
		{"fly.json", `{"env":{"A":12345678,"B":1.0,"C":null,"D":true}}`, "env",
			`{"A":"1.2345678e+07","B":"1","C":"<nil>","D":"true","FLY_PROCESS_GROUP":"app"}`},
		{"fly.yaml", "env:\n  A: 12345678\n  B: 1.0\n  C: ~\n  D: yes", "env",
			`{"A":"12345678","B":"1","C":"<nil>","D":"yes","FLY_PROCESS_GROUP":"app"}`},
		{"fly.json", `{"kill_timeout":5}`, "stop_config", `{"timeout":"5s"}`},
		{"fly.yaml", "kill_timeout: 5", "stop_config", absent},
		{"fly.json", `{"vm":[{"memory":1024}]}`, "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":1024}`},
		// 1.048576e+06 bytes
		{"fly.json", `{"vm":[{"memory":1048576}]}`, "guest", `{"cpu_kind":"shared","cpus":1,"memory_mb":1}`},
		{"fly.json", `{"experimental":{"cmd":null,"exec":["x"]}}`, "init", `{"exec":["x"]}`},
		{"fly.json", `{"http_service":null,"files":null,"deploy":null,"restart":null,"statics":null,"app":null}`,
			"init", `{}`},
		{"fly.json", `{"processes":{"app":null}}`, "init", `{}`},
		{"fly.json", `{"services":null}`, "", invalid + "Error processing services: Unknown type '<nil>'"},
		{"fly.json", `{"services":[null]}`, "", invalid +
			"Error processing services: Can not cast '%!s(<nil>)' of type '%!t(<nil>)' as map[string]any"},
		{"fly.json", `{"services":[{"internal_port":null}]}`, "", invalid + "Unknown type for cast: <nil>"},
		{"fly.json", `{"services":[{"concurrency":null}]}`, "", invalid + "Unknown type for service concurrency: <nil>"},
		{"fly.json", `{"services":[{"http_checks":[{"headers":null}]}]}`, "", invalid +
			"Error processing http_checks: Unsupported headers format: <nil>"},
		{"fly.json", `{"env":null}`, "", invalid + "Do not know how to process 'env' section of type: <nil>"},
		{"fly.json", `{"processes":null}`, "", invalid + "Unknown processes type: <nil>"},
		{"fly.json", `{"experimental":null}`, "", invalid + "Experimental section of unknown type: <nil>"},
		{"fly.json", `{"build":null}`, "", invalid + "Build section of unknown type: <nil>"},
		{"fly.json", `{"checks":null}`, "", invalid + "'checks' section of unknown type: <nil>"},
		{"fly.json", `{"checks":{"a":null}}`, "", invalid + "'checks' section of unknown type: <nil>"},
		{"fly.json", `{"mounts":null}`, "", invalid + "Error processing mounts: Unknown type '<nil>'"},
		{"fly.json", `{"http_service":{"internal_port":"80"}}`, "", invalid +
			"json: cannot unmarshal string into Go struct field HTTPService.http_service.internal_port of type int"},
	} {
		f, err := Parse(tt.name, []byte(tt.text))
		if err != nil {
			t.Errorf("%s: %s: %v", tt.name, tt.text, err)
			continue
		}
		got, err := f.Apply("app", machine.Config{})
		switch {
		case tt.field == "":
			if err == nil || err.Error() != tt.want {
				t.Errorf("%s: %s:\n got %v\nwant %s", tt.name, tt.text, err, tt.want)
			}
		case err != nil:
			t.Errorf("%s: %s: %v", tt.name, tt.text, err)
		case !sameJSON(t, string(got.Raw(tt.field)), tt.want):
			t.Errorf("%s: %s:\n got %s\nwant %s", tt.name, tt.text, got.Raw(tt.field), tt.want)
		}
	}
}
