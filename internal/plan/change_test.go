package plan_test

import (
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

func TestPlainChange(t *testing.T) {
	for line, want := range map[string]string{
		"services[0].autostop: false → true":      "services[0].autostop: off → stop",
		`services[12].autostop: true → "suspend"`: "services[12].autostop: stop → suspend",
		"services[0].autostop = false":            "services[0].autostop = off",
		"services[0].autostop removed (was true)": "services[0].autostop removed (was stop)",
		"web: services[0].autostop: false → true (edited since v3)": "web: services[0].autostop: off → stop " +
			"(edited since v3)",

		// Nothing else is reworded.
		"services[0].autostart: false → true":               "services[0].autostart: false → true",
		"services[0].autostop: 1 → true":                    "services[0].autostop: 1 → true",
		`metadata.x = "services[0].autostop: false → true"`: `metadata.x = "services[0].autostop: false → true"`,
		`init.cmd: ["a"] → ["services[0].autostop: true → false"]`: `init.cmd: ["a"] → ["services[0].autostop: ` +
			`true → false"]`,
	} {
		if got := plan.PlainChange(line); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}
