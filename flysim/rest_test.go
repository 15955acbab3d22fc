package flysim_test

import (
	"encoding/json"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

func TestTokens(t *testing.T) {
	p := seeded(t, flysim.Options{})
	readOnly, appOnly := p.ReadOnlyToken(), p.AppToken("shop-api")
	for _, test := range []struct {
		name, authorization, method, path, body string
		want                                    int
	}{
		{"none", "", "GET", shop, "", 401},
		{"unknown", "Bearer fo1_real", "GET", shop, "", 401},
		{"app token never handed out", "Bearer " + p.Token() + "-app-tenant-7", "GET", "/v1/apps/tenant-7", "", 401},
		{"no scheme", p.Token(), "GET", shop, "", 401},
		{"none on graphql", "", "POST", "/graphql", `{"query":"{viewer{email}}"}`, 401},
		{"full", "Bearer " + p.Token(), "GET", shop, "", 200},
		{"FlyV1", "FlyV1 " + p.Token(), "GET", shop, "", 200},
		{"among others", "FlyV1 fm2_x," + p.Token(), "GET", shop, "", 200},
		{"read-only reads", "Bearer " + readOnly, "GET", shop + "/machines", "", 200},
		{"read-only stops", "Bearer " + readOnly, "POST", shop + "/machines/" + shopA + "/stop", "{}", 403},
		{"read-only leases", "Bearer " + readOnly, "POST", shop + "/machines/" + shopA + "/lease?ttl=5", "", 403},
		{"read-only releases", "Bearer " + readOnly, "DELETE", shop + "/ip_assignments/66.241.124.11", "", 403},
		{"app token, own app", "Bearer " + appOnly, "GET", shop, "", 200},
		{"app token, other app", "Bearer " + appOnly, "GET", "/v1/apps/tenant-7/machines", "", 403},
		{"app token lists", "Bearer " + appOnly, "GET", "/v1/apps?org_slug=personal", "", 403},
		{"app token creates", "Bearer " + appOnly, "POST", "/v1/apps", `{"name":"x","org_slug":"personal"}`, 403},
		{"app token, release of another app", "Bearer " + appOnly, "PATCH", "/api/v1/releases/Hb8qXw5TnJ3zFd6M",
			`{"status":"failed"}`, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, p, test.method, test.path, test.body, "Authorization", test.authorization)
			wantStatus(t, got, test.want)
			if got.header.Get("Fly-Request-Id") == "" {
				t.Error("no fly-request-id")
			}
			if test.want == 403 {
				wantBody(t, got, "error", "unauthorized")
			}
		})
	}
	if got := p.Machine("shop-api", shopA); got.State != "started" || got.LeaseOwner != "" ||
		len(p.Addresses("shop-api")) != 2 {
		t.Errorf("a refused call changed something: %+v", got)
	}
}

func TestApps(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.TakeName("somebody-elses")
	wantBody(t, ask(t, p, "GET", shop, ""), "network", "default")
	wantBody(t, ask(t, p, "GET", "/v1/apps/tenant-7", ""), "network", "tenant-7")
	wantBody(t, ask(t, p, "GET", shop, ""), "status", "deployed")
	wantBody(t, ask(t, p, "GET", shop, ""), "organization.slug", "personal")

	got := ask(t, p, "GET", "/v1/apps/no-such", "")
	wantStatus(t, got, 404)
	wantBody(t, got, "error", "app not found")
	got = ask(t, p, "GET", "/v1/apps/somebody-elses", "")
	wantStatus(t, got, 403)
	for _, name := range []string{"shop-api", "somebody-elses"} {
		got = ask(t, p, "POST", "/v1/apps", `{"name":"`+name+`","org_slug":"personal"}`)
		wantStatus(t, got, 422)
		wantBody(t, got, "status", "name_taken")
	}
	wantBody(t, ask(t, p, "GET", "/v1/apps?org_slug=personal", ""), "total_apps", "5")
	wantBody(t, ask(t, p, "GET", "/v1/apps?org_slug=partner", ""), "apps", "[]")
	wantStatus(t, ask(t, p, "GET", "/v1/apps?org_slug=nobody", ""), 404)
	wantStatus(t, ask(t, p, "GET", "/v1/apps", ""), 400)
	wantStatus(t, ask(t, p, "GET", "/v1/nothing", ""), 404)

	p = seeded(t, flysim.Options{OmitAppNetwork: true})
	wantBody(t, ask(t, p, "GET", shop, ""), "network", "null")
}

func TestMachineList(t *testing.T) {
	p := seeded(t, flysim.Options{})
	for _, test := range []struct {
		path string
		want int
	}{
		{"/v1/apps/inner-circle/machines", 2},
		{"/v1/apps/inner-circle/machines?state=stopped", 1},
		{"/v1/apps/inner-circle/machines?state=started,stopped", 2},
		{"/v1/apps/inner-circle/machines?region=iad", 0},
		{"/v1/apps/legacy-api/machines?metadata.fly_process_group=worker", 1},
	} {
		var list []json.RawMessage
		got := ask(t, p, "GET", test.path, "")
		if err := json.Unmarshal(got.body, &list); err != nil || len(list) != test.want {
			t.Errorf("%s: %d Machines, want %d (%v)", test.path, len(list), test.want, err)
		}
	}
	got := ask(t, p, "GET", shop+"/machines/"+shopA, "")
	wantBody(t, got, "host_status", "ok")
	wantBody(t, got, "checks.0.name", "servicecheck-00-http-8080")
	wantBody(t, got, "checks.0.status", "passing")
	wantBody(t, got, "image_ref.repository", "shop-api")
	wantBody(t, got, "private_ip", "fdaa:2:1c4f:a7b:8e21:ea7d:9d89:2")
	wantBody(t, got, "config.services.0.force_instance_key", "null")
	wantStatus(t, ask(t, p, "GET", shop+"/machines/28740d5b0d9e78", ""), 404) // of another app
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/metadata", ""), "fly_process_group", "app")
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/events", ""), "0.type", "start")
}
