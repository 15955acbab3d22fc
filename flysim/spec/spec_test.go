package spec_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// TestConfig checks that unknown fields are kept, and that a copy does not change its original.
func TestConfig(t *testing.T) {
	const document = `{"env":{"A":"b"},"from_next_year":{"x":[1.50]},"image":"nginx"}`
	config, err := spec.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := config.With("image", "nginx:2")
	if err != nil {
		t.Fatal(err)
	}
	if changed.Image() != "nginx:2" || string(changed.Raw("from_next_year")) != `{"x":[1.50]}` {
		t.Errorf("changed: %s", changed)
	}
	if config.String() != document {
		t.Errorf("the original is now %s", config)
	}
	if without := changed.Without("env", "from_next_year"); without.String() != `{"image":"nginx:2"}` {
		t.Errorf("without: %s", without)
	}
	if same, err := spec.Of(json.RawMessage(document)); err != nil || same.String() != document {
		t.Errorf("of raw JSON: %s, %v", same, err)
	}
	if empty, err := spec.Parse([]byte("null")); err != nil || empty.String() != "{}" {
		t.Errorf("null: %s, %v", empty, err)
	}
}

func TestValidate(t *testing.T) {
	for _, document := range []string{
		`{"services":1}`, `{"services":[{"autostop":"on"}]}`, `{"services":[{"autostop":2}]}`,
		`{"checks":{"a":{"port":"80"}}}`,
		`{"env":{"A":1}}`, `{"metadata":[]}`, `{"guest":"large"}`, `{"mounts":{}}`, `{"init":[]}`,
	} {
		config, err := spec.Parse([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		if config.Validate() == nil {
			t.Errorf("%s is valid", document)
		}
	}
	if _, err := spec.Parse([]byte(`[]`)); err == nil {
		t.Error("a list is a configuration")
	}
}

func TestService(t *testing.T) {
	config, err := spec.Parse([]byte(`{"services":[
		{"autostop":"suspend","ports":[{"start_port":10,"end_port":20},{"port":80},{}]},
		{"autostop":true,"concurrency":{"type":"requests","hard_limit":5}},
		{"autostop":false,"concurrency":{"soft_limit":7}},
		{}]}`))
	if err != nil {
		t.Fatal(err)
	}
	services, err := config.Services()
	if err != nil {
		t.Fatal(err)
	}
	var autostop []spec.Autostop
	var limits []spec.Limits
	for _, s := range services {
		autostop, limits = append(autostop, s.Autostop), append(limits, s.Limits())
	}
	if want := []spec.Autostop{spec.AutostopSuspend, spec.AutostopStop, spec.AutostopOff,
		spec.AutostopOff}; !slices.Equal(autostop, want) {
		t.Errorf("autostop %v, want %v", autostop, want)
	}
	if want := []spec.Limits{
		{Type: "connections", Soft: 20}, {Type: "requests", Soft: 5, Hard: 5},
		{Type: "connections", Soft: 7}, {Type: "connections", Soft: 20},
	}; !slices.Equal(limits, want) {
		t.Errorf("limits %+v, want %+v", limits, want)
	}
	for port, want := range map[int]int{9: -1, 10: 0, 20: 0, 21: -1, 80: 1} {
		if got := slices.IndexFunc(services[0].Ports, func(p spec.Port) bool { return p.Covers(port) }); got != want {
			t.Errorf("port %d is covered by entry %d, want %d", port, got, want)
		}
	}
}
