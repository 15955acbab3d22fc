package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestPatchRemarks: what the file says of a value that is replaced is in a
// remark, on one line; suspend stays unless autostop is given; and a file that
// flyctl refuses is called so, with no way to deploy.
func TestPatchRemarks(t *testing.T) {
	const head = "app = \"shop-api\"\n[http_service]\ninternal_port = 8080\n"
	const ready = "auto_start_machines = true\nmin_machines_running = 0\n"
	for _, tt := range []struct {
		name, text, autostop string
		status               plan.Status
		code, what, summary  string // of the remark, and in them
		deploys              bool
	}{
		{"a comment",
			head + "auto_stop_machines = \"off\" # a stopped machine would drop\u202e every open game\n" + ready, "stop",
			plan.Applied, "comment",
			`http_service.auto_stop_machines was "off", and a comment there says "a stopped machine would drop\u202e ` +
				`every open game"`,
			"", true},
		{"suspend", head + "auto_stop_machines = \"suspend\" # games\n" + ready, "", plan.NothingToDo, "autostop_kept",
			"suspended, not stopped", "see the remarks", true},
		{"off", head + "auto_stop_machines = \"off\" # games\n" + ready, "keep", plan.NothingToDo, "autostop_kept",
			"never stop", "see the remarks", true},
		{"stop in place of suspend", head + "auto_stop_machines = \"suspend\" # games\n" + ready, "stop",
			plan.Applied, "comment", `says "games"`, "", true},
		{"UDP", head + "auto_stop_machines = \"stop\"\n" + ready +
			"[[services]]\nprotocol = \"udp\"\ninternal_port = 53\nauto_stop_machines = \"stop\"\n" + ready +
			"[[services.ports]]\nport = 53\n", "", plan.NothingToDo, "udp_service", "Flycast does not serve UDP",
			"see the remarks", true},
		{"refused, edited", head + "[deploy]\nstrategy = \"x\"\n", "", plan.Applied, "invalid",
			"unsupported deployment strategy", "flyctl refuses the file", false},
		{"refused, nothing to edit", head + "auto_stop_machines = \"stop\"\n" + ready +
			"[deploy]\nstrategy = \"x\"\n", "", plan.NothingToDo, "invalid", "unsupported deployment strategy",
			"flyctl refuses this file", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newSeededServer(t, "", flysim.Options{})
			path := filepath.Join(w.dir, "fly.toml")
			if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			arguments := map[string]any{"path": path}
			if tt.autostop != "" {
				arguments["autostop"] = tt.autostop
			}
			var out patch.Result
			w.call("patch_services", arguments, &out)
			found := slices.ContainsFunc(out.Remarks, func(r patch.Remark) bool {
				return r.Code == tt.code &&
					strings.Contains(r.What, tt.what)
			})
			if out.Status != tt.status || !strings.Contains(out.Summary, tt.summary) || found != (tt.code != "") {
				t.Errorf("got %s: %s, remarks %+v", out.Status, out.Summary, out.Remarks)
			}
			if got := slices.ContainsFunc(out.Next, func(n plan.Next) bool { return n.Tool == "deploy" }); got != tt.deploys {
				t.Errorf("next %+v", out.Next)
			}
		})
	}
}

// TestPatchReadOnly: a read-only file is left as it is.
func TestPatchReadOnly(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	path := filepath.Join(w.dir, "fly.toml")
	const text = "app = \"shop-api\"\n[http_service]\ninternal_port = 8080\n"
	if err := os.WriteFile(path, []byte(text), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o444); err != nil {
		t.Fatal(err)
	}
	var out plan.Result
	w.call("patch_services", map[string]any{"path": path}, &out)
	if out.Code != gate.InvalidInput || !strings.Contains(out.Summary, "read-only") {
		t.Errorf("got %s %s: %s", out.Status, out.Code, out.Summary)
	}
	if back, err := os.ReadFile(path); err != nil || string(back) != text {
		t.Errorf("it holds %q, %v", back, err)
	}
}
