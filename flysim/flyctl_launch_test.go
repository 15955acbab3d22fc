package flysim_test

import (
	"cmp"
	"net/http"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// getOrganization is what `launch` queries about the organization in which it launches.
const getOrganization = "\nquery GetOrganization ($slug: String!) {\n\torganization(slug: $slug) {\n\t\t... " +
	"OrganizationData\n\t}\n}\nfragment OrganizationData on Organization " +
	"{\n\tid\n\tslug\n\trawSlug\n\tpaidPlan\n\taddOnSsoLink\n\tprovisionsBetaExtensions\n\tname\n\tbillable\n}\n"

// TestFlyctlLaunch runs `launch --flycast --image … --no-deploy`, which allocates nothing, and then
// `deploy --flycast`.
func TestFlyctlLaunch(t *testing.T) {
	f := newFlyctl(t, "fresh")
	ctx := t.Context()
	orgs, err := f.gql.GetOrganizations(ctx)
	f.must(err)
	if len(orgs) != 2 || orgs[0].Slug != "personal" || orgs[0].RawSlug == "" {
		t.Fatalf("%+v", orgs)
	}
	if _, err := f.rest.GetApp(ctx, f.app); err == nil || flaps.GetErrorRequestID(err) == "" {
		t.Fatalf("the name is taken: %v", err)
	}
	places, err := f.rest.GetPlacements(ctx, &flaps.GetPlacementsRequest{Region: "", Count: 1,
		ComputeRequirements: &fly.MachineGuest{CPUKind: "shared", CPUs: 1, MemoryMB: 1024}, Org: "personal"})
	f.must(err)
	if len(places) != 1 || places[0].Region != "iad" || places[0].Count != 1 {
		t.Errorf("placements: %+v", places)
	}
	f.ask("GET", "/api/v1/organizations/personal", "")
	f.query(getOrganization, map[string]any{"slug": "personal"})
	regions, near, err := f.gql.PlatformRegions(ctx)
	f.must(err)
	if near == nil || near.Name == "" || len(regions) == 0 {
		t.Errorf("regions: %+v, %+v", regions, near)
	}
	if _, err := f.rest.GetRegions(ctx); err != nil {
		t.Error(err)
	}
	app, err := f.rest.CreateApp(ctx, flaps.CreateAppRequest{Name: f.app, Org: "personal"})
	f.must(err)
	f.must(f.rest.WaitForApp(ctx, f.app))
	if app.Name != f.app || app.Organization.Slug != "personal" || app.Deployed() {
		t.Errorf("%+v", app)
	}
	if list, err := f.rest.GetIPAssignments(ctx, f.app); err != nil || len(list.IPs) != 0 {
		t.Errorf("after the launch: %+v, %v", list, err)
	}
	f.deploy(deployment{strategy: "rolling", image: "nginx:1", groups: []machineGroup{{"app", webGroup, 1}},
		alone: true, flycast: true})
	if got := f.p.Addresses(f.app); len(got) != 1 || got[0].Kind != "private_v6" {
		t.Errorf("after the deploy: %+v", got)
	}
	f.listsReleases(1)
	f.check("app.get Not Found")
}

// TestFlyctlKeepsAsking runs commands in quick succession, as a script does. None of them is
// refused for coming too soon.
func TestFlyctlKeepsAsking(t *testing.T) {
	f := newFlyctl(t, "fresh")
	ctx := t.Context()
	for range 4 { // apps create, apps destroy, releases, certs list, ips list
		_, err := f.rest.CreateApp(ctx, flaps.CreateAppRequest{Name: f.app, Org: "personal"})
		f.must(err)
		f.must(f.rest.WaitForApp(ctx, f.app))
		f.must(f.rest.DeleteApp(ctx, f.app))
	}
	for range 5 {
		_, err := f.rest.ListApps(ctx, flaps.ListAppsRequest{OrgSlug: "personal"})
		f.must(err)
		_, err = f.rest.ListCertificates(ctx, "legacy-api", nil)
		f.must(err)
		_, err = f.rest.GetIPAssignments(ctx, "legacy-api")
		f.must(err)
	}
	f.check()
}

// TestNowhere requests what does not exist. flyctl takes a 404 of the Machines API with an error in
// JSON for a missing thing, and any other 404 for a missing route.
func TestNowhere(t *testing.T) {
	p := seeded(t, flysim.Options{})
	page := func(path string) string { return "404 page not found: GET " + path + " is not emulated\n" }
	for path, want := range map[string]string{
		"/v1/nothing": "", shop + "/machines/": "", "/v1//apps": "", shop + "/postgres": "",
		shop + "/machines/none": `{"error":"machine not found"}`, "/v1/apps/none": `{"error":"app not found"}`,
		"/api/v1/nothing": `{"errors":{"detail":"GET /api/v1/nothing is not emulated"}}`,
		"/nothing":        `{"error":"GET /nothing is not emulated"}`,
	} {
		got := ask(t, p, "GET", path, "")
		wantStatus(t, got, http.StatusNotFound)
		kind := got.header.Get("Content-Type")
		plain := want == ""
		want = cmp.Or(want, page(path))
		if string(got.body) != want || strings.HasPrefix(kind, "text/plain") != plain ||
			got.header.Get("Fly-Request-Id") == "" {
			t.Errorf("%s: %s %q", path, kind, got.body)
		}
	}
}

// TestCurrentRelease checks that the current release is the latest complete one, and that the list
// starts with the latest of all.
func TestCurrentRelease(t *testing.T) {
	p := seeded(t, flysim.Options{})
	const releases = "/api/v1/apps/shop-api/releases"
	times := ask(t, p, "GET", "/api/v1/releases/all_current", "")
	p.Clock().Advance(time.Hour)
	created := ask(t, p, "POST", "/api/v1/releases", `{"app_name":"shop-api","image":"nginx","strategy":"ROLLING"}`)
	wantBody(t, ask(t, p, "GET", releases+"?limit=1", ""), "releases.0.version", "15")
	wantBody(t, ask(t, p, "GET", releases+"/current", ""), "version", "14")
	wantBody(t, ask(t, p, "GET", "/api/v1/releases/all_current", ""), "shop-api", times.get(t, "shop-api"))
	ask(t, p, "PATCH", "/api/v1/releases/"+created.get(t, "release.id"), `{"status":"complete"}`)
	wantBody(t, ask(t, p, "GET", releases+"/current", ""), "version", "15")
	if got := ask(t, p, "GET", "/api/v1/releases/all_current", "").get(t, "shop-api"); got <= times.get(t, "shop-api") {
		t.Errorf("released at %s", got)
	}
}
