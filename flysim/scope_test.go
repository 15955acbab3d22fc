package flysim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestGraphScopes sends requests with every kind of token. What a token does not cover is not
// found, what it may not change is not authorized, and nothing changes.
func TestGraphScopes(t *testing.T) {
	p := seeded(t, flysim.Options{})
	wantStatus(t, ask(t, p, "POST", "/v1/apps", `{"name":"theirs","org_slug":"partner"}`), 201)
	full, readOnly, expired := p.Token(), p.ReadOnlyToken(), p.ExpiredToken()
	app, org := p.AppToken("shop-api"), p.OrgToken("partner")
	partner := graphQuery(t, p, `{organization(slug:"partner"){id}}`, nil).get(t, "data.organization.id")
	const unauthorized, missing = "UNAUTHORIZED", "NOT_FOUND"
	for _, test := range []struct {
		name, token, query string
		code               string // empty: success
		path, want         string
	}{
		{"full sees all", full, `{apps{totalCount}}`, "", "data.apps.totalCount", "6"},
		{"read-only sees all", readOnly, `{apps{totalCount}}`, "", "data.apps.totalCount", "6"},
		{"organization sees its own", org, `{apps{nodes{name}}}`, "", "data.apps.nodes", `[{"name":"theirs"}]`},
		{"app cannot list", app, `{apps{nodes{name}}}`, unauthorized, "data", "null"},
		{"app sees itself", app, `{app(name:"shop-api"){organization{slug name}}}`, "",
			"data.app.organization.slug", "personal"},
		{"app sees no other", app, `{app(name:"tenant-7"){name}}`, missing, "data.app", "null"},
		{"app sees its organization's apps: itself", app, `{organization(slug:"personal"){apps{nodes{name}}}}`,
			"", "data.organization.apps.nodes", `[{"name":"shop-api"}]`},
		{"app sees one organization", app, `{organizations{nodes{slug}}}`, "", "data.organizations.nodes",
			`[{"slug":"personal"}]`},
		{"app does not see another organization", app, `{organization(slug:"partner"){name}}`, missing,
			"data.organization", "null"},
		{"organization sees no other", org, `{organization(slug:"personal"){name}}`, missing, "data.organization", "null"},
		{"organization has no personal one", org, `{personalOrganization{slug}}`, missing, "data", "null"},
		{"organization sees no other's app", org, `{app(name:"shop-api"){name}}`, missing, "data.app", "null"},
		{"organization sees no other's Machine", org, `{machine(machineId:"` + shopA + `"){id}}`, missing, "data", "null"},
		{"app sees its Machine", app, `{machine(machineId:"` + shopA + `"){id}}`, "", "data.machine.id", shopA},
		{"app token has no person", app, `{viewer{__typename email}}`, "", "data.viewer.__typename", "Macaroon"},
		{"full is a person", full, `{viewer{__typename email}}`, "", "data.viewer.__typename", "User"},
		{"read-only deletes", readOnly, `mutation{deleteApp(appId:"shop-api"){organization{id}}}`, unauthorized,
			"data.deleteApp", "null"},
		{"app deletes another", app, `mutation{deleteApp(appId:"tenant-7"){organization{id}}}`, missing,
			"data.deleteApp", "null"},
		{"organization deletes another's", org, `mutation{deleteApp(appId:"shop-api"){organization{id}}}`,
			missing, "data.deleteApp", "null"},
		{"read-only creates", readOnly, `mutation{createApp(input:{organizationId:"` + partner +
			`",name:"x"}){app{id}}}`, unauthorized, "data.createApp", "null"},
		{"app creates", app, `mutation{createApp(input:{organizationId:"` + partner + `",name:"x"}){app{id}}}`,
			unauthorized, "data.createApp", "null"},
		{"read-only allocates", readOnly,
			`mutation{allocateIpAddress(input:{appId:"shop-api",type:v6}){app{id}}}`, unauthorized,
			"data.allocateIpAddress", "null"},
		{"app allocates on a foreign network", app,
			`mutation{allocateIpAddress(input:{appId:"shop-api",type:private_v6,organizationId:"` + partner +
				`"}){app{id}}}`, missing, "data.allocateIpAddress", "null"},
		{"read-only certifies", readOnly,
			`mutation{addCertificate(appId:"shop-api",hostname:"a.example"){app{id}}}`, unauthorized,
			"data.addCertificate", "null"},
		{"read-only builds", readOnly,
			`mutation{createBuild(input:{appName:"shop-api",builderType:"x",strategiesAvailable:[]}){id}}`,
			unauthorized, "data.createBuild", "null"},
		{"read-only sets secrets", readOnly,
			`mutation{setSecrets(input:{appId:"shop-api",secrets:[{key:"A",value:"b"}]}){app{id}}}`, unauthorized,
			"data.setSecrets", "null"},
		{"read-only unsets secrets", readOnly,
			`mutation{unsetSecrets(input:{appId:"shop-api",keys:["A"]}){app{id}}}`, unauthorized, "data.unsetSecrets", "null"},
		{"read-only revokes", readOnly, `mutation{deleteLimitedAccessToken(input:{id:"x"}){token}}`, unauthorized,
			"data.deleteLimitedAccessToken", "null"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := graphQuery(t, p, test.query, nil, "Authorization", "Bearer "+test.token)
			wantStatus(t, got, 200)
			wantBody(t, got, test.path, test.want)
			if test.code != "" {
				wantBody(t, got, "errors.0.extensions.code", test.code)
			} else {
				wantBody(t, got, "errors", "null")
			}
		})
	}
	wantStatus(t, graphQuery(t, p, `{viewer{email}}`, nil, "Authorization", "Bearer "+expired), 401)
	for _, test := range []struct {
		token, method, path, body string
		want                      int
	}{
		{app, "GET", "/api/v1/organizations/personal", "", 200},
		{app, "GET", "/api/v1/organizations/partner", "", 404},
		{app, "GET", "/api/v1/apps/tenant-7/logs", "", 403},
		{app, "GET", "/api/v1/apps/shop-api/logs", "", 200},
		{app, "POST", "/api/v1/releases", `{"app_name":"tenant-7","strategy":"ROLLING"}`, 403},
		{org, "GET", "/v1/apps?org_slug=personal", "", 404},
		{org, "GET", "/v1/apps?org_slug=partner", "", 200},
		{org, "POST", "/v1/apps", `{"name":"y","org_slug":"personal"}`, 404},
		{org, "POST", "/v1/apps/theirs/ip_assignments", `{"type":"private_v6","org_slug":"personal"}`, 404},
		{org, "DELETE", shop, "", 403},
		{readOnly, "DELETE", shop, "", 403},
		{readOnly, "DELETE", "/v1/apps/legacy-api/certificates/api.legacy-shop.example", "", 403},
	} {
		got := ask(t, p, test.method, test.path, test.body, "Authorization", "Bearer "+test.token)
		if got.status != test.want {
			t.Errorf("%s %s: status %d, want %d: %s", test.method, test.path, got.status, test.want, got.body)
		}
	}
	wantBody(t, ask(t, p, "GET", "/api/v1/organizations?admin=true", "", "Authorization", "Bearer "+org),
		"organizations.0.slug", "partner")
	wantBody(t, ask(t, p, "GET", "/api/v1/releases/all_current", "", "Authorization", "Bearer "+org), "", "{}")
	if got := graphQuery(t, p, `{apps{totalCount}}`, nil).get(t, "data.apps.totalCount"); got != "6" ||
		len(p.Addresses("shop-api")) != 2 {
		t.Errorf("a refused mutation took effect: %s apps", got)
	}
	wantBody(t, graphQuery(t, p, `{app(name:"shop-api"){secrets{name} certificates{totalCount}}}`, nil),
		"data.app.certificates.totalCount", "0")
}

// TestGraphSecrets sets a secret, and checks that the recorded calls have no body.
func TestGraphSecrets(t *testing.T) {
	p := seeded(t, flysim.Options{})
	const set = `mutation($input: SetSecretsInput!) { setSecrets(input: $input) { release { id version } app { ` +
		`secrets { name digest createdAt } } } }`
	value := "s3cr3t-value"
	input := map[string]any{"input": map[string]any{"appId": "shop-api", "secrets": []any{
		map[string]any{"key": "KEY", "value": value}, map[string]any{"key": "OTHER", "value": value},
	}}}
	got := graphQuery(t, p, set, input)
	wantBody(t, got, "data.setSecrets.app.secrets.0.name", "KEY")
	wantBody(t, got, "data.setSecrets.release", "null")
	got = graphQuery(t, p, `mutation{unsetSecrets(input:{appId:"shop-api",keys:["KEY","NONE"]}){app{secrets{name}}}}`, nil)
	wantBody(t, got, "data.unsetSecrets.app.secrets", `[{"name":"OTHER"}]`)
	input["input"] = map[string]any{"appId": "shop-api", "replaceAll": true,
		"secrets": []any{map[string]any{"key": "NEW", "value": value}}}
	wantBody(t, graphQuery(t, p,
		`mutation($input: SetSecretsInput!) { setSecrets(input: $input) { app { secrets { name } } } }`, input),
		"data.setSecrets.app.secrets", `[{"name":"NEW"}]`)
	input["input"] = map[string]any{"appId": "shop-api", "secrets": []any{map[string]any{"key": "a b", "value": value}}}
	wantBody(t, graphQuery(t, p, set, input), "errors.0.extensions.code", "UNPROCESSABLE")
	for _, call := range p.Calls() {
		if strings.Contains(string(call.Body), value) {
			t.Errorf("%s: %s", call.Operation, call.Body)
		}
	}
}

// TestPages reads lists one element at a time, forward and backward.
func TestPages(t *testing.T) {
	p := seeded(t, flysim.Options{})
	for range 3 {
		wantStatus(t, ask(t, p, "POST", "/api/v1/releases",
			`{"app_name":"shop-api","strategy":"ROLLING","image":"nginx"}`), 201)
	}
	for _, test := range []struct {
		name, list, page, node, want string
	}{
		{"apps forwards", "data.apps", `{apps(first:2,after:"%"){pageInfo{hasNextPage endCursor}nodes{name}}}`,
			"name", "game-server inner-circle legacy-api shop-api tenant-7"},
		{"releases forwards", "data.app.releases",
			`{app(name:"shop-api"){releases:releasesUnprocessed(first:1,after:"%"){pageInfo{hasNextPage ` +
				`endCursor}nodes{version}}}}`,
			"version", "17 16 15 14"},
		{"organizations", "data.organizations",
			`{organizations(first:1,after:"%"){pageInfo{hasNextPage endCursor}nodes{slug}}}`, "slug", "personal partner"},
		{"addresses", "data.app.ipAddresses",
			`{app(name:"legacy-api"){ipAddresses(first:1,after:"%"){pageInfo{hasNextPage endCursor}nodes{type}}}}`,
			"type", "v4 v6"},
		{"Machines", "data.app.machines",
			`{app(name:"shop-api"){machines(first:1,after:"%"){pageInfo{hasNextPage endCursor}nodes{id}}}}`, "id",
			shopA + " " + shopB},
	} {
		var seen []string
		for cursor, more := "", "true"; more == "true" && len(seen) < 10; {
			got := graphQuery(t, p, strings.ReplaceAll(test.page, "%", cursor), nil)
			nodes := strings.Count(got.get(t, test.list+".nodes"), "{")
			for i := range nodes {
				seen = append(seen, got.get(t, test.list+".nodes."+string(rune('0'+i))+"."+test.node))
			}
			cursor, more = got.get(t, test.list+".pageInfo.endCursor"), got.get(t, test.list+".pageInfo.hasNextPage")
		}
		if got := strings.Join(seen, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	for arguments, want := range map[string]string{
		`last:2`: "shop-api tenant-7", `last:1,before:"shop-api"`: "legacy-api", `first:0`: "", `first:-1`: "",
		`after:"tenant-7"`: "",
		`after:"gone"`:     "inner-circle legacy-api shop-api tenant-7", `before:"game-server"`: "",
		`first:3,last:1`:                         "legacy-api",
		`after:"shop-api",before:"inner-circle"`: "", `role:"postgres_cluster"`: "", `organizationId:"` +
			personal(t) + `",first:1`: "game-server",
	} {
		got := graphQuery(t, p,
			`{apps(`+arguments+`){totalCount pageInfo{hasNextPage hasPreviousPage startCursor endCursor}nodes{name}}}`, nil)
		names := strings.NewReplacer(`[`, "", `]`, "", `{"name":"`, "", `"}`, "", ",", " ").Replace(
			got.get(t, "data.apps.nodes"))
		if names != want {
			t.Errorf("%s: %q, want %q", arguments, names, want)
		}
	}
}

// TestGraphCalls checks what the recorder shows of a query, to faults and to people.
func TestGraphCalls(t *testing.T) {
	p := seeded(t, flysim.Options{})
	for text, want := range map[string]string{
		`{app(name:"shop-api"){id}}`: "graphql.app shop-api  false",
		`{machine(machineId:"` + shopA +
			`"){id}}`: "graphql.machine  " +
			shopA + " false",
		`mutation{deleteApp(appId:"no-such"){organization{id}}}`: "graphql.deleteApp no-such  true",
		`mutation{deleteCertificate(appId:"shop-api",` +
			`hostname:"a.b"){app{id}}}`: "graphql.deleteCertificate " +
			"shop-api a.b true",
		`mutation{createBuild(input:{appName:"shop-api",builderType:"x",` +
			`strategiesAvailable:[]}){id}}`: "graphql.createBuild shop-api  true",
		`mutation{createApp(input:{organizationId:"x",` +
			`name:"fresh"}){app{id}}}`: "graphql.createApp fresh  true",
		`mutation{createLimitedAccessToken(input:{name:"n",organizationId:"x",` +
			`profile:"deploy"}){limitedAccessToken{id}}}`: "graphql.createLimitedAccessToken n deploy true",
	} {
		p.ResetCalls()
		graphQuery(t, p, text, nil)
		call := p.Calls()[0]
		if got := fmt.Sprint(call.Operation, " ", call.App, " ", call.Target, " ", call.Write); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
