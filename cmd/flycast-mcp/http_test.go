package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/fault"
)

// serveHTTP runs `flycast-mcp http` in this process, on an emulated platform
// without rate limits, and gives its URL and the bearer token it printed.
func serveHTTP(t *testing.T, clock *sharedClock, args ...string) (url, token string) {
	t.Helper()
	platform := flysim.New(clock.platform(flysim.Options{}))
	url, token, _ = serveHTTPOn(t, platform, clock, args...)
	return url, token
}

// serveHTTPOn does so on a platform; stop is what a signal does.
func serveHTTPOn(
	t *testing.T,
	platform *flysim.Platform,
	clock *sharedClock,
	args ...string,
) (url, token string, stop func()) {
	t.Helper()
	if err := platform.Seed(context.Background()); err != nil {
		t.Fatal(err)
	}
	listening, err := platform.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listening.Close() })
	env := map[string]string{"HOME": t.TempDir()}
	for _, v := range listening.Environment(platform.Token()) {
		name, value, _ := strings.Cut(v, "=")
		env[name] = value
	}
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, program{
			args:   append([]string{"http", "--addr", "127.0.0.1:0", "--log-level", "error"}, args...),
			lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
			stdin:  strings.NewReader(""), stdout: io.Discard, stderr: in, clock: clock, tune: clock.tune,
		})
		_ = in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != 0 {
			t.Errorf("exit code %d, want 0", code)
		}
	})
	stderrLines := bufio.NewScanner(out)
	for stderrLines.Scan() {
		if rest, ok := strings.CutPrefix(stderrLines.Text(), "serving "); ok {
			url = rest
		}
		if rest, ok := strings.CutPrefix(stderrLines.Text(), "Authorization: Bearer "); ok {
			token = rest
			break
		}
		if url != "" && len(args) > 0 && args[0] == "--token-file" {
			break
		}
	}
	go io.Copy(io.Discard, out)
	if url == "" {
		t.Fatal("no URL was printed")
	}
	return url, token, cancel
}

// approver answers every question after three seconds of the program's clock.
type approver struct {
	clock *sharedClock
	asked []string
}

func (a *approver) Elicit(_ context.Context, request mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	a.asked = append(a.asked, request.Params.Message)
	a.clock.pass(3 * time.Second)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{
		Action: mcp.ElicitationResponseActionAccept, Content: map[string]any{"app": "shop-api", "confirm": true},
	}}, nil
}

// TestHTTPJourney goes the whole way over streamable HTTP, in both eras. There
// are no paths: the file travels as content.
func TestHTTPJourney(t *testing.T) {
	for _, era := range []string{"2025-06-18", "2026-07-28"} {
		t.Run(era, func(t *testing.T) {
			clock := newSharedClock(t)
			url, token := serveHTTP(t, clock)
			person := &approver{clock: clock}
			options := []mcpclient.ClientOption{mcpclient.WithElicitationHandler(person), mcpclient.WithProtocolVersion(era)}
			over, err := transport.NewStreamableHTTP(
				url,
				transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}),
			)
			if err != nil {
				t.Fatal(err)
			}
			c := mcpclient.NewClient(over, options...)
			defer c.Close()
			ctx := context.Background()
			if err := c.Start(ctx); err != nil {
				t.Fatal(err)
			}
			var hello mcp.InitializeRequest
			hello.Params.ProtocolVersion = era
			hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "1"}
			if _, err := c.Initialize(ctx, hello); err != nil {
				t.Fatal(err)
			}
			if c.ProtocolVersion() != era {
				t.Fatalf("protocol %s, want %s", c.ProtocolVersion(), era)
			}
			call := func(tool string, args map[string]any) map[string]any {
				t.Helper()
				result, err := c.CallTool(ctx, mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: args}})
				if err != nil {
					t.Fatalf("%s: %v", tool, err)
				}
				body, err := json.Marshal(result.StructuredContent)
				if err != nil {
					t.Fatal(err)
				}
				var out map[string]any
				if err := json.Unmarshal(body, &out); err != nil {
					t.Fatal(err)
				}
				return out
			}
			want := func(out map[string]any, key, value string) {
				t.Helper()
				if out[key] != value {
					t.Fatalf("%s is %v, want %s: %v", key, out[key], value, out)
				}
			}
			want(call("list_ips", map[string]any{"app": "shop-api"}), "verdict", "public")
			want(call("allocate_flycast", map[string]any{"app": "shop-api"}), "status", "applied")
			want(call("patch_services", map[string]any{"path": "fly.toml"}), "code", "invalid_input")
			patched := call("patch_services", map[string]any{"app": "shop-api"})
			want(patched, "status", "applied")
			want(call("deploy", map[string]any{"app": "shop-api", "draft": patched["draft"]}), "status", "applied")
			want(call("release_public_ips", map[string]any{"app": "shop-api"}), "verdict", "private")
			want(call("list_ips", map[string]any{"app": "shop-api"}), "exposed", "no")
			if len(person.asked) != 2 {
				t.Errorf("%d questions, want 2: %q", len(person.asked), person.asked)
			}
		})
	}
}

func TestHTTPTokenFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("0123456789abcdef0123\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url, _ := serveHTTP(t, newSharedClock(t), "--token-file", file)
	const ping = `{"jsonrpc":"2.0","id":1,"method":"initialize",` +
		`"params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	for _, test := range []struct {
		name, bearer, origin string
		want                 int
	}{
		{"right", "Bearer 0123456789abcdef0123", "", http.StatusOK},
		{"wrong", "Bearer 0123456789abcdef0124", "", http.StatusUnauthorized},
		{"none", "", "", http.StatusUnauthorized},
		{"a web page", "Bearer 0123456789abcdef0123", "https://evil.example", http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(ping))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Accept", "application/json, text/event-stream")
			if test.bearer != "" {
				request.Header.Set("Authorization", test.bearer)
			}
			if test.origin != "" {
				request.Header.Set("Origin", test.origin)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != test.want {
				t.Errorf("status %d, want %d", response.StatusCode, test.want)
			}
		})
	}
}

func TestHTTPRefusesToStart(t *testing.T) {
	loose := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(loose, []byte("0123456789abcdef0123"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"all interfaces", []string{"--addr", "0.0.0.0:0"}, "loopback"},
		{"a root", []string{"--root", "."}, "no paths"},
		{"a token others can read", []string{"--token-file", loose}, "chmod 600"},
		{"a mode that is none", []string{"--approval", "maybe"}, "auto, elicit, terminal, deny"},
		{"no time to answer", []string{"--answer-within", "1s", "--hold", "-1s"}, "nobody can read"},
		{"an origin that is none", []string{"--allow-origin", "localhost:6274"}, "not a web origin"},
		{"no sessions", []string{"--max-sessions", "0"}, "at least 1"},
		{"a negative hold", []string{"--answer-within", "1s", "--hold", "-1s"}, "negative"},
		{"an app that is none", []string{"--app", "Shop API"}, "is not a valid Fly app name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr strings.Builder
			home := t.TempDir()
			code := run(context.Background(), program{
				args:   append([]string{"http", "--sandbox"}, test.args...),
				lookup: func(name string) (string, bool) { return home, name == "HOME" },
				stdin:  strings.NewReader(""), stdout: io.Discard, stderr: &stderr, clock: wallClock{},
			})
			if code != 1 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit code %d, stderr %q, want %q", code, stderr.String(), test.want)
			}
		})
	}
}

// TestHTTPStop stops a server at work: the call that waits for its deploy gets
// the deploy's result, the one that waits for a person is told why it ends.
func TestHTTPStop(t *testing.T) {
	clock := newSharedClock(t)
	platform := flysim.New(clock.platform(flysim.Options{}))
	url, token, stop := serveHTTPOn(t, platform, clock, "--hold", "1h")
	var session string
	post := func(body string) *http.Response {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if session != "" {
			r.Header.Set("Mcp-Session-Id", session)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = response.Body.Close() })
		return response
	}
	next := func(messages *bufio.Scanner) (m rpcReply) {
		t.Helper()
		for messages.Scan() {
			data, ok := strings.CutPrefix(messages.Text(), "data: ")
			if !ok && !strings.HasPrefix(messages.Text(), "{") {
				continue
			}
			m = rpcReply{}
			if err := json.Unmarshal([]byte(data), &m); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(m.Method, "notifications/") {
				return m
			}
		}
		t.Fatalf("the answer ended: %v", messages.Err())
		return m
	}
	call := func(tool, arguments string) *bufio.Scanner {
		body := `{"jsonrpc":"2.0","id":7,"method":"tools/call",` +
			`"params":{"name":"` + tool + `","arguments":` + arguments + `}}`
		messages := bufio.NewScanner(post(body).Body)
		messages.Buffer(nil, 4<<20)
		return messages
	}
	structured := func(m rpcReply) (out map[string]any) {
		t.Helper()
		var result struct{ StructuredContent map[string]any }
		if err := json.Unmarshal(m.Result, &result); err != nil || result.StructuredContent == nil {
			t.Fatalf("no structured result: %s %s", m.Result, m.Error)
		}
		return result.StructuredContent
	}
	session = post(
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",` +
			`"capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}`,
	).Header.Get("Mcp-Session-Id")
	ready := func(app string) string {
		t.Helper()
		structured(next(call("allocate_flycast", `{"app":"`+app+`"}`)))
		draft, _ := structured(next(call("patch_services", `{"app":"`+app+`"}`)))["draft"].(string)
		return `{"app":"` + app + `","draft":"` + draft + `"}`
	}
	waits := call("deploy", ready("legacy-api"))
	if m := next(waits); m.Method != "elicitation/create" {
		t.Fatalf("got %s", m.Result)
	}
	script, err := fault.Parse("machine.update delay=30s")
	if err != nil {
		t.Fatal(err)
	}
	works := call("deploy", ready("shop-api"))
	question := next(works)
	platform.Play(script)
	clock.pass(3 * time.Second)
	post(`{"jsonrpc":"2.0","id":` + string(question.ID) + `,"result":{"action":"accept","content":{"confirm":true}}}`)
	for held := false; !held; time.Sleep(2 * time.Millisecond) {
		for _, c := range platform.Calls() {
			held = held || c.Operation == "machine.update" && c.Status == 0
		}
	}
	platform.ResetCalls()
	stop()
	if out := structured(next(waits)); out["status"] != "needs_approval" || out["code"] != "no_answer" {
		t.Errorf("the call that waits for a person: %v", out)
	}
	clock.pass(30 * time.Second)
	platform.Clock().Advance(0)
	if out := structured(next(works)); out["status"] != "partial" ||
		!strings.Contains(fmt.Sprint(out["summary"]), "interrupted: 1 of 2 updated") {
		t.Errorf("the call that waits for its work: %v", out)
	}
	for _, c := range platform.Writes() {
		if c.Operation == "machine.update" {
			t.Errorf("another Machine was updated after the stop: %+v", c)
		}
	}
}
