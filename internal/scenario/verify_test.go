package scenario

import (
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestVerifyIsNotFooled checks apps that look private and are not right: each is refuted by name.
func TestVerifyIsNotFooled(t *testing.T) {
	const private = `
[[apps]]
name = "fooled"
primary_region = "iad"
addresses = ["flycast"]
listen = ["0.0.0.0:8080"]
  [apps.http_service]
  internal_port = 8080
  auto_stop_machines = "stop"
  auto_start_machines = true
`
	for _, c := range []struct {
		name, claim, verdict string
		arrange              func(w *world)
	}{
		{"all is well", "answers", "verified", func(*world) {}},
		{"listens on loopback only", "listens", "refuted", func(w *world) { w.listen("fooled", "127.0.0.1:8080") }},
		{"wrong port", "listens", "refuted", func(w *world) { w.listen("fooled", "0.0.0.0:3000") }},
		{"redirects", "no_redirect", "refuted", func(w *world) {
			w.setServices("fooled", `[{"protocol":"tcp","internal_port":8080,"autostop":"stop","autostart":true,"ports":[`+
				`{"port":80,"handlers":["http"],"force_https":true}]}]`)
		}},
		{"other services than the file", "services", "refuted", func(w *world) {
			w.setServices("fooled", `[{"protocol":"tcp","internal_port":8080,"autostop":"off","ports":[{"port":80,"handlers":["http"]}]}]`)
		}},
		{"address on another network", "addresses", "refuted", func(w *world) {
			w.AddApp("elsewhere", "personal", "elsewhere")
			for _, a := range w.Addresses("fooled") {
				w.RemoveAddress("fooled", a.IP)
			}
			w.AddAddress("fooled", "private_v6", "personal", "elsewhere")
		}},
		{"still public through a second address", "addresses", "refuted", func(w *world) { w.AddAddress("fooled", "v4", "", "") }},
		{"answers 502", "answers", "refuted", func(w *world) {
			for _, id := range w.MachineIDs("fooled") {
				w.SetListen("fooled", id, nil)
			}
		}},
		{"still answers outside", "gone_outside", "refuted", func(w *world) { w.AddAddress("fooled", "shared_v4", "", "") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, setup{})
			w.build(private)
			c.arrange(w)
			w.begin("fooled")
			got := w.call("verify_private", args{"app": "fooled"})
			if v := got.verdict(c.claim); v != c.verdict {
				t.Errorf("claim %s is %q, want %s:\n%s", c.claim, v, c.verdict, got.text)
			}
			refuted := slices.ContainsFunc(got.Refuted, func(line string) bool { return strings.HasPrefix(line, c.claim) })
			if refuted != (c.verdict == "refuted") {
				t.Errorf("refuted %q", got.Refuted)
			}
			if got.Status != plan.Applied {
				t.Errorf("status %s: %s", got.Status, got.Summary)
			}
			for operation := range w.operations() {
				if operation != "graphql.addWireGuardPeer" && operation != "graphql.removeWireGuardPeer" {
					t.Errorf("%s was sent", operation)
				}
			}
			if left := w.Peers(); len(left) > 0 {
				t.Errorf("peers %v are left", left)
			}
			if len(w.unasked) > 0 {
				t.Errorf("writes that nobody approved: %v", w.unasked)
			}
		})
	}
}

// TestVerifyWakes checks that a request through the peer starts a stopped Machine, and that no
// Machine is stopped for it.
func TestVerifyWakes(t *testing.T) {
	w := newWorld(t, setup{})
	for _, id := range w.MachineIDs("inner-circle") {
		w.StopMachine("inner-circle", id)
	}
	w.SetStartDelay("inner-circle", 0)
	w.begin("inner-circle")
	got := w.call("verify_private", args{"app": "inner-circle"})
	if v := got.verdict("wakes"); v != "verified" {
		t.Errorf("claim wakes is %q:\n%s", v, got.text)
	}
	if len(w.questions) != 1 || !strings.Contains(w.questions[0], "WireGuard peer") {
		t.Errorf("questions %q", w.questions)
	}
}

// setServices gives all Machines of an app these services, and the file as it is.
func (w *world) setServices(app, services string) {
	w.t.Helper()
	for _, id := range w.MachineIDs(app) {
		w.setField(app, id, "services", services)
	}
}
