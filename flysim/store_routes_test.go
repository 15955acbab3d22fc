package flysim

import (
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// change is a request that changes something, for one operation.
type change struct {
	before [][3]string // method, path and body of requests that are sent first
	path   string      // of a REST route, whose method the route gives
	body   string
	same   bool // whether it leaves the state unchanged
}

func (c change) after(requests ...[3]string) change {
	c.before = requests
	return c
}

func (c change) changingNothing() change {
	c.same = true
	return c
}

const (
	storeShop = "/v1/apps/shop-api"
	machineAt = storeShop + "/machines/" + shopMachine
	mountable = `{"name":"data","region":"iad","size_gb":2}`
)

// changeRequests returns a request for every route that writes and for every mutation.
func changeRequests(t *testing.T) map[string]change {
	stop := [3]string{"POST", machineAt + "/stop", "{}"}
	disk := [3]string{"POST", storeShop + "/volumes", mountable}
	hostname := [3]string{"POST", storeShop + "/certificates/acme", `{"hostname":"www.example.com"}`}
	own := [3]string{"POST", storeShop + "/certificates/custom", ownCertificate(t, "www.example.com")}
	secretKey := [3]string{"POST", storeShop + "/secretkeys/a", `{"type":"hs256"}`}
	egress := [3]string{"POST", "/graphql",
		`{"query":"mutation{allocateEgressIpAddress(input:{appId:\"shop-api\",machineId:\"` + shopMachine + `\"}){v4}}"}`}
	peer := [3]string{"POST", "/graphql",
		`{"query":"mutation{addWireGuardPeer(input:{organizationId:\"{organization}\",name:\"laptop\",pubkey:\"` +
			peerKey + `\"}){peerip}}"}`}
	graph := func(text string) change {
		return change{path: "/graphql", body: `{"query":"mutation{` + strings.ReplaceAll(text, `"`, `\"`) + `}"}`}
	}
	const volume = storeShop + "/volumes/{volume}"
	return map[string]change{
		"app.create":      {path: "/v1/apps", body: `{"name":"new","org_slug":"partner","network":"own"}`},
		"machine.create":  {path: storeShop + "/machines", body: `{"config":{"image":"a/b:1"},"lease_ttl":10}`},
		"machine.update":  {path: machineAt, body: `{"config":{"image":"a/b:2"}}`},
		"machine.destroy": {path: machineAt, before: [][3]string{stop}},
		"machine.start":   {path: machineAt + "/start", before: [][3]string{stop}},
		"machine.stop":    {path: machineAt + "/stop", body: "{}"},
		"machine.restart": {path: machineAt + "/restart"},
		"machine.signal":  {path: machineAt + "/signal", body: `{"signal":"SIGTERM"}`},
		"machine.suspend": {path: machineAt + "/suspend"},
		"machine.cordon":  {path: machineAt + "/cordon"},
		"machine.uncordon": {path: machineAt + "/uncordon", before: [][3]string{
			{"POST", machineAt + "/cordon", ""}}},
		"machine.metadata.set":    {path: machineAt + "/metadata/a", body: `{"value":"b"}`},
		"machine.metadata.delete": {path: machineAt + "/metadata/fly_process_group"},
		"machine.exec":            {path: machineAt + "/exec", body: `{"cmd":"true"}`, same: true},
		"machine.memory.limit":    {path: machineAt + "/memory", body: `{"limit_mb":128}`},
		"machine.memory.reclaim":  {path: machineAt + "/memory/reclaim", body: `{"amount_mb":1}`, same: true},
		"machine.metadata.update": {path: machineAt + "/metadata", body: `{"metadata":{"a":"b"}}`},
		"secret.update":           {path: storeShop + "/secrets", body: `{"values":{"A":"b"}}`},
		"secret.set":              {path: storeShop + "/secrets/A", body: `{"value":"b"}`},
		"secret.delete": {path: storeShop + "/secrets/A", before: [][3]string{
			{"POST", storeShop + "/secrets/A", `{"value":"b"}`}}},
		"secretkey.set":      {path: storeShop + "/secretkeys/a", body: `{"type":"hs256","value":"YQ=="}`},
		"secretkey.generate": {path: storeShop + "/secretkeys/a/generate", body: `{"type":"nacl_sign"}`},
		"secretkey.delete":   {path: storeShop + "/secretkeys/a", before: [][3]string{secretKey}},
		"certificate.import": {path: storeShop + "/certificates/custom", body: ownCertificate(t, "own.example.com")},
		"certificate.delete.acme": {path: storeShop + "/certificates/www.example.com/acme", before: [][3]string{
			hostname, own}},
		"certificate.delete.custom": {path: storeShop + "/certificates/www.example.com/custom",
			before: [][3]string{hostname, own}},
		"ip.promote": {path: "/api/v1/apps/shop-api/egress_ips/209.71.64.6/promote",
			before: [][3]string{egress}},
		"token.create":       {path: storeShop + "/deploy_token"},
		"volume.snapshot":    {path: volume + "/snapshots", before: [][3]string{disk}},
		"lease.acquire":      {path: machineAt + "/lease", body: `{"ttl":60}`},
		"lease.release":      {path: machineAt + "/lease", before: [][3]string{{"POST", machineAt + "/lease", ""}}},
		"volume.create":      {path: storeShop + "/volumes", body: mountable},
		"volume.update":      {path: volume, body: `{"snapshot_retention":9}`, before: [][3]string{disk}},
		"volume.extend":      {path: volume + "/extend", body: `{"size_gb":9}`, before: [][3]string{disk}},
		"volume.destroy":     {path: volume, before: [][3]string{disk}},
		"ip.allocate":        {path: storeShop + "/ip_assignments", body: `{"type":"private_v6"}`},
		"ip.release":         {path: storeShop + "/ip_assignments/66.241.124.11"},
		"certificate.create": {path: storeShop + "/certificates/acme", body: `{"hostname":"www.example.com"}`},
		"release.create": {path: "/api/v1/releases",
			body: `{"app_name":"shop-api","image":"a/b:2","definition":{"app":"x"}}`},
		"release.update": {path: "/api/v1/releases/" + shopRelease,
			body: `{"status":"failed","metadata":{"a":1}}`},
		"build.create": {path: "/api/v1/builds", body: `{"app_name":"shop-api"}`},
		"build.finish": {path: "/api/v1/builds/finish", body: `{"app_name":"shop-api","build_id":1,"status":"done"}`,
			before: [][3]string{{"POST", "/api/v1/builds", `{"app_name":"shop-api"}`}}},

		"graphql.allocateIpAddress": graph(
			`a: allocateIpAddress(input:{appId:"shop-api",type:v4}){app{id}} b: ` +
				`allocateIpAddress(input:{appId:"legacy-api",type:v4}){app{id}}`),
		"graphql.releaseIpAddress":        graph(`releaseIpAddress(input:{appId:"shop-api",ip:"66.241.124.11"}){app{id}}`),
		"graphql.allocateEgressIpAddress": graph(`allocateEgressIpAddress(input:{appId:"shop-api",region:"ams"}){v4}`),
		"graphql.releaseEgressIpAddress":  graph(`releaseEgressIpAddress(input:{appId:"legacy-api",ip:"209.71.80.45"}){v4}`),
		"graphql.createRelease": graph(
			`createRelease(input:{appId:"shop-api",image:"a/b:2",platformVersion:"machines",strategy:ROLLING,` +
				`definition:"{}"}){release{id}}`),
		"app.destroy": {path: storeShop},
		"certificate.delete": {path: storeShop + "/certificates/www.example.com",
			before: [][3]string{hostname}},
		"graphql.createApp": graph(`createApp(input:{name:"new",organizationId:"{organization}"}){app{id}}`),
		"graphql.deleteApp": graph(`deleteApp(appId:"shop-api"){organization{id}}`),
		"graphql.addCertificate": graph(
			`addCertificate(appId:"shop-api",hostname:"www.example.com"){certificate{id}}`),
		"graphql.checkCertificate": graph(
			`checkCertificate(input:{appId:"shop-api",hostname:"www.example.com"}){certificate{id}}`).after(
			hostname).changingNothing(),
		"graphql.deleteCertificate": graph(
			`deleteCertificate(appId:"shop-api",hostname:"www.example.com"){app{id}}`).after(hostname),
		"graphql.setSecrets": graph(
			`setSecrets(input:{appId:"shop-api",secrets:[{key:"A",value:"b"}]}){app{id}}`),
		"graphql.unsetSecrets": graph(
			`unsetSecrets(input:{appId:"shop-api",keys:["A"]}){app{id}}`).after([3]string{"POST", storeShop +
			"/secrets/A", `{"value":"b"}`}),
		"graphql.createBuild": graph(
			`createBuild(input:{appName:"shop-api",builderType:"x",strategiesAvailable:[]}){id}`),
		"graphql.finishBuild": graph(
			`finishBuild(input:{appName:"shop-api",buildId:"1",status:"done"}){id}`).after([3]string{"POST",
			"/api/v1/builds", `{"app_name":"shop-api"}`}),
		"graphql.createLimitedAccessToken": graph(
			`createLimitedAccessToken(input:{name:"n",organizationId:"{organization}",` +
				`profile:"deploy_organization"}){limitedAccessToken{id}}`),
		"graphql.deleteLimitedAccessToken": graph(`deleteLimitedAccessToken(input:{id:"{minted}"}){token}`).after(
			[3]string{"POST", storeShop + "/deploy_token", ""}),
		"graphql.moveApp": graph(`moveApp(input:{appId:"shop-api",organizationId:"{partner}"}){app{id}}`),
		"graphql.addWireGuardPeer": graph(
			`addWireGuardPeer(input:{organizationId:"{organization}",name:"laptop",pubkey:"` + peerKey +
				`",region:"fra"}){peerip}`),
		"graphql.removeWireGuardPeer": graph(
			`removeWireGuardPeer(input:{organizationId:"{organization}",name:"laptop"}){organization{id}}`).after(peer),
		"graphql.validateWireGuardPeers": graph(
			`validateWireGuardPeers(input:{peerIps:["fdaa::1"]}){invalidPeerIps}`).changingNothing(),
		"graphql.updateRelease": graph(`updateRelease(input:{releaseId:"` + shopRelease +
			`",status:"failed"}){release{id}}`),
	}
}

// writes returns the operations that can change something, with their methods.
func writes(t *testing.T) map[string]string {
	t.Helper()
	list := make(map[string]string)
	for _, rt := range routeTable() {
		if rt.write {
			list[rt.operation], _, _ = strings.Cut(rt.pattern, " ")
		}
	}
	schema, err := parser.ParseSchema(&ast.Source{Input: schemaText()})
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range schema.Definitions.ForName("Mutations").Fields {
		list["graphql."+field.Name] = "POST"
	}
	return list
}

// TestStateRoutes checks that a change is on disk when its request is answered: the file at that
// moment, without Close, gives the same state.
func TestStateRoutes(t *testing.T) {
	path, requests := seededState(t), changeRequests(t)
	for operation, method := range writes(t) {
		request, ok := requests[operation]
		if !ok {
			t.Errorf("%s can change something and changes() has no request for it: add one, to know that it is "+
				"stored", operation)
			continue
		}
		t.Run(operation, func(t *testing.T) {
			path := copyFile(t, path)
			p := openForTest(t, path)
			ids := strings.NewReplacer("{organization}", p.state.organizations[0].id, "{partner}", p.state.organizations[1].id)
			do := func(method, path, body string) {
				var headers []string
				if m := p.Machine("shop-api", shopMachine); m.LeaseOwner != "" {
					p.mu.Lock() // the keeper may be writing
					headers = []string{nonceHeader, p.state.apps["shop-api"].machine(shopMachine).lease.nonce}
					p.mu.Unlock()
				}
				if disks := p.Volumes("shop-api"); len(disks) > 0 {
					ids = strings.NewReplacer("{volume}", disks[0].ID)
				}
				p.mu.Lock()
				if tokens := p.state.tokens; len(tokens) > 0 {
					ids = strings.NewReplacer("{minted}", tokens[len(tokens)-1].id)
				}
				p.mu.Unlock()
				sendWrite(t, p, method, ids.Replace(path), ids.Replace(body), headers...)
			}
			for _, first := range request.before {
				do(first[0], first[1], first[2])
			}
			if err := p.Sync(); err != nil {
				t.Fatal(err)
			}
			before := snap(t, p)
			do(method, request.path, request.body)
			crashed := copyFile(t, path)
			after := snap(t, p)
			slices.Sort(before.lines)
			slices.Sort(after.lines)
			if slices.Equal(before.lines, after.lines) != request.same {
				t.Errorf("that the request changes nothing: %v, want %v", !request.same, request.same)
			}
			wantSame(t, snap(t, openForTest(t, crashed)), after)
		})
	}
}
