package convert

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func TestApplyKeepsUnknownFields(t *testing.T) {
	file, err := flytoml.Parse("fly.toml", []byte(`app = "shop"
kill_timeout = "9s"
[http_service]
  internal_port = 8080
  force_https = false
  [[http_service.checks]]
    path = "/up"
    interval = "9s"
[[services]]
  internal_port = 5432
  protocol = "tcp"
  [[services.ports]]
    port = 5432
[checks.alive]
  type = "tcp"
  port = 8080
`))
	if err != nil {
		t.Fatal(err)
	}
	existing, err := machine.ParseConfig([]byte(`{
		"services": [
			{"protocol": "tcp", "internal_port": 9, "invented": "goes with its service"},
			{"protocol": "tcp", "internal_port": 8080, "invented": {"big": 12345678901234567890}, "min_machines_running": 3,
			 "ports": [{"port": 443, "handlers": ["tls"], "invented": [1, 2.50, null], "tls_options": {"alpn": ["h2"]}}],
			 "concurrency": {"type": "requests", "soft_limit": 5, "invented": 1},
			 "checks": [{"type": "http", "path": "/up", "interval": "2s", "invented": true}, {"type": "http", "path": "/gone", "invented": true}]},
			{"protocol": "tcp", "internal_port": 5432, "ports": [{"port": 5432, "invented": 1}, {"port": 5432, "invented": 2}]}
		],
		"checks": {"alive": {"type": "tcp", "port": 8080, "invented": "kept"}, "gone": {"type": "tcp", "invented": "goes"}},
		"stop_config": {"timeout": "5s", "invented": 1},
		"invented": {"a": null}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Apply(file, "app", existing)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := file.Apply("app", existing)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"services[0].invented.big":       "= 12345678901234567890",
		"services[0].ports[1].invented":  "= [1,2.50,null]",
		"services[0].checks[0].invented": "= true",
		"checks.alive.invented":          "= 'kept'",
		"stop_config.invented":           "= 1",
	}
	for _, change := range machine.Diff(plain, got) {
		if _, ok := want[change.Path]; !ok {
			t.Errorf("also carried: %s", change)
		}
		delete(want, change.Path)
	}
	for path := range want {
		t.Errorf("%s is lost", path)
	}
}
