package flysim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// TestMountsAreFilledIn checks the details of mounts, from which flyctl's scale count and machine
// clone create the volume of the new Machine.
func TestMountsAreFilledIn(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	disk := w.AddVolume("demo", "disk", "iad", 4)
	created := w.do(`POST {app}/machines {"region":"iad","config":{"image":"x","mounts":[{"volume":"` + disk +
		`","path":"/d","later":[1,{"a":2.5}]}]}}`)
	const filled = `[{"encrypted":true,"later":[1,{"a":2.5}],"name":"disk","path":"/d","size_gb":%d,"volume":"%s"}]`
	wantBody(t, created, "config.mounts", fmt.Sprintf(filled, 4, disk))
	one := "{app}/machines/" + created.get(t, "id")
	wantBody(t, w.do("GET "+one), "config.mounts", fmt.Sprintf(filled, 4, disk))

	w.do("PUT {app}/volumes/" + disk + `/extend {"size_gb":9}`)
	before := w.do("GET "+one).get(t, "version")
	wantBody(t, w.do("GET "+one), "config.mounts", fmt.Sprintf(filled, 9, disk))
	wantBody(t, w.do("GET "+one), "version", before) // an extension makes no new version

	// If flyctl sends other details back, those of the volume win.
	w.do("POST " + one + ` {"config":{"image":"x","mounts":[{"volume":"` + disk +
		`","path":"/d","name":"other","size_gb":1,"encrypted":false}]}}`)
	wantBody(t, w.do("GET "+one), "config.mounts",
		`[{"encrypted":true,"name":"disk","path":"/d","size_gb":9,"volume":"`+disk+`"}]`)
	got := graphQuery(t, w.Platform, `query($id:String!){machine(machineId:$id){config}}`,
		map[string]any{"id": created.get(t, "id")})
	wantBody(t, got, "data.machine.config.mounts.0.size_gb", "9")
	wantBody(t, w.do("POST "+one+` {"config":{"image":"x"}}`), "config.mounts", "null")
	wantBody(t, w.do("POST "+one+` {"config":{"image":"x","mounts":[]}}`), "config.mounts", "[]")
}

// TestVolumeFork sends what flyctl volumes fork and volumes create --snapshot-id send.
func TestVolumeFork(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	w.AddApp("other", "personal", "")
	source := w.do(`POST {app}/volumes {"name":"data","region":"ams","size_gb":7,"encrypted":false}`).get(t, "id")
	snapshot := w.do("POST {app}/volumes/"+source+"/snapshots").get(t, "id")
	const body = `{"name":"copy","region":%q,"size_gb":null,"encrypted":null,"require_unique_zone":true,` +
		`"snapshot_id":null,"source_volume_id":%q}`
	fork := w.do("POST {app}/volumes " + fmt.Sprintf(body, "", source))
	for path, want := range (fields{"region": "ams", "size_gb": "7", "name": "copy", "encrypted": "false",
		"attached_machine_id": "null"}) {
		wantBody(t, fork, path, want)
	}
	if fork.get(t, "id") == source {
		t.Error("the fork is the source")
	}
	wantBody(t, w.do("POST {app}/volumes "+fmt.Sprintf(body, "fra", source)), "region", "fra")
	wantBody(t, w.do(
		`POST {app}/volumes {"name":"r","region":"iad","size_gb":9,"snapshot_id":"`+snapshot+`"}`), "size_gb", "9")
	wantBody(t, w.do(`POST {app}/volumes {"name":"r","region":"iad","snapshot_id":"`+snapshot+`"}`), "encrypted", "false")
	before := len(w.Volumes("demo"))
	for send, status := range map[string]int{
		"POST {app}/volumes " + fmt.Sprintf(body, "iad", "vol_none"):                                       404,
		"POST /v1/apps/other/volumes " + fmt.Sprintf(body, "iad", source):                                  404,
		`POST {app}/volumes {"name":"r","region":"iad","snapshot_id":"vs_none"}`:                           404,
		`POST {app}/volumes {"name":"r","region":"iad","size_gb":3,"snapshot_id":"` + snapshot + `"}`:      400,
		`POST {app}/volumes {"name":"r","region":"iad","size_gb":6,"source_volume_id":"` + source + `"}`:   400,
		`POST {app}/volumes {"name":"r","size_gb":9,"snapshot_id":"` + snapshot + `"}`:                     400,
		`POST {app}/volumes {"name":"r","region":"iad","size_gb":501,"source_volume_id":"` + source + `"}`: 400,
	} {
		parts := strings.SplitN(w.fill(send), " ", 3)
		if got := ask(t, w.Platform, parts[0], parts[1], parts[2]); got.status != status {
			t.Errorf("%s: %d %s, want %d", send, got.status, got.body, status)
		}
	}
	if got := len(w.Volumes("demo")) + len(w.Volumes("other")); got != before {
		t.Errorf("%d volumes after refused forks, want %d", got, before)
	}
}

// TestVolumeByID finds the app of a volume as flyctl does when it is called without -a.
func TestVolumeByID(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	w.AddApp("theirs", "partner", "")
	disk, foreign := w.AddVolume("demo", "disk", "iad", 4), w.AddVolume("theirs", "disk", "iad", 4)
	w.do("POST {app}/volumes/" + disk + "/snapshots")
	const find = `query GetAppNameStateFromVolume($id: ID!) { volume: volume(id: $id) { ... on Volume { app { ` +
		`name } state } } }`
	const snapshots = `query GetSnapshotsFromVolume($id: ID!) { volume: volume(id: $id) { ... on Volume { ` +
		`snapshots { nodes { id size digest createdAt retentionDays } } } } }`
	id := map[string]any{"id": disk}
	wantBody(t, graphQuery(t, w.Platform, find, id), "data.volume", `{"app":{"name":"demo"},"state":"created"}`)
	wantBody(t, graphQuery(t, w.Platform, snapshots, id), "data.volume.snapshots.nodes.0.size", "1048576")
	wantBody(t, graphQuery(t, w.Platform, snapshots, id), "data.volume.snapshots.nodes.0.retentionDays", "5")
	wantBody(t, graphQuery(t, w.Platform, find, id, "Authorization", "Bearer "+w.AppToken("theirs")),
		"errors.0.message", "Could not find Volume")
	wantBody(t, graphQuery(t, w.Platform, find, map[string]any{"id": foreign}, "Authorization",
		"Bearer "+w.OrgToken("personal")), "errors.0.extensions.code", "NOT_FOUND")
	w.do("DELETE {app}/volumes/" + disk)
	wantBody(t, graphQuery(t, w.Platform, find, id), "data.volume.state", "pending_destroy")
	wantBody(t, graphQuery(t, w.Platform, find, map[string]any{"id": "vol_none"}), "errors.0.message",
		"Could not find Volume")
}

// TestMachineEgress sends what flyctl machine egress-ip sends.
func TestMachineEgress(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	const (
		allocate = `mutation($input: AllocateEgressIPAddressInput!) { allocateEgressIpAddress(input: $input) { v4, v6 } }`
		release  = `mutation($input: ReleaseEgressIPAddressInput!) { releaseEgressIpAddress(input: $input) { v4 ` +
			`v6 clientMutationId } }`
		list = `query ($appName: String!) { app(name: $appName) { egressIpAddresses{nodes{ip}} machines { ` +
			`nodes { id egressIpAddresses { nodes { id ip version region updatedAt } } } } } }`
	)
	name := map[string]any{"appName": "demo"}
	do := func(mutation, machine, region string) reply {
		key := "region"
		if mutation == release {
			key = "ip"
		}
		return graphQuery(t, w.Platform, mutation, map[string]any{"input": map[string]any{"appId": "demo",
			"machineId": machine, key: region}})
	}
	const own = "data.app.machines.nodes.0.egressIpAddresses.nodes"
	first := do(allocate, w.machine, "")
	v4 := first.get(t, "data.allocateEgressIpAddress.v4")
	got := graphQuery(t, w.Platform, list, name)
	wantBody(t, got, own+".0.ip", v4)
	wantBody(t, got, own+".0.region", w.Machine("demo", w.machine).Region)
	wantBody(t, got, own+".1.version", "6")
	wantBody(t, got, "data.app.egressIpAddresses.nodes", "[]")
	wantBody(t, w.do("GET {app}/ip_assignments"), "ips", "[]")
	wantBody(t, do(allocate, w.machine, ""), "errors.0.extensions.code", "UNPROCESSABLE")
	wantBody(t, do(allocate, w.machine, "iad"), "errors.0.extensions.code", "UNPROCESSABLE")
	wantBody(t, do(allocate, "none", ""), "errors.0.message", "Could not find Machine")

	for _, path := range []string{"allocateEgressIpAddress.v4", "allocateEgressIpAddress.v6"} {
		wantStatus(t, ask(t, w.Platform, "POST", "/api/v1/apps/demo/egress_ips/"+first.get(t,
			"data."+path)+"/promote", ""), 204)
	}
	wantStatus(t, ask(t, w.Platform, "POST", "/api/v1/apps/demo/egress_ips/"+v4+"/promote", ""), 404)
	got = graphQuery(t, w.Platform, list, name)
	wantBody(t, got, own, "[]")
	wantBody(t, got, "data.app.egressIpAddresses.nodes.0.ip", v4)

	second := do(allocate, w.machine, "")
	wantBody(t, do(release, w.machine, ""), "data.releaseEgressIpAddress.v6",
		second.get(t, "data.allocateEgressIpAddress.v6"))
	wantBody(t, do(release, w.machine, ""), "errors.0.message", "Could not find EgressIPAddress")
	do(allocate, w.machine, "")
	w.do("DELETE {one}?force=true")
	w.do("GET {app}/machines")
	if got := len(w.Addresses("demo")); got != 2 { // the promoted pair
		t.Errorf("%d addresses after the Machine went: %v", got, w.Addresses("demo"))
	}
}

// TestCustomCertificates sends what flyctl certs import and certs remove --acme|--custom send.
func TestCustomCertificates(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	const certs = "/v1/apps/demo/certificates"
	until := startTime.Add(24 * time.Hour)
	chain, key := flysim.CertificateFor(t, until, "own.example.com", "*.wild.example.com")
	stale, staleKey := flysim.CertificateFor(t, startTime.Add(-time.Hour), "own.example.com")
	bring := func(hostname, chain, key string) reply {
		body, err := json.Marshal(map[string]string{"hostname": hostname, "fullchain": chain, "private_key": key})
		if err != nil {
			t.Fatal(err)
		}
		return ask(t, w.Platform, "POST", certs+"/custom", string(body))
	}
	for name, got := range map[string]reply{
		"another hostname": bring("www.example.com", chain, key), "another key": bring("own.example.com", chain, staleKey),
		"no certificate": bring("own.example.com", "x", key), "expired": bring("own.example.com", stale,
			staleKey), "no hostname": bring("", chain, key),
	} {
		if got.status != 400 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	wantBody(t, w.do("GET "+certs), "total_count", "0")

	got := bring("own.example.com", chain, key)
	wantStatus(t, got, 201)
	for path, want := range (fields{"acme_requested": "false", "certificates.0.source": "custom",
		"certificates.0.status":     "active",
		"certificates.0.expires_at": until.Format(time.RFC3339), "certificates.0.issuer": "CN=Own CA"}) {
		wantBody(t, got, path, want)
	}
	if strings.Contains(string(got.body), `"fly"`) {
		t.Errorf("it has Fly's too: %s", got.body)
	}
	wantBody(t, w.do("GET "+certs), "certificates.0.has_custom_certificate", "true")
	wantBody(t, w.do("GET "+certs), "certificates.0.has_fly_certificate", "false")
	wantStatus(t, bring("a.wild.example.com", chain, key), 201)
	wantStatus(t, bring("a.wild.example.com", chain, key), 201) // renewed

	// Next to one of the authority each can be removed alone, and the hostname goes with the last
	// one.
	w.do("POST " + certs + `/acme {"hostname":"both.wild.example.com"}`)
	wantBody(t, bring("both.wild.example.com", chain, key), "certificates.1.source", "custom")
	for _, test := range []struct {
		path   string
		status int
		left   string
	}{
		{"both.wild.example.com/acme", 204, "3"}, {"both.wild.example.com/acme", 404, "3"},
		{"both.wild.example.com/custom", 204, "2"},
		{"both.wild.example.com/custom", 404, "2"}, {"own.example.com/acme", 404, "2"}, {"own.example.com/custom", 204, "1"},
		{"a.wild.example.com", 204, "0"}, {"none.example.com/custom", 404, "0"},
	} {
		if got := ask(t, w.Platform, "DELETE", certs+"/"+test.path, ""); got.status != test.status {
			t.Errorf("DELETE %s: %d %s, want %d", test.path, got.status, got.body, test.status)
		}
		wantBody(t, w.do("GET "+certs), "total_count", test.left)
	}
	for _, call := range w.Calls() {
		if strings.Contains(string(call.Body), "PRIVATE KEY") {
			t.Errorf("%s recorded the key", call.Operation)
		}
	}
}

// TestSecretKeys sends what flyctl secrets keys sends.
func TestSecretKeys(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	const keys = "/v1/apps/demo/secretkeys"
	wantBody(t, w.do("GET "+keys), "secret_keys", "[]")
	wantBody(t, w.do("POST "+keys+`/boxv0/generate {"type":"nacl_secretbox","value":null}`), "version", "1")
	got := w.do("POST " + keys + `/authv0 {"type":"es256","value":"c2VjcmV0"}`)
	wantBody(t, got, "type", "es256")
	if got.get(t, "public_key") == "" {
		t.Errorf("a key pair without its public half: %s", got.body)
	}
	wantBody(t, w.do("GET "+keys), "secret_keys.1", `{"name":"boxv0","type":"nacl_secretbox"}`)
	wantBody(t, w.do("GET "+keys+"/authv0"), "name", "authv0")
	wantBody(t, w.do("GET {app}/secrets"), "secrets", "[]")
	w.do("DELETE " + keys + "/boxv0")
	for send, status := range map[string]int{
		"DELETE " + keys + "/boxv0": 404, "GET " + keys + "/boxv0": 404,
		"POST " + keys + `/x/generate {"type":"rot13"}`: 400, "POST " + keys + `/a%20b/generate {"type":"hs256"}`: 400,
	} {
		parts := append(strings.SplitN(send, " ", 3), "")
		if got := ask(t, w.Platform, parts[0], parts[1], parts[2]); got.status != status {
			t.Errorf("%s: %d %s, want %d", send, got.status, got.body, status)
		}
	}
	if got := ask(t, w.Platform, "POST", keys+"/authv0/sign", `{"plaintext":"YQ=="}`); got.status != 404 ||
		!strings.Contains(string(got.body), "not emulated") {
		t.Errorf("%d %s", got.status, got.body)
	}
	for _, call := range w.Calls() {
		if strings.Contains(string(call.Body), "c2VjcmV0") {
			t.Errorf("%s recorded the key", call.Operation)
		}
	}
}
