package scenario

import (
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestCreatePrivateApp checks that a new app is never public for a moment, that its Flycast address
// comes before its first Machine, and that a person hears what it costs.
func TestCreatePrivateApp(t *testing.T) {
	w := newWorld(t, setup{})
	w.begin("inner-new")
	got := w.call("create_private_app", args{"app": "inner-new", "image": "registry.example/web:1", "internal_port": 8080,
		"path": "fly.toml"})
	got.wantStatus(t, plan.Applied)
	if t.Failed() {
		return
	}
	w.wantPublic()
	w.wantPrivate()
	w.wantOrder("app.create", "graphql.allocateIpAddress private_v6", "machine.create")
	for _, c := range w.CallsAfter(w.from) {
		if c.Operation == "graphql.allocateIpAddress" && c.Target != "private_v6" {
			t.Errorf("a public address was asked for: %s", c.Target)
		}
	}
	if len(w.questions) != 1 || !strings.Contains(w.questions[0], "$2.30 a month") {
		t.Errorf("questions %q, want one with the price", w.questions)
	}
	if v := got.verdict("answers"); v != "verified" {
		t.Errorf("claim answers is %q:\n%s", v, got.text)
	}
	if file := w.readFile("fly.toml"); !strings.Contains(file, "internal_port = 8080") {
		t.Errorf("the file is\n%s", file)
	}
	again := w.call("create_private_app", args{"app": "inner-new", "image": "registry.example/web:1", "internal_port": 8080})
	again.wantStatus(t, plan.Refused).wantText(t, "make_private")
}

// TestCreateResumes checks that the same call does what is left after a failure: one app, one
// address, one Machine.
func TestCreateResumes(t *testing.T) {
	w := newWorld(t, setup{})
	w.AddApp("half-made", "personal", "")
	w.begin("half-made")
	arguments := args{"app": "half-made", "image": "registry.example/db:1", "internal_port": 5432, "protocol": "tcp"}
	w.call("create_private_app", arguments).wantStatus(t, plan.Applied)
	w.wantWrites(map[string]int{"app.create": 0, "graphql.allocateIpAddress": 1, "machine.create": 1})
	w.wantPrivate()
}
