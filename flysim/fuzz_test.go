package flysim_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flysim/spec"
)

// FuzzREST sends any body to every route that has one.
func FuzzREST(f *testing.F) {
	routes := []string{
		"POST /v1/apps", "POST /v1/apps/shop-api/machines", "POST /v1/apps/shop-api/machines/{machine}",
		"POST /v1/apps/shop-api/machines/{machine}/stop", "POST /v1/apps/shop-api/machines/{machine}/start",
		"POST /v1/apps/shop-api/machines/{machine}/restart", "POST /v1/apps/shop-api/machines/{machine}/signal",
		"POST /v1/apps/shop-api/machines/{machine}/metadata/x", "DELETE /v1/apps/shop-api/machines/{machine}/metadata/x",
		"POST /v1/apps/shop-api/volumes", "PUT /v1/apps/shop-api/volumes/{volume}",
		"PUT /v1/apps/shop-api/volumes/{volume}/extend",
		"POST /v1/apps/shop-api/machines/{machine}/lease", "POST /v1/apps/shop-api/ip_assignments",
		"DELETE /v1/apps/shop-api/ip_assignments/x", "POST /v1/apps/shop-api/certificates/acme",
		"GET /v1/apps/shop-api/machines",
		"GET /v1/apps/shop-api/certificates", "GET /v1/apps", "PUT /v1/apps/shop-api/machines/{machine}/metadata",
		"GET /v1/apps/shop-api/machines/{machine}/events", "PUT /v1/apps/shop-api/machines/{machine}/memory",
		"POST /v1/apps/shop-api/machines/{machine}/memory/reclaim", "POST /v1/apps/shop-api/secrets",
		"POST /v1/apps/shop-api/secrets/A",
		"GET /v1/apps/shop-api/secrets", "POST /v1/apps/shop-api/deploy_token", "POST /v1/platform/placements",
		"GET /v1/orgs/personal/machines", "GET /v1/orgs/personal/volumes", "POST /api/v1/releases",
		"PATCH /api/v1/releases/x",
		"POST /api/v1/builds/finish",
	}
	for _, body := range []string{
		`{"config":{"image":"nginx","services":[{"autostop":"off","checks":[{"type":"tcp"}]}]},"lease_ttl":5}`,
		`{"name":"x","org_slug":"personal","network":"n"}`, `{"type":"private_v6","network":"tenant-7"}`,
		`{"ttl":-1}`, `{"hostname":"a"}`, `[]`, `null`, `{"config":null}`, `{"config":{"image":"@:","env":[]}}`,
		`{"signal":9,"value":"v","size_gb":2,"name":"data","region":"iad"}`,
		`{"config":{"image":"nginx","restart":{"policy":"always"},"mounts":[{"volume":"{volume}","path":"/"}]}}`, "\xff",
		`{"values":{"A":"b","B":null},"value":"x","metadata":{"a":null},"limit_mb":64,"amount_mb":-1,` +
			`"org_slug":"personal","count":3,"expiry":"1h"}`,
		`{"timeout":"9999999999999999999","signal":"SIGTERM"}`, `{"timeout":-1}`,
		`{"config":{"image":"x","auto_destroy":true,"stop_config":{"timeout":[]},"files":[{}]}}`,
	} {
		for i := range routes {
			f.Add(uint8(i), body, "state=started&timeout=1")
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, body, query string) {
		fuzzRoute(t, routes[int(i)%len(routes)], body, query)
	})
}

// fuzzRoute sends a request to a small new platform, so that an input always has the same effect
// and the fuzzer learns the same from it. The answer must be JSON and not an internal error.
func fuzzRoute(t *testing.T, route, body, query string) {
	t.Helper()
	if len(body) > 4<<10 || len(query) > 1<<10 { // longer ones are slower and show nothing more
		return
	}
	const app = "shop-api"
	p := flysim.New(flysim.Options{Clock: flysim.NewClock(func() time.Time { return startTime })})
	config, err := spec.Parse(
		[]byte(`{"image":"nginx","services":[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,` +
			`"handlers":["http"]}]}],"metadata":{"fly_process_group":"app"}}`))
	if err != nil {
		t.Fatal(err)
	}
	p.AddApp(app, "personal", "")
	p.AddAddress(app, "private_v6", "", "")
	p.AddCertificate(app, "shop.example")
	known := strings.NewReplacer("{release}", p.AddRelease(app, "nginx", nil).ID, "{machine}",
		p.AddMachine(app, "iad", config), "{volume}", p.AddVolume(app, "data", "iad", 1))
	method, path, _ := strings.Cut(known.Replace(route), " ")
	body = known.Replace(body)
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+p.Token())
	r.URL.RawQuery = query
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	if w.Code >= 500 || w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
		t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

// FuzzGraphQL executes any query.
func FuzzGraphQL(f *testing.F) {
	f.Add(queryAddresses, `{"a":"shop-api"}`)
	f.Add(queryEgress, `{"a":"legacy-api"}`)
	f.Add(allocateMutation, `{"input":{"appId":"shop-api","type":"private_v6"}}`)
	f.Add(releaseMutation, `{"input":{"appId":"shop-api","ip":"::"}}`)
	f.Add(`{apps(first:-1,after:""){nodes{name} pageInfo{endCursor}} viewer{... on User{id} ...f}} fragment f `+
		`on Principal{email}`,
		`{}`)
	f.Add(`fragment f on App{...f} {app(name:"shop-api"){...f}}`, `null`)
	f.Add(`mutation{createRelease(input:{appId:"shop-api",definition:{a:[1]},image:"",platformVersion:"",`+
		`strategy:ROLLING}){release{id user{id}}}}`,
		`{}`)
	f.Add(`{app(name:"shop-api"){image(ref:"@sha256:"){digest ref} role{name} certificates{nodes{id}}}}`, ``)
	p := seeded(f, flysim.Options{OmitTypes: true})
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
