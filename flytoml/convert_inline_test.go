package flytoml

import (
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// Inline JSON is merged into the Machine: containers by position, objects field by
// field. Unknown fields stay.
func TestApplyMachineConfig(t *testing.T) {
	existing := parseConfig(t,
		`{"containers":[{"name":"app","image":"old","cmd":["x"],"future":3}],"dns":{"hostname":"h","future":1},"future":2,
		"guest":{"cpus":4,"future":[1.0]},"init":{"tty":true,"cmd":["old"]},"metadata":{"a":"1"},"schedule":"daily"}`)
	f := parseFile(t,
		`machine_config = '''{
		"Containers":[{"name":"app"},{"name":"side","image":"s","healthchecks":[{"name":"h","exec":{"command":["true"]}}]}],
		"dns":{"searches":["a"]},"unknown":1,"guest":{"memory_mb":512},"init":{"kernel_args":["k"],"cmd":["new"]},
		"metadata":{"b":"2"},"schedule":null,
		"volumes":[{"name":"v","temp_dir":{"storage_type":"disk"}}],
		"services":[{"internal_port":1}],"env":{"A":"1"},"checks":{"c":{"interval":5}},"restart":{"policy":"always"}}'''
		[env]
		B = 2`)
	got, err := f.Apply("app", existing)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"containers": `[{"name":"app","image":".","cmd":["x"],"future":3},{"name":"side","image":"s",` +
			`"healthchecks":[{"name":"h","exec":{"command":["true"]}}]}]`,
		"dns":      `{"hostname":"h","future":1,"searches":["a"]}`,
		"future":   `2`,
		"unknown":  absent,
		"guest":    `{"cpus":4,"memory_mb":512,"future":[1.0]}`,
		"init":     `{"tty":true,"kernel_args":["k"]}`,
		"metadata": `{"a":"1","b":"2","fly_platform_version":"v2","fly_process_group":"app"}`,
		"schedule": `"daily"`, // null does not change a string
		"volumes":  `[{"name":"v","temp_dir":{"storage_type":"disk"}}]`,
		"services": absent,
		"checks":   absent,
		"restart":  absent,
		"env":      `{"B":"2","FLY_PROCESS_GROUP":"app"}`,
	} {
		if !sameJSON(t, string(got.Raw(key)), want) {
			t.Errorf("%s = %s, want %s", key, got.Raw(key), want)
		}
	}
}

// What machine_config does not mention stays byte for byte, including containers.
func TestApplyKeepsContainers(t *testing.T) {
	const containers = `[ {"name":"x", "future": 1.0, "files":[{"guest_path":"/f","raw_value":"eA=="}]} ]`
	existing := parseConfig(t,
		`{"containers":`+containers+`,"volumes":[ {"name":"v","future":null} ],"rootfs":{"persist":"never"},`+
			`"processes":[{"cmd":[ ]}]}`)
	for _, toml := range []string{"app = 'x'", "machine_config = ''", "container = 'nobody'"} {
		got, err := parseFile(t, toml).Apply("app", existing)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range existing.Keys() {
			if string(got.Raw(key)) != string(existing.Raw(key)) {
				t.Errorf("%q: %s = %s, want %s", toml, key, got.Raw(key), existing.Raw(key))
			}
		}
	}
	got, err := parseFile(t, `machine_config = '{"schedule":"daily"}'`).Apply("app", existing)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"name":"x","image":".","future":1.0,"files":[{"guest_path":"/f","raw_value":"eA=="}]}]`
	if !sameJSON(t, string(got.Raw("containers")), want) {
		t.Errorf("containers = %s, want %s: the existing one gets the app's image", got.Raw("containers"), want)
	}
	for _, key := range []string{"volumes", "rootfs", "processes"} {
		if string(got.Raw(key)) != string(existing.Raw(key)) {
			t.Errorf("%s = %s, want %s", key, got.Raw(key), existing.Raw(key))
		}
	}
}

func TestMachineConfigSelects(t *testing.T) {
	for _, tt := range []struct{ toml, want string }{
		{`machine_config = '{"containers":[{"name":"a","image":"x"},{"name":"app"}]}'`,
			`[{"name":"a","image":"x"},{"name":"app","image":"."}]`},
		{`machine_config = '{"containers":[{"name":"a"},{"name":"b","image":"y"}]}'`,
			`[{"name":"a","image":"."},{"name":"b","image":"y"}]`},
		{"container = 'b'\n" +
			`machine_config = '{"containers":[{"name":"a","image":"x"},{"name":"b"},{"name":"b","image":"z"}]}'`,
			`[{"name":"a","image":"x"},{"name":"b","image":"."},{"name":"b","image":"z"}]`},
		{`experimental.machine_config = '{"containers":[{}]}'`, `[{"name":"","image":"."}]`},
		{"machine_config = 'nothing'\n" + `experimental.machine_config = '{"containers":[{}]}'`, `[{"name":"","image":"."}]`},
		{"experimental.machine_config = ''\n" + `machine_config = '{"containers":[{}]}'`, `[{"name":"","image":"."}]`},
	} {
		got, err := parseFile(t, tt.toml).Apply("app", machine.Config{})
		if err != nil {
			t.Errorf("%q: %v", tt.toml, err)
		} else if !sameJSON(t, string(got.Raw("containers")), tt.want) {
			t.Errorf("%q: %s, want %s", tt.toml, got.Raw("containers"), tt.want)
		}
	}
}

// Every field is decoded as fly-go has it, also those that fly.toml replaces.
func TestMachineConfigShapes(t *testing.T) {
	for _, tt := range []struct{ json, want string }{
		{`{"image":5}`, `json: cannot unmarshal number into Go struct field MachineConfig.image of type string`},
		{`{"containers":{}}`,
			`json: cannot unmarshal object into Go struct field MachineConfig.containers of type []*fly.ContainerConfig`},
		{`{"containers":[{"stop":{"signal":9}}]}`,
			`json: cannot unmarshal number into Go struct field StopConfig.containers.stop.signal of type string`},
		{`{"containers":[{"healthchecks":[{"tcp":80}]}]}`,
			`json: cannot unmarshal number into Go struct field ` +
				`ContainerHealthcheck.containers.healthchecks.ContainerHealthcheckType.tcp of type fly.TCPHealthcheck`},
		{`{"containers":[{"files":[{"mode":"0644"}]}]}`,
			`json: cannot unmarshal string into Go struct field File.containers.files.mode of type uint32`},
		{`{"volumes":[{"temp_dir":"x"}]}`,
			`json: cannot unmarshal string into Go struct field VolumeConfig.volumes.VolumeResource.temp_dir of type ` +
				`fly.TempDirVolume`},
		{`{"dns":{"options":[1]}}`,
			`json: cannot unmarshal number into Go struct field DNSConfig.dns.options of type fly.dnsOption`},
		{`{"guest":{"cpus":"2"}}`, `json: cannot unmarshal string into Go struct field MachineGuest.guest.cpus of type int`},
		{`{"rootfs":{"persist":"sometimes"}}`, `invalid persist_rootfs string value "sometimes"`},
		{`{"mounts":[{"size_gb":"1"}]}`,
			`json: cannot unmarshal string into Go struct field MachineMount.mounts.size_gb of type int`},
		{`{"services":[{"internal_port":"80"}]}`,
			`json: cannot unmarshal string into Go struct field MachineService.services.internal_port of type int`},
		{`{"services":[{"ports":[{"port":"80"}]}]}`,
			`json: cannot unmarshal string into Go struct field MachinePort.services.ports.port of type int`},
		{`{"services":[{"autostop":"x"}]}`, `invalid autostop string value "x"`},
		{`{"services":[{"checks":[{"interval":true}]}]}`, `unknown duration type: bool`},
		{`{"checks":{"c":{"port":"80"}}}`,
			`json: cannot unmarshal string into Go struct field MachineCheck.checks.port of type int`},
		{`{"checks":[]}`,
			`json: cannot unmarshal array into Go struct field MachineConfig.checks of type map[string]fly.MachineCheck`},
		{`{"statics":[{"guest_path":1}]}`,
			`json: cannot unmarshal number into Go struct field Static.statics.guest_path of type string`},
		{`{"metrics":[]}`,
			`json: cannot unmarshal array into Go struct field MachineConfig.metrics of type fly.MachineMetrics`},
		{`{"restart":{"max_retries":"3"}}`,
			`json: cannot unmarshal string into Go struct field MachineRestart.restart.max_retries of type int`},
		{`{"stop_config":{"timeout":"5"}}`, `time: missing unit in duration "5"`},
		{`{"files":{}}`, `json: cannot unmarshal object into Go struct field MachineConfig.files of type []*fly.File`},
		{`{"image":`, `unexpected end of JSON input`},
		{`{} x`, `invalid character 'x' after top-level value`},
	} {
		_, err := parseFile(t, "machine_config = '"+tt.json+"'").Apply("app", machine.Config{})
		quoted := strings.ReplaceAll(tt.json, `"`, `\"`)
		if want := `invalid machine config "` + quoted + `": ` + tt.want; err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", tt.json, err, want)
		}
	}
	// Text that may contain secrets is not repeated.
	for _, tt := range []struct{ json, want string }{
		{`{"env":5}`,
			`json: cannot unmarshal number into Go struct field MachineConfig.env of type map[string]string`},
		{`{"env":{"A":5}}`, `json: cannot unmarshal number into Go struct field MachineConfig.env of type string`},
		{`{"files":[{"raw_value":5}]}`,
			`json: cannot unmarshal number into Go struct field File.files.raw_value of type string`},
		{`{"containers":[{"env":["A=1"]}]}`,
			`json: cannot unmarshal array into Go struct field ContainerConfig.containers.env of type map[string]string`},
	} {
		_, err := parseFile(t, "machine_config = '"+tt.json+"'").Apply("app", machine.Config{})
		if want := "invalid machine config: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", tt.json, err, want)
		}
	}
}
