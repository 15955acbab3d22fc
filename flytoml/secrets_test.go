package flytoml_test

import (
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/lint"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// parseFile reads a file that must be readable.
func parseFile(t testing.TB, data string) *flytoml.File {
	t.Helper()
	f, err := flytoml.Parse("fly.toml", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Header values may be credentials, and so may JSON in machine_config.
// No error repeats them.
func TestErrorsKeepSecrets(t *testing.T) {
	for _, toml := range []string{
		"[checks.x]\nheaders = [{ value = 'hunter2' }]",
		"[checks.x]\nheaders = 'hunter2'",
		"[checks.x]\nheaders = ['hunter2']",
		`machine_config = '{"env": {"PW": "hunter2"}, "containers": 5}'`,
		`machine_config = '{"env": {"PW": "hunter2"'`,
		`machine_config = ' {"env": {"PW": "hunter2"}}'`,
		`machine_config = '{"containers": [{"env": {"PW": "hunter2"}, "image": 5}]}'`,
		`machine_config = '{"containers": [{"name": "a"}, {"files": [{"raw_value": "hunter2"}]}]}'`,
		`machine_config = '{"files": [{"guest_path": "/f", "local_path": 5}], "env": {"PW": "hunter2"}}'`,
		"env = 'hunter2'",
		"env = ['hunter2']",
		"[ENV]\nPW = ['hunter2']",
		"[env]\nPW = 'hunter2'\n[[files]]\nguest_path = '/f'\nraw_value = ['hunter2']",
		"[env]\nPW = 'hunter2'\n[[files]]\nguest_path = '/f'\nraw_value = 'hunter2'\nlocal_path = 'x'",
		"[env]\nPW = 'hunter2'\n[[restart]]",
		"[http_service]\n[[http_service.checks]]\nheaders = { Authorization = ['hunter2'] }",
		"[http_service]\n[[http_service.checks]]\nheaders = 'hunter2'",
		"[[services]]\n[[services.http_checks]]\nheaders = [{ value = 'hunter2' }]",
		"[[services]]\nhttp_checks = [[{ headers = { A = 'hunter2' } }]]",
		`machine_config = '{"init": {"cmd": ["run", "--code=hunter2"]'`,
		`machine_config = '{"init": {"entrypoint": ["run", "hunter2"]'`,
		`machine_config = '{"api_key": "hunter2"'`,
	} {
		f := parseFile(t, toml)
		_, err := f.Apply("app", machine.Config{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", toml, err)
		}
		if err := f.Validate(); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: Validate: %v", toml, err)
		}
		for _, remark := range lint.Lint(f) {
			if strings.Contains(remark.What+remark.Fix, "hunter2") {
				t.Errorf("%q: remark %+v", toml, remark)
			}
		}
	}
}
