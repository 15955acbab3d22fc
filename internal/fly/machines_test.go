package fly

import (
	"reflect"
	"testing"
)

func TestDecodeMachines(t *testing.T) {
	got, err := ParseMachines([]byte(`[
		{"id":"0b","state":"stopped","config":{"image":"i","new":1},
			"checks":[{"name":"bg_deployments_compat_x","status":"critical"},
			{"name":"http","status":"passing","output":"a\nb"}]},
		{"id":"0a","state":"started","private_ip":"nonsense","created_at":"yesterday","config":null,
			"incomplete_config":{"image":"i"},"host_status":"unreachable"},
		{"id":"0c","state":"started"},
		{"id":"0d","state":"started","config":{"image":"i"},"incomplete_config":{}},
		{"id":"10","state":"started","config":{"services":[{"protocol":"tcp","autostop":"hibernate"}]}},
		{"id":"0e","state":"destroyed"},
		{"id":"0f","state":"destroying"}]`))
	if err != nil {
		t.Fatal(err)
	}
	type short struct {
		id         string
		incomplete bool
		unreadable bool
		image      string
		checks     int
	}
	var list []short
	for _, m := range got {
		list = append(list, short{m.ID, m.Incomplete, m.Unreadable, m.Config.Image(), len(m.Checks)})
	}
	want := []short{{"0a", true, true, "i", 0}, {"0b", false, false, "i", 1}, {"0c", true, true, "", 0},
		{"0d", true, false, "i", 0}, {"10", false, true, "", 0}}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("got %v, want %v", list, want)
	}
	if got[1].Checks[0] != (CheckStatus{"http", "passing"}) || string(got[1].Config.Raw("new")) != "1" {
		t.Errorf("got %+v", got[1])
	}
	if got[0].HostStatus != "unreachable" || got[0].PrivateIP.IsValid() || !got[0].CreatedAt.IsZero() {
		t.Errorf("got %+v", got[0])
	}
	for _, body := range []string{``, `{}`, `null`, `[null]`, `[{"id":"../x"}]`, `[{"state":"started"}]`,
		`[{"id":"0a","config":[]}]`, `[{"id":"0a","config":"x"}]`} {
		if _, err := ParseMachines([]byte(body)); err == nil {
			t.Errorf("%s was read", body)
		}
	}
	if _, err := machineWithID("0b")([]byte(`{"id":"0a"}`)); err == nil {
		t.Error("another Machine was read")
	}
}

func TestLastExit(t *testing.T) {
	exit := func(at int64, e wireExit) string {
		return string(mustJSON(t,
			map[string]any{"type": "exit", "timestamp": at, "request": map[string]any{"exit_event": e}}))
	}
	tests := []struct {
		name, events string
		want         *Exit
	}{
		{"none", ``, nil},
		{"newest first", exit(20, wireExit{ExitCode: 1}) + `,{"type":"start","timestamp":10}`, &Exit{Code: 1}},
		{"oldest first", `{"type":"start","timestamp":10},` + exit(20, wireExit{ExitCode: 1}), &Exit{Code: 1}},
		{"started since", `{"type":"start","timestamp":30},` + exit(20, wireExit{ExitCode: 1}), nil},
		{"two exits", exit(20, wireExit{ExitCode: 137, OOMKilled: true}) + `,` + exit(10, wireExit{ExitCode: 1}),
			&Exit{Code: 137, OOMKilled: true}},
		{"requested", exit(20, wireExit{RequestedStop: true}), &Exit{Requested: true}},
		{"monitor's word", `{"type":"exit","timestamp":1,"request":{"exit_event":{"exit_code":1},` +
			`"MonitorEvent":{"exit_event":{"exit_code":2}}}}`, &Exit{Code: 2}},
		{"without an event", `{"type":"exit","timestamp":1}`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, err := machineWithID("0a")([]byte(`{"id":"0a","events":[` + test.events + `]}`))
			if err != nil || !reflect.DeepEqual(m.Exit, test.want) {
				t.Errorf("got %+v, %v; want %+v", m.Exit, err, test.want)
			}
		})
	}
}
