package tools

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/patch"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// driftServer plans deploys of shop-api, which never reach a Machine.
type driftServer struct{ *seededServer }

func newDriftServer(t *testing.T) driftServer {
	return driftServer{newSeededServer(t, "", flysim.Options{})}
}

func (b driftServer) file(replace ...string) string {
	b.t.Helper()
	file, ok := b.FlyToml("shop-api")
	if !ok {
		b.t.Fatal("no file")
	}
	return strings.NewReplacer(replace...).Replace(string(file))
}

// byHand merges fields into an object of a Machine's configuration, as somebody
// with `fly machine update` would.
func (b driftServer) byHand(id, key string, fields map[string]any) {
	b.t.Helper()
	config := b.MachineConfig("shop-api", id)
	object := make(map[string]any)
	err := json.Unmarshal(config.Raw(key), &object)
	for name, value := range fields {
		object[name] = value
	}
	if err == nil {
		config, err = config.With(key, object)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.SetMachineConfig("shop-api", id, config)
}

// plan is a dry run. Nothing is written by it, and no secret told.
func (b driftServer) plan(arguments map[string]any) deploy.Result {
	b.t.Helper()
	b.ResetCalls()
	var out deploy.Result
	arguments["dry_run"] = true
	if arguments["app"] == nil {
		arguments["app"] = "shop-api"
	}
	b.call("deploy", arguments, &out)
	if n := len(b.Writes()); n != 0 {
		b.t.Errorf("%d writes", n)
	}
	if body, err := json.Marshal(out); err != nil || strings.Contains(string(body), "sw0rdfish") ||
		strings.Contains(string(body), "hunter2") {
		b.t.Errorf("a secret is told, or %v: %s", err, body)
	}
	return out
}

// releases counts how often the last release was read.
func (b driftServer) releases() int {
	return len(slices.DeleteFunc(b.Calls(), func(c flysim.Call) bool {
		return !strings.Contains(string(c.Body),
			"FlycastRelease")
	}))
}

func drifts(out deploy.Result) []string {
	var lines []string
	for _, d := range out.Drift {
		lines = append(lines, fmt.Sprintf("%s %s %s %d", d.Group, d.Path, d.Origin, d.Machines))
	}
	return lines
}

func blocked(out deploy.Result) string {
	var lines []string
	for _, b := range out.Blockers {
		lines = append(lines, b.ID+": "+b.What+" → "+b.Fix)
	}
	return strings.Join(lines, "\n")
}

// TestDeployDriftLive: what somebody changed on a Machine, a deploy would undo.
func TestDeployDriftLive(t *testing.T) {
	b := newDriftServer(t)
	ids := b.MachineIDs("shop-api")
	b.byHand(ids[0], "env", map[string]any{"DEBUG": "hunter2"})
	out := b.plan(map[string]any{"content": b.file()})
	if got, want := drifts(out), []string{"app env.DEBUG live 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(out.Blockers) > 0 || out.Plan == nil {
		t.Errorf("blocked: %s", blocked(out))
	}
	if want := "app: env.DEBUG removed (was ‹hidden, 7 bytes›) (changed on the Machines since version 14)"; !slices.Equal(
		out.Changes, []string{want}) {
		t.Errorf("changes %q", out.Changes)
	}
	if want := "this undoes values that were changed on the Machines since version 14: app env.DEBUG"; !slices.Contains(
		out.Remarks, want) {
		t.Errorf("remarks %q", out.Remarks)
	}

	for _, id := range ids {
		b.byHand(id, "guest", map[string]any{"memory_mb": 1024})
	}
	out = b.plan(map[string]any{"content": b.file()})
	if got, want := drifts(out), []string{"app env.DEBUG live 1", "app guest.memory_mb live 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want := "app: guest.memory_mb: 1024 → 512 (changed on the Machines since version 14)"
	if len(out.Blockers) > 0 || out.Plan == nil || !slices.Contains(out.Plan.Hazards,
		plan.OtherConfigChanges) || !slices.Contains(out.Changes, want) {
		t.Errorf("blocked %s, changes %q", blocked(out), out.Changes)
	}
	if want := "this undoes values that were changed on the Machines since version 14: app env.DEBUG, app guest.memory_mb"; !slices.Contains(
		out.Remarks, want) {
		t.Errorf("remarks %q", out.Remarks)
	}
}

// TestDeployDriftBehind: a Machine that an earlier deploy did not come to is not
// told as changed by hand.
func TestDeployDriftBehind(t *testing.T) {
	b := newDriftServer(t)
	id := b.MachineIDs("shop-api")[0]
	b.byHand(id, "env", map[string]any{"LOG_LEVEL": "trace"})
	b.byHand(id, "metadata", map[string]any{"fly_release_version": "13"})
	out := b.plan(map[string]any{"content": b.file()})
	if got, want := drifts(out), []string{"app env.LOG_LEVEL behind 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !flytest.Mentions(out.Changes, "(on Machines that did not get version 14)") ||
		flytest.Mentions(out.Changes, "changed on the Machines") {
		t.Errorf("changes %q", out.Changes)
	}
	if flytest.Mentions(out.Remarks, "this undoes") || !flytest.Mentions(out.Remarks, "did not get version 14") {
		t.Errorf("remarks %q", out.Remarks)
	}
}

// TestDeployDriftFile: an edit of the file since the release is told as such.
func TestDeployDriftFile(t *testing.T) {
	b := newDriftServer(t)
	out := b.plan(map[string]any{"content": b.file(`"info"`, `"debug"`, "= 512", "= 1024")})
	if got, want := drifts(out), []string{"app env.LOG_LEVEL file 2",
		"app guest.memory_mb file 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !flytest.Mentions(out.Changes, "guest.memory_mb: 512 → 1024 (edited in the file since version 14)") ||
		len(out.Blockers) > 0 {
		t.Errorf("changes %q, blocked %s", out.Changes, blocked(out))
	}
	if !flytest.Mentions(out.Changes,
		"env.LOG_LEVEL: ‹hidden, 4 bytes› → ‹hidden, 5 bytes, changed› (edited in the file since version 14)") {
		t.Errorf("changes %q", out.Changes)
	}
	if flytest.Mentions(out.Remarks, "undoes") || flytest.Mentions(out.Remarks, "not known") {
		t.Errorf("remarks %q", out.Remarks)
	}
}

// TestDeployDriftBoth: as is that both were changed, on some Machines or on all.
func TestDeployDriftBoth(t *testing.T) {
	b := newDriftServer(t)
	b.byHand(b.MachineIDs("shop-api")[0], "guest", map[string]any{"memory_mb": 2048})
	out := b.plan(map[string]any{"content": b.file("= 512", "= 1024")})
	if got, want := drifts(out), []string{"app guest.memory_mb both 1",
		"app guest.memory_mb file 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, want := range []string{"512 → 1024 (edited in the file since version 14)",
		"2048 → 1024 (changed on the Machines and in the file since version 14)"} {
		if !flytest.Mentions(out.Changes, want) {
			t.Errorf("got %q, want %s", out.Changes, want)
		}
	}
}

// TestDeployDriftUnknown: without a release that can be read, the plan stands
// and says what it does not know.
func TestDeployDriftUnknown(t *testing.T) {
	b := newDriftServer(t)
	edited := map[string]any{"content": b.file("= 512", "= 1024")}
	b.plan(edited)
	before := len(slices.DeleteFunc(b.Calls(), func(c flysim.Call) bool { return c.Operation != "graphql.app" })) - 1
	b.Inject(flysim.Fault{Operation: "graphql.app", After: before, Status: 403})
	out := b.plan(edited)
	if got, want := drifts(out), []string{"app guest.memory_mb unknown 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !flytest.Mentions(out.Remarks,
		"the origin of the changes is unknown: the last release could not be read (unauthorized)") {
		t.Errorf("remarks %q", out.Remarks)
	}
	if !flytest.Mentions(out.Changes, "guest.memory_mb: 512 → 1024") || flytest.Mentions(out.Changes, "since") {
		t.Errorf("changes %q", out.Changes)
	}

	// An app without any.
	b.AddApp("unreleased", "personal", "")
	b.AddMachine("unreleased", "iad", b.MachineConfig("shop-api", b.MachineIDs("shop-api")[0]))
	out = b.plan(map[string]any{"app": "unreleased", "content": b.file(`"shop-api"`, `"unreleased"`, `"info"`, `"debug"`)})
	if got, want := drifts(out), []string{"app env.LOG_LEVEL unknown 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !flytest.Mentions(out.Remarks, "no release with a stored configuration") || flytest.Mentions(out.Changes, "since") {
		t.Errorf("remarks %q, changes %q", out.Remarks, out.Changes)
	}
}

// TestDeployDriftEdit: what patch_services did is no drift, and costs no further
// request; what else the file or a Machine brings is.
func TestDeployDriftEdit(t *testing.T) {
	b := newDriftServer(t)
	patch := func(arguments map[string]any) map[string]any {
		t.Helper()
		var out patch.Result
		if b.call("patch_services", arguments, &out); out.Draft == "" {
			t.Fatalf("no draft: %s", out.Summary)
		}
		return map[string]any{"draft": out.Draft}
	}
	out := b.plan(patch(map[string]any{"app": "shop-api"}))
	if len(out.Drift) > 0 || !flytest.Mentions(out.Changes, "force_https") ||
		flytest.Mentions(out.Changes, "since") || flytest.Mentions(out.Remarks, "not known") {
		t.Errorf("drift %q, changes %q, remarks %q", drifts(out), out.Changes, out.Remarks)
	}
	if n := b.releases(); n != 0 {
		t.Errorf("the release was read %d times", n)
	}

	b.byHand(b.MachineIDs("shop-api")[1], "env", map[string]any{"DEBUG": "1"})
	out = b.plan(patch(map[string]any{"app": "shop-api"}))
	if got, want := drifts(out), []string{"app env.DEBUG live 1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := b.releases(); n != 1 {
		t.Errorf("the release was read %d times", n)
	}

	// A person's file, edited before: the services' edit is told from the rest.
	path := filepath.Join(b.dir, "fly.toml")
	if err := os.WriteFile(path, []byte(b.file("= 512", "= 1024", "= 8080", "= 8081")), 0o600); err != nil {
		t.Fatal(err)
	}
	out = b.plan(patch(map[string]any{"path": path}))
	want := []string{"app env.DEBUG live 1", "app guest.memory_mb file 2", "app services[0].internal_port file 2"}
	if got := drifts(out); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !flytest.Mentions(out.Changes, "services[0].internal_port: 8080 → 8081 (edited in the file since version 14)") {
		t.Errorf("changes %q", out.Changes)
	}
}

// TestDeployDriftBounds: many Machines and many fields make no long answer.
func TestDeployDriftBounds(t *testing.T) {
	b := newDriftServer(t)
	config := b.MachineConfig("shop-api", b.MachineIDs("shop-api")[0])
	for range 60 {
		b.AddMachine("shop-api", "iad", config)
	}
	for i, id := range b.MachineIDs("shop-api") {
		b.byHand(id, "env", map[string]any{fmt.Sprintf("VAR_%02d", i): "1"})
	}
	out := b.plan(map[string]any{"content": b.file("= 512", "= 1024")})
	if len(out.Drift) != plan.MaxLines {
		t.Errorf("%d entries", len(out.Drift))
	}
	if i := slices.IndexFunc(out.Remarks, func(r string) bool {
		return strings.HasSuffix(r,
			"app env.VAR_04 and 57 more")
	}); i < 0 {
		t.Errorf("remarks %q", out.Remarks)
	}
}

// TestDeployRefusedCall: a call for what is not possible asks nobody.
func TestDeployRefusedCall(t *testing.T) {
	w := newSeededServer(t, "", flysim.Options{})
	w.ForbidBlueGreen("inner-circle")
	file, _ := w.FlyToml("inner-circle")
	w.ResetCalls()
	var out plan.Result
	w.call(deployName, map[string]any{
		"app": "inner-circle", "content": strings.Replace(string(file), "min_machines_running = 0",
			"min_machines_running = 1", 1), "strategy": "bluegreen",
	}, &out)
	if out.Status != plan.Refused || out.Code != gate.Precondition || len(out.Blockers) != 1 ||
		out.Blockers[0].ID != target.StrategyNotPossible || out.Approval != nil || len(w.Writes()) != 0 {
		t.Errorf("got %+v, %d writes", out, len(w.Writes()))
	}
}

// TestDeployText: what is structured has the platform's words, the text a person's.
func TestDeployText(t *testing.T) {
	text := deployText(deploy.Result{Changes: []string{"app: services[0].autostop: true → false"}})
	if !strings.Contains(text, "autostop: stop → off") {
		t.Errorf("text %s", text)
	}
}
