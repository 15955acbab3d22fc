package fly

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// TestProcessEnvironmentHasNoSay sets every variable that fly-go reads.
func TestProcessEnvironmentHasNoSay(t *testing.T) {
	var stolen, calls counter
	thief := httptest.NewServer(stolen.wrap(answerOK))
	defer thief.Close()
	server := httptest.NewServer(calls.wrap(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/prefix")
		http.SetCookie(w, &http.Cookie{Name: "fly_flaps_affinity", Value: "there", Path: "/"})
		answerOK(w, r)
	}))
	defer server.Close()
	for _, base := range []string{
		thief.URL, thief.URL + "/v2?x=y#z", "http://user:hunter2@" + strings.TrimPrefix(thief.URL, "http://"),
		"garbage", "mailto:somebody", "//", "?",
	} {
		t.Run(base, func(t *testing.T) {
			calls.requests = nil
			t.Setenv("FLY_FLAPS_BASE_URL", base)
			t.Setenv("FLY_API_BASE_URL", base)
			t.Setenv("FLY_UIEX_BASE_URL", base)
			t.Setenv("FLY_FORCE_INSTANCE_ID", "instance")
			t.Setenv("FLY_FORCE_REGION", "iad")
			t.Setenv("FLY_FORCE_TRACE", "1")
			t.Setenv("FLY_API_TOKEN", "sandbox-of-the-environment")
			client, _ := testClient(t, server.URL+"/prefix/")
			for kind, read := range reads() {
				for range 2 {
					if err := read(t.Context(), client); err != nil {
						t.Errorf("%s: %v", kind, err)
					}
				}
			}
			if got := calls.count(); got != 4 {
				t.Fatalf("%d requests, want 4", got)
			}
			cookies := 0
			for _, r := range calls.requests {
				if got, want := r.Header.Get("Authorization"), "Bearer "+testToken; got != want {
					t.Errorf("%s: authorization %q, want %q", r.URL, got, want)
				}
				if got, want := r.Header.Get("User-Agent"), "flycast-mcp/test"; got != want {
					t.Errorf("%s: user agent %q, want %q", r.URL, got, want)
				}
				for _, header := range []string{"Fly-Force-Instance-Id", "Fly-Force-Region", "Fly-Force-Trace"} {
					if got := r.Header.Get(header); got != "" {
						t.Errorf("%s: %s is %q", r.URL, header, got)
					}
				}
				if r.URL.Path != "/graphql" && r.URL.Path != "/v1/apps/shop-api/machines" || r.URL.RawQuery != "" {
					t.Errorf("asked for %s", r.URL)
				}
				if cookie, err := r.Cookie("fly_flaps_affinity"); err == nil && cookie.Value == "there" {
					cookies++
				}
			}
			if cookies != 1 {
				t.Errorf("the affinity cookie came back %d times, want once, with the second REST read", cookies)
			}
		})
	}
	if n := stolen.count(); n != 0 {
		t.Errorf("%d requests reached the environment's host", n)
	}

	t.Setenv("FLY_FLAPS_BASE_URL", "http://[::1")
	if _, err := New(Options{UserAgent: "flycast-mcp/test"}); CodeOf(err) != gate.InvalidInput {
		t.Errorf("a FLY_FLAPS_BASE_URL that is no URL: got %v, want invalid_input", err)
	}
}
