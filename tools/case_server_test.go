package tools

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/seed"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/undo"
	"github.com/flycast-mcp/flycast-mcp/internal/verify"
)

// caseServer is a server with all tools on an emulated platform that has one app, on a
// virtual clock. Its policy approves everything.
type caseServer struct {
	*appServer
	tools map[string]call.Tool
	toml  string // the app's
	saved undo.Store
}

// onFile runs a test on a server whose app is that of a fly.toml.
func onFile(t *testing.T, toml, addresses string, test func(s *caseServer)) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fly.toml"), []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	deploys(t, "", flysim.Options{}, func(b *appServer) {
		test(newCaseServer(b, "[[apps]]\nfly_toml = \"fly.toml\"\naddresses = "+addresses+"\n", dir))
	})
}

// onCase runs a test on a server whose app was reported: a folder of testdata/cases.
func onCase(t *testing.T, name string, test func(s *caseServer)) {
	t.Helper()
	dir := filepath.Join("..", "testdata", "cases", name)
	text, err := os.ReadFile(filepath.Join(dir, "apps.toml"))
	if err != nil {
		t.Fatal(err)
	}
	deploys(t, "", flysim.Options{}, func(b *appServer) { test(newCaseServer(b, string(text), dir)) })
}

func newCaseServer(b *appServer, text, dir string) *caseServer {
	b.t.Helper()
	must := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	definitions, err := seed.Read([]byte(text), dir)
	must(err)
	must(seed.Build(b.t.Context(), b.Platform.Platform, definitions))
	b.app = definitions[0].Name
	s := &caseServer{appServer: b, tools: make(map[string]call.Tool)}
	if file, err := os.ReadFile(filepath.Join(dir, "fly.toml")); err == nil {
		s.toml = string(file)
	}
	var hazards []string
	for _, w := range plan.Hazards() {
		hazards = append(hazards, string(w.Hazard))
	}
	gated := []string{"deploy", "allocate_flycast", "release_public_ips", "make_private", "undo"}
	rule := fmt.Sprintf(
		"[[rule]]\nname = \"all\"\ntools = [\"%s\"]\napps = [%q]\ndecision = \"auto\"\nlimit_per_hour = "+
			"1000\naccept = [\"%s\"]\n",
		strings.Join(gated, `", "`), b.app, strings.Join(hazards, `", "`))
	policy, err := gate.ParsePolicy([]byte(rule), plan.Vocabulary(gated...))
	must(err)
	requests, err := gate.NewRequests(filepath.Join(b.t.TempDir(), "requests"), time.Now)
	must(err)
	a := b.toolset
	a.Hold, a.AnswerWithin = time.Hour, time.Hour
	a.verifyMode = verify.Never // sockets do not work in a bubble
	a.ApproveCommand = func(ticket string) string { return "approve " + ticket }
	s.saved = undo.Store{Dir: filepath.Join(b.t.TempDir(), "undo"), Now: time.Now}
	a.Save = s.saved.Put
	a.Gate = gate.New(gate.Options{Mode: gate.ModeAuto, Policy: policy, Requests: requests,
		Ledger: call.Ledger{Journal: a.Journal}, AnswerWithin: time.Hour, Now: time.Now})
	for _, tool := range []call.Tool{a.listIPs(), a.allocateFlycast(), a.patchServices(), a.deploy(),
		a.releasePublicIPs(), a.makePrivate(), a.undo(s.saved)} {
		s.tools[tool.Spec().Name] = tool
	}
	return s
}

// toolReply is what a test looks at of any tool's answer.
type toolReply struct {
	plan.Result
	Draft   string   `json:"draft"`
	Diff    string   `json:"diff"`
	Content string   `json:"content"`
	Remarks []any    `json:"remarks"`
	Exposed string   `json:"exposed"`
	Changes []string `json:"changes"`

	text string
}

// says joins what the remarks of the answer say.
func (r toolReply) says() string { return fmt.Sprint(r.Remarks...) }

func (r toolReply) blockers() []string {
	var ids []string
	for _, b := range r.Blockers {
		ids = append(ids, b.ID)
	}
	return ids
}

// ask is one tools/call.
func (s *caseServer) ask(tool string, arguments map[string]any) toolReply {
	s.t.Helper()
	var sent map[string]any // as JSON has it
	body, err := json.Marshal(arguments)
	if err == nil {
		err = json.Unmarshal(body, &sent)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	result, err := s.tools[tool].Call(s.t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool,
		Arguments: sent}})
	if err != nil {
		s.t.Fatal(err)
	}
	var out toolReply
	if body, err = json.Marshal(result.StructuredContent); err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	out.text = result.Content[0].(mcp.TextContent).Text
	return out
}
