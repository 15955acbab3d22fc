package flysim_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	fly "github.com/superfly/fly-go"
	"github.com/superfly/graphql"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

const (
	queryAddresses = `query($a: String!) { app(name: $a) { ipAddresses { nodes { id address type network { ` +
		`name organization { slug } } } } sharedIpAddress } }`
	queryEgress      = `query($a: String!) { app(name: $a) { name egressIpAddresses { nodes { ip version region } } } }`
	allocateMutation = `mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) { ` +
		`ipAddress { id address type region createdAt } app { sharedIpAddress } } }`
	releaseMutation = `mutation($input: ReleaseIPAddressInput!) { releaseIpAddress(input: $input) { clientMutationId } }`
)

func TestAddressesThroughFlyGo(t *testing.T) {
	ctx := t.Context()
	p := seeded(t, flysim.Options{})
	gql, _ := clients(t, p)
	list := func(app string) string {
		addresses, err := gql.GetIPAddresses(ctx, app)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, a := range addresses {
			row := a.Type + " " + a.Address
			if a.Network != nil {
				row += " " + a.Network.Organization.Slug + "/" + a.Network.Name
			}
			rows = append(rows, row)
		}
		return strings.Join(rows, ", ")
	}
	if got, want := list("shop-api"), "v6 2a09:8280:1::2d:1111, shared_v4 66.241.124.11"; got != want {
		t.Errorf("shop-api: %s, want %s", got, want)
	}
	if got, want := list("inner-circle"), "private_v6 fdaa:2:1c4f:0:1::2 personal/"; got != want {
		t.Errorf("inner-circle: %s, want %s", got, want)
	}

	partner, err := gql.GetOrganizationBySlug(ctx, "partner")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ org, network, prefix string }{
		{"", "", "fdaa:2:1c4f:0:1::"}, // the organization's default network, not the app's own
		{"", "tenant-7", "fdaa:9:77e0:0:1::"},
		{"", "tenant-7", "fdaa:9:77e0:0:1::"}, // a second allocation gives another address
		{partner.ID, "", "fdaa:3:5b10:0:1::"},
	} {
		a, err := gql.AllocateIPAddress(ctx, "tenant-7", "private_v6", "", test.org, test.network)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(a.Address, test.prefix) || a.Type != "private_v6" || a.Region != "global" {
			t.Errorf("org %q network %q: %+v, want %s…", test.org, test.network, a, test.prefix)
		}
	}
	want := "v6 2a09:8280:1::52:90d4, private_v6 fdaa:2:1c4f:0:1::3 personal/, private_v6 fdaa:9:77e0:0:1::2 " +
		"personal/tenant-7, " +
		"private_v6 fdaa:9:77e0:0:1::3 personal/tenant-7, private_v6 fdaa:3:5b10:0:1::2 partner/, shared_v4 66.241.125.87"
	if got := list("tenant-7"); got != want {
		t.Errorf("tenant-7: %s\nwant %s", got, want)
	}

	for _, ip := range []string{"66.241.125.87", "2a09:8280:1:0::52:90d4"} { // one of them in another spelling
		if err := gql.ReleaseIPAddress(ctx, "tenant-7", ip); err != nil {
			t.Error(err)
		}
	}
	for app, ip := range map[string]string{"tenant-7": "66.241.125.87", "no-such": "66.241.125.87",
		"legacy-api": "209.71.80.45", "shop-api": "nonsense"} {
		err := gql.ReleaseIPAddress(ctx, app, ip)
		var refusal *graphql.GraphQLError
		if !errors.As(err, &refusal) || refusal.Extensions.Code != "NOT_FOUND" {
			t.Errorf("releasing %s of %s: %v", ip, app, err)
		}
	}
	if ip, err := gql.AllocateSharedIPAddress(ctx, "tenant-7"); err != nil || ip == nil {
		t.Errorf("a new shared address: %v, %v", ip, err)
	}
	egress, err := gql.GetAppScopedEgressIPAddresses(ctx, "legacy-api")
	if err != nil || len(egress["fra"]) != 2 {
		t.Errorf("egress: %v, %v", egress, err)
	}
}

func TestRecordsThroughFlyGo(t *testing.T) {
	ctx := t.Context()
	p := seeded(t, flysim.Options{})
	gql, rest := clients(t, p)
	compact, err := gql.GetAppCompact(ctx, "tenant-7")
	if err != nil || compact.Network != "tenant-7" || !compact.Deployed ||
		compact.PlatformVersion != "machines" || compact.Organization.InternalNumericID == "" {
		t.Errorf("%+v, %v", compact, err)
	}
	if apps, err := gql.GetAppsForOrganization(ctx, compact.Organization.ID); err != nil || len(apps) != 5 {
		t.Errorf("%d apps, %v", len(apps), err)
	}
	if orgs, err := gql.GetOrganizations(ctx); err != nil || len(orgs) != 2 {
		t.Errorf("%v, %v", orgs, err)
	}
	if user, err := gql.GetCurrentUser(ctx); err != nil || user.Email == "" {
		t.Errorf("%v, %v", user, err)
	}
	if image, err := gql.ResolveImageForApp(ctx, "shop-api", "nginx:1.29"); err != nil ||
		image.Ref != "docker-hub-mirror.fly.io/library/nginx:1.29" {
		t.Errorf("%+v, %v", image, err)
	}
	if current, err := gql.GetAppCurrentReleaseMachines(ctx, "shop-api"); err != nil ||
		current.Version != 14 || current.Status != "complete" {
		t.Errorf("%+v, %v", current, err)
	}
	created, err := gql.CreateRelease(ctx, fly.CreateReleaseInput{
		AppId: "shop-api", Image: "registry.fly.io/shop-api:x", PlatformVersion: "machines",
		Strategy:   fly.DeploymentStrategyRolling,
		Definition: map[string]any{"app": "shop-api"},
	})
	if err != nil || created.CreateRelease.Release.Version != 15 {
		t.Fatalf("%+v, %v", created, err)
	}
	if _, err := gql.UpdateRelease(ctx, fly.UpdateReleaseInput{ReleaseId: created.CreateRelease.Release.Id,
		Status: "complete"}); err != nil {
		t.Error(err)
	}
	if releases, err := gql.GetAppReleasesMachines(ctx, "shop-api", "", 5); err != nil || len(releases) != 2 ||
		releases[0].Version != 15 {
		t.Errorf("%+v, %v", releases, err)
	}
	machines, _, err := rest.ListFlyAppsMachines(ctx, "legacy-api")
	if err != nil || len(machines) != 2 || machines[0].ImageRef.Digest == "" {
		t.Errorf("%+v, %v", machines, err)
	}
	got := graphQuery(t, p, `{app(name:"shop-api"){currentReleaseUnprocessed{configDefinition}}}`, nil)
	wantBody(t, got, "data.app.currentReleaseUnprocessed.configDefinition.app", "shop-api")
	got = graphQuery(t, p, `{app(name:"inner-circle"){currentReleaseUnprocessed{configDefinition}}}`, nil)
	wantBody(t, got, "data.app.currentReleaseUnprocessed.configDefinition.http_service.auto_stop_machines", "true")
}

func TestGraphQLErrors(t *testing.T) {
	p := seeded(t, flysim.Options{})
	app := map[string]any{"a": "no-such"}
	got := graphQuery(t, p, queryAddresses, app)
	wantStatus(t, got, 200)
	wantBody(t, got, "data.app", "null")
	wantBody(t, got, "errors.0.message", "Could not find App")
	wantBody(t, got, "errors.0.path.0", "app")
	wantBody(t, got, "errors.0.extensions.code", "NOT_FOUND")

	readOnly := []string{"Authorization", "Bearer " + p.ReadOnlyToken()}
	input := map[string]any{"input": map[string]any{"appId": "shop-api", "type": "v4"}}
	wantBody(t, graphQuery(t, p, allocateMutation, input, readOnly...), "errors.0.extensions.code", "UNAUTHORIZED")
	wantBody(t, graphQuery(t, p, queryAddresses, map[string]any{"a": "shop-api"}, readOnly...),
		"data.app.sharedIpAddress", "66.241.124.11")
	foreign := []string{"Authorization", "Bearer " + p.AppToken("tenant-7")}
	wantBody(t, graphQuery(t, p, allocateMutation, input, foreign...), "errors.0.extensions.code", "NOT_FOUND")
	wantBody(t, graphQuery(t, p, `{apps{nodes{name}}}`, nil, foreign...), "errors.0.extensions.code", "UNAUTHORIZED")
	if len(p.Addresses("shop-api")) != 2 {
		t.Error("a refused mutation took effect")
	}
	for _, bad := range []string{`{app(name:"shop-api"){secretsNobodyServes}}`, `{`,
		`query a {viewer{email}} query b {viewer{email}}`, strings.Repeat("{a", 100)} {
		got := graphQuery(t, p, bad, nil)
		wantStatus(t, got, 200)
		if !strings.Contains(string(got.body), `"errors":[{`) {
			t.Errorf("%.40s: %s", bad, got.body)
		}
	}
	wantStatus(t, ask(t, p, "POST", "/graphql", `[]`), 400)
	input["input"] = map[string]any{"appId": "shop-api", "type": "private_v6", "network": "no-such"}
	wantBody(t, graphQuery(t, p, allocateMutation, input), "errors.0.message", "Could not find Network")
	input["input"] = map[string]any{"appId": "shop-api", "type": "private_v6", "organizationId": "no-such"}
	wantBody(t, graphQuery(t, p, allocateMutation, input), "errors.0.message", "Could not find Organization")
	input["input"] = map[string]any{"appId": "shop-api", "type": "shared_v4"}
	wantBody(t, graphQuery(t, p, allocateMutation, input), "errors.0.extensions.code", "CONFLICT")
}

func TestOmissions(t *testing.T) {
	p := seeded(t, flysim.Options{OmitTypes: true, OmitAppNetwork: true, OmitEgress: true})
	text := `query($a: String!) { x: app(name: $a) { type: name network organization { type } ipAddresses { ` +
		`rows: nodes { ...row } } } } fragment row on IPAddress { kind: type address }`
	got := graphQuery(t, p, text, map[string]any{"a": "shop-api"})
	wantBody(t, got, "data.x.ipAddresses.rows.0.kind", "null")
	wantBody(t, got, "data.x.ipAddresses.rows.0.address", "2a09:8280:1::2d:1111")
	wantBody(t, got, "data.x.network", "null")
	wantBody(t, got, "data.x.type", "shop-api")
	wantBody(t, got, "data.x.organization.type", "PERSONAL")
	got = graphQuery(t, p, queryEgress, map[string]any{"a": "legacy-api"})
	wantBody(t, got, "errors.0.message", "Something went wrong")
	wantBody(t, got, "data.app", "null")
	wantBody(t, graphQuery(t, p, queryAddresses, map[string]any{"a": "legacy-api"}),
		"data.app.ipAddresses.nodes.0.address", "137.66.18.204")
}

func TestListLag(t *testing.T) {
	p := seeded(t, flysim.Options{ListLag: 2})
	count := func(rest bool) string {
		if rest {
			return fmt.Sprint(strings.Count(string(ask(t, p, "GET", shop+"/ip_assignments", "").body), `"ip"`))
		}
		got := graphQuery(t, p, queryAddresses, map[string]any{"a": "shop-api"}).body
		return fmt.Sprint(strings.Count(string(got), `"address"`) + strings.Count(string(got), "66.241"))
	}
	for range 3 {
		count(true) // until the lag of the fixture's writes is over
	}
	input := map[string]any{"input": map[string]any{"appId": "shop-api", "type": "private_v6"}}
	graphQuery(t, p, allocateMutation, input)
	p.RemoveAddress("shop-api", "66.241.124.11")
	if len(p.Addresses("shop-api")) != 2 || p.Addresses("shop-api")[1].Kind != "private_v6" {
		t.Error("the true state lags")
	}
	got := count(false) + count(true) + count(false) + count(true)
	if got != "2222" { // both writes show up together: first shared and v6, then v6 and Flycast
		t.Errorf("counts %s", got)
	}
	input["input"] = map[string]any{"appId": "shop-api", "type": "v4"}
	graphQuery(t, p, allocateMutation, input)
	if got := count(true) + count(false) + count(true) + count(false); got != "2233" {
		t.Errorf("rows seen: %s, want 2233", got)
	}
	input["input"] = map[string]any{"appId": "shop-api", "ip": "66.241.124.11"}
	wantBody(t, graphQuery(t, p, releaseMutation, input), "errors.0.extensions.code", "NOT_FOUND")
}

// TestEveryField queries the fields that no other test queries.
func TestEveryField(t *testing.T) {
	p := seeded(t, flysim.Options{})
	got := graphQuery(t, p, `{
		app(name: "legacy-api") {
			id name hostname state version appUrl status createdAt role { name } currentRelease { id }
			organization { slug type rawSlug name paidPlan billable viewerRole remoteBuilderImage }
			ipAddresses { totalCount nodes { serviceName createdAt } } egressIpAddresses { totalCount }
			certificates { totalCount nodes { hostname clientStatus configured createdAt } }
			releasesUnprocessed(first: 1, status: "complete") {
				totalCount
				nodes { deploymentStrategy description inProgress reason stable updatedAt imageRef user { id name email } }
			}
			image(ref: "registry.fly.io/legacy-api:v1@sha256:0123456789012345678901234567890123456789") {
				id digest ref compressedSize compressedSizeFull manifest registry repository tag
			}
		}
		apps(first: 2, after: "game-server") { totalCount pageInfo { hasNextPage endCursor } nodes { name } }
		inner: app(name: "inner-circle") { ipAddresses { nodes { network { id createdAt updatedAt name } } } }
		personalOrganization { slug }
		organizations { totalCount }
		taken: appNameAvailable(name: "shop-api")
		free: appNameAvailable(name: "shop-api-2")
		canPerformBluegreenDeployment(name: "shop-api")
	}`, nil)
	for path, want := range map[string]string{
		"errors":         "null",
		"data.app.state": "DEPLOYED", "data.app.version": "87", "data.app.hostname": "legacy-api.fly.dev",
		"data.app.role": "null", "data.app.currentRelease.id": "P3nHy8DqXc5sWf1R", "data.app.appUrl": "null",
		"data.app.certificates.nodes.0.hostname":                  "api.legacy-shop.example",
		"data.app.certificates.nodes.0.clientStatus":              "Ready",
		"data.app.releasesUnprocessed.nodes.0.inProgress":         "false",
		"data.app.releasesUnprocessed.nodes.0.deploymentStrategy": "ROLLING",
		"data.app.image.digest":                                   "sha256:0123456789012345678901234567890123456789",
		"data.app.image.compressedSizeFull":                       "41252864",
		"data.apps.pageInfo.hasNextPage":                          "true",
		"data.apps.pageInfo.endCursor":                            "legacy-api",
		"data.inner.ipAddresses.nodes.0.network.name":             "",
		"data.taken":                             "false",
		"data.free":                              "true",
		"data.personalOrganization.slug":         "personal",
		"data.organizations.totalCount":          "2",
		"data.app.egressIpAddresses.totalCount":  "2",
		"data.app.ipAddresses.nodes.0.createdAt": "2026-03-03T16:43:10Z",
	} {
		wantBody(t, got, path, want)
	}
	got = graphQuery(t, p,
		`{latestImageDetails(image: "registry.fly.io/x:1") { tag version digest registry repository }}`, nil)
	wantBody(t, got, "errors.0.message", "Unknown repository") // flyctl takes it for "nothing newer"

	const releaseEgress = `mutation { releaseEgressIpAddress(input: {appId: "legacy-api", ip: "209.71.80.45"}) ` +
		`{ v4 v6 clientMutationId } }`
	wantBody(t, graphQuery(t, p, releaseEgress, nil), "data.releaseEgressIpAddress.v4", "209.71.80.45")
	wantBody(t, graphQuery(t, p, releaseEgress, nil), "errors.0.extensions.code", "NOT_FOUND")
	if got := len(p.Addresses("legacy-api")); got != 3 {
		t.Errorf("%d addresses remain, want 3", got)
	}
}
