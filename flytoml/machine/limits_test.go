package machine_test

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

func TestLimits(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   *machine.Concurrency
		want machine.Limits
	}{
		{"none", nil, machine.Limits{Unit: "connections", Soft: 20}},
		{"empty", &machine.Concurrency{}, machine.Limits{Unit: "connections", Soft: 20}},
		{"requests", &machine.Concurrency{Type: "requests", SoftLimit: 5, HardLimit: 9},
			machine.Limits{Unit: "requests", Soft: 5, Hard: 9}},
		{"a hard limit below the default", &machine.Concurrency{HardLimit: 7}, machine.Limits{Unit: "connections",
			Soft: 7, Hard: 7}},
		{"a hard limit above it", &machine.Concurrency{HardLimit: 70}, machine.Limits{Unit: "connections",
			Soft: 20, Hard: 70}},
		{"not numbers of requests", &machine.Concurrency{Type: "other", SoftLimit: -1, HardLimit: -1},
			machine.Limits{Unit: "connections", Soft: 20}},
	} {
		if got := (machine.Service{Concurrency: tt.in}).Limits(); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
