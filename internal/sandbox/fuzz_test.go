package sandbox_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/sandbox"
)

// FuzzREST sends any body to every route that takes one.
func FuzzREST(f *testing.F) {
	for _, body := range []string{
		`{"config":{"image":"nginx","services":[{"autostop":"off","checks":[{"type":"tcp"}]}]},"lease_ttl":5}`,
		`{"name":"x","org_slug":"personal","network":"n"}`, `{"type":"private_v6","network":"tenant-7"}`,
		`{"ttl":-1}`, `{"hostname":"a"}`, `[]`, `null`, `{"config":null}`, `{"config":{"image":"@:","env":[]}}`, `{"signal":9,"value":"v","size_gb":2,"name":"data","region":"iad"}`,
		`{"config":{"image":"nginx","restart":{"policy":"always"},"mounts":[{"volume":"vol_fuzz","path":"/"}]}}`, "\xff",
		`{"values":{"A":"b","B":null},"value":"x","metadata":{"a":null},"limit_mb":64,"amount_mb":-1,"org_slug":"personal","count":3,"expiry":"1h"}`,
		`{"timeout":"9999999999999999999","signal":"SIGTERM"}`, `{"timeout":-1}`, `{"config":{"image":"x","auto_destroy":true,"stop_config":{"timeout":[]},"files":[{}]}}`,
	} {
		f.Add(body, "state=started&timeout=1")
	}
	p := seeded(f, sandbox.Options{})
	targets := [][2]string{
		{"POST", "/v1/apps"}, {"POST", shop + "/machines"}, {"POST", shop + "/machines/" + shopA},
		{"POST", shop + "/machines/" + shopA + "/stop"}, {"POST", shop + "/machines/" + shopA + "/start"},
		{"POST", shop + "/machines/" + shopA + "/restart"}, {"POST", shop + "/machines/" + shopA + "/signal"},
		{"POST", shop + "/machines/" + shopA + "/metadata/x"}, {"DELETE", shop + "/machines/" + shopA + "/metadata/x"},
		{"POST", shop + "/volumes"}, {"PUT", shop + "/volumes/vol_fuzz"}, {"PUT", shop + "/volumes/vol_fuzz/extend"},
		{"POST", shop + "/machines/" + shopA + "/lease"}, {"POST", shop + "/ip_assignments"},
		{"DELETE", shop + "/ip_assignments/x"}, {"POST", shop + "/certificates/acme"},
		{"GET", shop + "/machines"}, {"GET", shop + "/certificates"}, {"GET", "/v1/apps"},
		{"PUT", shop + "/machines/" + shopA + "/metadata"}, {"GET", shop + "/machines/" + shopA + "/events"},
		{"PUT", shop + "/machines/" + shopA + "/memory"}, {"POST", shop + "/machines/" + shopA + "/memory/reclaim"},
		{"POST", shop + "/secrets"}, {"POST", shop + "/secrets/A"}, {"GET", shop + "/secrets"}, {"POST", shop + "/deploy_token"},
		{"POST", "/v1/platform/placements"}, {"GET", "/v1/orgs/personal/machines"}, {"GET", "/v1/orgs/personal/volumes"},
		{"POST", "/api/v1/releases"}, {"PATCH", "/api/v1/releases/x"}, {"POST", "/api/v1/builds/finish"},
	}
	f.Fuzz(func(t *testing.T, body, query string) {
		for _, target := range targets {
			r := httptest.NewRequest(target[0], target[1], strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+p.Token())
			r.URL.RawQuery = query
			w := httptest.NewRecorder()
			p.Handler().ServeHTTP(w, r)
			if w.Code >= 500 || w.Code != 204 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s %s: %d %s", target[0], target[1], w.Code, w.Body)
			}
		}
	})
}

// FuzzGraphQL executes any query.
func FuzzGraphQL(f *testing.F) {
	f.Add(queryAddresses, `{"a":"shop-api"}`)
	f.Add(queryEgress, `{"a":"legacy-api"}`)
	f.Add(allocate, `{"input":{"appId":"shop-api","type":"private_v6"}}`)
	f.Add(release, `{"input":{"appId":"shop-api","ip":"::"}}`)
	f.Add(`{apps(first:-1,after:""){nodes{name} pageInfo{endCursor}} viewer{... on User{id} ...f}} fragment f on Principal{email}`, `{}`)
	f.Add(`fragment f on App{...f} {app(name:"shop-api"){...f}}`, `null`)
	f.Add(`mutation{createRelease(input:{appId:"shop-api",definition:{a:[1]},image:"",platformVersion:"",strategy:ROLLING}){release{id user{id}}}}`, `{}`)
	f.Add(`{app(name:"shop-api"){image(ref:"@sha256:"){digest ref} role{name} certificates{nodes{id}}}}`, ``)
	p := seeded(f, sandbox.Options{OmitTypes: true})
	f.Fuzz(func(t *testing.T, text, variables string) {
		if !json.Valid([]byte(variables)) {
			variables = "{}"
		}
		body, err := json.Marshal(map[string]any{"query": text, "variables": json.RawMessage(variables)})
		if err != nil {
			t.Fatal(err)
		}
		got := ask(t, p, "POST", "/graphql", string(body))
		if got.status != 200 && got.status != 400 || !json.Valid(got.body) {
			t.Errorf("%d %s", got.status, got.body)
		}
	})
}
