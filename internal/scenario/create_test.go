package scenario

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
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

// TestCreateResumesWithItsFile lets the first Machine fail after the file was written: the same call,
// as next names it, does the rest.
func TestCreateResumesWithItsFile(t *testing.T) {
	w := newWorld(t, setup{})
	w.Inject(flysim.Fault{Operation: "machine.create", Status: http.StatusUnprocessableEntity, Times: 1})
	w.begin("half-done")
	got := w.call("create_private_app", args{"app": "half-done", "image": "registry.example/web:1", "internal_port": 8080,
		"path": "fly.toml"})
	got.wantStatus(t, plan.Partial).wantText(t, "fly apps destroy half-done")
	if len(got.Next) == 0 || got.Next[0].Tool != "create_private_app" {
		t.Fatalf("next %s", mustJSON(got.Next))
	}
	a := &agent{world: w}
	w.Clock().Advance(journeyPause)
	if _, why := a.follow("create_private_app", args{"app": "half-done", "image": "registry.example/web:1", "internal_port": 8080,
		"path": "fly.toml"}); !w.isPrivate("half-done") {
		t.Errorf("not private: %s\n%s", why, a.story())
	}
	w.wantWrites(map[string]int{"app.create": 1, "graphql.allocateIpAddress": 1})
}

// TestCreateRefuses checks what is refused before anybody is asked.
func TestCreateRefuses(t *testing.T) {
	w := newWorld(t, setup{})
	w.AddApp("empty-app", "personal", "")
	w.writeFile("other.toml", "app = \"other\"\n")
	w.begin("empty-app")
	for name, more := range map[string]args{
		"another organization": {"org": "partner"}, "another network": {"network": "tenant-9"}, "a file that is there": {"path": "other.toml"},
		"a path that cannot be written": {"path": "notes.txt"}, "an image that is none": {"image": "a\nb"},
	} {
		arguments := args{"app": "empty-app", "image": "registry.example/web:1", "internal_port": 8080}
		maps.Copy(arguments, more)
		if got := w.call("create_private_app", arguments); got.Status != plan.Refused || got.Code != "invalid_input" {
			t.Errorf("%s: %s %s: %s", name, got.Status, got.Code, got.Summary)
		}
	}
	w.wantNoWrite()
	if len(w.questions) > 0 {
		t.Errorf("questions %q", w.questions)
	}
}

// TestMakePublicOpensNothingElse checks that a file that opens another port is refused as a whole:
// no address is allocated for it.
func TestMakePublicOpensNothingElse(t *testing.T) {
	w := newWorld(t, setup{})
	file, _ := w.FlyToml("inner-circle")
	w.begin("inner-circle")
	got := w.call("make_public", args{"app": "inner-circle",
		"content": string(file) + "\n[[services]]\ninternal_port = 5432\n[[services.ports]]\nport = 5432\n"})
	got.wantStatus(t, plan.Refused)
	w.wantNoWrite()
	w.wantPublic()
}
