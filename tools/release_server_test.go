package tools

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/journal/journaltest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

const (
	readyServices = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]},` +
		`{"port":443,"handlers":["http","tls"]}]}]`
	rawTCP = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":5432}]}]`
)

// releaseServer has the tools on an emulated platform, whose answers can be
// edited on their way. A policy approves every release of shop-api and
// legacy-api.
type releaseServer struct {
	*platformtest.Platform
	t       *testing.T
	a       *toolset
	journal *journal.Journal
}

func newReleaseServer(t *testing.T, o flysim.Options, accept ...string) *releaseServer {
	t.Helper()
	s := &releaseServer{Platform: platformtest.NewStill(t, o).Seeded(), t: t}
	now := s.Clock().Now
	s.journal = journaltest.Open(t, t.TempDir(), now)
	policy, err := gate.ParsePolicy(
		[]byte("[[rule]]\ntools = ['release_public_ips']\napps = ['shop-api', 'legacy-api']\ndecision = "+
			"'auto'\nlimit_per_hour = 9\n"+
			"accept = ['"+strings.Join(append([]string{"dedicated_v4_lost", "dedicated_v6_lost",
			"shared_v4_released", "public_access_ends", "custom_hostname_stops"}, accept...),
			"', '")+"']\n"), plan.Vocabulary("release_public_ips"))
	if err != nil {
		t.Fatal(err)
	}
	clock := flytest.SkippingClock{Movable: s.Clock(), Below: 30 * time.Second} // a call's limits are longer
	s.a = newToolset(Deps{Fly: s.Client(), Deps: call.Deps{
		Journal: s.journal, Clock: clock, Hold: 45 * time.Second, AnswerWithin: 5 * time.Minute,
		Log: slog.New(slog.DiscardHandler),
		Gate: gate.New(gate.Options{Mode: gate.ModeAuto, Policy: policy,
			Ledger: call.Ledger{Journal: s.journal}, AnswerWithin: 5 * time.Minute, Now: now}),
		Runs: call.NewRuns(clock),
	}})
	return s
}

// ready gives the app a Flycast address, and its Machines these services.
func (s *releaseServer) ready(app, services string) (flycast string) {
	s.t.Helper()
	for _, id := range s.MachineIDs(app) {
		config, err := s.MachineConfig(app, id).With("services", json.RawMessage(services))
		if err != nil {
			s.t.Fatal(err)
		}
		s.SetMachineConfig(app, id, config)
	}
	return s.AddAddress(app, "private_v6", "", "")
}

func callTool[T any](s *releaseServer, tool call.Tool, args map[string]any) (out T) {
	s.t.Helper()
	var request mcp.CallToolRequest
	request.Params.Name, request.Params.Arguments = tool.Spec().Name, args
	result, err := tool.Call(s.t.Context(), request)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *releaseServer) release(args map[string]any) address.ReleaseResult {
	s.t.Helper()
	return callTool[address.ReleaseResult](s, s.a.releasePublicIPs(), args)
}

func (s *releaseServer) list(app string) listOutput {
	s.t.Helper()
	return callTool[listOutput](s, s.a.listIPs(), map[string]any{"app": app})
}

func blockerIDs(list []plan.Blocker) (out []string) {
	for _, b := range list {
		out = append(out, b.ID)
	}
	return out
}
