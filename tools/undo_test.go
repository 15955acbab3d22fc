package tools

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
)

const undoToml = `app = "shop"
primary_region = "iad"
[env]
  PASSWORD = "sw0rdfish"
[http_service]
  internal_port = 8080
  force_https = true
  auto_stop_machines = "stop"
  auto_start_machines = true
`

// withFile gives the server the app's file in a root, and returns its path.
func (s *caseServer) withFile() string {
	s.t.Helper()
	dir := s.t.TempDir()
	path := filepath.Join(dir, "fly.toml")
	err := os.WriteFile(path, []byte(s.toml), 0o600)
	if err == nil {
		s.toolset.roots, err = roots.Open(dir)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = s.toolset.roots.Close() })
	for _, tool := range []string{"make_private", "patch_services", "undo"} {
		delete(s.tools, tool)
	}
	s.tools["make_private"], s.tools["patch_services"] = s.toolset.makePrivate(), s.toolset.patchServices()
	s.tools["undo"] = s.toolset.undo(s.saved)
	return path
}

// lastRun returns the last run that can be undone.
func (s *caseServer) lastRun() undo.Run {
	s.t.Helper()
	entries, err := s.toolset.Journal.Entries()
	runs := undo.Runs(entries)
	if err != nil || len(runs) == 0 {
		s.t.Fatalf("%d runs, %v", len(runs), err)
	}
	return runs[len(runs)-1]
}

// bytesOf returns the text of a file.
func (s *caseServer) bytesOf(path string) string {
	s.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// services returns those of the first Machine, with sorted keys.
func (s *caseServer) services() string {
	s.t.Helper()
	var services any
	err := json.Unmarshal(s.MachineConfig(s.app, s.MachineIDs(s.app)[0]).Raw("services"), &services)
	body, encodeErr := json.Marshal(services)
	if err := errors.Join(err, encodeErr); err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// TestUndoMakePrivate: the file and the services come back, and the Flycast address goes, once the
// app is public in another way; what is gone for good is said.
func TestUndoMakePrivate(t *testing.T) {
	onFile(t, undoToml, `["shared_v4"]`, func(s *caseServer) {
		path, services := s.withFile(), s.services()
		if out := s.ask("make_private", map[string]any{"app": s.app, "path": path}); out.Status != plan.Applied {
			s.t.Fatalf("got %s: %s", out.Status, out.Summary)
		}
		run := s.lastRun()
		if run.Tool != "make_private" || !run.Deployed || len(run.Allocated) != 1 || len(run.Released) != 1 || run.Status != "applied" {
			s.t.Fatalf("the journal has %+v", run)
		}
		call := map[string]any{"app": s.app, "run": run.ID}

		// As long as nothing else reaches the app, only the file comes back.
		out := s.ask("undo", map[string]any{"app": s.app, "run": run.ID, "dry_run": true})
		if out.Status != plan.WouldApply || len(out.Steps) != 1 || out.Steps[0].Do != gate.WriteFile ||
			slices.Contains(out.Plan.Hazards, plan.AppUnreachable) {
			s.t.Errorf("a dry run: %s %+v\n%s", out.Status, out.Steps, out.text)
		}
		if text := strings.Join(out.Left, "\n"); !strings.Contains(text, "only way to reach the app") ||
			!strings.Contains(text, "gone for good: "+run.Released[0].String()) || !strings.Contains(text, "nothing would reach the app") {
			s.t.Errorf("not undone: %s", text)
		}

		s.AddAddress(s.app, "shared_v4", "", "")
		out = s.ask("undo", call)
		if out.Status != plan.Applied || s.bytesOf(path) != s.toml {
			s.t.Fatalf("got %s: %s\n%s", out.Status, out.Summary, s.bytesOf(path))
		}
		if got := s.services(); got != services {
			s.t.Errorf("services %s, want %s", got, services)
		}
		for _, a := range s.Addresses(s.app) {
			if a.IP == run.Allocated[0].String() {
				s.t.Errorf("%s is still there", a.IP)
			}
		}
		if got := s.lastRun(); got.Undone.IsZero() {
			s.t.Errorf("the journal does not say that %s was undone", got.ID)
		}
		if out := s.ask("undo", call); out.Status != plan.NothingToDo || len(out.Steps) != 0 {
			s.t.Errorf("a second undo: %s %s", out.Status, out.text)
		}
		env, err := s.MachineConfig(s.app, s.MachineIDs(s.app)[0]).Env()
		if err != nil || env["PASSWORD"] != "sw0rdfish" {
			s.t.Errorf("the environment became %v, %v", env, err)
		}
	})
}

// TestUndoKeepsEdits: a file that was changed since is left alone, byte for byte.
func TestUndoKeepsEdits(t *testing.T) {
	onFile(t, undoToml, `["flycast"]`, func(s *caseServer) {
		path := s.withFile()
		if out := s.ask("patch_services", map[string]any{"app": s.app, "path": path}); out.Status != plan.Applied {
			s.t.Fatalf("got %s: %s", out.Status, out.Summary)
		}
		edited := s.bytesOf(path) + "# mine\n"
		if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
			s.t.Fatal(err)
		}
		writes := len(s.Writes())
		out := s.ask("undo", map[string]any{"app": s.app, "run": s.lastRun().ID})
		if out.Status != plan.NothingToDo || !strings.Contains(out.Summary, "changed after the run") || s.bytesOf(path) != edited {
			s.t.Errorf("got %s: %s\n%s", out.Status, out.Summary, s.bytesOf(path))
		}
		if len(s.Writes()) != writes {
			s.t.Errorf("%v was sent", s.Writes()[writes:])
		}
	})
}

// TestSnapshotHoldsNoValue: of the platform, only names are kept; and a snapshot that was changed,
// or a run that is not in the journal, is refused.
func TestSnapshotHoldsNoValue(t *testing.T) {
	onFile(t, undoToml, `["shared_v4"]`, func(s *caseServer) {
		if out := s.ask("make_private", map[string]any{"app": s.app}); out.Status != plan.Applied {
			s.t.Fatalf("got %s: %s", out.Status, out.Summary)
		}
		run := s.lastRun()
		saved, err := s.saved.Get(run.Snapshot)
		if err != nil || !strings.Contains(string(saved.Config), "PASSWORD") || strings.Contains(string(saved.Config), "sw0rdfish") {
			s.t.Errorf("kept %s, %v", saved.Config, err)
		}
		path := filepath.Join(s.saved.Dir, run.Snapshot+".json")
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			s.t.Errorf("mode %v, %v", info.Mode(), err)
		}
		saved.Config = []byte("app = \"other\"\n")
		body, err := json.Marshal(saved)
		if err == nil {
			err = os.WriteFile(path, body, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		writes := len(s.Writes())
		for id, code := range map[string]gate.Code{run.ID: gate.Precondition, "run_other": gate.NotFound} {
			out := s.ask("undo", map[string]any{"app": s.app, "run": id})
			if out.Status != plan.Refused || out.Code != code {
				s.t.Errorf("%s: got %s %s: %s", id, out.Status, out.Code, out.Summary)
			}
		}
		if len(s.Writes()) != writes {
			s.t.Errorf("%v was sent", s.Writes()[writes:])
		}
	})
}

// TestRunsOfJournal: an edit beside a deploy, and a run that was cut short, keep their own steps.
func TestRunsOfJournal(t *testing.T) {
	step := func(verb, target string) journal.Entry {
		return journal.Entry{Event: journal.Step, Tool: "deploy", App: "a", Verb: verb, Target: target}
	}
	line := func(event journal.Event, tool, run string) journal.Entry {
		return journal.Entry{Event: event, Tool: tool, App: "a", Run: run}
	}
	runs := undo.Runs([]journal.Entry{
		line(journal.Started, "make_private", "run_1"), line(journal.Saved, "make_private", "run_1"),
		step("allocate_address", "fdaa::1"),
		line(journal.Started, "patch_services", "run_2"), line(journal.Saved, "patch_services", "run_2"),
		line(journal.Finished, "patch_services", "run_2"),
		step("update_machine", "m1"),
		// killed
		line(journal.Started, "release_public_ips", "run_3"),
		step("release_address", "137.66.1.1"),
	})
	if len(runs) != 2 || len(runs[0].Allocated) != 1 || !runs[0].Deployed || len(runs[0].Released) != 0 || runs[1].Deployed {
		t.Errorf("got %+v", runs)
	}
}
