package fly

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
)

func TestParseEnvironment(t *testing.T) {
	three := func(base string) map[string]string {
		return map[string]string{"FLY_API_BASE_URL": base, "FLY_FLAPS_BASE_URL": base, "FLY_UIEX_BASE_URL": base}
	}
	with := func(env map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			env[more[i]] = more[i+1]
		}
		return env
	}
	tests := []struct {
		name          string
		env           map[string]string
		allowLoopback bool
		want          Endpoints
		token         string
		problems      []string // parts of the error's lines, in order; none: accepted
	}{
		{name: "nothing", want: Production()},
		{name: "token", env: map[string]string{"FLY_API_TOKEN": " fm2_abc "}, want: Production(), token: "fm2_abc"},
		{name: "access token wins", env: map[string]string{"FLY_API_TOKEN": "a", "FLY_ACCESS_TOKEN": "b"},
			want: Production(), token: "b"},
		{name: "present and empty wins", env: map[string]string{"FLY_API_TOKEN": "a", "FLY_ACCESS_TOKEN": ""},
			want: Production()},
		{name: "sandbox", env: with(three("http://127.0.0.1:8080"), "FLY_API_TOKEN", "sandbox-1"),
			want: Endpoints{"http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"}, token: "sandbox-1"},
		{name: "IPv6 loopback", env: with(three("http://[::1]:8080"), "FLY_API_TOKEN", "sandbox-1"),
			want: Endpoints{"http://[::1]:8080", "http://[::1]:8080", "http://[::1]:8080"}, token: "sandbox-1"},
		{name: "private network",
			env:  with(three("https://api.fly.io"), "FLY_FLAPS_BASE_URL", "http://_api.internal:4280", "FLY_API_TOKEN", "t"),
			want: Endpoints{"https://api.fly.io", "http://_api.internal:4280", "https://api.fly.io"}, token: "t"},
		{name: "real token, loopback allowed", env: with(three("http://localhost:1"), "FLY_API_TOKEN", "t"),
			allowLoopback: true,
			want:          Endpoints{"http://localhost:1", "http://localhost:1", "http://localhost:1"}, token: "t"},
		{name: "empty base URLs are not set", env: three(""), want: Production()},

		{name: "one of three", env: map[string]string{"FLY_FLAPS_BASE_URL": "http://127.0.0.1:1"},
			problems: []string{"FLY_API_BASE_URL and FLY_UIEX_BASE_URL must be set too"}},
		{name: "two of three", env: with(three("http://127.0.0.1:1"), "FLY_UIEX_BASE_URL", ""),
			problems: []string{"FLY_UIEX_BASE_URL must be set too"}},
		{name: "plain http", env: three("http://api.fly.io"),
			problems: []string{"FLY_API_BASE_URL is plain http", "FLY_FLAPS_BASE_URL is plain http",
				"FLY_UIEX_BASE_URL is plain http"}},
		{name: "name that looks like the private one",
			env:      with(three("https://api.fly.io"), "FLY_FLAPS_BASE_URL", "http://x_api.internal"),
			problems: []string{"FLY_FLAPS_BASE_URL is plain http"}},
		{name: "name that looks like loopback",
			env:      with(three("http://127.0.0.1"), "FLY_FLAPS_BASE_URL", "http://127.0.0.1.example.com"),
			problems: []string{"FLY_FLAPS_BASE_URL is plain http"}},
		{name: "sandbox token to Fly", env: map[string]string{"FLY_API_TOKEN": "sandbox-1"},
			problems: []string{"FLY_API_BASE_URL names api.fly.io", "FLY_FLAPS_BASE_URL names api.machines.dev",
				"FLY_UIEX_BASE_URL names api.fly.io"}},
		{name: "real token to loopback", env: with(three("http://127.0.0.1:1"), "FLY_ACCESS_TOKEN", "fm2_x"),
			problems: []string{"FLY_API_BASE_URL names a loopback", "FLY_FLAPS_BASE_URL names a loopback",
				"FLY_UIEX_BASE_URL names a loopback"}},
		{name: "real token hidden among sandbox tokens",
			env: with(three("http://127.0.0.1:1"), "FLY_ACCESS_TOKEN", "Bearer sandbox-1, fm2_x"),
			problems: []string{"FLY_API_BASE_URL names a loopback", "FLY_FLAPS_BASE_URL names a loopback",
				"FLY_UIEX_BASE_URL names a loopback"}},
		{name: "sandbox token hidden among real ones", env: map[string]string{"FLY_ACCESS_TOKEN": "flyv1 fm2_x,sandbox-1"},
			problems: []string{"FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL", "FLY_UIEX_BASE_URL"}},
		{name: "no URLs", env: with(three("://"), "FLY_API_BASE_URL", "api.fly.io", "FLY_UIEX_BASE_URL", "ftp://api.fly.io"),
			problems: []string{"FLY_API_BASE_URL is not a URL", "FLY_FLAPS_BASE_URL is not a URL",
				"FLY_UIEX_BASE_URL is neither"}},
		{name: "password and query",
			env: with(three("https://api.fly.io"), "FLY_API_BASE_URL", "https://u:hunter2@api.fly.io",
				"FLY_UIEX_BASE_URL", "https://api.fly.io?x=hunter2"),
			problems: []string{"FLY_API_BASE_URL has more", "FLY_UIEX_BASE_URL has more"}},
		{name: "control character", env: map[string]string{"FLY_API_TOKEN": "hunter2\nx"},
			problems: []string{"control character"}},
		{name: "all at once", env: map[string]string{"FLY_API_TOKEN": "hunter2\tx", "FLY_API_BASE_URL": "http://example.com"},
			problems: []string{"FLY_FLAPS_BASE_URL and FLY_UIEX_BASE_URL must be set too", "control character",
				"FLY_API_BASE_URL is plain http"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lookup := func(key string) (string, bool) { v, ok := test.env[key]; return v, ok }
			got, token, err := ParseEnvironment(lookup, test.allowLoopback)
			if len(test.problems) == 0 {
				if err != nil || got != test.want || token.reveal() != test.token {
					t.Fatalf("got %+v, token %q, error %v; want %+v, token %q", got, token.reveal(), err, test.want, test.token)
				}
				return
			}
			if err == nil {
				t.Fatalf("accepted; want a refusal")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(test.problems) {
				t.Fatalf("got %d problems, want %d:\n%v", len(lines), len(test.problems), err)
			}
			for i, part := range test.problems {
				if !strings.Contains(lines[i], part) {
					t.Errorf("problem %d: got %q, want %q in it", i, lines[i], part)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells a secret: %v", err)
			}
			if got != (Endpoints{}) || !token.Empty() {
				t.Errorf("a refusal came with %+v", got)
			}
		})
	}
}

func TestTokenPrintsAsMask(t *testing.T) {
	const secret = "fm2_lJPECAAAAAAAAAAB"
	token := NewToken(secret)
	client, err := New(Options{Token: token, UserAgent: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		token  Token
		Public Token
		client *Client
	}{token, token, client}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "token", token, "client", client, "holder", holder)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "token", token, "client", client, "holder", holder)
	marshalled, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{logged.String(), string(marshalled)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, value := range []any{token, &token, holder, &holder, client, *client} {
			printed = append(printed, fmt.Sprintf(verb, value))
		}
	}
	for _, text := range printed {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("the token is in %.200q", text)
		}
	}
	if got := token.String(); got != outside.Hidden {
		t.Errorf("String is %q, want %q", got, outside.Hidden)
	}
}

func TestZeroEndpointsAreFly(t *testing.T) {
	if err := (Endpoints{}).Check(NewToken("sandbox-1"), true); err == nil {
		t.Error("a sandbox's token may go to Fly.io")
	}
	if _, err := New(Options{Token: NewToken("sandbox-1")}); CodeOf(err) != gate.InvalidInput {
		t.Errorf("a client that sends a sandbox's token to Fly.io: %v", err)
	}
}
