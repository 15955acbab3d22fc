package fly

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
)

// TestTargetsOfConfigurations: what does not count for the target of a creation or an update, and
// what does.
func TestTargetsOfConfigurations(t *testing.T) {
	parse := func(text string) machine.Config {
		config, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return config
	}
	tests := []struct {
		name, a, b    string
		create, equal bool
	}{
		{"whom it stands by for", `{"standbys":["1"],"env":{"FLY_STANDBY_FOR":"1","A":"b"}}`,
			`{"standbys":["2"],"env":{"FLY_STANDBY_FOR":"2","A":"b"}}`, true, true},
		{"other variables of a standby", `{"standbys":["1"],"env":{"A":"b"}}`, `{"standbys":["2"],"env":{"A":"c"}}`,
			true, false},
		{"for how many", `{"standbys":["1"]}`, `{"standbys":["1","2"]}`, true, false},
		{"whether it stands by", `{"standbys":["1"]}`, `{"standbys":[]}`, true, false},
		{"the variable without standing by", `{"env":{"FLY_STANDBY_FOR":"1"}}`, `{"env":{"FLY_STANDBY_FOR":"2"}}`,
			true, false},
		{"an update of a standby", `{"standbys":["1"]}`, `{"standbys":["2"]}`, false, false},
		{"labels", `{"metadata":{"fly_bluegreen_deployment_tag":"1","fly_release_id":"a"}}`,
			`{"metadata":{"fly_bluegreen_deployment_tag":"2","fly_release_id":"b"}}`, false, true},
		{"what a canary is known by", `{"metadata":{"fly_canary":"true"}}`, `{"metadata":{}}`, true, false},
	}
	for _, test := range tests {
		target := func(text string) string {
			if test.create {
				return NewMachine{Region: "iad", Config: parse(text)}.Target()
			}
			return UpdateTarget("1", parse(text))
		}
		if got := target(test.a) == target(test.b); got != test.equal {
			t.Errorf("%s: got equal %t, want %t", test.name, got, test.equal)
		}
	}
}
