package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/call"
	"github.com/flycast-mcp/flycast-mcp/internal/fly"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

const (
	readyServices = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]},{"port":443,"handlers":["http","tls"]}]}]`
	rawTCP        = `[{"protocol":"tcp","internal_port":8080,"ports":[{"port":5432}]}]`
)

// releaseServer has the tools on an emulated platform, whose answers can be
// edited on their way. A policy approves every release of shop-api and
// legacy-api.
type releaseServer struct {
	*flysim.Platform
	t       *testing.T
	a       *toolset
	journal *journal.Journal
	edit    func(path string, body []byte) []byte
}

// MachineConfig is the Machine's configuration in the product's type.
func (s *releaseServer) MachineConfig(app, id string) machine.Config {
	s.t.Helper()
	config, err := machine.ParseConfig([]byte(s.Platform.MachineConfig(app, id).String()))
	if err != nil {
		s.t.Fatal(err)
	}
	return config
}

// steppedClock passes whenever somebody waits.
type steppedClock struct{ *flysim.Clock }

func (c steppedClock) After(d time.Duration) <-chan time.Time {
	at := make(chan time.Time, 1)
	if d < 30*time.Second { // beyond: the limits of a call, never reached here
		c.Advance(d)
		at <- c.Now()
	}
	return at
}

func (s *releaseServer) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || s.edit == nil {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(s.edit(r.URL.Path, body)))
	response.ContentLength = -1
	return response, err
}

func newReleaseServer(t *testing.T, o flysim.Options, accept ...string) *releaseServer {
	t.Helper()
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	o.Clock = flysim.NewClock(func() time.Time { return at })
	s := &releaseServer{Platform: flysim.New(o), t: t}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(s.Seed(t.Context()))
	listen, err := s.Listen("127.0.0.1:0")
	check(err)
	t.Cleanup(func() { listen.Close() })
	now := s.Clock().Now
	client, err := fly.New(fly.Options{
		Endpoints: fly.Endpoints{API: listen.URL, Flaps: listen.URL, UIEX: listen.URL},
		Token:     fly.NewToken(s.Token()), UserAgent: "test/1", HTTP: s, Now: now,
		Sleep: func(ctx context.Context, d time.Duration) error { s.Clock().Advance(d); return ctx.Err() },
	})
	check(err)
	s.journal, err = journal.Open(filepath.Join(t.TempDir(), "journal"), now)
	check(err)
	policy, err := gate.ParsePolicy([]byte("[[rule]]\ntools = ['release_public_ips']\napps = ['shop-api', 'legacy-api']\ndecision = 'auto'\nlimit_per_hour = 9\n"+
		"accept = ['"+strings.Join(append([]string{"dedicated_v4_lost", "dedicated_v6_lost",
		"shared_v4_released", "public_access_ends", "custom_hostname_stops"}, accept...),
		"', '")+"']\n"), plan.Vocabulary("release_public_ips"))
	check(err)
	clock := steppedClock{s.Clock()}
	s.a = newToolset(Deps{Fly: client, Deps: call.Deps{
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
