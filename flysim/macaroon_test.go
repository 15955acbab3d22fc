package flysim_test

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/superfly/macaroon"
	"github.com/superfly/macaroon/flyio"
	"github.com/superfly/macaroon/resset"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// mintToken creates a token as flyctl does: for an app, or for the organization if app is empty. It
// returns the value of the Authorization header.
func (w *demoApp) mintToken(t *testing.T, app, expiry string) string {
	t.Helper()
	variables := map[string]any{"name": "ci", "organizationId": personal(t), "profile": "deploy_organization",
		"expiry": expiry}
	if app != "" {
		variables["profile"], variables["profileParams"] = "deploy", map[string]any{"app_id": app}
	}
	got := graphQuery(t, w.Platform, createToken, variables)
	return got.get(t, "data.createLimitedAccessToken.limitedAccessToken.tokenHeader")
}

// narrowToken adds caveats to a token, as flyctl does.
func narrowToken(t *testing.T, header string, caveats ...macaroon.Caveat) string {
	t.Helper()
	permission, _, err := flyio.ParsePermissionAndDischargeTokens(header)
	if err != nil {
		t.Fatal(err)
	}
	m, err := macaroon.Decode(permission)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Add(caveats...); err != nil {
		t.Fatal(err)
	}
	raw, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return macaroon.ToAuthorizationHeader(raw)
}

// organizationOf returns the organization that a token is for. flyctl tokens create readonly
// requires exactly one.
func organizationOf(t *testing.T, header string) uint64 {
	t.Helper()
	permission, _, err := flyio.ParsePermissionAndDischargeTokens(header)
	if err != nil {
		t.Fatal(err)
	}
	m, err := macaroon.Decode(permission)
	if err != nil {
		t.Fatal(err)
	}
	found := macaroon.GetCaveats[*flyio.Organization](&m.UnsafeCaveats)
	if len(found) != 1 {
		t.Fatalf("%d organizations in %s", len(found), header)
	}
	return found[0].ID
}

func commands(allowed ...flyio.Command) macaroon.Caveat {
	list := flyio.Commands(allowed)
	return &resset.IfPresent{Ifs: macaroon.NewCaveatSet(&list), Else: resset.ActionRead}
}

// TestMacaroons sends requests with every kind of token that flyctl tokens create makes, and with
// tokens derived from them.
func TestMacaroons(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	w.AddApp("other", "personal", "")
	w.AddApp("theirs", "partner", "")
	second := w.AddMachine("demo", "iad", w.MachineConfig("demo", w.machine))
	disk := w.AddVolume("demo", "disk", "iad", 1)
	deploy, org := w.mintToken(t, "demo", "1h"), w.mintToken(t, "", "175200h0m0s")
	read := new(resset.Action(resset.ActionRead))
	ssh := narrowToken(t, deploy, read) + "," +
		strings.TrimPrefix(narrowToken(t, deploy, &flyio.Mutations{Mutations: []string{"issueCertificate",
			"addWireGuardPeer"}}), "FlyV1 ")
	tokens := map[string]string{
		"deploy": deploy, "org": org, "ssh": ssh,
		"readonly": narrowToken(t, org, &flyio.Organization{ID: organizationOf(t, org), Mask: resset.ActionRead}),
		"exec": narrowToken(t, deploy, commands(flyio.Command{Args: []string{"echo", "a"}, Exact: true},
			flyio.Command{Args: []string{"ls"}})),
		"wireguard": narrowToken(t, org,
			&resset.IfPresent{Ifs: macaroon.NewCaveatSet(&flyio.Apps{Apps: resset.ResourceSet[uint64, resset.Action]{}},
				&flyio.FeatureSet{Features: resset.New(resset.ActionAll, flyio.FeatureWireGuard)}), Else: resset.ActionRead}),
		"machine": narrowToken(t, deploy, &flyio.Machines{Machines: resset.New(resset.ActionAll, w.machine)}),
		"volume":  narrowToken(t, deploy, &flyio.Volumes{Volumes: resset.New(resset.ActionRead, disk)}),
		"restart": narrowToken(t, deploy, new(resset.ActionRead|resset.ActionControl)),
		"later": narrowToken(t, org, &macaroon.ValidityWindow{NotBefore: startTime.Add(time.Minute).Unix(),
			NotAfter: startTime.Add(time.Hour).Unix()}),
		"bearer":   "Bearer " + strings.TrimPrefix(deploy, "FlyV1 "),
		"both":     "Bearer " + deploy,
		"nothing":  narrowToken(t, org, read, &flyio.Apps{Apps: resset.New(resset.ActionRead, uint64(1))}),
		"tampered": tamperToken(t, deploy), "widened": widenToken(t, deploy), "forged": forgeToken(t, deploy),
		"garbage": "FlyV1 fm2_AAAA,fm2_,fm1r_" + strings.Repeat("3f", 40),
	}
	const (
		image = `{"config":{"image":"x"}}`
		peer  = `POST /graphql {"query":"mutation{addWireGuardPeer(input:{organizationId:\"{org}\",name:\"p{n}\",` +
			`pubkey:\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\"}){peerip}}"}`
		gone = `POST /graphql {"query":"mutation{removeWireGuardPeer(input:{organizationId:\"{org}\",` +
			`name:\"none\"}){clientMutationId}}"}`
		alloc = `POST /graphql {"query":"mutation{allocateIpAddress(input:{appId:\"demo\",type:v6}){clientMutationId}}"}`
		mint  = `POST /graphql {"query":"mutation{createLimitedAccessToken(input:{name:\"n\",` +
			`organizationId:\"{org}\",profile:\"deploy_organization\"}){clientMutationId}}"}`
		other = `POST /graphql {"query":"{app(name:\"other\"){name}}"}`
		trick = `POST /graphql {"query":"mutation{ addWireGuardPeer(input:{organizationId:\"{org}\",name:\"q{n}\",` +
			`pubkey:\"AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\"}){peerip} ...m } fragment m on Mutations { ` +
			`allocateIpAddress(input:{appId:\"demo\",type:v6}){clientMutationId} }"}`
	)
	for i, test := range []struct {
		send string
		may  string // the tokens that succeed; others are refused or get "not found"
	}{
		{"GET {one}", "deploy org ssh readonly exec machine restart bearer both"},
		{"GET {app}/machines/" + second, "deploy org ssh readonly exec restart bearer both"},
		{"GET {app}/volumes/" + disk, "deploy org ssh readonly exec volume restart bearer both"},
		{"PUT {app}/volumes/" + disk + ` {"snapshot_retention":6}`, "deploy org bearer both"},
		{"GET /v1/apps/other", "org readonly"},
		{"GET /v1/apps/theirs", ""},
		{"GET /v1/apps?org_slug=personal", "org readonly wireguard"},
		{"GET /api/v1/organizations/personal", "deploy org ssh readonly exec wireguard restart bearer both"},
		{"GET /api/v1/organizations/partner", ""},
		{"POST {one}/cordon", "deploy org machine restart bearer both"},
		{"POST {one}/metadata/a {\"value\":\"b\"}", "deploy org machine bearer both"},
		{"POST {app}/machines " + image, "deploy org bearer both"},
		{"POST /v1/apps/other/machines " + image, "org"},
		{"POST /v1/apps/theirs/machines " + image, ""},
		{`POST {app}/secrets/A {"value":"b"}`, "deploy org bearer both"},
		{`POST /v1/apps {"name":"new{n}","org_slug":"personal"}`, "org"},
		{`POST /v1/apps {"name":"new","org_slug":"partner"}`, ""},
		{`POST {one}/exec {"cmd":"echo a"}`, "deploy org exec machine restart bearer both"},
		{`POST {one}/exec {"cmd":"echo a b"}`, "deploy org machine restart bearer both"},
		{`POST {one}/exec {"command":["ls","/"]}`, "deploy org exec machine restart bearer both"},
		{`POST {one}/exec {"cmd":"env"}`, "deploy org machine restart bearer both"},
		{peer, "deploy org ssh wireguard bearer both"},
		{gone, "deploy org wireguard bearer both"},
		{alloc, "deploy org bearer both"},
		{trick, "deploy org bearer both"},
		{mint, "org"},
		{other, "org readonly"},
	} {
		may := strings.Fields(test.may)
		for name, token := range tokens {
			text := strings.NewReplacer("{org}", personal(t), "{n}", name+string(rune('a'+i))).Replace(test.send)
			parts := append(strings.SplitN(w.fill(text), " ", 3), "")
			got := ask(t, w.Platform, parts[0], parts[1], parts[2], "Authorization", token)
			answered := got.status/100 == 2 && !strings.Contains(string(got.body), `"errors"`) ||
				strings.Contains(string(got.body), "Could not find WireGuardPeer") // no organization has this peer
			want := slices.Contains(may, name)
			if answered != want {
				t.Errorf("%s with %s: %d %s, want it answered: %v", test.send, name, got.status, got.body, want)
			}
			if dead := name == "tampered" || name == "widened" || name == "forged" || name == "garbage"; dead &&
				got.status != 401 {
				t.Errorf("%s with %s: %d, want 401", test.send, name, got.status)
			}
		}
	}

	// Caveats use the platform's time.
	w.Clock().Advance(2 * time.Minute)
	at := func(name string) int {
		return ask(t, w.Platform, "GET", "/v1/apps/other", "", "Authorization", tokens[name]).status
	}
	if got := at("later"); got != 200 {
		t.Errorf("a token that is valid now: %d", got)
	}
	w.Clock().Advance(time.Hour)
	if got := at("later"); got == 200 {
		t.Error("an expired token is accepted")
	}
	for name, want := range map[string]int{"deploy": 401, "ssh": 401, "exec": 401, "org": 200, "readonly": 200} {
		if got := at(name); got != want {
			t.Errorf("%s an hour later: %d, want %d", name, got, want)
		}
	}

	// Revoking a token also revokes all tokens derived from it.
	id := graphQuery(t, w.Platform, `{organization(slug:"personal"){limitedAccessTokens{nodes{id profile}}}}`,
		nil).get(t, "data.organization.limitedAccessTokens.nodes.1.id")
	graphQuery(t, w.Platform,
		`mutation($input:DeleteLimitedAccessTokenInput!){deleteLimitedAccessToken(input:$input){token}}`,
		map[string]any{"input": map[string]any{"id": id}})
	for _, name := range []string{"org", "readonly", "wireguard"} {
		if got := at(name); got != 401 {
			t.Errorf("%s after the revocation: %d", name, got)
		}
	}
}

// changeMacaroon returns a token with a change that its signature covers, or with another
// signature.
func changeMacaroon(t *testing.T, header string, change func(*macaroon.Macaroon)) string {
	t.Helper()
	permission, _, err := flyio.ParsePermissionAndDischargeTokens(header)
	if err != nil {
		t.Fatal(err)
	}
	m, err := macaroon.Decode(permission)
	if err != nil {
		t.Fatal(err)
	}
	change(m)
	raw, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return macaroon.ToAuthorizationHeader(raw)
}

func tamperToken(t *testing.T, header string) string {
	return changeMacaroon(t, header, func(m *macaroon.Macaroon) { m.Tail[0] ^= 1 })
}

func widenToken(t *testing.T, header string) string {
	return changeMacaroon(t, header, func(m *macaroon.Macaroon) { m.UnsafeCaveats.Caveats = m.UnsafeCaveats.Caveats[:1] })
}

// forgeToken returns a token with the same id that is signed with another key.
func forgeToken(t *testing.T, header string) string {
	return changeMacaroon(t, header, func(m *macaroon.Macaroon) {
		other, err := macaroon.New(m.Nonce.KID, flyio.LocationPermission, macaroon.NewSigningKey())
		if err != nil {
			t.Fatal(err)
		}
		*m = *other
	})
}

// TestMacaroonCaveats checks what flyctl tokens debug shows of a deploy token.
func TestMacaroonCaveats(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	deploy := w.mintToken(t, "demo", "1h")
	permission, discharges, err := flyio.ParsePermissionAndDischargeTokens(deploy)
	if err != nil || len(discharges) > 0 {
		t.Fatal(err, discharges)
	}
	m, err := macaroon.Decode(permission)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Expiration(), startTime.Add(time.Hour); !got.Equal(want) {
		t.Errorf("expires at %s, want %s", got, want)
	}
	apps := macaroon.GetCaveats[*flyio.Apps](&m.UnsafeCaveats)
	number := graphQuery(t, w.Platform, `{app(name:"demo"){internalNumericId}}`, nil).get(t, "data.app.internalNumericId")
	if len(apps) != 1 || len(apps[0].Apps) != 1 {
		t.Fatalf("%+v", apps)
	}
	for id, action := range apps[0].Apps {
		if got := w.fill(number); got != base10(id) || action != resset.ActionAll {
			t.Errorf("app %d %s, want %s", id, action, got)
		}
	}
	if two := w.mintToken(t, "demo", "1h"); two == deploy {
		t.Error("two tokens are the same")
	}
	if one := newDemoApp(t, flysim.Options{}).mintToken(t, "demo", "1h"); one != deploy {
		t.Error("two platforms with the same requests made different tokens")
	}
}

// TestHostileMacaroon checks that memory is not allocated for a length before the data was seen.
func TestHostileMacaroon(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	for name, raw := range map[string]string{
		"a large array of caveats": "\x94\x93\xc4\x01a\xc4\x01b\xc2\xa1l\xdd\xff\xff\xff\xfe",
		"a large text":             "\x94\xdb\xff\xff\xff\xff",
		"deep":                     strings.Repeat("\x91", 10_000), "empty": "", "one byte": "\x94",
		"large": "\xc6\x00\x01\x00\x00" +
			strings.Repeat("x", 1<<16),
	} {
		got := ask(t, w.Platform, "GET", "/v1/apps/demo", "", "Authorization",
			"FlyV1 fm2_"+base64.StdEncoding.EncodeToString([]byte(raw)))
		if got.status != 401 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	many := "FlyV1 " + strings.Repeat("fm2_lJM=,", 5000) + w.Token()
	if got := ask(t, w.Platform, "GET", "/v1/apps/demo", "", "Authorization", many).status; got != 401 {
		t.Errorf("after thousands of tokens: %d", got)
	}
}

func base10(n uint64) string { return strconv.FormatUint(n, 10) }
