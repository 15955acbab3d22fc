package flysim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestHostileQueries sends queries that could exhaust the engine. They are refused quickly and have
// no effect.
func TestHostileQueries(t *testing.T) {
	p := seeded(t, flysim.Options{})
	var aliases, fragments strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&aliases, "a%d:app(name:\"shop-api\"){name} ", i)
	}
	for i := range 40 {
		fmt.Fprintf(&fragments, "fragment f%d on App{...f%d ...f%d} ", i, i+1, i+1)
	}
	many := strings.Repeat(
		`x: allocateIpAddress(input:{appId:"shop-api",type:v6}){app{id}} x: `+
			`allocateIpAddress(input:{appId:"shop-api",type:v4}){app{id}} `,
		100)
	for name, text := range map[string]string{
		"deep":         strings.Repeat("{app(name:\"shop-api\")", 200) + strings.Repeat("}", 200),
		"deep lists":   `{app(name:` + strings.Repeat("[", 4000) + strings.Repeat("]", 4000) + `){name}}`,
		"many aliases": "{" + aliases.String() + "}",
		"overlapping fields": "{app(name:\"shop-api\"){" +
			strings.Repeat("organization{apps{nodes{name}}} ", 900) + "}}",
		"fragment cycle":     `{app(name:"shop-api"){...a}} fragment a on App{...b} fragment b on App{...a}`,
		"fragment to itself": `{app(name:"shop-api"){...a}} fragment a on App{organization{apps{nodes{...a}}}}`,
		"fragments that grow": `{app(name:"shop-api"){...f0}} ` + fragments.String() +
			`fragment f40 on App{name}`,
		"one mutation aliased in conflict": "mutation{" + many + "}",
		"huge integer":                     `{apps(first:99999999999999999999999){nodes{name}}}`,
		"number beyond floats":             `{apps(first:1e999){nodes{name}}}`,
		"long":                             `{app(name:"` + strings.Repeat("a", 70<<10) + `"){name}}`,
		"unclosed string":                  `{app(name:"`,
		"only a fragment":                  `fragment a on App{name}`,
		"subscription":                     `subscription{app{name}}`,
		"two anonymous":                    `{viewer{email}} {viewer{email}}`,
		"undeclared variable": `query($a:String!){app(name:$a){releasesUnprocessed(first:1,` +
			`status:$status){nodes{id}}}}`,
		"unused variable":           `query($a:String!,$b:String){app(name:$a){name}}`,
		"variable of another type":  `query($a:Int!){app(name:$a){name}}`,
		"unknown argument":          `{app(nme:"shop-api"){name}}`,
		"unknown type":              `query($a:Nothing){app(name:$a){name}}`,
		"leaf with fields":          `{app(name:"shop-api"){name{x}}}`,
		"object without fields":     `{app(name:"shop-api")}`,
		"unknown enumeration value": `mutation{allocateIpAddress(input:{appId:"shop-api",type:v5}){app{id}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			got := graphQuery(t, p, text, map[string]any{"a": "shop-api"})
			wantStatus(t, got, 200)
			if !strings.Contains(string(got.body), `"errors":[{`) || len(got.body) > 64<<10 {
				t.Errorf("%.200s", got.body)
			}
		})
	}
	if got := len(p.Addresses("shop-api")); got != 2 {
		t.Errorf("%d addresses, want 2", got)
	}
}

// TestQueryErrors checks the errors of queries that do not fit the schema, in Fly's words.
func TestQueryErrors(t *testing.T) {
	p := seeded(t, flysim.Options{})
	got := graphQuery(t, p, `{app(name:"shop-api"){name nope}}`, nil)
	wantBody(t, got, "errors.0.message", "Field 'nope' doesn't exist on type 'App': not emulated")
	wantBody(t, got, "errors.0.extensions.code", "undefinedField")
	wantBody(t, got, "errors.0.extensions.typeName", "App")
	wantBody(t, got, "data", "null")
	got = graphQuery(t, p, `query($a:String!){app(name:$a){releasesUnprocessed(status:$status){nodes{id}}}}`,
		map[string]any{"a": "shop-api", "status": "complete"})
	wantBody(t, got, "errors.0.extensions.code", "variableNotDefined")
	got = graphQuery(t, p, `query($a:String!){app(name:$a){name}}`, map[string]any{"a": "shop-api",
		"status": "complete", "more": []any{1, nil}})
	wantBody(t, got, "data.app.name", "shop-api") // undeclared variables are ignored
	got = graphQuery(t, p, `{a:app(name:"shop-api"){name} b:app(name:"no-such"){name}}`, nil)
	wantBody(t, got, "data.a.name", "shop-api") // one part fails, the other succeeds
	wantBody(t, got, "data.b", "null")
	wantBody(t, got, "errors.0.path", `["b"]`)
	wantBody(t, graphQuery(t, p, `mutation{addCertificate(appId:"shop-api",hostname:""){app{id}}}`, nil),
		"errors.0.extensions.code", "UNPROCESSABLE")
	wantBody(t, graphQuery(t, p, `mutation{createApp(input:{organizationId:"`+personal(
		t)+`",name:"shop-api"}){app{id}}}`, nil), "errors.0.message", "Validation failed: Name has already been taken")
	for body, want := range map[string]int{
		``: 400, `{}`: 400, `null`: 400, `[]`: 400, `{"query":1}`: 400, `{"query":""}`: 400,
		`{"query":"{viewer{email}}","variables":7}`:                                         200,
		`{"query":"{viewer{email}}","variables":null,"operationName":null,"extensions":{}}`: 200,
		`{"query":"query A{viewer{email}}","operationName":"B"}`:                            200,
	} {
		if got := ask(t, p, "POST", "/graphql", body); got.status != want || !json.Valid(got.body) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// FuzzGraphQLBody sends any bytes as the body of a GraphQL request. The answer must be 200 or 400,
// with JSON.
func FuzzGraphQLBody(f *testing.F) {
	for _, body := range []string{
		`{"query":"{viewer{email}}"}`,
		`{"query":"query($a:ID){apps(organizationId:$a){nodes{name}}}","variables":{"a":{"b":[1e300]}}}`,
		`{"query":"mutation($input:CreateReleaseInput!){createRelease(input:$input){release{id}}}",` +
			`"variables":{"input":{"appId":"shop-api","definition":"{","image":"","platformVersion":"","strategy":"ROLLING"}}}`,
		`{"query":"mutation($p:JSON){createLimitedAccessToken(input:{name:\"\",organizationId:\"\",` +
			`profile:\"deploy\",profileParams:$p}){limitedAccessToken{token}}}","variables":{"p":[[]]}}`,
		`{"query":"{__schema{types{name fields{name type{ofType{name}}}}}}","operationName":""}`,
		`{"query":"{app(name:\"legacy-api\"){services{ports{handlers}} config{definition} machines{nodes{config}} ` +
			`secrets{name}}}"}`,
		`{"query":"mutation{setSecrets(input:{appId:\"shop-api\",secrets:[{key:\"\\u0000\",value:\"\"}]}){app{id}}}"}`,
		"\xff", `{"query":"#`, `{"variables":{}}`,
		`{"query":"query Q($first:Int=-1){apps(first:$first,last:2147483647){pageInfo{startCursor}}}",` +
			`"operationName":"Q","variables":{"first":-2147483648}}`,
		`{"query":"mutation{deleteApp(appId:\"game-server\"){organization{id}} ` +
			`createApp(input:{organizationId:\"\",network:\"n\"}){app{id}}}"}`,
	} {
		f.Add([]byte(body))
	}
	p := seeded(f, flysim.Options{})
	f.Fuzz(func(t *testing.T, body []byte) {
		got := ask(t, p, "POST", "/graphql", string(body))
		if got.status != 200 && got.status != 400 || !json.Valid(got.body) {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}

// FuzzAppREST sends any body and query to the routes of apps, addresses, certificates, releases,
// builds and logs.
func FuzzAppREST(f *testing.F) {
	routes := []string{
		"POST /v1/apps", "GET /v1/apps", "GET " + shop, "POST " + shop + "/ip_assignments", "GET " + shop + "/ip_assignments",
		"DELETE " + shop + "/ip_assignments/fdaa::1%25eth0", "POST " + shop + "/certificates/acme", "GET " +
			shop + "/certificates",
		"DELETE " + shop + "/certificates/shop.example", "POST " + shop + "/certificates/shop.example/check",
		"GET /api/v1/organizations", "GET /api/v1/organizations/personal",
		"GET /api/v1/apps/shop-api/logs", "GET /api/v1/apps/shop-api/releases", "GET /api/v1/apps/shop-api/releases/current",
		"GET /api/v1/releases/all_current", "POST /api/v1/releases", "PATCH /api/v1/releases/{release}",
		"POST /api/v1/builds",
		"POST /api/v1/builds/finish", "DELETE " + shop,
	}
	for _, body := range []string{
		`{"type":"egress_pair","region":"fra"}`,
		`{"type":"private_v6","org_slug":"partner","network":"default","service_name":"web"}`,
		`{"name":"n","org_slug":"personal","network":"x","app_role_id":"y"}`,
		`{"app_name":"shop-api","definition":[],"strategy":"bluegreen","image":"@"}`,
		`{"app_name":"shop-api","build_id":1e3,"status":"completed"}`, `{"hostname":"*.a.example"}`,
		`{"status":"complete","metadata":{"a":[]}}`, `0`, ``, "\xff",
	} {
		for i := range routes {
			f.Add(uint8(i), body, "limit=1&cursor=a&filter=b&next_token=&instance=x&admin=true&org_slug=personal&app_role=")
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, body, query string) {
		fuzzRoute(t, routes[int(i)%len(routes)], body, query)
	})
}
