package flysim_test

import (
	"crypto/ecdh"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

const (
	peerKey = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
	addPeer = `mutation($input: AddWireGuardPeerInput!) { addWireGuardPeer(input: $input) { peerip ` +
		`endpointip pubkey } }`
	removePeer = `mutation($input: RemoveWireGuardPeerInput!) { removeWireGuardPeer(input: $input) { ` +
		`organization { id } } }`
	peers = `query($slug: String!) { organization(slug: $slug) { wireGuardPeers { nodes { id name pubkey ` +
		`region peerip } } } }`
	onePeer = `query($slug: String!, $name: String!) { organization(slug: $slug) { wireGuardPeer(name: ` +
		`$name) { id name pubkey region peerip } } }`
	validPeers = `mutation($input: ValidateWireGuardPeersInput!) { validateWireGuardPeers(input: $input) { ` +
		`invalidPeerIps } }`
)

// TestWireGuardPeers sends what flyctl sends before apps restart, apps move and image update, and
// for its wireguard commands.
func TestWireGuardPeers(t *testing.T) {
	p := seeded(t, flysim.Options{})
	slug := map[string]any{"slug": "personal"}
	add := func(name, key, region, network string) reply {
		return graphQuery(t, p, addPeer, map[string]any{"input": map[string]any{
			"organizationId": personal(t), "region": region, "name": name, "pubkey": key, "network": network, "nats": true,
		}})
	}
	wantBody(t, graphQuery(t, p,
		`query { nearestRegion(wireguardGateway: true) { code name gatewayAvailable } }`, nil),
		"data.nearestRegion.code", "iad")
	got := add("interactive-vm-dev-example-com-01", peerKey, "iad", "")
	wantBody(t, got, "data.addWireGuardPeer.endpointip", "127.0.0.1")
	gateway, err := base64.StdEncoding.DecodeString(got.get(t, "data.addWireGuardPeer.pubkey"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ecdh.X25519().NewPublicKey(gateway); err != nil {
		t.Errorf("the gateway's key: %v", err)
	}
	ip, err := netip.ParseAddr(got.get(t, "data.addWireGuardPeer.peerip"))
	if err != nil || !netip.MustParsePrefix("fdaa:2:1c4f:a7b::/64").Contains(ip) {
		t.Errorf("the peer's address is %s, %v", ip, err)
	}
	apart := add("apart", peerKey, "fra", "tenant-7").get(t, "data.addWireGuardPeer.peerip")
	if !strings.HasPrefix(apart, "fdaa:9:77e0:a7b:") {
		t.Errorf("a peer of another network: %s", apart)
	}
	seen := map[string]bool{ip.String(): true, apart: true}
	for i := range 300 { // more than fit into one /112
		one := add(fmt.Sprint("many-", i), peerKey, "", "").get(t, "data.addWireGuardPeer.peerip")
		block, err := netip.MustParseAddr(one).Prefix(120)
		if err != nil || seen[one] || seen[block.String()] {
			t.Fatalf("peer %d has %s again", i, one)
		}
		seen[one], seen[block.String()] = true, true
	}
	wantBody(t, graphQuery(t, p, peers, slug), "data.organization.wireGuardPeers.nodes.0.name",
		"interactive-vm-dev-example-com-01")
	wantBody(t, graphQuery(t, p, onePeer, map[string]any{"slug": "personal", "name": "apart"}),
		"data.organization.wireGuardPeer.region", "fra")
	wantBody(t, graphQuery(t, p, onePeer, map[string]any{"slug": "personal", "name": "none"}),
		"errors.0.message", "Could not find WireGuardPeer")
	valid := func() reply {
		return graphQuery(t, p, validPeers,
			map[string]any{"input": map[string]any{"peerIps": []string{ip.String(), "fdaa:2:1c4f::9", "x"}}})
	}
	wantBody(t, valid(), "data.validateWireGuardPeers.invalidPeerIps", `["fdaa:2:1c4f::9","x"]`)
	for name, refused := range map[string]reply{
		"a name that is taken": add("apart", peerKey, "fra", ""), "an invalid name": add("a b", peerKey,
			"fra", ""), "no name": add("", peerKey, "fra", ""),
		"no key": add("p", "", "fra", ""), "half a key": add("p", "AQIDBA==", "fra", ""),
		"no region": add("p", peerKey, "atlantis", ""), "no network": add("p", peerKey, "fra", "none"),
		"the default network by its REST name": add("p", peerKey, "fra", "default"),
	} {
		if refused.get(t, "errors.0.message") == "" || refused.get(t, "data.addWireGuardPeer") != "null" {
			t.Errorf("%s: %s", name, refused.body)
		}
	}
	remove := map[string]any{"input": map[string]any{"organizationId": personal(t),
		"name": "interactive-vm-dev-example-com-01", "nats": true}}
	wantBody(t, graphQuery(t, p, removePeer, remove), "data.removeWireGuardPeer.organization.id", personal(t))
	wantBody(t, graphQuery(t, p, removePeer, remove), "errors.0.message", "Could not find WireGuardPeer")
	wantBody(t, valid(), "data.validateWireGuardPeers.invalidPeerIps", `["`+ip.String()+`","fdaa:2:1c4f::9","x"]`)

	// Tokens of an app may do this; tokens that only read or run commands may not.
	for token, may := range map[string]bool{
		p.AppToken("shop-api"): true, p.OrgToken("personal"): true, p.OrgToken("partner"): false,
		p.ReadOnlyToken(): false, p.ExecToken("shop-api"): false,
	} {
		input := map[string]any{"input": map[string]any{"organizationId": personal(t), "name": "by" + token,
			"pubkey": peerKey}}
		got := graphQuery(t, p, addPeer, input, "Authorization", "Bearer "+token)
		if added := got.get(t, "data.addWireGuardPeer") != "null"; added != may {
			t.Errorf("%s: %s", token, got.body)
		}
	}
}

// TestMoveApp sends what flyctl apps move sends.
func TestMoveApp(t *testing.T) {
	p := seeded(t, flysim.Options{})
	const move = `mutation ($input: MoveAppInput!) { moveApp(input: $input) { app { id networkId organization ` +
		`{ slug } } } }`
	partner := graphQuery(t, p, orgBySlug, map[string]any{"slug": "partner"}).get(t, "data.organization.id")
	to := func(id, token string) reply {
		return graphQuery(t, p, move, map[string]any{"input": map[string]any{"appId": "shop-api",
			"organizationId": id}}, "Authorization", "Bearer "+token)
	}
	addresses := fmt.Sprint(p.Addresses("shop-api"))
	for _, token := range []string{p.ReadOnlyToken(), p.AppToken("shop-api"), p.OrgToken("personal"),
		p.OrgToken("partner")} {
		if got := to(partner, token); got.get(t, "data.moveApp") != "null" {
			t.Errorf("%s moved it: %s", token, got.body)
		}
	}
	wantBody(t, to("none", p.Token()), "errors.0.message", "Could not find Organization")
	wantBody(t, ask(t, p, "GET", "/v1/apps/shop-api", ""), "organization.slug", "personal")
	wantBody(t, to(partner, p.Token()), "data.moveApp.app.organization.slug", "partner")
	wantBody(t, ask(t, p, "GET", "/v1/apps/shop-api", ""), "organization.slug", "partner")
	if ip := ask(t, p, "GET", shop+"/machines/"+shopA, "").get(t, "private_ip"); !strings.HasPrefix(ip, "fdaa:3:5b10:") {
		t.Errorf("its Machine has %s", ip)
	}
	if got := fmt.Sprint(p.Addresses("shop-api")); got != addresses {
		t.Errorf("addresses %s, were %s", got, addresses)
	}
	wantBody(t, graphQuery(t, p, `{organization(slug:"personal"){apps{nodes{name}}}}`, nil, "Authorization",
		"Bearer "+p.OrgToken("personal")),
		"data.organization.apps.nodes.3.name", "tenant-7")
}

// TestOutOfScope checks that every API says so when something is not emulated, with or without a
// token, and that lists of things that cannot be created are empty.
func TestOutOfScope(t *testing.T) {
	p := seeded(t, flysim.Options{})
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v1/postgres/x", 404}, {"POST", "/v1/apps/shop-api/kubernetes", 404}, {"POST", "/api/v1/cli_sessions", 404},
		{"POST", "/api/v1/builds/depot_builder", 404}, {"GET", "/", 404}, {"POST", "/metrics/x", 404},
		{"PUT", "/v1/apps/shop-api/machines", 405},
		{"POST", "/api/v1/organizations/personal/postgres", 501},
		{"GET", "/api/v1/organizations/personal/postgres/abc", 501}, {"GET", "/api/v1/postgresv2/abc/users", 501},
	} {
		for _, token := range []string{"Bearer " + p.Token(), "", "FlyV1 fm2_none"} {
			got := ask(t, p, test.method, test.path, `{}`, "Authorization", token)
			if got.status != test.status || test.status != 405 && !strings.Contains(string(got.body), "not emulated") {
				t.Errorf("%s %s with %q: %d %s, want %d", test.method, test.path, token, got.status, got.body, test.status)
			}
		}
	}
	if got := ask(t, p, "GET", "/v1/apps/shop-api", "", "Authorization", ""); got.status != 401 {
		t.Errorf("an existing route, without a token: %d", got.status)
	}
	for text, field := range map[string]string{
		`mutation($input: CreateOrganizationInput!) { createOrganization(input: $input) { organization { id } } ` +
			`}`: "Field 'createOrganization' doesn't exist on type 'Mutations'",
		`query($name: String!) { addOnProvider(name: $name) { ...P } } fragment P on AddOnProvider { id ` +
			`displayName }`: "Field 'addOnProvider' doesn't exist on type 'Queries'",
		`{ app(name: "shop-api") { allocations(showCompleted: false) { id } } ` +
			`}`: "Field 'allocations' doesn't exist on type 'App'",
		`{ app(name: "shop-api", sinceYesterday: true) { id } ` +
			`}`: `Unknown argument "sinceYesterday" on field ` +
			`"Queries.app"`,
		`query($x: NewInput) { viewer { email } ` +
			`}`: `Unknown type "NewInput"`,
	} {
		got := graphQuery(t, p, text, nil)
		wantStatus(t, got, 200)
		wantBody(t, got, "errors.0.message", field+": not emulated")
	}
	profile := map[string]any{"name": "n", "organizationId": personal(t), "profile": "litefs_cloud",
		"profileParams": map[string]any{"cluster": "c"}, "expiry": ""}
	wantBody(t, graphQuery(t, p, createToken, profile), "errors.0.message", `profile "litefs_cloud": not emulated`)
	wantBody(t, graphQuery(t, p, `query ($repository: String!) { latestImageTag(repository: $repository) }`,
		map[string]any{"repository": "flyio/postgres-flex"}), "errors.0.message", "Unknown repository: not emulated")

	const addOns = `query ListAddOns ($addOnType: AddOnType) { addOns(type: $addOnType) { nodes { id name ` +
		`addOnPlan { displayName description } privateIp primaryRegion readRegions options metadata organization ` +
		`{ id slug } } } }`
	for _, kind := range []string{"upstash_redis", "tigris"} { // redis list, storage list
		wantBody(t, graphQuery(t, p, addOns, map[string]any{"addOnType": kind}), "data.addOns.nodes", "[]")
	}
	const statics = `query ListOrganizationAddOns ($orgSlug: String!, $addOnType: AddOnType) { ` +
		`organization(slug: $orgSlug) { addOns(type: $addOnType) { nodes { id name addOnPlan { displayName ` +
		`description } metadata } } } }`
	// apps destroy
	wantBody(t, graphQuery(t, p, statics, map[string]any{"orgSlug": "personal", "addOnType": "tigris"}),
		"data.organization.addOns.nodes", "[]")
	// mpg list
	wantBody(t, ask(t, p, "GET", "/api/v1/organizations/personal/postgres", ""), "data", "[]")
	wantStatus(t, ask(t, p, "GET", "/api/v1/organizations/none/postgres", ""), 404)
}
