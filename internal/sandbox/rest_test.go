package sandbox_test

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

func TestTokens(t *testing.T) {
	p := seeded(t, sandbox.Options{})
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
		{"app token, release of another app", "Bearer " + appOnly, "PATCH", "/api/v1/releases/Hb8qXw5TnJ3zFd6M", `{"status":"failed"}`, 403},
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
	if got := p.Machine("shop-api", shopA); got.State != "started" || got.LeaseOwner != "" || len(p.Addresses("shop-api")) != 2 {
		t.Errorf("a refused call changed something: %+v", got)
	}
}

func TestApps(t *testing.T) {
	p := seeded(t, sandbox.Options{})
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

	p = seeded(t, sandbox.Options{OmitAppNetwork: true})
	wantBody(t, ask(t, p, "GET", shop, ""), "network", "null")
}

func TestMachineList(t *testing.T) {
	p := seeded(t, sandbox.Options{})
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
	wantStatus(t, ask(t, p, "GET", shop+"/machines/28740d5b0d9e78", ""), 404) // another app's
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/metadata", ""), "fly_process_group", "app")
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/events", ""), "0.type", "start")
}

// update sends the Machine's own configuration, changed by edit, back to it.
func update(t *testing.T, p *sandbox.Platform, edit func(config map[string]any), extra map[string]any, headers ...string) reply {
	t.Helper()
	var m struct {
		Config map[string]any `json:"config"`
	}
	if err := json.Unmarshal(ask(t, p, "GET", shop+"/machines/"+shopA, "").body, &m); err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(m.Config)
	}
	in := map[string]any{"config": m.Config}
	for key, value := range extra {
		in[key] = value
	}
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return ask(t, p, "POST", shop+"/machines/"+shopA, string(body), headers...)
}

func TestUpdate(t *testing.T) {
	p := seeded(t, sandbox.Options{})
	before := p.Machine("shop-api", shopA)
	got := update(t, p, func(config map[string]any) {
		config["from_next_year"] = map[string]any{"depth": []any{1.0, "two"}}
		delete(config, "guest")
		service := config["services"].([]any)[0].(map[string]any)
		service["autostop"] = "stop"
		service["auto_stop_machines"] = "off"
		service["auto_start_machines"] = false
		service["new_proxy_field"] = true
	}, map[string]any{"current_version": before.InstanceID, "unknown_input": 1})
	wantStatus(t, got, 200)
	wantBody(t, got, "config.from_next_year.depth.1", "two")
	wantBody(t, got, "config.guest", "null")
	wantBody(t, got, "config.services.0.autostop", "true")
	wantBody(t, got, "config.services.0.auto_stop_machines", "null")
	wantBody(t, got, "config.services.0.auto_start_machines", "null")
	wantBody(t, got, "config.services.0.new_proxy_field", "true")
	after := p.Machine("shop-api", shopA)
	if after.InstanceID <= before.InstanceID || len(after.Events) <= len(before.Events) || after.State != "started" {
		t.Errorf("after the update: %+v", after)
	}
	got = update(t, p, nil, map[string]any{"current_version": before.InstanceID})
	wantStatus(t, got, 412)
	if now := p.Machine("shop-api", shopA); now.InstanceID != after.InstanceID {
		t.Error("an update against an old version took effect")
	}
	for name, edit := range map[string]func(map[string]any){
		"no image":        func(c map[string]any) { delete(c, "image") },
		"autostop word":   func(c map[string]any) { c["services"].([]any)[0].(map[string]any)["autostop"] = "maybe" },
		"services a text": func(c map[string]any) { c["services"] = "none" },
	} {
		if got := update(t, p, edit, nil); got.status != 400 {
			t.Errorf("%s: status %d: %s", name, got.status, got.body)
		}
	}
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA, `{"config":null}`), 400)
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA, `{`), 400)
}

func TestUpdateOfStopped(t *testing.T) {
	p := seeded(t, sandbox.Options{})
	p.StopMachine("shop-api", shopA)
	wantBody(t, update(t, p, nil, map[string]any{"skip_launch": true}), "state", "stopped")
	wantBody(t, update(t, p, nil, nil), "state", "started")
	wantBody(t, update(t, p, nil, map[string]any{"skip_launch": true}), "state", "stopped")
}

func TestLease(t *testing.T) {
	clock := sandbox.NewClock(func() time.Time { return start })
	p := seeded(t, sandbox.Options{Clock: clock})
	lease := shop + "/machines/" + shopA + "/lease"
	wantStatus(t, ask(t, p, "GET", lease, ""), 404)
	got := ask(t, p, "POST", lease+"?ttl=13", "")
	wantStatus(t, got, 201)
	wantBody(t, got, "status", "success")
	mine := got.get(t, "data.nonce")
	wantBody(t, ask(t, p, "GET", lease, ""), "data.nonce", mine)

	want := "machine ID " + shopA + " lease currently held by dev@example.com, expires at 2026-11-22T12:00:13Z"
	for name, refused := range map[string]reply{
		"lease":         ask(t, p, "POST", lease+"?ttl=13", ""),
		"foreign nonce": ask(t, p, "POST", lease+"?ttl=13", "", nonce, "0123"),
		"update":        update(t, p, nil, nil),
		"start":         ask(t, p, "POST", shop+"/machines/"+shopA+"/start", ""),
		"stop":          ask(t, p, "POST", shop+"/machines/"+shopA+"/stop", "{}"),
		"release":       ask(t, p, "DELETE", lease, ""),
	} {
		if refused.status != http.StatusConflict || refused.get(t, "error") != want {
			t.Errorf("%s: %d %s", name, refused.status, refused.body)
		}
	}
	wantStatus(t, update(t, p, nil, nil, nonce, mine), 200)

	clock.Advance(10 * time.Second)
	got = ask(t, p, "POST", lease+"?ttl=13", "", nonce, mine)
	wantStatus(t, got, 201)
	wantBody(t, got, "data.nonce", mine)
	clock.Advance(12 * time.Second) // past the first end, within the refreshed one
	wantStatus(t, update(t, p, nil, nil, nonce, mine), 200)
	clock.Advance(time.Second)
	wantStatus(t, ask(t, p, "GET", lease, ""), 404)
	wantStatus(t, update(t, p, nil, nil, nonce, mine), 409) // a lapsed lease protects nothing
	wantStatus(t, update(t, p, nil, nil), 200)
	wantStatus(t, ask(t, p, "DELETE", lease, "", nonce, mine), 404)

	other := p.HoldLease("shop-api", shopA, "ci@tokens.fly.io", time.Minute)
	wantStatus(t, ask(t, p, "POST", lease+"?ttl=13", ""), 409)
	wantStatus(t, ask(t, p, "DELETE", lease, "", nonce, other), 200)
	wantStatus(t, ask(t, p, "POST", lease+"?ttl=0", ""), 400)
}

func TestWait(t *testing.T) {
	clock := sandbox.NewClock(func() time.Time { return start })
	p := seeded(t, sandbox.Options{Clock: clock, StartDelay: 4 * time.Second, CheckDelay: 3 * time.Second})
	wait := shop + "/machines/" + shopA + "/wait"
	wantStatus(t, ask(t, p, "GET", wait+"?state=started&timeout=60", ""), 200)
	for path, want := range map[string]int{
		wait + "?state=started&timeout=61":                        400,
		wait + "?state=started&timeout=0":                         400,
		wait + "?state=flying":                                    400,
		wait + "?state=stopped":                                   400,
		wait + "?state=started&instance_id=01NEVER":               404,
		shop + "/machines/00000000000000/wait?state=started":      404,
		"/v1/apps/no-such/machines/" + shopA + "/wait?state=stop": 400,
	} {
		if got := ask(t, p, "GET", path, ""); got.status != want {
			t.Errorf("%s: %d, want %d: %s", path, got.status, want, got.body)
		}
	}
	wantBody(t, ask(t, p, "GET", wait+"?state=stopped", ""), "error", "instance_id required when waiting for stopped machine")

	old := p.Machine("shop-api", shopA).InstanceID
	wantBody(t, update(t, p, nil, nil), "state", "replacing")
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/start", ""), 412)
	wantStatus(t, ask(t, p, "GET", wait+"?state=stopped&instance_id="+old, ""), 200) // that version is gone

	answers := make(chan reply)
	go func() { answers <- ask(t, p, "GET", wait+"?state=started&timeout=5", "") }()
	advance(p, "machine.wait", 4*time.Second)
	wantStatus(t, <-answers, 200)
	got := ask(t, p, "GET", shop+"/machines/"+shopA, "")
	wantBody(t, got, "state", "started")
	wantBody(t, got, "checks.0.status", "warning")
	clock.Advance(3 * time.Second)
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA, ""), "checks.0.status", "passing")

	p.StopMachine("shop-api", shopA)
	go func() { answers <- ask(t, p, "GET", wait+"?state=started&timeout=7", "") }()
	advance(p, "machine.wait", 7*time.Second)
	got = <-answers
	wantStatus(t, got, 408)
	wantBody(t, got, "error", "machine failed to reach desired state, started, currently stopped")

	go func() { answers <- ask(t, p, "GET", wait+"?state=started&timeout=60", "") }()
	advance(p, "machine.wait", time.Second)
	p.StartMachine("shop-api", shopA) // somebody else's doing wakes the wait as well
	advance(p, "machine.wait", 4*time.Second)
	wantStatus(t, <-answers, 200)
}

// advance moves the clock once a call of the operation has arrived that has
// not been answered yet.
func advance(p *sandbox.Platform, operation string, d time.Duration) {
	for ; ; runtime.Gosched() {
		calls := p.Calls()
		if len(calls) == 0 {
			continue
		}
		if last := calls[len(calls)-1]; last.Operation == operation && last.Status == 0 {
			p.Clock().Advance(d)
			return
		}
	}
}

func TestFailures(t *testing.T) {
	p := seeded(t, sandbox.Options{})
	p.FailMachine("shop-api", shopA, sandbox.FailExit, sandbox.FailLaunch, sandbox.FailChecks)
	got := update(t, p, nil, nil)
	wantBody(t, got, "state", "stopped")
	wantBody(t, got, "events.0.type", "exit")
	wantBody(t, got, "events.0.request.exit_event.exit_code", "1")
	wantBody(t, got, "events.0.request.exit_event.requested_stop", "false")
	wantBody(t, update(t, p, nil, nil), "state", "failed")
	got = update(t, p, nil, nil)
	wantBody(t, got, "state", "started")
	wantBody(t, got, "checks.0.status", "critical")
	wantBody(t, update(t, p, nil, nil), "checks.0.status", "passing")

	p.SetListen("shop-api", shopA, []string{"127.0.0.1:8080"})
	got = ask(t, p, "GET", shop+"/machines/"+shopA+"/ps", "")
	wantBody(t, got, "0.listen_sockets.0.address", "127.0.0.1:8080")
	wantBody(t, ask(t, p, "GET", shop+"/machines/"+shopA, ""), "checks.0.status", "critical")
	p.StopMachine("shop-api", shopA)
	wantStatus(t, ask(t, p, "GET", shop+"/machines/"+shopA+"/ps", ""), 412)
	wantStatus(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/stop", ""), 400)
	wantBody(t, ask(t, p, "POST", shop+"/machines/"+shopA+"/start", ""), "previous_state", "stopped")
}

func TestMachineLife(t *testing.T) {
	p := seeded(t, sandbox.Options{})
	got := ask(t, p, "POST", shop+"/machines", `{"config":{"image":"nginx"},"region":"fra","lease_ttl":30}`)
	wantStatus(t, got, 200)
	wantBody(t, got, "image_ref.repository", "library/nginx")
	id, held := got.get(t, "id"), got.get(t, "nonce")
	one := shop + "/machines/" + id
	wantBody(t, ask(t, p, "GET", one, ""), "nonce", "null") // a list with one would look like the reader's own lease
	wantStatus(t, ask(t, p, "POST", one+"/cordon", ""), 409)
	wantStatus(t, ask(t, p, "POST", one+"/cordon", "", nonce, held), 200)
	wantBody(t, ask(t, p, "GET", one, ""), "cordoned", "true")
	wantStatus(t, ask(t, p, "POST", one+"/suspend", "", nonce, held), 200)
	wantStatus(t, ask(t, p, "POST", one+"/start", "", nonce, held), 200)
	wantStatus(t, ask(t, p, "DELETE", one, "", nonce, held), 412)
	wantStatus(t, ask(t, p, "DELETE", one+"?kill=true", "", nonce, held), 200)
	wantBody(t, ask(t, p, "GET", one, ""), "state", "destroyed")
	if ids := p.MachineIDs("shop-api"); len(ids) != 2 {
		t.Errorf("Machines: %v", ids)
	}
	wantStatus(t, ask(t, p, "POST", one+"/start", ""), 412)
}

func TestAssignments(t *testing.T) {
	p := seeded(t, sandbox.Options{})
	ips := shop + "/ip_assignments"
	got := ask(t, p, "GET", ips, "")
	wantBody(t, got, "ips.0.ip", "2a09:8280:1::2d:1111")
	wantBody(t, got, "ips.1.shared", "true")
	if body := string(got.body); strings.Contains(body, `"type"`) || strings.Contains(body, `"id"`) {
		t.Errorf("rows must have no type and no id: %s", body)
	}
	wantBody(t, ask(t, p, "GET", "/v1/apps/legacy-api/ip_assignments", ""), "ips.2.egress", "true")
	wantStatus(t, ask(t, p, "POST", ips, `{"type":"shared_v4","region":""}`), 409)
	wantStatus(t, ask(t, p, "POST", ips, `{"type":"v5"}`), 400)
	first := ask(t, p, "POST", ips, `{"type":"private_v6","region":"","org_slug":"personal","network":""}`)
	second := ask(t, p, "POST", ips, `{"type":"private_v6"}`)
	if first.get(t, "ip") == second.get(t, "ip") || len(p.Addresses("shop-api")) != 4 {
		t.Error("an allocation was deduplicated")
	}
	foreign := ask(t, p, "POST", ips, `{"type":"private_v6","org_slug":"partner"}`)
	wantBody(t, foreign, "network.org_slug", "partner")
	if ip := foreign.get(t, "ip"); !strings.HasPrefix(ip, "fdaa:3:5b10:0:1::") {
		t.Errorf("an address on partner's network: %s", ip)
	}
	wantStatus(t, ask(t, p, "DELETE", ips+"/2a09%3A8280%3A1%3A%3A2d%3A1111", ""), 204)
	wantStatus(t, ask(t, p, "DELETE", ips+"/2a09:8280:1::2d:1111", ""), 404)
	wantStatus(t, ask(t, p, "DELETE", ips+"/66.241.124.11", ""), 204)
	wantStatus(t, ask(t, p, "DELETE", "/v1/apps/legacy-api/ip_assignments/209.71.80.45", ""), 404) // egress is not inbound

	p = seeded(t, sandbox.Options{OmitTypes: true})
	if got := ask(t, p, "GET", "/v1/apps/legacy-api/ip_assignments", ""); strings.Contains(string(got.body), "egress") {
		t.Errorf("an old platform knows no egress field: %s", got.body)
	}
}

func TestCertificates(t *testing.T) {
	p := seeded(t, sandbox.Options{})
	p.AddCertificate("legacy-api", "www.legacy-shop.example")
	_, rest := clients(t, p)
	var names []string
	for opts := (flaps.ListCertificatesOpts{Limit: 1}); ; {
		page, err := rest.ListCertificates(t.Context(), "legacy-api", &opts)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Certificates {
			names = append(names, c.Hostname)
		}
		if opts.Cursor = page.NextCursor; opts.Cursor == "" {
			break
		}
	}
	if got, want := strings.Join(names, " "), "api.legacy-shop.example www.legacy-shop.example"; got != want {
		t.Errorf("hostnames %q, want %q", got, want)
	}
	for name, read := range map[string]func() (*fly.CertificateDetailResponse, error){
		"get": func() (*fly.CertificateDetailResponse, error) {
			return rest.GetCertificate(t.Context(), "legacy-api", names[0])
		},
		"check": func() (*fly.CertificateDetailResponse, error) {
			return rest.CheckCertificate(t.Context(), "legacy-api", names[0])
		},
	} {
		c, err := read()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !c.Configured || len(c.DNSRequirements.A) != 1 || c.DNSRequirements.A[0] != "137.66.18.204" || len(c.Certificates) != 1 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	p.RemoveAddress("legacy-api", "137.66.18.204")
	p.RemoveAddress("legacy-api", "2a09:8280:1::3a:7c20")
	if c, err := rest.GetCertificate(t.Context(), "legacy-api", names[0]); err != nil || c.Configured || c.Status == "Ready" {
		t.Errorf("without public addresses: %+v, %v", c, err)
	}
}
