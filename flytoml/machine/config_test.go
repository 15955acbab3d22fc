package machine

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func parse(t testing.TB, text string) Config {
	t.Helper()
	c, err := ParseConfig([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

func marshal(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const full = `{
  "image": "registry.fly.io/shop:deployment-1",
  "auto_destroy": true,
  "env": {"PORT": "8080", "SECRET": "s3cr3t"},
  "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256, "future_field": [1, 2]},
  "metadata": {"fly_platform_version": "v2", "fly_process_group": "app"},
  "mounts": [{"volume": "vol_1", "path": "/data", "size_gb": 3}],
  "checks": {"alive": {"type": "http", "port": 8080, "interval": "15s"}},
  "services": [{
    "protocol": "tcp", "internal_port": 8080, "autostop": "suspend", "autostart": true, "min_machines_running": 0,
    "ports": [{"port": 443, "handlers": ["tls", "http"]}, {"start_port": 9000, "end_port": 9010}],
    "concurrency": {"type": "requests", "soft_limit": 20}
  }],
  "from_the_future": {"deep": [{"er": 12345678901234567890.123}]}
}`

func TestViews(t *testing.T) {
	c := parse(t, full)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	services, err := c.Services()
	if err != nil || len(services) != 1 {
		t.Fatalf("services: %+v, %v", services, err)
	}
	s := services[0]
	if s.InternalPort != 8080 || *s.Autostop != AutostopSuspend || !*s.Autostart ||
		*s.MinMachinesRunning != 0 || s.Concurrency.SoftLimit != 20 {
		t.Errorf("service %s", marshal(t, s))
	}
	if s.Ports[0].String() != "443" || s.Ports[1].String() != "9000-9010" {
		t.Errorf("ports %v and %v", s.Ports[0], s.Ports[1])
	}
	checks, err := c.Checks()
	if err != nil || *checks["alive"].Port != 8080 || *checks["alive"].Interval != "15s" {
		t.Errorf("checks %+v, %v", checks, err)
	}
	env, err := c.Env()
	if err != nil || env["PORT"] != "8080" || len(env) != 2 {
		t.Errorf("env: %d variables, %v", len(env), err)
	}
	guest, err := c.Guest()
	if err != nil || guest.MemoryMB != 256 {
		t.Errorf("guest %+v, %v", guest, err)
	}
	mounts, err := c.Mounts()
	if err != nil || len(mounts) != 1 || mounts[0].Path != "/data" {
		t.Errorf("mounts %+v, %v", mounts, err)
	}
	if c.Image() != "registry.fly.io/shop:deployment-1" || !c.AutoDestroy() || c.ProcessGroup() != "app" ||
		!c.IsFlyLaunch() {
		t.Errorf("image %q, auto_destroy %v, group %q, launch %v", c.Image(), c.AutoDestroy(), c.ProcessGroup(),
			c.IsFlyLaunch())
	}
}

func TestViewsOfNothing(t *testing.T) {
	for _, c := range []Config{{}, parse(t, "{}"), parse(t, "null"),
		parse(t, `{"services":null,"env":null,"guest":null,"image":null}`)} {
		services, err1 := c.Services()
		checks, err2 := c.Checks()
		env, err3 := c.Env()
		metadata, err4 := c.Metadata()
		guest, err5 := c.Guest()
		mounts, err6 := c.Mounts()
		for _, err := range []error{err1, err2, err3, err4, err5, err6, c.Validate()} {
			if err != nil {
				t.Error(err)
			}
		}
		if len(services)+len(checks)+len(env)+len(metadata)+len(mounts) > 0 || guest != nil || c.Image() != "" ||
			c.AutoDestroy() || c.ProcessGroup() != "" || c.IsFlyLaunch() {
			t.Errorf("%s has something", marshal(t, c))
		}
	}
}

func TestValidate(t *testing.T) {
	for _, text := range []string{
		`{"services":{}}`, `{"services":[1]}`, `{"services":[{"autostop":"maybe"}]}`, `{"services":[{"internal_port":"80"}]}`,
		`{"checks":[]}`, `{"env":{"A":1}}`, `{"env":[]}`, `{"metadata":"x"}`, `{"guest":[]}`, `{"mounts":{}}`, `{"init":4}`,
	} {
		err := parse(t, text).Validate()
		key := strings.Split(text, `"`)[1]
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: got %v, want an error that names %q", text, err, key)
		}
	}
	if err := parse(t, `{"services":1,"env":2}`).Validate(); err == nil ||
		!strings.Contains(err.Error(), "services") || !strings.Contains(err.Error(), "env") {
		t.Errorf("got %v, want both problems", err)
	}
	secret := parse(t, `{"env":{"TOKEN":{"value":"s3cr3t"}}}`)
	if err := secret.Validate(); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for _, bad := range []string{"", "[]", `"x"`, "1", "true", "{", `{"a":}`, `{} {}`, `{"a":1}x`} {
		if c, err := ParseConfig([]byte(bad)); err == nil {
			t.Errorf("%q was read as %s", bad, marshal(t, c))
		}
	}
}

func TestProcessGroup(t *testing.T) {
	for metadata, want := range map[string]struct {
		group  string
		launch bool
	}{
		`{}`: {"", false},
		`{"fly_process_group":"web","process_group":"old","fly_platform_version":"v2"}`: {"web", true},
		`{"process_group":"old","fly_platform_version":"v1"}`:                           {"old", false},
		`{"fly_process_group":"","process_group":"old"}`:                                {"old", false},
		`{"fly_process_group":"fly_app_release_command","fly_platform_version":"v2"}`:   {"fly_app_release_command", false},
		`{"fly_process_group":"fly_app_console","fly_platform_version":"v2"}`:           {"fly_app_console", false},
		`[]`: {"", false},
	} {
		c := parse(t, `{"metadata":`+metadata+`}`)
		if c.ProcessGroup() != want.group || c.IsFlyLaunch() != want.launch {
			t.Errorf("%s: got %q, %v, want %q, %v", metadata, c.ProcessGroup(), c.IsFlyLaunch(), want.group, want.launch)
		}
	}
}

// Unknown fields survive every change, at every depth and with all digits of numbers.
func TestUnknownFieldsAreKept(t *testing.T) {
	c := parse(t, full)
	changed, err := c.With("metadata", map[string]string{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	changed = changed.Without("checks", "no such field")
	for _, want := range []string{
		`"from_the_future":{"deep":[{"er":12345678901234567890.123}]}`,
		`"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":256,"future_field":[1,2]}`,
		`"metadata":{"a":"b"}`,
	} {
		if got := marshal(t, changed); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if got, want := changed.Keys(), []string{"auto_destroy", "env", "from_the_future", "guest", "image",
		"metadata", "mounts", "services"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
	if again := parse(t, marshal(t, parse(t, full))); !Equal(c, again) || marshal(t, again) != marshal(t, c) {
		t.Error("a round trip changed the document")
	}
	if got := c.Raw("from_the_future"); string(got) != `{"deep": [{"er": 12345678901234567890.123}]}` {
		t.Errorf("raw %s", got)
	}
	if c.Raw("none") != nil {
		t.Error("an absent field has a value")
	}
}

// Values are immutable: changing a copy, or the bytes that were passed in or returned,
// does not affect another value.
func TestCopiesDoNotAlias(t *testing.T) {
	input := []byte(full)
	c, err := ParseConfig(input)
	if err != nil {
		t.Fatal(err)
	}
	want := marshal(t, c)
	for i := range input {
		input[i] = 'x'
	}
	raw := c.Raw("env")
	for i := range raw {
		raw[i] = 'x'
	}
	a, err := c.With("image", "a")
	if err != nil {
		t.Fatal(err)
	}
	b, err := a.With("image", "b")
	if err != nil {
		t.Fatal(err)
	}
	d := a.Without("image", "env")
	if a.Image() != "a" || b.Image() != "b" || d.Image() != "" || d.Raw("env") != nil || a.Raw("env") == nil {
		t.Errorf("images %q, %q, %q", a.Image(), b.Image(), d.Image())
	}
	value := json.RawMessage(`{"a": 1}`)
	e, err := c.With("guest", value)
	if err != nil {
		t.Fatal(err)
	}
	value[2] = 'z'
	if got := string(e.Raw("guest")); got != `{"a":1}` {
		t.Errorf("guest %s", got)
	}
	if got := marshal(t, c); got != want {
		t.Errorf("the original changed to %s", got)
	}

	var zero Config
	one, err := zero.With("a", 1)
	if err != nil || marshal(t, one) != `{"a":1}` || !zero.IsZero() || marshal(t, zero.Without("a")) != "{}" {
		t.Errorf("of nothing: %s, %v", marshal(t, one), err)
	}
	if _, err := zero.With("a", func() {}); err == nil {
		t.Error("what is no JSON was taken")
	}
	reused := parse(t, `{"a":1}`)
	if err := json.Unmarshal([]byte(`{"b":2}`), &reused); err != nil || marshal(t, reused) != `{"b":2}` {
		t.Errorf("decoding over a document: %s, %v", marshal(t, reused), err)
	}
}

func TestAutostopJSON(t *testing.T) {
	for in, want := range map[string]struct {
		value Autostop
		wire  string
		word  string
	}{
		`true`: {AutostopStop, `true`, "stop"}, `"stop"`: {AutostopStop, `true`, "stop"},
		`false`: {AutostopOff, `false`, "off"}, `"off"`: {AutostopOff, `false`, "off"},
		`"suspend"`: {AutostopSuspend, `"suspend"`, "suspend"},
	} {
		var got Autostop
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want.value {
			t.Errorf("%s: got %v, %v, want %v", in, got, err, want.value)
		}
		if wire := marshal(t, got); wire != want.wire || got.String() != want.word {
			t.Errorf("%s: written as %s (%v), want %s", in, wire, got, want.wire)
		}
		if again, err := ParseAutostop(got.String()); err != nil || again != got {
			t.Errorf("%v: read again as %v, %v", got, again, err)
		}
	}
	for _, in := range []string{`"true"`, `"STOP"`, `""`, `0`, `1`, `{}`, `[]`, `"on"`} {
		got := AutostopSuspend
		if err := json.Unmarshal([]byte(in), &got); err == nil || got != AutostopSuspend {
			t.Errorf("%s: got %v, %v, want it refused", in, got, err)
		}
	}
	var s Service
	if err := json.Unmarshal([]byte(`{"autostop":null}`), &s); err != nil || s.Autostop != nil {
		t.Errorf("null: got %v, %v, want it absent", s.Autostop, err)
	}
}

// force_instance_key is always written, as flyctl writes it; nothing else that
// is absent is.
func TestServiceJSON(t *testing.T) {
	if got := marshal(t, Service{}); got != `{"force_instance_key":null}` {
		t.Errorf("got %s", got)
	}
	off, zero := AutostopOff, 0
	if got := marshal(t, Service{Autostop: &off, MinMachinesRunning: &zero}); got !=
		`{"autostop":false,"min_machines_running":0,"force_instance_key":null}` {
		t.Errorf("got %s", got)
	}
}

func TestPortString(t *testing.T) {
	n := func(i int) *int { return &i }
	for want, p := range map[string]Port{
		"443": {Port: n(443)}, "9000-9010": {StartPort: n(9000), EndPort: n(9010)},
		"9000-65535": {StartPort: n(9000)}, "0-9010": {EndPort: n(9010)}, "none": {},
	} {
		if got := p.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	for _, pair := range [][2]string{
		{full, `{}`}, {`null`, `{"env":{"":""}}`}, {`{"a.b":1}`, `{"a":{"b":1}}`},
		{`{"services":[{"autostop":"off"}]}`, `{"services":[{"autostop":false}]}`},
		{`{"checks":{"x":{"headers":[{"name":"b"},{"name":"a"}]}}}`, `{"a":1e400}`}, {`{"a":"\ud800"}`, `{"a":[[],{},""]}`},
	} {
		f.Add([]byte(pair[0]), []byte(pair[1]))
	}
	f.Fuzz(func(t *testing.T, x, y []byte) {
		a, err := ParseConfig(x)
		if err != nil {
			return
		}
		again := parse(t, marshal(t, a))
		if !Equal(a, again) || len(Diff(a, again)) != 0 || len(DiffKeys(a, again)) != 0 ||
			!slices.Equal(a.Keys(), again.Keys()) {
			t.Fatalf("a round trip changed %s to %s", x, marshal(t, again))
		}
		_ = a.Validate()
		_, _, _ = a.IsFlyLaunch(), a.Image(), a.AutoDestroy()
		b, err := ParseConfig(y)
		if err != nil {
			return
		}
		if equal, keys := Equal(a, b), DiffKeys(a, b); equal != (len(keys) == 0) {
			t.Fatalf("equal %v, but %q differ", equal, keys)
		}
		if forth, back := Diff(a, b), Diff(b, a); len(forth) != len(back) {
			t.Fatalf("%d changes forth, %d back", len(forth), len(back))
		}
		if changes := Diff(a, b); (len(changes) == 0) != Equal(a, b) {
			t.Fatalf("equal %v, but %v", Equal(a, b), changes)
		}
	})
}
