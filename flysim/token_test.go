package flysim_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestScopes checks what each token may do, on every API.
func TestScopes(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	w.AddApp("other", "personal", "")
	w.AddApp("theirs", "partner", "")
	minted := w.Mint(flysim.Scope{Kind: flysim.TokenReadOnly, Org: "partner", Name: "audit",
		Expires: startTime.Add(time.Hour)})
	tokens := map[string]string{
		"full": w.Token(), "readonly": w.ReadOnlyToken(), "org": w.OrgToken("personal"), "partner": minted,
		"app": w.AppToken("demo"), "exec": w.ExecToken("demo"), "expired": w.ExpiredToken(), "none": "sandbox-unknown",
	}
	both := func(names ...string) string {
		var list []string
		for _, name := range names {
			list = append(list, tokens[name])
		}
		return strings.Join(list, ",")
	}
	tokens["app and readonly"] = both("app", "readonly")
	tokens["expired and app"] = both("expired", "app")
	const image = `{"config":{"image":"x"}}`
	for _, test := range []struct {
		send string
		want map[string]int // by token; the others get 401
	}{
		{"GET {one}", map[string]int{"full": 200, "readonly": 200, "org": 200, "partner": 403, "app": 200,
			"exec": 200, "app and readonly": 200, "expired and app": 200}},
		{"GET /v1/apps/other", map[string]int{"full": 200, "readonly": 200, "org": 200, "partner": 403,
			"app": 403, "exec": 403, "app and readonly": 200, "expired and app": 403}},
		{"GET /v1/apps/theirs", map[string]int{"full": 200, "readonly": 200, "org": 403, "partner": 200,
			"app": 403, "exec": 403, "app and readonly": 200, "expired and app": 403}},
		{"GET /v1/apps/nowhere", map[string]int{"full": 404, "readonly": 404, "org": 404, "partner": 404,
			"app": 403, "exec": 403, "app and readonly": 404, "expired and app": 403}},
		{"POST {one}/cordon", map[string]int{"full": 200, "readonly": 403, "org": 200, "partner": 403, "app": 200,
			"exec": 403, "app and readonly": 200, "expired and app": 200}},
		{"POST /v1/apps/other/machines " + image, map[string]int{"full": 200, "readonly": 403, "org": 200,
			"partner": 403, "app": 403, "exec": 403, "app and readonly": 403, "expired and app": 403}},
		{"POST /v1/apps/theirs/machines " + image, map[string]int{"full": 200, "readonly": 403, "org": 403,
			"partner": 403, "app": 403, "exec": 403, "app and readonly": 403, "expired and app": 403}},
		{`POST {one}/exec {"cmd":"true"}`, map[string]int{"full": 200, "readonly": 403, "org": 200,
			"partner": 403, "app": 200, "exec": 200, "app and readonly": 200, "expired and app": 200}},
		{"GET {one}/wait", map[string]int{"full": 200, "readonly": 200, "org": 200, "partner": 403, "app": 200,
			"exec": 200, "app and readonly": 200, "expired and app": 200}},
		{`POST {app}/secrets/A {"value":"b"}`, map[string]int{"full": 201, "readonly": 403, "org": 201,
			"partner": 403, "app": 201, "exec": 403, "app and readonly": 201, "expired and app": 201}},
		{"GET /v1/apps?org_slug=personal", map[string]int{"full": 200, "readonly": 200, "org": 200,
			"partner": 404, "app": 403, "exec": 403, "app and readonly": 200, "expired and app": 403}},
		{"GET /v1/apps?org_slug=partner", map[string]int{"full": 200, "readonly": 200, "org": 404, "partner": 200,
			"app": 403, "exec": 403, "app and readonly": 200, "expired and app": 403}},
		{"GET /v1/orgs/partner/machines", map[string]int{"full": 200, "readonly": 200, "org": 404, "partner": 200,
			"app": 403, "exec": 403, "app and readonly": 200, "expired and app": 403}},
		{"GET /api/v1/organizations/personal", map[string]int{"full": 200, "readonly": 200, "org": 200,
			"partner": 404, "app": 200, "exec": 200, "app and readonly": 200, "expired and app": 200}},
		{`POST /v1/apps {"name":"demo","org_slug":"partner"}`, map[string]int{"full": 422, "readonly": 403,
			"org": 404, "partner": 403, "app": 403, "exec": 403, "app and readonly": 403, "expired and app": 403}},
		{"GET /v1/platform/regions", map[string]int{"full": 200, "readonly": 200, "org": 200, "partner": 200,
			"app": 200, "exec": 200, "app and readonly": 200, "expired and app": 200}},
		{"GET /v1/tokens/current", map[string]int{"full": 200, "readonly": 200, "org": 200, "partner": 200,
			"app": 200, "exec": 200, "app and readonly": 200, "expired and app": 200}},
	} {
		for name, token := range tokens {
			parts := append(strings.SplitN(w.fill(test.send), " ", 3), "")
			got := ask(t, w.Platform, parts[0], parts[1], parts[2], "Authorization", "FlyV1 "+token)
			want, ok := test.want[name]
			if !ok {
				want = 401
			}
			if got.status != want {
				t.Errorf("%s with %s: %d %s, want %d", test.send, name, got.status, got.body, want)
			}
		}
	}
	kinds := make(map[flysim.TokenKind]bool)
	for _, call := range w.Calls() {
		kinds[call.Token] = true
	}
	if len(kinds) != 6 {
		t.Errorf("recorded kinds: %v", kinds)
	}
	w.Clock().Advance(time.Hour)
	wantStatus(t, ask(t, w.Platform, "GET", "/v1/apps/theirs", "", "Authorization", "Bearer "+minted), 401)
}

// TestDeployToken checks that a token made through the API works until it expires, and only for its
// app.
func TestDeployToken(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	secret := w.do(`POST {app}/deploy_token {"expiry":"1h"}`).get(t, "token")
	bearer := []string{"Authorization", "Bearer " + secret}
	wantStatus(t, ask(t, w.Platform, "POST", w.fill("{one}/stop"), "{}", bearer...), 200)
	got := ask(t, w.Platform, "GET", "/v1/tokens/current", "", bearer...)
	wantBody(t, got, "tokens.0.apps.0", "demo")
	wantBody(t, got, "tokens.0.org_slug", "personal")
	w.Clock().Advance(time.Hour)
	wantStatus(t, ask(t, w.Platform, "GET", w.fill("{one}"), "", bearer...), 401)
}

// TestSecretsAreNotRecorded checks that recorded calls, which are shown to people, do not have the
// values of secrets.
func TestSecretsAreNotRecorded(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	_, rest := clients(t, w.Platform)
	value := "hunter2"
	set, err := rest.SetAppSecret(t.Context(), "demo", "A", value)
	if err != nil || set.Version != 1 || set.Digest == "" || set.Value != nil {
		t.Fatalf("%+v, %v", set, err)
	}
	updated, err := rest.UpdateAppSecrets(t.Context(), "demo", map[string]*string{"B": &value, "A": nil})
	if err != nil || updated.Version != 3 || len(updated.Secrets) != 1 {
		t.Fatalf("%+v, %v", updated, err)
	}
	again, err := rest.SetAppSecret(t.Context(), "demo", "C", value)
	if err != nil || again.Digest == updated.Secrets[0].Digest || again.Digest == set.Digest {
		t.Errorf("equal values must have different digests: %+v, %v", again, err)
	}
	list, err := rest.ListAppSecrets(t.Context(), "demo", &again.Version, true)
	if err != nil || len(list) != 2 || list[0].Value != nil {
		t.Errorf("%+v, %v", list, err)
	}
	if one, err := rest.GetAppSecrets(t.Context(), "demo", "B", nil, true); err != nil || one.Value != nil {
		t.Errorf("%+v, %v", one, err)
	}
	if gone, err := rest.DeleteAppSecret(t.Context(), "demo", "B"); err != nil || gone.Version != 5 {
		t.Errorf("%+v, %v", gone, err)
	}
	for _, call := range w.Calls() {
		if strings.Contains(string(call.Body), value) {
			t.Errorf("%s recorded %s", call.Operation, call.Body)
		}
	}
}

func TestRegionsThroughFlyGo(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	_, rest := clients(t, w.Platform)
	data, err := rest.GetRegions(t.Context())
	if err != nil || data.Nearest != "iad" || len(data.Regions) < 18 {
		t.Fatalf("%+v, %v", data, err)
	}
	var open []string
	for _, r := range data.Regions {
		if r.Code == "" || r.Name == "" || r.Latitude == 0 || r.GeoRegion == "" || r.Deprecated != (r.Capacity == 0) {
			t.Errorf("%+v", r)
		}
		if !r.Deprecated {
			open = append(open, r.Code)
		}
	}
	if len(open) != 18 || !slices.IsSorted(open) {
		t.Errorf("open: %v", open)
	}
}

// TestRateLimitOfOneMachine checks that reading one Machine has its own limit, that each action has
// its own, and that the other APIs have none.
func TestRateLimitOfOneMachine(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	limited := newDemoApp(t, flysim.Options{RateLimits: true})
	for name, test := range map[string]struct {
		send string
		pass int
		wait string
	}{
		"get":        {"GET {one}", 10, "1"},
		"cordon":     {"POST {one}/cordon", 3, "1"},
		"lease":      {"GET {one}/lease", 3, "1"},
		"list":       {"GET {app}/machines", 3, "1"},
		"metadata":   {"GET {one}/metadata", 3, "1"},
		"regions":    {"GET /v1/platform/regions", 3, "1"},
		"graphql":    {`POST /graphql {"query":"{viewer{email}}"}`, 20, ""},
		"uiex":       {"GET /api/v1/organizations/personal", 20, ""},
		"app create": {`POST /v1/apps {"name":"-","org_slug":"personal"}`, 3, "1"},
	} {
		for _, w := range []*demoApp{w, limited} {
			parts := append(strings.SplitN(w.fill(test.send), " ", 3), "")
			passed, wait := 0, ""
			for range 20 {
				got := ask(t, w.Platform, parts[0], parts[1], parts[2])
				if got.status == 429 {
					wait = got.header.Get("Retry-After")
					break
				}
				passed++
			}
			want, after := 20, ""
			if w == limited {
				want, after = test.pass, test.wait
			}
			if passed != want || wait != after {
				t.Errorf("%s: %d passed, Retry-After %q; want %d, %q", name, passed, wait, want, after)
			}
		}
	}
}
