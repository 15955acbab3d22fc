package machine

import (
	"encoding/json"
	"testing"
)

func parseServices(t *testing.T, text string) []Service {
	t.Helper()
	var out []Service
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRouted checks what Fly Proxy routes to, and what a request wakes.
func TestRouted(t *testing.T) {
	tests := []struct {
		name, services  string
		routed, starts  bool
		stops, hasPorts bool
	}{
		{"none", `[]`, false, false, false, false},
		{"a port", `[{"protocol":"tcp","ports":[{"port":80}]}]`, true, true, false, true},
		{"no protocol", `[{"ports":[{"port":80}]}]`, true, true, false, true},
		{"no ports", `[{"protocol":"tcp","autostop":true}]`, false, false, true, false},
		{"an empty list", `[{"protocol":"tcp","ports":[]}]`, false, false, false, false},
		{"port 0", `[{"protocol":"tcp","ports":[{"port":0}]}]`, false, false, false, false},
		{"handlers alone", `[{"protocol":"tcp","ports":[{"handlers":["http"]}]}]`, false, false, false, false},
		{"a port too high", `[{"protocol":"tcp","ports":[{"port":70000}]}]`, false, false, false, false},
		{"a range", `[{"protocol":"tcp","ports":[{"start_port":1,"end_port":9}]}]`, true, true, false, true},
		{"a range with a start", `[{"protocol":"tcp","ports":[{"start_port":9000}]}]`, true, true, false, true},
		{"a range with an end", `[{"protocol":"tcp","ports":[{"end_port":9000}]}]`, true, true, false, true},
		{"a range to 0", `[{"protocol":"tcp","ports":[{"end_port":0}]}]`, false, false, false, false},
		{"a reversed range", `[{"protocol":"tcp","ports":[{"start_port":9,"end_port":1}]}]`, false, false, false, false},
		{"UDP", `[{"protocol":"udp","ports":[{"port":53}],"autostop":"suspend"}]`, false, false, true, true},
		{"an unknown protocol", `[{"protocol":"http","ports":[{"port":80}]}]`, false, false, false, true},
		{"UDP and TCP",
			`[{"protocol":"udp","ports":[{"port":53}]},{"protocol":"tcp","ports":[{"port":53}],"autostop":true}]`,
			true, true, false, true},
		{"never started", `[{"protocol":"tcp","ports":[{"port":80}],"autostart":false}]`, true, false, false, true},
		{"started by one of two",
			`[{"protocol":"tcp","ports":[{"port":80}],"autostart":false},{"protocol":"tcp","ports":[{"port":81}],` +
				`"autostart":true}]`, true, true, false, true},
		{"started by one without ports",
			`[{"protocol":"tcp","ports":[{"port":80}],"autostart":false},{"protocol":"tcp","autostart":true}]`, true,
			false, false, true},
		{"one of two stops", `[{"ports":[{"port":80}],"autostop":true},{"autostop":false}]`, true, true, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			services := parseServices(t, test.services)
			ports := false
			for _, s := range services {
				ports = ports || s.HasPort()
			}
			if AnyRouted(services) != test.routed || AnyWoken(services) != test.starts ||
				AllStop(services) != test.stops || ports != test.hasPorts {
				t.Errorf("got routed %t, woken %t, stops %t, ports %t", AnyRouted(services), AnyWoken(services),
					AllStop(services), ports)
			}
		})
	}
}

func TestEngines(t *testing.T) {
	name := func(e *Engine) string {
		if e == nil {
			return ""
		}
		return e.Name
	}
	for image, want := range map[string]string{
		"redis:8-alpine": "Redis", "docker.io/library/redis@sha256:00": "Redis", "localhost:5000/redis": "Redis",
		"bitnami/redis-cluster:7": "Redis", "redis/redis-stack-server": "Redis",
		"valkey/valkey:8": "Redis", "postgres:16": "PostgreSQL", "flyio/postgres-flex:15.3": "PostgreSQL",
		"pgvector/pgvector:pg16": "PostgreSQL", "bitnami/postgresql": "PostgreSQL",
		"MySQL:8": "MySQL", "mongo": "MongoDB", "clickhouse/clickhouse-server:24": "ClickHouse",
		"nats:2-alpine": "NATS", "timberio/vector:0.40.0-alpine": "the log shipper Vector",
		"fluent/fluent-bit": "the log shipper Fluent Bit", "flyio/log-shipper:latest": "a log shipper",
		"ghcr.io/superfly/fly-log-shipper:latest":              "a log shipper",
		"docker.elastic.co/elasticsearch/elasticsearch:8.13.4": "Elasticsearch",
		"otel/opentelemetry-collector-contrib":                 "a log shipper",

		"": "", "nginx": "", "mongo-express": "", "prometheuscommunity/postgres-exporter": "",
		"rediscommander/redis-commander": "", "me/vector-search": "",
		"registry.fly.io/redis:deployment-01": "", "mysqlinks/app": "", "redis/": "Redis", "phpmyadmin": "",
		"itzg/minecraft-server:java21": "",
	} {
		if got := name(EngineOfImage(image)); got != want {
			t.Errorf("image %q: got %q, want %q", image, got, want)
		}
	}
	for port, want := range map[int]string{5432: "PostgreSQL", 3306: "MySQL", 6379: "Redis", 27017: "MongoDB",
		4222: "NATS", 8686: "the log shipper Vector", 80: "", 8080: "", 0: "", 9200: ""} {
		if got := name(EngineOfPort(port)); got != want {
			t.Errorf("port %d: got %q, want %q", port, got, want)
		}
	}
	for mount, want := range map[[2]string]string{
		{"data", "/var/lib/postgresql/data"}: "PostgreSQL", {"pg_data", "/data"}: "PostgreSQL",
		{"redis_data", "/data"}: "Redis", {"redis-server", "/data"}: "Redis", {"x", "/var/lib/mysql/"}: "MySQL",
		{"esdata", "/x"}: "Elasticsearch", {"data", "/data"}: "", {"sqlite_data", "/data"}: "",
		{"storage_vol", "/var/www/html/storage"}: "", {"", ""}: "", {"litefs", "/var/lib/litefs"}: "",
	} {
		if got := name(KnownEngines().OfMount(mount[0], mount[1])); got != want {
			t.Errorf("mount %q: got %q, want %q", mount, got, want)
		}
	}
	if e := EngineOfImage("clickhouse"); e == nil || !e.SpeaksHTTP(8123) || e.SpeaksHTTP(9000) {
		t.Errorf("ClickHouse: got %+v", e)
	}
}
