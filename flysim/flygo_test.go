package flysim_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/fly-go/flaps"
	"github.com/superfly/graphql"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestReadsThroughFlyGo calls fly-go's methods for the commands that read, and checks what flyctl
// depends on.
func TestReadsThroughFlyGo(t *testing.T) {
	ctx, p := t.Context(), seeded(t, flysim.Options{})
	gql, rest := clients(t, p)
	for name, read := range map[string]func() (bool, error){
		"GetApp": func() (bool, error) {
			app, err := gql.GetApp(ctx, "legacy-api")
			return app != nil && app.InternalNumericID != 0 && len(app.Machines.Nodes) == 2 &&
				app.Machines.Nodes[0].State != "" &&
				len(app.IPAddresses.Nodes) == 2 && app.ImageDetails.Repository == "legacy-api", err
		},
		"GetAppRemoteBuilder": func() (bool, error) {
			app, err := gql.GetAppRemoteBuilder(ctx, "shop-api")
			return app != nil && app.Organization.RemoteBuilderApp == nil, err
		},
		"GetAppBasic": func() (bool, error) {
			app, err := gql.GetAppBasic(ctx, "shop-api")
			return app != nil && app.Organization.RawSlug == "personal", err
		},
		"GetApps": func() (bool, error) {
			apps, err := gql.GetApps(ctx, nil)
			return len(apps) == 5, err
		},
		"GetApps of a role": func() (bool, error) {
			apps, err := gql.GetApps(ctx, new("postgres_cluster"))
			return len(apps) == 0, err
		},
		"GetAppNetwork": func() (bool, error) {
			network, err := gql.GetAppNetwork(ctx, "tenant-7")
			return network != nil && *network == "tenant-7", err
		},
		"GetOrganizations of an admin": func() (bool, error) {
			orgs, err := gql.GetOrganizations(ctx, fly.AdminOnly)
			return len(orgs) == 2 && orgs[0].InternalNumericID != "", err
		},
		"GetOrganizationByApp": func() (bool, error) {
			org, err := gql.GetOrganizationByApp(ctx, "shop-api")
			return org != nil && org.Slug == "personal" && org.PaidPlan, err
		},
		"GetOrganizationRemoteBuilderBySlug": func() (bool, error) {
			org, err := gql.GetOrganizationRemoteBuilderBySlug(ctx, "personal")
			return org != nil && org.RemoteBuilderApp == nil, err
		},
		"GetDetailedOrganizationBySlug": func() (bool, error) {
			org, err := gql.GetDetailedOrganizationBySlug(ctx, "partner")
			return org != nil && len(org.Members.Edges) == 1 && org.Members.Edges[0].Node.Email != "", err
		},
		"GetAllowedReplaySourceOrgSlugs": func() (bool, error) {
			slugs, err := gql.GetAllowedReplaySourceOrgSlugs(ctx, "personal")
			return len(slugs) == 0, err
		},
		"PlatformRegions": func() (bool, error) {
			regions, near, err := gql.PlatformRegions(ctx)
			return len(regions) > 15 && near != nil && near.Code == "iad" && near.Latitude != 0, err
		},
		"GetNearestRegion": func() (bool, error) {
			region, err := gql.GetNearestRegion(ctx)
			return region != nil && region.Code == "iad", err
		},
		"ClosestWireguardGatewayRegion": func() (bool, error) {
			region, err := gql.ClosestWireguardGatewayRegion(ctx)
			return region != nil && region.Name != "", err
		},
		"GetAppReleasesMachines with a variable that the query lacks": func() (bool, error) {
			releases, err := gql.GetAppReleasesMachines(ctx, "shop-api", "complete", 1)
			return len(releases) == 1 && releases[0].ImageRef != "" && releases[0].User.Email != "", err
		},
		"LatestImage": func() (bool, error) {
			image, err := gql.LatestImage(ctx, "shop-api")
			return strings.HasPrefix(image, "registry.fly.io/shop-api"), err
		},
		"CanPerformBluegreenDeployment": func() (bool, error) { return gql.CanPerformBluegreenDeployment(ctx, "shop-api") },
		"AppNameAvailable":              func() (bool, error) { return gql.AppNameAvailable(ctx, "fresh") },
		"GetAppCertificates": func() (bool, error) {
			certs, err := gql.GetAppCertificates(ctx, "legacy-api")
			return len(certs) == 1 && !certs[0].CreatedAt.IsZero(), err
		},
		"CheckAppCertificate": func() (bool, error) {
			cert, check, err := gql.CheckAppCertificate(ctx, "legacy-api", "api.legacy-shop.example")
			return cert != nil && check != nil && len(cert.Issued.Nodes) == 2 && len(check.ARecords) == 1, err
		},
		"GetAppHostIssues": func() (bool, error) {
			issues, err := gql.GetAppHostIssues(ctx, "shop-api")
			return len(issues) == 0, err
		},
		"GetMachine": func() (bool, error) {
			m, err := gql.GetMachine(ctx, shopA)
			return m != nil && m.App.Name == "shop-api", err
		},
		"GetEgressIPAddresses": func() (bool, error) {
			ips, err := gql.GetEgressIPAddresses(ctx, "legacy-api")
			return len(ips) == 0, err
		},
		"ValidateWireGuardPeers": func() (bool, error) {
			invalid, err := gql.ValidateWireGuardPeers(ctx, []string{"fdaa::1"})
			return len(invalid) == 1, err
		},
		"ListApps": func() (bool, error) {
			apps, err := rest.ListApps(ctx, flaps.ListAppsRequest{OrgSlug: "personal"})
			return len(apps) == 5 && apps[0].Organization.Slug == "personal" && apps[0].Deployed(), err
		},
		"GetIPAssignments": func() (bool, error) {
			list, err := rest.GetIPAssignments(ctx, "inner-circle")
			return list != nil && len(list.IPs) == 1 && list.IPs[0].IsFlycast(), err
		},
	} {
		if ok, err := read(); err != nil || !ok {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	if _, err := gql.GetLatestImageDetails(ctx, "shop-api:deployment-01", ""); err == nil ||
		!strings.Contains(err.Error(), "Unknown repository") {
		t.Errorf("flyctl continues only after an unknown repository: %v", err)
	}
	for name, read := range map[string]error{
		"app":          errorOf(gql.GetApp(ctx, "no-such")),
		"organization": errorOf(gql.GetOrganizationBySlug(ctx, "no-such")),
		"Machine":      errorOf(gql.GetMachine(ctx, "no-such")),
	} {
		var refusal *graphql.GraphQLError
		if !errors.As(read, &refusal) || refusal.Extensions.Code != "NOT_FOUND" || len(refusal.Path) != 1 {
			t.Errorf("%s: %v", name, read)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

// TestAppLifeThroughFlyGo creates an app with everything that an app can have, and destroys it.
// Nothing of it is left, and its name is free.
func TestAppLifeThroughFlyGo(t *testing.T) {
	ctx, p := t.Context(), seeded(t, flysim.Options{})
	gql, rest := clients(t, p)
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, how := range []string{"REST", "GraphQL"} {
		app, err := rest.CreateApp(ctx, flaps.CreateAppRequest{Name: "fresh", Org: "personal"})
		ok(err)
		ok(rest.WaitForApp(ctx, "fresh"))
		if app.Deployed() {
			t.Error("a new app counts as deployed: flyctl would allocate no address")
		}
		list, err := rest.GetIPAssignments(ctx, "fresh")
		ok(err)
		if len(list.IPs) != 0 {
			t.Errorf("a new app has addresses: %v", list)
		}
		_, err = rest.AssignIP(ctx, "fresh", flaps.AssignIPRequest{Type: "private_v6", Organization: "personal"})
		ok(err)
		m, err := rest.Launch(ctx, "fresh", fly.LaunchMachineInput{Region: "iad", Config: &fly.MachineConfig{Image: "nginx"}})
		ok(err)
		_, _, err = gql.AddCertificate(ctx, "fresh", "fresh.example")
		ok(err)
		created, err := gql.CreateRelease(ctx, fly.CreateReleaseInput{
			AppId: "fresh", Image: "nginx", PlatformVersion: "machines", Strategy: fly.DeploymentStrategyRolling,
			Definition: map[string]any{"app": "fresh"},
		})
		ok(err)
		_, err = gql.UpdateRelease(ctx, fly.UpdateReleaseInput{ReleaseId: created.CreateRelease.Release.Id,
			Status: "complete"})
		ok(err)
		if app, err = rest.GetApp(ctx, "fresh"); err != nil || !app.Deployed() {
			t.Errorf("after a complete release: %+v, %v", app, err)
		}

		if how == "REST" {
			ok(rest.DeleteApp(ctx, "fresh"))
		} else {
			ok(gql.DeleteApp(ctx, "fresh"))
		}
		for path, want := range map[string]int{
			"/v1/apps/fresh": 404, "/v1/apps/fresh/machines/" + m.ID: 404, "/v1/apps/fresh/ip_assignments": 404,
			"/v1/apps/fresh/certificates": 404, "/api/v1/apps/fresh/releases/current": 404,
		} {
			wantStatus(t, ask(t, p, "GET", path, ""), want)
		}
		wantStatus(t, ask(t, p, "PATCH", "/api/v1/releases/"+created.CreateRelease.Release.Id, `{"status":"failed"}`), 404)
		wantBody(t, graphQuery(t, p, `{machine(machineId:"`+m.ID+`"){id}}`, nil), "errors.0.extensions.code", "NOT_FOUND")
		wantStatus(t, ask(t, p, "DELETE", "/v1/apps/fresh", ""), 404)
	}
	if free, err := gql.AppNameAvailable(ctx, "fresh"); err != nil || !free {
		t.Errorf("the name is not free: %v, %v", free, err)
	}
}

// TestWaitEndsWithApp destroys an app while a request waits for its Machine.
func TestWaitEndsWithApp(t *testing.T) {
	p := seeded(t, flysim.Options{})
	p.StopMachine("shop-api", shopA)
	answers := make(chan reply)
	go func() { answers <- ask(t, p, "GET", shop+"/machines/"+shopA+"/wait?state=started", "") }()
	advance(p, "machine.wait", 0)
	wantStatus(t, ask(t, p, "DELETE", shop, ""), 202)
	wantStatus(t, <-answers, 404)
}

// TestTokensThroughFlyGo creates tokens, uses them and revokes them.
func TestTokensThroughFlyGo(t *testing.T) {
	ctx, p := t.Context(), seeded(t, flysim.Options{})
	gql, _ := clients(t, p)
	issue := func(profile, app string, headers ...string) string {
		t.Helper()
		got := graphQuery(t, p, createToken, map[string]any{
			"name": "t", "organizationId": personal(t), "profile": profile, "profileParams": map[string]any{
				"app_id": app}, "expiry": "1h",
		}, headers...)
		return got.get(t, "data.createLimitedAccessToken.limitedAccessToken.tokenHeader")
	}
	deploy, org := issue("deploy", "shop-api"), issue("deploy_organization", "")
	byID := issue("deploy", ask(t, p, "GET", shop, "").get(t, "id"))
	for _, token := range []string{deploy, byID, org} {
		wantStatus(t, ask(t, p, "GET", shop, "", "Authorization", token), 200)
	}
	wantStatus(t, ask(t, p, "GET", "/v1/apps/tenant-7", "", "Authorization", deploy), 403)
	wantStatus(t, ask(t, p, "GET", "/v1/apps/tenant-7", "", "Authorization", org), 200)

	listed, err := gql.GetAppLimitedAccessTokens(ctx, "shop-api")
	if err != nil || len(listed) != 2 || listed[0].ExpiresAt.IsZero() {
		t.Fatalf("%+v, %v", listed, err)
	}
	if all, err := gql.GetOrgLimitedAccessTokens(ctx, "personal"); err != nil || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	if err := gql.RevokeLimitedAccessToken(ctx, listed[0].Id); err != nil {
		t.Fatal(err)
	}
	if err := gql.RevokeLimitedAccessToken(ctx, listed[0].Id); err == nil {
		t.Error("revoked twice")
	}
	wantStatus(t, ask(t, p, "GET", shop, "", "Authorization", deploy), 401)
	wantStatus(t, ask(t, p, "GET", shop, "", "Authorization", byID), 200)
	p.Clock().Advance(time.Hour)
	wantStatus(t, ask(t, p, "GET", shop, "", "Authorization", byID), 401)

	for name, variables := range map[string]map[string]any{
		"unknown profile": {"profile": "root", "expiry": "1h"}, "no app": {"profile": "deploy", "expiry": "1h"},
		"no duration":  {"profile": "deploy_organization", "expiry": "soon"},
		"over already": {"profile": "deploy_organization", "expiry": "-1h"},
	} {
		variables["name"], variables["organizationId"] = "t", personal(t)
		if got := graphQuery(t, p, createToken, variables); got.get(t,
			"data.createLimitedAccessToken") != "null" || got.get(t, "errors.0.extensions.code") == "null" {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	got := graphQuery(t, p, createToken, map[string]any{"name": "t", "organizationId": personal(t),
		"profile": "deploy_organization", "expiry": ""},
		"Authorization", "Bearer "+p.AppToken("shop-api"))
	wantBody(t, got, "errors.0.extensions.code", "UNAUTHORIZED") // an app's token cannot create one that can do more
}

// TestSecretsThroughFlyGo sets, lists and unsets secrets as older clients do.
func TestSecretsThroughFlyGo(t *testing.T) {
	ctx, p := t.Context(), seeded(t, flysim.Options{})
	gql, _ := clients(t, p)
	if _, err := gql.SetSecrets(ctx, "shop-api", map[string]string{"B": "2", "A": "1"}); err != nil {
		t.Fatal(err)
	}
	listed, err := gql.GetAppSecrets(ctx, "shop-api")
	if err != nil || len(listed) != 2 || listed[0].Name != "A" || listed[0].Digest == "" ||
		listed[0].Digest == listed[1].Digest || listed[0].CreatedAt.IsZero() {
		t.Errorf("%+v, %v", listed, err)
	}
	if _, err := gql.UnsetSecrets(ctx, "shop-api", []string{"A"}); err != nil {
		t.Fatal(err)
	}
	if listed, err = gql.GetAppSecrets(ctx, "shop-api"); err != nil || len(listed) != 1 || listed[0].Name != "B" {
		t.Errorf("%+v, %v", listed, err)
	}
}
