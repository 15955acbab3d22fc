package edit

import (
	"strings"
	"testing"
)

// TestEditKeepsIntent checks that values that a file sets on purpose stay, with a remark that
// names the argument, and that absent ones get the blueprint's.
func TestEditKeepsIntent(t *testing.T) {
	const head = "[http_service]\ninternal_port = 8080\n"
	tests := []struct{ name, keys, want, remarks string }{
		{"nothing set", "", `auto_stop_machines = "stop" min_machines_running = 0`, ""},
		{"off", "auto_stop_machines = 'off'\nmin_machines_running = 1\n",
			"auto_stop_machines = 'off' min_machines_running = 1", "autostop_kept"},
		{"false", "auto_stop_machines = false\n", "auto_stop_machines = false", "autostop_kept"},
		{"suspend", "auto_stop_machines = 'suspend'\n", "auto_stop_machines = 'suspend' min_machines_running = 0", "autostop_kept"},
		{"a minimum", "auto_stop_machines = 'stop'\nmin_machines_running = 2\n",
			"auto_stop_machines = 'stop' min_machines_running = 2", "minimum_kept"},
		{"minimum 0", "min_machines_running = 0\n", `auto_stop_machines = "stop" min_machines_running = 0`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			request := Blueprint()
			request.KeepOff, request.KeepMinimum = true, true
			edited, err := Apply(parse(t, head+tt.keys), request)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, key := range []string{"auto_stop_machines", "min_machines_running"} {
				for line := range strings.Lines(string(edited.After)) {
					if line := strings.TrimSpace(line); strings.HasPrefix(line, key) {
						got = append(got, line)
					}
				}
			}
			if lines := strings.Join(got, " "); lines != tt.want {
				t.Errorf("the file has %s, want %s", lines, tt.want)
			}
			var codes []string
			for _, r := range edited.Remarks {
				if r.Code != RemarkInternalCallers {
					codes = append(codes, r.Code)
				}
				if r.Fix == "" {
					t.Errorf("%+v does not say what to do", r)
				}
			}
			if list := strings.Join(codes, " "); list != tt.remarks {
				t.Errorf("remarks %s, want %s", list, tt.remarks)
			}
		})
	}
}
