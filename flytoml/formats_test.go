package flytoml

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"go.yaml.in/yaml/v4"
)

// differences returns how two files with the same content differ in what flyctl would
// make of them.
func differences(t *testing.T, a, b *File, existing machine.Config) []string {
	t.Helper()
	var found []string
	differ := func(what string, a, b any) {
		if fmt.Sprint(a) != fmt.Sprint(b) {
			found = append(found, fmt.Sprintf("%s: %v, not %v", what, b, a))
		}
	}
	differ("app", a.App(), b.App())
	differ("groups", a.Groups(), b.Groups())
	differ("Validate", a.Validate(), strings.ReplaceAll(fmt.Sprint(b.Validate()), b.Name(), a.Name()))
	definition := func(f *File) (string, error) {
		d, err := f.Definition()
		if err != nil {
			return "", err
		}
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		return string(data), nil
	}
	wantDef, wantErr := definition(a)
	gotDef, err := definition(b)
	differ("definition", wantDef, gotDef)
	differ("definition's error", wantErr, err)
	for _, group := range a.Groups() {
		for _, onto := range []machine.Config{{}, existing} {
			want, wantErr := a.Apply(group, onto)
			got, err := b.Apply(group, onto)
			differ("error for "+group, wantErr, err)
			for _, change := range machine.Diff(want, got) {
				found = append(found, fmt.Sprintf("%s: %v", group, change))
			}
		}
	}
	return found
}

// TestFormatsAgree writes each recorded case as JSON and as YAML, and compares the
// results. The exceptions are flyctl's: its translation of old spellings depends on
// the types of numbers.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	const (
		vanish   = "whole numbers as durations vanish: flyctl's translation knows int64 and float64, YAML's are int"
		infinite = "there is no infinite number in JSON"
		typed    = "the message names the decoder's type"
	)
	exceptions := map[string]string{
		"env-with-ints.toml.json":                                   infinite,
		"invalid-concurrency-number.toml.json":                      typed,
		"invalid-concurrency-number.toml.yaml":                      typed,
		"experimental-cmd-string-entrypoint-exec-metrics.toml.yaml": vanish,
		"kill-signal-kill-timeout-int-swap-console.toml.yaml":       vanish,
		"numbers-hex-underscore-octal.toml.yaml":                    vanish,
		"services-ports-list-legacy.toml.yaml":                      vanish,
		"top-level-checks.toml.yaml":                                vanish,
	}
	dir := filepath.Join("testdata", "oracle")
	existing := parseConfig(t, string(must(os.ReadFile(filepath.Join(dir, "existing-machine.json")))(t)))
	paths, err := filepath.Glob(filepath.Join(dir, "cases", "*.toml"))
	if err != nil || len(paths) < 90 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		file, err := Parse(name, must(os.ReadFile(path))(t))
		if err != nil {
			continue // no document to write
		}
		for suffix, marshal := range map[string]func(any) ([]byte, error){
			".json": json.Marshal,
			".yaml": yaml.Marshal,
		} {
			data, err := marshal(file.doc)
			var found []string
			if err != nil {
				found = []string{err.Error()}
			} else if other, err := Parse("fly"+suffix, data); err != nil {
				t.Errorf("%s%s: %v", name, suffix, err)
				continue
			} else {
				found = differences(t, file, other, existing)
			}
			reason, excepted := exceptions[name+suffix]
			if excepted != (len(found) > 0) {
				t.Errorf("%s%s: excepted = %t (%s), but differs in %q", name, suffix, excepted, reason, found)
			}
		}
	}
	for name := range exceptions {
		if !slices.ContainsFunc(paths, func(path string) bool {
			return filepath.Base(path)+filepath.Ext(name) == name
		}) {
			t.Errorf("no case %s", name)
		}
	}
}

// must returns the result of a call, or ends the test on an error.
func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// TestNumberTypes checks how flyctl's translations convert numbers and null, for the
// types that each format's decoder returns.
func TestNumberTypes(t *testing.T) {
	const inTOML, inJSON, inYAML = "fly.toml", "fly.json", "fly.yaml"
	for _, tt := range []struct {
		name, data string
		want       string // the definition, or its error
	}{
		{inTOML, "services = [{internal_port = 8080, ports = [{port = 80}], tcp_checks = [{interval = 1000}]}]",
			`{"services":[{"internal_port":8080,"ports":[{"port":80}],"tcp_checks":[{"interval":"1s"}]}]}`},
		{inJSON, `{"services": [{"internal_port": 8080, "ports": [{"port": 80.9}], "tcp_checks": [{"interval": ` +
			`1000}]}]}`, `{"services":[{"internal_port":8080,"ports":[{"port":80}],"tcp_checks":[{"interval":"1s"}]}]}`},
		{inYAML, "services:\n- internal_port: 8080\n  ports:\n  - port: 80\n  tcp_checks:\n  - interval: 1000\n",
			`{"services":[{"internal_port":8080,"ports":[{"port":80}],"tcp_checks":[{}]}]}`},
		{inYAML, "services:\n- internal_port: 8080\n  ports: {port: 80.5}\n  tcp_checks: {interval: 1000.0}\n",
			`{"services":[{"internal_port":8080,"ports":[{"port":80}],"tcp_checks":[{"interval":"1s"}]}]}`},
		{inYAML, "services:\n- internal_port: 18446744073709551615\n", `{"services":[{"internal_port":-1}]}`},
		{inYAML, "services:\n- internal_port: 2001-01-01\n", "Unknown type for cast: time.Time"},
		{inYAML, "services:\n- internal_port:\n", "Unknown type for cast: <nil>"},
		{inJSON, `{"services": [{"internal_port": null}]}`, "Unknown type for cast: <nil>"},
		{inJSON, `{"services": null}`, "Error processing services: Unknown type '<nil>'"},
		{inJSON, `{"services": [null]}`,
			"Error processing services: Can not cast '%!s(<nil>)' of type '%!t(<nil>)' as map[string]any"},
		{inJSON, `{"experimental": {"cmd": null, "exec": "a"}}`, `{"experimental":{"exec":["a"]}}`},
		{inTOML, "env = {A = 1000000, B = 1.0, C = 2001-01-01}", `{"env":{"A":"1000000","B":"1","C":"2001-01-01"}}`},
		{inJSON, `{"env": {"A": 1000000, "B": 1.0, "C": null, "D": [1, "x"]}}`,
			`{"env":{"A":"1e+06","B":"1","C":"\u003cnil\u003e","D":"[1 x]"}}`},
		{inYAML, "env: {A: 1000000, B: 1.0, C: 2001-01-01, D: yes, E: ~, F: {1: x}}",
			`{"env":{"A":"1000000","B":"1","C":"2001-01-01 00:00:00 +0000 UTC","D":"yes","E":"\u003cnil\u003e",` +
				`"F":"map[1:x]"}}`},
		{inYAML, "env: {1: x}", "Do not know how to process 'env' section of type: map[interface {}]interface {}"},
		{inYAML, "vm: {memory: 512, cpus: 2}", `{"vm":[{"memory":"512","cpus":2}]}`},
		{inYAML, "mounts: {initial_size: 10}", `{"mounts":[{"initial_size":"10"}]}`},
		{inYAML, "kill_timeout: 30", `{}`},
		{inJSON, `{"kill_timeout": 30}`, `{"kill_timeout":"30s"}`},
		{inYAML, "deploy: {wait_timeout: 30}", `{"deploy":{"wait_timeout":"30ns"}}`},
		{inYAML, "http_service: {internal_port: 8080.0}", `{"http_service":{"internal_port":8080}}`},
		{inYAML, "http_service: {internal_port: .inf}", "json: unsupported value: +Inf"},
		{inYAML, "unknown: {1: x}", "json: unsupported type: map[interface {}]interface {}"},
		{inYAML, "x: &x {internal_port: 1}\nhttp_service: {<<: *x, force_https: true}",
			`{"http_service":{"internal_port":1,"force_https":true}}`},
		{inJSON, `{"App": "a", "app": "b", "app": "c"}`, `{"app":"c"}`},
	} {
		f, err := Parse(tt.name, []byte(tt.data))
		if err != nil {
			t.Errorf("%s: %v", tt.data, err)
			continue
		}
		got := ""
		if d, err := f.Definition(); err != nil {
			got = err.Error()
		} else {
			got = string(must(json.Marshal(d))(t))
		}
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.data, got, tt.want)
		}
	}
}
