package fly

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/outside"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestSecretsStayOut lets a platform repeat what it was sent in its errors.
func TestSecretsStayOut(t *testing.T) {
	const secret = "correct horse battery"
	for _, status := range []int{400, 401, 403, 404, 409, 412, 418, 422, 429, 500, 503} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/lease") {
				_, _ = io.WriteString(w, `{"data":{"nonce":"nonce-of-the-lease"}}`)
				return
			}
			var body struct {
				Config struct {
					Env map[string]string `json:"env"`
				} `json:"config"`
			}
			_ = json.NewDecoder(r.Body).Decode(&body)
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]string{"error": strings.Join([]string{
				r.Header.Get("Authorization"), body.Config.Env["PASSWORD"], r.Header.Get("Fly-Machine-Lease-Nonce"),
				"\x1b[31mred\u202e\u200b\n\"quoted\"", strings.Repeat("x", 500)}, " ")})
		}))
		client, _ := testClient(t, server.URL)
		config, err := machine.ParseConfig([]byte(`{"env":{"PASSWORD":"` + secret + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		update := Update{ID: "0a", Config: config, CurrentInstance: "i", Lease: leased(t, client, "shop-api", "0a")}
		grant := grantFor(t, gate.Step{Verb: gate.UpdateMachine, App: "shop-api", Target: update.Target()})
		_, updated := client.UpdateMachine(t.Context(), grant, "shop-api", update)
		_, read := client.Machines(t.Context(), "shop-api")
		_, asked := client.CanBlueGreen(t.Context(), "shop-api")
		for _, err := range []error{updated, read, asked} {
			if err == nil {
				t.Fatalf("%d is no error", status)
			}
			text := err.Error()
			for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
				text += cause.Error()
			}
			for _, hidden := range []string{testToken, secret, "nonce-of-the-lease", "\x1b", "\u202e", "\u200b", "\n"} {
				if strings.Contains(text, hidden) {
					t.Errorf("%d: %q is in %q", status, hidden, text)
				}
			}
			if len(text) > 400 {
				t.Errorf("%d: %d characters", status, len(text))
			}
		}
		server.Close()
	}
}

// TestEchoedToken: a platform that repeats the token, changed, in its text and
// in the id of the request, through the real client.
func TestEchoedToken(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		w.Header().Set("Fly-Request-Id", base64.RawURLEncoding.EncodeToString([]byte(token))[:28])
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "denied: " + token[:16] + "...",
			"message": "denied: " + url.QueryEscape(token)[:20]})
	}))
	t.Cleanup(server.Close)
	client, _ := testClient(t, server.URL)
	_, err := client.Machines(t.Context(), "shop-api")
	e, ok := err.(*plan.Problem)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(e.Message, "denied: "+outside.Hidden) || strings.Contains(e.Message, testToken[:10]) ||
		!strings.Contains(e.RequestID, outside.Hidden) {
		t.Errorf("got %q, request %q", e.Message, e.RequestID)
	}
}
