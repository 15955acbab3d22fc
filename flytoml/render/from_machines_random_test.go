package render

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// randomFleet makes configurations of a few groups out of few parts, so that
// groups share some and differ in others.
type randomFleet struct{ *rand.Rand }

func pickOne[T any](r randomFleet, of ...T) T { return of[r.IntN(len(of))] }

func (r randomFleet) check(kinds ...string) map[string]any {
	check := map[string]any{"type": pickOne(r, kinds...), "interval": pickOne(r, "15s", "1m0s", "60s"), "timeout": "2s"}
	if r.IntN(3) == 0 {
		check["grace_period"] = pickOne(r, "1h0m0s", "0s", "500ms")
	}
	if check["type"] == "http" {
		check["path"] = pickOne(r, "/", "/up?a='b'&c=\"d\"")
		check["method"] = pickOne(r, "GET", "get")
		headers := []any{map[string]any{"name": "Host", "values": []string{"a.example"}},
			map[string]any{"name": "x.y", "values": pickOne(r, []string{"1"}, []string{"1", "2"})}}
		check["headers"] = headers[:r.IntN(3)]
	}
	return check
}

func (r randomFleet) service() map[string]any {
	if r.IntN(2) == 0 {
		var s map[string]any
		if err := json.Unmarshal([]byte(plainService), &s); err != nil {
			panic(err)
		}
		if r.IntN(3) == 0 {
			s["internal_port"] = pickOne(r, 8080, 3000)
			s["checks"] = []any{r.check("http", "http", "tcp")}
		}
		return s
	}
	s := map[string]any{"protocol": pickOne(r, "tcp", "udp", ""), "internal_port": pickOne(r, 0, 53, 5432),
		"force_instance_key": pickOne[any](r, nil, nil, nil, "key")}
	var ports []any
	for range r.IntN(3) {
		port := map[string]any{"port": pickOne(r, 53, 80, 443, 5432), "handlers": pickOne(r, nil,
			[]string{"http"}, []string{"http", "tls"}, []string{"tls", "http"}, []string{"pg_tls"})}
		switch r.IntN(5) {
		case 0:
			port = map[string]any{"start_port": 1, "end_port": 65535}
		case 1:
			port["tls_options"] = map[string]any{"alpn": []string{"h2"}, "default_self_signed": r.IntN(2) == 0}
		case 2:
			port["http_options"] = map[string]any{"compress": true, "response": map[string]any{
				"headers": map[string]any{"Server": false, "X": "'\n\"", "L": []string{"a", "b"}}}}
		case 3:
			port["proxy_proto_options"] = map[string]any{"version": "v2"}
		}
		ports = append(ports, port)
	}
	s["ports"] = ports
	for range r.IntN(3) {
		checks, _ := s["checks"].([]any)
		s["checks"] = append(checks, r.check("http", "tcp"))
	}
	if r.IntN(2) == 0 {
		s["autostop"] = pickOne[any](r, true, false, "suspend")
		s["autostart"], s["min_machines_running"] = r.IntN(2) == 0, r.IntN(3)
		s["concurrency"] = map[string]any{"type": "requests", "soft_limit": r.IntN(3)}
	}
	return s
}

func (r randomFleet) config(group string, services []map[string]any) map[string]any {
	c := map[string]any{
		"init": map[string]any{"cmd": pickOne(r, nil, []string{"run", ""},
			[]string{"sh", "-c", "a && 'b' \"c\" \\ #d"}), "tty": r.IntN(2) == 0},
		"env": map[string]any{"FLY_PROCESS_GROUP": group, "PRIMARY_REGION": pickOne(r, "ams", "ams", "iad"),
			"A": pickOne(r, "", "x", "one\ntwo'''\n"), pickOne(r, "B", "c.d", "é"): "\x00\t\\"},
		"metadata": map[string]any{"fly_platform_version": "v2", "fly_process_group": group},
	}
	var list []any
	for _, service := range services {
		if r.IntN(3) > 0 {
			list = append(list, service)
		}
	}
	c["services"] = list
	maybe := func(key string, values ...any) {
		if r.IntN(2) == 0 {
			c[key] = pickOne(r, values...)
		}
	}
	maybe("guest", map[string]any{}, map[string]any{"cpu_kind": "shared", "cpus": 2, "memory_mb": 512},
		map[string]any{"cpu_kind": "performance", "cpus": 3, "memory_mb": 1000, "kernel_args": []string{"a b"}},
		map[string]any{"cpu_kind": "performance", "cpus": 8, "memory_mb": 65536, "gpus": 1, "gpu_kind": "a10"})
	maybe("checks", map[string]any{"up": withPort(r.check("http", "tcp"))}, map[string]any{
		"up": withPort(r.check("http")), "a.b": withPort(r.check("tcp")), "bad": map[string]any{"type": "script"}})
	maybe("mounts",
		[]any{map[string]any{"path": "/data", "name": "data", "volume": "vol_1", "size_gb": 10, "encrypted": true}},
		[]any{map[string]any{"path": "/x", "extend_threshold_percent": 80, "add_size_gb": 1}})
	maybe("files", []any{map[string]any{"guest_path": "/a", "raw_value": "AP8="},
		map[string]any{"guest_path": "/b", "raw_value": "YQoiJycnCg=="}},
		[]any{map[string]any{"guest_path": "/b", "secret_name": "S", "mode": 256}})
	maybe("statics", []any{map[string]any{"guest_path": "/p", "url_prefix": "/", "tigris_bucket": "",
		"index_document": ""}})
	maybe("restart", map[string]any{"policy": "no"}, map[string]any{"policy": "on-failure", "max_retries": 3},
		map[string]any{"policy": "spot-price", "gpu_bid_price": 1})
	maybe("metrics", map[string]any{"port": 9091, "path": "/m"}, map[string]any{})
	maybe("stop_config", map[string]any{"timeout": "5m0s"}, map[string]any{"timeout": "300s", "signal": "SIGINT"})
	maybe("dns", map[string]any{"nameservers": []string{"fdaa::3"}, "hostname": "h"})
	return c
}

func withPort(check map[string]any) map[string]any {
	check["port"] = 8080
	return check
}

// TestFromMachinesRandom checks that the file gives the same Machines for any
// services of the groups, except for what its comments list.
func TestFromMachinesRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := randomFleet{rand.New(rand.NewPCG(seed, 1))}
		var services []map[string]any
		for range r.IntN(4) {
			services = append(services, r.service())
		}
		live := map[string]machine.Config{}
		for _, group := range []string{"app", "web", "worker", "a b"}[r.IntN(3):][:1+r.IntN(2)] {
			data, err := json.Marshal(r.config(group, services))
			if err != nil {
				t.Fatal(err)
			}
			live[group] = parseConfig(t, string(data))
		}
		reverseTrip(t, fmt.Sprint("seed ", seed), live)
		if t.Failed() {
			return
		}
	}
}

// FuzzFromMachines checks that any configuration is refused or gives a readable file,
// masked or not.
func FuzzFromMachines(f *testing.F) {
	f.Add([]byte(`{"services":[` + plainService + `]}`))
	f.Add([]byte(
		`{"services":[{"protocol":"udp","internal_port":53,"checks":[{"type":"tcp"}]},null],` +
			`"checks":{"":{"type":"tcp","port":0}},"mounts":[{}],"files":[{"guest_path":""}]}`))
	f.Add([]byte(
		`{"env":{"A":"\u0000","":"x"},"init":{"cmd":[""]},"guest":{"cpus":-1},"restart":{"policy":"no"},` +
			`"statics":[{}],"metrics":{},"stop_config":{"timeout":"1ns"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		config, err := machine.ParseConfig(data)
		if err != nil {
			return
		}
		live := map[string]machine.Config{"app": config, "worker": {}}
		for _, values := range []Values{Masked, Shown} {
			text, err := FromMachines("demo", "", live, values)
			if err != nil {
				return
			}
			if _, err := flytoml.Parse("fly.toml", text); err != nil {
				t.Fatalf("%v in\n%s", err, text)
			}
		}
	})
}
