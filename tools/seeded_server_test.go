package tools

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
	"github.com/flycast-mcp/flycast-mcp/internal/roots"
)

// seededServer has the tools on a seeded platform of its own, in this process. The
// policy approves what the test names; short waits pass on the platform's clock.
type seededServer struct {
	*platformtest.Platform
	t       *testing.T
	toolset *toolset
	tools   map[string]call.Tool
	dir     string // the one root
	journal string
}

func newSeededServer(t *testing.T, policy string, o flysim.Options) *seededServer {
	t.Helper()
	w := &seededServer{
		Platform: platformtest.NewStill(t, o).Seeded(), t: t, tools: map[string]call.Tool{}, dir: t.TempDir(),
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now, state := w.Clock().Now, t.TempDir()
	w.journal = filepath.Join(state, "journal.jsonl")
	book := journaltest.Open(t, state, now)
	requests, err := gate.NewRequests(filepath.Join(t.TempDir(), "requests"), now)
	must(err)
	rules, err := gate.ParsePolicy([]byte(policy), plan.Vocabulary("allocate_flycast", "deploy"))
	must(err)
	folders, err := roots.Open(w.dir)
	must(err)
	t.Cleanup(func() { folders.Close() })
	clock := flytest.SkippingClock{Movable: w.Clock(), Below: time.Minute}
	w.toolset = newToolset(Deps{
		Fly: w.Client(), Roots: folders,
		Deps: call.Deps{
			Journal: book, Runs: call.NewRuns(clock), Clock: clock, Hold: time.Minute, AnswerWithin: time.Minute,
			Gate: gate.New(gate.Options{Mode: gate.ModeAuto, Policy: rules, Requests: requests,
				Ledger: call.Ledger{Journal: book}, AnswerWithin: time.Minute, Now: now}),
			ApproveCommand: func(ticket string) string { return "approve " + ticket },
			Log:            slog.New(slog.DiscardHandler),
		},
	})
	for _, tool := range []call.Tool{w.toolset.allocateFlycast(), w.toolset.patchServices(), w.toolset.deploy()} {
		w.tools[tool.Spec().Name] = tool
	}
	return w
}

// call is one tools/call; out gets the structured half.
func (w *seededServer) call(tool string, arguments map[string]any, out any) {
	w.t.Helper()
	sent := make(map[string]any) // as JSON has it
	body, err := json.Marshal(arguments)
	if err == nil {
		err = json.Unmarshal(body, &sent)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	result, err := w.tools[tool].Call(w.t.Context(),
		mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: sent}})
	if err != nil {
		w.t.Fatal(err)
	}
	if body, err = json.Marshal(result.StructuredContent); err == nil {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
