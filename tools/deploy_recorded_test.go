package tools

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/call/calltest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// restarted is another server on the same state: it knows what the journal does.
func (w *callServer) restarted(t *testing.T, state string) *callServer {
	t.Helper()
	again := newCallServer(t, w.Clock, t.TempDir(), "")
	again.tools.Journal = journaltest.Open(t, state, w.Clock.Now)
	return again
}

// TestDeployStatusAfterRestart: of a deploy that the end of the server cut short
// the journal tells what was under way, and what only Fly can tell.
func TestDeployStatusAfterRestart(t *testing.T) {
	state := t.TempDir()
	w := newCallServer(t, calltest.NewClock(), state, calltest.DeployByItself)
	w.Hold = 0
	release, applying := make(chan struct{}), make(chan struct{})
	w.OnApply = func() {
		for _, e := range []journal.Entry{
			{Verb: string(gate.CreateRelease), Status: "begun"},
			{Verb: string(gate.CreateRelease), Target: "rel1", Status: "running"},
			{Verb: string(gate.CreateMachine), Group: "web", Status: "begun"},
			{Verb: string(gate.CreateMachine), Group: "web", Target: "148e0", Status: "healthy"},
			{Verb: string(gate.CreateMachine), Group: "cron", Status: "begun"},
			{Verb: string(gate.UpdateMachine), Target: "148e1", Status: "begun"},
			{Verb: string(gate.UpdateMachine), Target: "148e1", Status: "healthy"},
			{Verb: string(gate.UpdateMachine), Target: "148e2", Status: "begun"},
			{Verb: string(gate.UpdateMachine), Target: "148e3", Status: "unchanged", Code: "busy"},
		} {
			e.Event, e.Tool, e.App = journal.Step, deployName, "shop-api"
			w.Record(e)
		}
		close(applying)
		<-release
	}
	started := calltest.Serve(t.Context(), w.Tool(deployName, call.Restarts), calltest.ShopAPI())
	calltest.Expect(t, started, plan.Running, "")
	<-applying
	w.Clock.Advance(time.Minute)

	again := w.restarted(t, state)
	known := []string{
		"release rel1: running at 12:00:00", "a new Machine of group \"cron\": begun at 12:00:00",
		"Machine 148e2: begun at 12:00:00",
		"Machine 148e0: healthy at 12:00:00", "Machine 148e1: healthy at 12:00:00",
		"Machine 148e3: unchanged at 12:00:00 (busy)",
	}
	unknown := []string{"how release rel1 is recorded now", "whether a new Machine of group \"cron\" is there",
		"what Machine 148e2 has now, and whether it works"}
	for _, arguments := range []map[string]any{calltest.ShopAPI(), {"app": "shop-api", "run": started.Run}} {
		out, text := again.status(t, t.Context(), arguments)
		if out.Status != "unfinished" || out.Run != started.Run || !strings.Contains(out.Summary, "restarted") ||
			!strings.Contains(out.Summary, "3 of its steps finished, 3 were in progress") {
			t.Errorf("got %+v", out)
		}
		slices.Sort(out.Known[:3])
		if slices.Sort(out.Known[3:]); !slices.Equal(sorted(out.Known), sorted(known)) ||
			!strings.HasPrefix(out.Known[3], "Machine 148e0") {
			t.Errorf("known %q", out.Known)
		}
		if !slices.Equal(sorted(out.Unknown), sorted(unknown)) {
			t.Errorf("unknown %q", out.Unknown)
		}
		if len(out.Next) != 1 || out.Next[0].Tool != deployName || !strings.Contains(out.Next[0].Why,
			"repeat the identical call") {
			t.Errorf("next %+v", out.Next)
		}
		if !strings.Contains(text, "not known: what Machine 148e2 has now") ||
			!strings.Contains(text, "known: Machine 148e1: healthy") {
			t.Errorf("text %s", text)
		}
	}
	for name, other := range map[string]map[string]any{"another run": {"app": "shop-api", "run": "run_0"},
		"another app": {"app": "legacy-api"}} {
		if out, _ := again.status(t, t.Context(), other); out.Status != "not_found" || out.Known != nil {
			t.Errorf("%s: %+v", name, out)
		}
	}
	if out, _ := again.status(t, call.WithCaller(t.Context(), call.Caller{ID: "somebody"}),
		calltest.ShopAPI()); out.Status != "not_found" || out.Known != nil {
		t.Errorf("another caller: %+v", out)
	}

	close(release)
	if err := w.Runs.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out, _ := again.status(t, t.Context(), calltest.ShopAPI()); out.Status != "done" || out.Seconds != 60 ||
		!strings.Contains(out.Summary, "applied") || out.Next[0].Tool != "list_ips" {
		t.Errorf("ended: %+v", out)
	}
}

// TestDeployStatusRecordedPartly: how a deploy ended decides what is next, and the
// answer stays short.
func TestDeployStatusRecordedPartly(t *testing.T) {
	w := newCallServer(t, calltest.NewClock(), t.TempDir(), "")
	write := func(e journal.Entry) {
		e.Tool, e.App, e.Caller = deployName, "shop-api", "local"
		w.Record(e)
	}
	write(journal.Entry{Event: journal.Started})
	if out, _ := w.status(t, t.Context(), calltest.ShopAPI()); out.Status != "unfinished" ||
		!strings.Contains(out.Summary, "not started any Machine") {
		t.Errorf("got %+v", out)
	}
	for i := range 50 {
		write(journal.Entry{Event: journal.Step, Verb: string(gate.UpdateMachine), Target: fmt.Sprintf("148e%d",
			i), Status: "healthy"})
	}
	write(journal.Entry{Event: journal.Finished, Status: "partial"})
	out, _ := w.status(t, t.Context(), calltest.ShopAPI())
	if out.Status != "done" || !strings.Contains(out.Summary, "partial") || out.Next[0].Tool != deployName ||
		len(out.Known) != plan.MaxLines+1 || out.Known[plan.MaxLines] != "and 30 more" {
		t.Errorf("got %+v", out)
	}
}

func sorted(lines []string) []string { return slices.Sorted(slices.Values(lines)) }
