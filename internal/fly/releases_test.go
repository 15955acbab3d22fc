package fly

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

func TestReleaseLife(t *testing.T) {
	const app = "shop-api"
	p, client := sandboxClient(t, flysim.Options{})
	ctx := t.Context()
	before, err := client.Release(ctx, app)
	if err != nil || before.Version != 14 || before.Status != ReleaseComplete || before.ID == "" ||
		before.Image == "" || before.CreatedAt.IsZero() {
		t.Fatalf("%+v, %v", before, err)
	}
	in := NewRelease{Definition: json.RawMessage(`{"app":"shop-api","invented":{"n":1.50}}`),
		Image: "registry.fly.io/shop-api:2", Strategy: "rolling"}
	p.ResetCalls()
	made, err := client.CreateRelease(ctx, oneStep(t, gate.CreateRelease, app, in.Target()), app, in)
	if err != nil || made.Version != 15 || made.Strategy != "ROLLING" || made.Image != in.Image {
		t.Fatalf("%+v, %v", made, err)
	}
	for _, step := range []struct {
		update ReleaseUpdate
		body   string
	}{
		{ReleaseUpdate{Status: ReleaseRunning}, `{"status":"running","metadata":null}`},
		{ReleaseUpdate{Status: ReleaseInterrupted},
			`{"status":"interrupted","metadata":{"post_deployment_info":{"flyctl_version":"flycast-mcp/test","error":""}}}`},
		{ReleaseUpdate{Status: ReleaseFailed, Problem: "a\nb"},
			`{"status":"failed","metadata":{"post_deployment_info":{"flyctl_version":"flycast-mcp/test","error":"a b"}}}`},
		{ReleaseUpdate{Status: ReleaseComplete},
			`{"status":"complete","metadata":{"post_deployment_info":{"flyctl_version":"flycast-mcp/test","error":""}}}`},
	} {
		if err := client.UpdateRelease(ctx, oneStep(t, gate.UpdateRelease, app, string(step.update.Status)), app,
			made, step.update); err != nil {
			t.Fatal(err)
		}
		calls := p.Calls()
		if got := string(calls[len(calls)-1].Body); got != step.body {
			t.Errorf("body %s, want %s", got, step.body)
		}
		if truth := p.Releases(app)[0]; truth.ID != made.ID || truth.Status != string(step.update.Status) {
			t.Errorf("platform %+v, want %s", truth, step.update.Status)
		}
	}
	list, err := client.Releases(ctx, app, 5)
	if err != nil || len(list) != 2 || list[0].ID != made.ID || list[0].Status != ReleaseComplete ||
		list[1].ID != before.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if !strings.Contains(string(list[0].Definition), `"n":1.5`) {
		t.Errorf("definition %s", list[0].Definition)
	}
	if one, err := client.Releases(ctx, app, 1); err != nil || len(one) != 1 {
		t.Errorf("%+v, %v", one, err)
	}

	// Over uiex the id alone decides which release is changed.
	p.ResetCalls()
	other, err := client.Release(ctx, "legacy-api")
	if err != nil {
		t.Fatal(err)
	}
	p.ResetCalls()
	for name, release := range map[string]Release{"another app's": other, "made up": {ID: made.ID}, "none": {}} {
		err := client.UpdateRelease(ctx, oneStep(t, gate.UpdateRelease, app, "failed"), app, release,
			ReleaseUpdate{Status: ReleaseFailed})
		if CodeOf(err) != gate.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []NewRelease{{Strategy: "rolling"},
		{Strategy: "rolling", Definition: json.RawMessage(`[1]`)}, {Definition: json.RawMessage(`{}`)}} {
		_, err := client.CreateRelease(ctx, oneStep(t, gate.CreateRelease, app, bad.Target()), app, bad)
		checkCode(t, err, gate.InvalidInput)
	}
	checkCalls(t, p)
}

// TestUIEX checks where requests to uiex go and with what: every token as
// Bearer, the base URL's prefix, nothing to the other hosts.
func TestUIEX(t *testing.T) {
	var seen []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		w.Write([]byte(`{"release":{"id":"rel_1","version":1}}`))
	}))
	defer server.Close()
	client, _ := testClient(t, server.URL, func(o *Options) {
		o.Endpoints = Endpoints{API: "http://127.0.0.1:1", Flaps: "http://127.0.0.1:1", UIEX: server.URL + "/prefix"}
		o.Token, o.AllowLoopback = NewToken("FlyV1 fm2_abc, sandbox-1"), true
	})
	in := NewRelease{Definition: json.RawMessage(`{}`), Image: "i", Strategy: "canary"}
	if _, err := client.CreateRelease(t.Context(), oneStep(t, gate.CreateRelease, "a", in.Target()), "a", in); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 {
		t.Fatalf("%d requests", len(seen))
	}
	r := seen[0]
	if r.URL.Path != "/prefix/api/v1/releases" || r.Header.Get("Authorization") != "Bearer fm2_abc,sandbox-1" ||
		r.Header.Get("Content-Type") != "application/json" || r.Header.Get("User-Agent") != "flycast-mcp/test" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}

	empty, _ := testClient(t, server.URL, func(o *Options) { o.Token = NewToken("") })
	_, err := empty.CreateRelease(t.Context(), oneStep(t, gate.CreateRelease, "a", in.Target()), "a", in)
	checkCode(t, err, gate.Unauthorized)
	if len(seen) != 1 {
		t.Error("a request without a token")
	}
	_, err = New(Options{Endpoints: Endpoints{API: server.URL, Flaps: server.URL}, Token: NewToken("sandbox-1")})
	checkCode(t, err, gate.InvalidInput)
}
