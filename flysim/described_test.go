package flysim_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestDescribed has requests and answers from Fly's own description of the API, except those about
// Machines. Each row is sent to a new platform.
func TestDescribed(t *testing.T) {
	const ips, legacy = shop + "/ip_assignments", "/v1/apps/legacy-api"
	for _, test := range []struct {
		description, request, body string
		status                     int
		want                       fields
	}{
		{"an app of the organization", "GET " + shop, "", 200, fields{"id": "any", "internal_numeric_id": "any",
			"machine_count": "2", "volume_count": "0", "cname_target": "any",
			"organization.internal_numeric_id": "any", "app_role": ""}},
		{"a free name", "GET /v1/apps/nobody-has-it", "", 404, fields{"error": "app not found"}},
		{"another owner's name", "GET /v1/apps/somebody-elses", "", 403, fields{"error": "unauthorized"}},
		{"apps of an organization", "GET /v1/apps?org_slug=personal", "", 200, fields{"total_apps": "6",
			"apps.0.name": "bare"}},
		{"apps of no organization", "GET /v1/apps", "", 400, fields{"error": "org_slug is required"}},
		{"a name that is taken", "POST /v1/apps", `{"name":"shop-api","org_slug":"personal"}`, 422,
			fields{"error": "Validation failed: Name has already been taken", "status": "name_taken"}},
		{"a name that cannot be one", "POST /v1/apps", `{"name":"Shop API","org_slug":"personal"}`, 422,
			fields{"error": "any"}},
		{"an organization that does not exist", "POST /v1/apps", `{"name":"fresh","org_slug":"nobody"}`, 404,
			fields{"error": "any"}},
		{"an app on its own network", "POST /v1/apps",
			`{"name":"fresh","org_slug":"personal","network":"apart"}`, 201, fields{"network": "apart", "status": "pending"}},
		{"the end of an app", "DELETE " + shop, "", 202, nil},
		{"delete an unknown app", "DELETE /v1/apps/nobody-has-it", "", 404, fields{"error": "app not found"}},
		{"delete another owner's app", "DELETE /v1/apps/somebody-elses", "", 403, fields{"error": "unauthorized"}},

		{"addresses both ways", "GET " + legacy + "/ip_assignments", "", 200, fields{"ips.0.ip": "137.66.18.204",
			"ips.0.region": "global", "ips.0.service_name": "", "ips.0.shared": "false",
			"ips.0.created_at": "2026-03-03T16:43:10Z", "ips.0.egress": "false", "ips.3.egress": "true"}},
		{"a Flycast address and its network", "GET /v1/apps/inner-circle/ip_assignments", "", 200,
			fields{"ips.0.network.name": "default", "ips.0.network.org_slug": "personal"}},
		{"a Flycast address for another network", "POST " + ips, `{"type":"private_v6","network":"tenant-7"}`,
			200, fields{"ip": "fdaa:9:77e0:0:1::2", "network.name": "tenant-7"}},
		{"a Flycast address for another organization", "POST " + ips,
			`{"type":"private_v6","org_slug":"partner"}`, 200, fields{"network.org_slug": "partner"}},
		{"a Flycast address for no network", "POST " + ips, `{"type":"private_v6","network":"none"}`, 404,
			fields{"error": "any"}},
		{"a Flycast address for no organization", "POST " + ips, `{"type":"private_v6","org_slug":"none"}`, 404,
			fields{"error": "organization not found"}},
		{"a second shared address", "POST " + ips, `{"type":"shared_v4"}`, 409, fields{"error": "any"}},
		{"a shared address in a region", "POST /v1/apps/inner-circle/ip_assignments",
			`{"type":"shared_v4","region":"fra"}`, 400, fields{"error": "any"}},
		{"an address in a region, for a service", "POST " + ips,
			`{"type":"v6","region":"fra","service_name":"web"}`, 200, fields{"region": "fra", "service_name": "web",
				"shared": "false"}},
		{"outbound addresses come in pairs", "POST " + ips, `{"type":"egress_pair","region":"fra"}`, 200,
			fields{"ip": "null", "ip_pair.v4": "any", "ip_pair.v6": "any", "egress": "true", "region": "fra"}},
		{"outbound addresses want a region", "POST " + ips, `{"type":"egress_pair"}`, 400, fields{"error": "any"}},
		{"an invalid type", "POST " + ips, `{"type":"v5"}`, 400, fields{"error": "any"}},
		{"an invalid body", "POST " + ips, `{"type":`, 400, fields{"error": "any"}},
		{"an address of an unknown app", "POST /v1/apps/nobody-has-it/ip_assignments", `{"type":"v6"}`, 404,
			fields{"error": "app not found"}},
		{"the release of an address", "DELETE " + ips + "/66.241.124.11", "", 204, nil},
		{"the release of an IPv6 address, escaped", "DELETE " + ips + "/2a09%3A8280%3A1%3A%3A2d%3A1111", "", 204, nil},
		{"the release of one in another spelling", "DELETE " + ips + "/2a09:8280:1:0:0:0:2d:1111", "", 204, nil},
		{"the release of an address that the app lacks", "DELETE " + ips + "/137.66.18.204", "", 404, fields{"error": "any"}},
		{"the release of no address", "DELETE " + ips + "/x", "", 400, fields{"error": "any"}},
		{"the release of an outbound address", "DELETE " + legacy + "/ip_assignments/209.71.80.45", "", 204, nil},

		{"hostnames", "GET " + legacy + "/certificates", "", 200,
			fields{"certificates.0.hostname": "api.legacy-shop.example", "certificates.0.status": "Ready",
				"certificates.0.configured": "true", "total_count": "1"}},
		{"hostnames that contain a word", "GET " + legacy + "/certificates?filter=none", "", 200,
			fields{"certificates": "[]"}},
		{"too many hostnames at once", "GET " + legacy + "/certificates?limit=501", "", 400, fields{"error": "any"}},
		{"a hostname", "GET " + legacy + "/certificates/api.legacy-shop.example", "", 200,
			fields{"hostname": "api.legacy-shop.example", "dns_requirements.a.0": "137.66.18.204",
				"certificates.0.source": "fly", "validation.alpn_configured": "true"}},
		{"no hostname", "GET " + shop + "/certificates/none.example", "", 404, fields{"error": "certificate not found"}},
		{"a new hostname", "POST " + shop + "/certificates/acme", `{"hostname":"shop.example"}`, 201,
			fields{"hostname": "shop.example", "acme_requested": "true",
				"dns_requirements.acme_challenge.name": "_acme-challenge.shop.example"}},
		{"a new wildcard", "POST " + shop + "/certificates/acme", `{"hostname":"*.shop.example"}`, 201,
			fields{"dns_requirements.acme_challenge.name": "_acme-challenge.shop.example"}},
		{"a hostname twice", "POST " + legacy + "/certificates/acme", `{"hostname":"api.legacy-shop.example"}`,
			422, fields{"error": "any"}},
		{"a hostname without a name", "POST " + shop + "/certificates/acme", `{}`, 400, fields{"error": "any"}},
		{"the check of a hostname", "POST " + legacy + "/certificates/api.legacy-shop.example/check", "", 200,
			fields{"configured": "true"}},
		{"the end of a hostname", "DELETE " + legacy + "/certificates/api.legacy-shop.example", "", 204, nil},
		{"the end of no hostname", "DELETE " + shop + "/certificates/none.example", "", 404,
			fields{"error": "certificate not found"}},

		{"organizations", "GET /api/v1/organizations?admin=true", "", 200,
			fields{"organizations.1.slug": "partner", "organizations.1.personal": "false", "organizations.1.billable": "true"}},
		{"an organization", "GET /api/v1/organizations/partner", "", 200, fields{"organization.id": "any",
			"organization.internal_numeric_id": "any", "organization.name": "Partner Ltd",
			"organization.paid_plan": "true", "organization.provisions_beta_extensions": "false",
			"organization.remote_builder_image": ""}},
		{"an unknown organization", "GET /api/v1/organizations/nobody", "", 404, fields{"error": "organization not found"}},
		{"releases", "GET /api/v1/apps/shop-api/releases", "", 200, fields{"releases.0.id": "Kx9rVb2LmQ7wTz4J",
			"releases.0.strategy": "ROLLING", "releases.0.image_ref": "any"}},
		{"no number of releases", "GET /api/v1/apps/shop-api/releases?limit=x", "", 400, fields{"error": "any"}},
		{"the current release", "GET /api/v1/apps/legacy-api/releases/current", "", 200, fields{"version": "87",
			"in_progress": "false", "stable": "true"}},
		{"no current release", "GET /api/v1/apps/bare/releases/current", "", 404, fields{"error": "release not found"}},
		{"releases of an app without", "GET /api/v1/apps/bare/releases", "", 200, fields{"releases": "[]"}},
		{"a new release is wrapped", "POST /api/v1/releases",
			`{"app_name":"shop-api","image":"nginx","strategy":"IMMEDIATE","definition":{"app":"shop-api"}}`, 201,
			fields{"release.version": "15", "release.status": "pending", "release.in_progress": "true",
				"release.definition.app": "shop-api"}},
		{"a release of an unknown app", "POST /api/v1/releases", `{"app_name":"nobody-has-it"}`, 404,
			fields{"error": "app not found"}},
		{"an invalid strategy", "POST /api/v1/releases", `{"app_name":"shop-api","strategy":"HOPEFUL"}`, 400,
			fields{"error": "any"}},
		{"a changed release is not wrapped", "PATCH /api/v1/releases/Kx9rVb2LmQ7wTz4J",
			`{"status":"failed","metadata":{"a":1}}`, 200, fields{"id": "Kx9rVb2LmQ7wTz4J", "status": "failed"}},
		{"no release", "PATCH /api/v1/releases/none", `{"status":"failed"}`, 404, fields{"error": "release not found"}},
		{"a new build", "POST /api/v1/builds", `{"app_name":"shop-api"}`, 200,
			fields{"id": "1", "status": "building", "wallclock_time_ms": "0"}},
		{"the end of no build", "POST /api/v1/builds/finish",
			`{"app_name":"shop-api","build_id":9,"status":"completed"}`, 404, fields{"error": "build not found"}},
		{"logs of an unknown app", "GET /api/v1/apps/nobody-has-it/logs?next_token=", "", 404,
			fields{"error": "app not found"}},
		{"logs of an app without Machines are not empty", "GET /api/v1/apps/bare/logs?next_token=", "", 200,
			fields{"data.0.attributes.message": "App bare created", "meta.next_token": "any"}},
		{"an unknown path", "GET /api/v1/nothing", "", 404,
			fields{"errors.detail": "GET /api/v1/nothing is not emulated"}},
	} {
		t.Run(test.description, func(t *testing.T) {
			p := seeded(t, flysim.Options{})
			p.TakeName("somebody-elses")
			p.AddApp("bare", "personal", "")
			method, path, _ := strings.Cut(test.request, " ")
			got := ask(t, p, method, path, test.body)
			wantStatus(t, got, test.status)
			for _, path := range slices.Sorted(maps.Keys(test.want)) {
				switch want := test.want[path]; {
				case want != "any":
					wantBody(t, got, path, want)
				case got.get(t, path) == "null" || got.get(t, path) == "":
					t.Errorf("%s is missing: %s", path, got.body)
				}
			}
			if test.want == nil && len(got.body) > 0 {
				t.Errorf("a body: %s", got.body)
			}
		})
	}
}

// TestLogs polls as flyctl does, and gets each line once.
func TestLogs(t *testing.T) {
	p := seeded(t, flysim.Options{})
	const logs = "/api/v1/apps/shop-api/logs?next_token="
	count := func(got reply) int { return strings.Count(string(got.body), `"type":"log"`) }
	first := ask(t, p, "GET", logs, "")
	if got := count(first); got != 5 { // one of the app, and two of each Machine
		t.Errorf("%d lines, want 5: %s", got, first.body)
	}
	next := first.get(t, "meta.next_token")
	idle := ask(t, p, "GET", logs+next, "")
	wantBody(t, idle, "data", "[]")
	wantBody(t, idle, "meta.next_token", next)
	p.StopMachine("shop-api", shopA)
	news := ask(t, p, "GET", logs+next, "")
	wantBody(t, news, "data.0.attributes.instance", shopA)
	wantBody(t, news, "data.0.attributes.meta.instance", shopA)
	wantBody(t, news, "data.0.attributes.meta.event.provider", "runner")
	for filter, want := range map[string]int{"&instance=" + shopB: 2, "&region=iad": 6, "&region=fra": 0,
		"&instance=none": 0} {
		if got := count(ask(t, p, "GET", logs+filter, "")); got != want {
			t.Errorf("%s: %d lines, want %d", filter, got, want)
		}
	}
	wantStatus(t, ask(t, p, "GET", logs, "", "Authorization", ""), 401)
	var order []string
	for i := range count(first) {
		order = append(order, first.get(t, fmt.Sprintf("data.%d.attributes.timestamp", i)))
	}
	if !slices.IsSorted(order) {
		t.Errorf("not in order: %v", order)
	}
}
