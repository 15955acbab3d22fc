package flysim_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// flyctlStep is one request of a flyctl command, and what flyctl reads from its answer.
type flyctlStep struct {
	path      string // "METHOD /path", or empty for GraphQL
	body      string
	query     string
	operation string // GraphQL operationName, which only generated clients send
	variables map[string]any
	status    int // 0: 200
	want      map[string]string
}

type fields = map[string]string

// Queries of several commands, as flyctl and fly-go send them.
const (
	appCompact = `query ($appName: String!) { appcompact:app(name: $appName) { id internalNumericId name ` +
		`hostname cnameTarget deployed network status appUrl platformVersion organization { id internalNumericId ` +
		`slug paidPlan } postgresAppRole: role { name } } }`
	appBasic = `query ($appName: String!) { appbasic:app(name: $appName) { id name platformVersion ` +
		`organization { id internalNumericId slug rawSlug paidPlan } } }`
	orgBySlug = `query($slug: String!) { organization(slug: $slug) { id internalNumericId slug rawSlug ` +
		`name type billable } }`
	appReleases = `query($appName: String!, $limit: Int!) { app(name: $appName) { releases: ` +
		`releasesUnprocessed(first: $limit) { nodes { id version description reason status imageRef stable user { ` +
		`id email name } createdAt } } } }`
	currentConfig = "\nquery FlyctlConfigCurrentRelease ($appName: String!) {\n\tapp(name: $appName) " +
		"{\n\t\tcurrentReleaseUnprocessed {\n\t\t\tconfigDefinition\n\t\t}\n\t}\n}\n"
	appPage = `query($org: ID, $role: String, $after: String) { apps(type: "container", first: 200, ` +
		`after: $after, organizationId: $org, role: $role) { pageInfo { hasNextPage endCursor } nodes { id name ` +
		`deployed hostname platformVersion organization { slug name } currentRelease { createdAt status } status } } }`
	organizations = `query($admin: Boolean!) { organizations(admin: $admin) { nodes { id slug rawSlug name ` +
		`type paidPlan billable viewerRole internalNumericId } } }`
	allocateIP = `mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) { ipAddress ` +
		`{ id address type region createdAt } } }`
	latestImage = `query($image: String!, $flyVersion: String) { latestImageDetails(image: $image, ` +
		`flyVersion: $flyVersion) { registry repository tag version digest } }`
	createToken = "\nmutation CreateLimitedAccessToken ($name: String!, $organizationId: ID!, $profile: " +
		"String!, $profileParams: JSON, $expiry: String!) {\n\tcreateLimitedAccessToken(input: " +
		"{name:$name,organizationId:$organizationId,profile:$profile,profileParams:$profileParams,expiry:$expiry}) {\n\t\tlimitedAccessToken {\n\t\t\ttokenHeader\n\t\t}\n\t}\n}\n"
	addOnData = "\nfragment AppData on App {\n\tid\n\tname\n\tdeployed\n\tplatformVersion\n\torganization " +
		"{\n\t\t... OrganizationData\n\t}\n}\nfragment AddOnData on AddOn " +
		"{\n\tid\n\tname\n\tprimaryRegion\n\tstatus\n\terrorMessage\n\tmetadata\n\toptions\n}\nfragment " +
		"OrganizationData on Organization " +
		"{\n\tid\n\tslug\n\trawSlug\n\tpaidPlan\n\taddOnSsoLink\n\tprovisionsBetaExtensions\n}\n"
	destroyedApp = `query ($appName: String!) { app(name: $appName) { id internalNumericId name hostname ` +
		`deployed status version appUrl platformVersion currentRelease { evaluationId status inProgress version } ` +
		`config { definition } organization { id slug paidPlan } services { description protocol internalPort ` +
		`ports { port handlers } } ipAddresses { nodes { id address type createdAt } } sharedIpAddress ` +
		`cnameTarget imageDetails { registry repository tag digest version } machines{ nodes { id name config ` +
		`state region createdAt app { name } ips { nodes { family kind ip maskSize } } host { id } } } ` +
		`postgresAppRole: role { name } } }`
	checkCert = `mutation($input: CheckCertificateInput!) { checkCertificate(input: $input) { certificate { ` +
		`acmeDnsConfigured acmeAlpnConfigured configured certificateAuthority createdAt dnsProvider ` +
		`dnsValidationInstructions dnsValidationHostname dnsValidationTarget hostname id source clientStatus ` +
		`isApex isWildcard issued { nodes { type expiresAt } } validationErrors { errorCode message remediation ` +
		`timestamp } } check { aRecords aaaaRecords cnameRecords soa dnsProvider dnsVerificationRecord ` +
		`resolvedAddresses } } }`
)

// personal returns the node id of the organization `personal`, which is the same on every platform.
func personal(t testing.TB) string {
	t.Helper()
	return graphQuery(t, flysim.New(flysim.Options{}), orgBySlug, map[string]any{"slug": "personal"}).get(t,
		"data.organization.id")
}

// TestCommands sends what flyctl sends for each of its commands, in today's version and in that of
// a year before. Each command gets a new platform.
func TestCommands(t *testing.T) {
	shopName := map[string]any{"appName": "shop-api"}
	machines := flyctlStep{path: "GET /v1/apps/shop-api/machines", want: fields{"0.id": shopA,
		"0.region": "iad", "0.host_status": "ok"}}
	compact := flyctlStep{query: appCompact, variables: shopName, want: fields{
		"data.appcompact.id": "shop-api", "data.appcompact.name": "shop-api", "data.appcompact.hostname": "shop-api.fly.dev",
		"data.appcompact.deployed": "true", "data.appcompact.status": "deployed",
		"data.appcompact.platformVersion": "machines",
		"data.appcompact.network":         "", "data.appcompact.organization.slug": "personal",
		"data.appcompact.postgresAppRole": "null",
	}}
	config := flyctlStep{query: currentConfig, operation: "FlyctlConfigCurrentRelease", variables: shopName, want: fields{
		"data.app.currentReleaseUnprocessed.configDefinition.app": "shop-api",
	}}
	org := flyctlStep{query: orgBySlug, variables: map[string]any{"slug": "personal"}, want: fields{
		"data.organization.slug": "personal", "data.organization.type": "PERSONAL", "data.organization.billable": "true",
	}}
	uiexOrg := flyctlStep{path: "GET /api/v1/organizations/personal", want: fields{
		"organization.slug": "personal", "organization.personal": "true", "organization.billing_status": "CURRENT",
	}}
	releases := flyctlStep{query: appReleases, variables: map[string]any{"appName": "shop-api", "limit": 25}, want: fields{
		"data.app.releases.nodes.0.version": "14", "data.app.releases.nodes.0.status": "complete",
		"data.app.releases.nodes.0.stable":     "true",
		"data.app.releases.nodes.0.user.email": "dev@example.com",
		"data.app.releases.nodes.0.createdAt":  "2026-05-11T13:02:40Z",
		"data.app.releases.nodes.0.imageRef":   "registry.fly.io/shop-api:deployment-01KJQ3ZC6W8R5T0YB2N4M7XHDE",
	}}
	complete := releases // scale count: the query does not use the variable
	complete.variables = map[string]any{"appName": "shop-api", "limit": 1, "status": "complete"}
	egressIPs := flyctlStep{query: queryEgressIPs, variables: shopName,
		want: fields{"data.app.egressIpAddresses.nodes": "[]"}}
	allocated := func(kind, network, region string, want fields) flyctlStep {
		input := map[string]any{"appId": "shop-api", "type": kind, "region": region}
		if network != "" {
			input["network"], input["organizationId"] = network, personal(t)
		}
		return flyctlStep{query: allocateIP, variables: map[string]any{"input": input}, want: want}
	}
	assigned := func(body string, want fields) flyctlStep {
		return flyctlStep{path: "POST /v1/apps/shop-api/ip_assignments", body: body, want: want}
	}
	unknown := flyctlStep{query: latestImage, variables: map[string]any{"image": "shop-api:deployment-01",
		"flyVersion": ""}, want: fields{
		"errors.0.message": "Unknown repository", "data": "null",
	}}

	for name, steps := range map[string][]flyctlStep{
		"auth whoami": {{
			query: `query { viewer { ... on User { id email enablePaidHobby } ... on Macaroon { email } } }`,
			want:  fields{"data.viewer.email": "dev@example.com", "data.viewer.enablePaidHobby": "false"},
		}},
		"orgs list": {{query: organizations, variables: map[string]any{"admin": false}, want: fields{
			"data.organizations.nodes.0.slug": "personal", "data.organizations.nodes.0.type": "PERSONAL",
			"data.organizations.nodes.0.rawSlug":    "personal",
			"data.organizations.nodes.0.viewerRole": "admin", "data.organizations.nodes.0.paidPlan": "true",
			"data.organizations.nodes.1.slug": "partner", "data.organizations.nodes.1.type": "SHARED",
			"data.organizations.nodes.1.name": "Partner Ltd",
		}}},
		"orgs list, uiex": {{path: "GET /api/v1/organizations?admin=false", want: fields{
			"organizations.0.slug": "personal", "organizations.0.personal": "true", "organizations.1.raw_slug": "partner",
		}}},
		"orgs show": {org, {
			query: `query($slug: String!) { organizationdetails: organization(slug: $slug) { id slug rawSlug ` +
				`name type viewerRole internalNumericId remoteBuilderImage remoteBuilderApp { name } members { edges { ` +
				`cursor node { id name email } joinedAt role } } } }`,
			variables: map[string]any{"slug": "personal"}, want: fields{
				"data.organizationdetails.members.edges.0.node.email": "dev@example.com",
				"data.organizationdetails.members.edges.0.role":       "ADMIN",
				"data.organizationdetails.name":                       "Personal", "data.organizationdetails.viewerRole": "admin",
			},
		}},
		"apps list": {{query: appPage, variables: map[string]any{"after": ""}, want: fields{
			"data.apps.pageInfo.hasNextPage": "false", "data.apps.pageInfo.endCursor": "tenant-7",
			"data.apps.nodes.0.name": "game-server", "data.apps.nodes.0.organization.slug": "personal",
			"data.apps.nodes.0.status": "deployed", "data.apps.nodes.0.currentRelease.createdAt": "2026-04-02T21:40:18Z",
		}}},
		"apps list, uiex": {
			{path: "GET /api/v1/organizations?admin=false", want: fields{"organizations.0.slug": "personal"}},
			{path: "GET /api/v1/releases/all_current", want: fields{"shop-api": "2026-05-11T13:02:40Z"}},
			{path: "GET /v1/apps?org_slug=personal", want: fields{"apps.0.name": "game-server",
				"apps.0.organization.slug": "personal", "apps.0.status": "deployed", "apps.0.network": "default"}},
			{path: "GET /v1/apps?app_role=postgres_cluster&org_slug=personal", want: fields{"apps": "[]"}},
		},
		"apps create": {
			{query: organizations, variables: map[string]any{"admin": false}},
			{path: "POST /v1/apps?wait=true",
				body: `{"name":"fresh","org_slug":"personal","network":"","app_role_id":""}`, status: 201,
				want: fields{"name": "fresh", "status": "pending"}},
			{path: "GET /v1/apps/fresh", want: fields{"name": "fresh", "organization.slug": "personal", "machine_count": "0"}},
		},
		"apps create, old": {
			{query: `mutation($input: CreateAppInput!) { createApp(input: $input) { app { id name organization { ` +
				`slug } config { definition } regions { name code } } } }`,
				variables: map[string]any{"input": map[string]any{"organizationId": personal(t), "name": "fresh",
					"machines": true, "network": "apart"}},
				want: fields{
					"data.createApp.app.id": "fresh", "data.createApp.app.organization.slug": "personal",
					"data.createApp.app.config.definition": "{}", "data.createApp.app.regions": "[]",
				}},
			{path: "GET /v1/apps/fresh", want: fields{"network": "apart"}},
		},
		"apps destroy": {
			{query: destroyedApp, variables: shopName, want: fields{
				"data.app.organization.slug": "personal", "data.app.machines.nodes.0.id": shopA,
				"data.app.machines.nodes.0.state":  "started",
				"data.app.services.0.internalPort": "8080", "data.app.services.0.ports.0.handlers.0": "HTTP",
				"data.app.machines.nodes.0.ips.nodes.0.kind": "privatenet", "data.app.machines.nodes.0.host.id": "host-iad",
				"data.app.config.definition.app": "shop-api", "data.app.imageDetails.repository": "shop-api",
				"data.app.sharedIpAddress": "66.241.124.11",
			}},
			org,
			{query: "query GetAppWithAddons ($name: String!, $addOnType: AddOnType!) {\n\tapp(name: $name) " +
				"{\n\t\t... AppData\n\t\taddOns(type: $addOnType) {\n\t\t\tnodes {\n\t\t\t\t... " +
				"AddOnData\n\t\t\t}\n\t\t}\n\t}\n}" + addOnData,
				operation: "GetAppWithAddons", variables: map[string]any{"name": "shop-api", "addOnType": "tigris"},
				want: fields{"data.app.addOns.nodes": "[]"}},
			{query: "query ListOrganizationAddOns ($slug: String!, $addOnType: AddOnType) {\n\torganization(slug: " +
				"$slug) {\n\t\taddOns(type: $addOnType) {\n\t\t\tnodes " +
				"{\n\t\t\t\tid\n\t\t\t\tname\n\t\t\t\tmetadata\n\t\t\t}\n\t\t}\n\t}\n}",
				operation: "ListOrganizationAddOns", variables: map[string]any{"slug": "personal",
					"addOnType": "tigris"}, want: fields{"data.organization.addOns.nodes": "[]"}},
			{path: "DELETE /v1/apps/shop-api", status: 202},
			{path: "GET /v1/apps/shop-api", status: 404, want: fields{"error": "app not found"}},
		},
		"apps destroy, old": {
			{query: "query ListAddOns ($addOnType: AddOnType) {\n\taddOns(type: $addOnType) {\n\t\tnodes " +
				"{\n\t\t\tid\n\t\t\tname\n\t\t\taddOnPlan " +
				"{\n\t\t\t\tdisplayName\n\t\t\t}\n\t\t\tprivateIp\n\t\t\tprimaryRegion\n\t\t\treadRegions\n\t\t\toptions\n\t\t\tmetadata\n\t\t\torganization {\n\t\t\t\tid\n\t\t\t\tslug\n\t\t\t}\n\t\t}\n\t}\n}",
				operation: "ListAddOns", variables: map[string]any{"addOnType": "tigris"}, want: fields{"data.addOns.nodes": "[]"}},
			{query: `mutation($appId: ID!) { deleteApp(appId: $appId) { organization { id } } }`,
				variables: map[string]any{"appId": "shop-api"},
				want:      fields{"data.deleteApp.organization.id": personal(t)}},
			{query: appCompact, variables: shopName, want: fields{"data.appcompact": "null",
				"errors.0.message": "Could not find App", "errors.0.extensions.code": "NOT_FOUND"}},
		},
		"apps open": {compact, config},
		"info": {compact, machines, {query: queryAddressRows, variables: shopName,
			want: fields{"data.app.sharedIpAddress": "66.241.124.11"}}},
		"status": {compact, machines, unknown},
		"status --json": {compact, machines, {
			query: `query ($appName: String!) { app(name:$appName) { currentRelease:currentReleaseUnprocessed { ` +
				`version } } }`,
			variables: shopName,
			want:      fields{"data.app.currentRelease.version": "14"},
		}},
		"ips list": {
			{query: queryAddressRows, variables: shopName, want: fields{
				"data.app.ipAddresses.nodes.0.address": "2a09:8280:1::2d:1111",
				"data.app.ipAddresses.nodes.0.type":    "v6", "data.app.ipAddresses.nodes.0.region": "global",
				"data.app.ipAddresses.nodes.0.network":   "null",
				"data.app.ipAddresses.nodes.0.createdAt": "2026-03-02T09:16:31Z", "data.app.sharedIpAddress": "66.241.124.11",
			}},
			egressIPs,
		},
		"ips list, REST": {{path: "GET /v1/apps/legacy-api/ip_assignments", want: fields{
			"ips.0.ip": "137.66.18.204", "ips.0.shared": "false", "ips.0.egress": "false", "ips.0.region": "global",
			"ips.2.egress": "true", "ips.2.region": "fra",
		}}},
		"ips allocate-v6": {
			allocated("v6", "", "", fields{"data.allocateIpAddress.ipAddress.type": "v6",
				"data.allocateIpAddress.ipAddress.region": "global"})},
		"ips allocate-v6 --private": {allocated("private_v6", "", "",
			fields{"data.allocateIpAddress.ipAddress.address": "fdaa:2:1c4f:0:1::3"})},
		"ips allocate-v6 --private --org --network": {
			org, allocated("private_v6", "tenant-7", "",
				fields{"data.allocateIpAddress.ipAddress.address": "fdaa:9:77e0:0:1::2"}),
		},
		"ips allocate-v4": {allocated("v4", "", "fra", fields{"data.allocateIpAddress.ipAddress.type": "v4",
			"data.allocateIpAddress.ipAddress.region": "fra"})},
		"ips allocate-v4 --shared": {{
			query: `mutation($input: AllocateIPAddressInput!) { allocateIpAddress(input: $input) { app { ` +
				`sharedIpAddress } } }`,
			variables: map[string]any{"input": map[string]any{"appId": "inner-circle", "type": "shared_v4", "region": ""}},
			want:      fields{"errors": "null"},
		}},
		"ips allocate, REST": {
			assigned(`{"type":"v6","region":"","org_slug":"","network":"","service_name":""}`,
				fields{"region": "global", "shared": "false", "egress": "false"}),
			assigned(`{"type":"private_v6","region":"","org_slug":"personal","network":"tenant-7","service_name":"web"}`, fields{
				"ip": "fdaa:9:77e0:0:1::2", "service_name": "web", "network.name": "tenant-7", "network.org_slug": "personal",
			}),
			{path: "POST /v1/apps/shop-api/ip_assignments",
				body: `{"type":"shared_v4","region":"","org_slug":"","network":"","service_name":""}`, status: 409},
			{path: "POST /v1/apps/shop-api/ip_assignments", body: `{"type":"private_v6","region":"fra"}`, status: 400},
			assigned(`{"type":"egress_pair","region":"fra","org_slug":"","network":"","service_name":""}`,
				fields{"ip": "null", "region": "fra", "egress": "true", "ip_pair.v4": "209.71.64.6"}),
		},
		"ips release": {
			{query: releaseMutation, variables: map[string]any{"input": map[string]any{"appId": "shop-api",
				"ipAddressId": nil, "ip": "66.241.124.11"}},
				want: fields{"data.releaseIpAddress.clientMutationId": "null", "errors": "null"}},
			{query: releaseMutation, variables: map[string]any{"input": map[string]any{"appId": "shop-api",
				"ipAddressId": nil, "ip": "66.241.124.11"}}, want: fields{"errors.0.extensions.code": "NOT_FOUND"}},
		},
		"ips release, REST": {
			{path: "DELETE /v1/apps/shop-api/ip_assignments/2a09:8280:1::2d:1111", status: 204},
			{path: "DELETE /v1/apps/shop-api/ip_assignments/2a09%3A8280%3A1%3A%3A2d%3A1111", status: 404},
		},
		"ips private": {{path: "GET /v1/apps/shop-api/machines",
			want: fields{"0.private_ip": "fdaa:2:1c4f:a7b:8e21:ea7d:9d89:2", "0.name": "quiet-river-2417"}}},
		"scale show":       {machines},
		"scale count":      {config, machines, complete, {path: "GET /v1/apps/shop-api/volumes"}},
		"config show":      {config},
		"config show, old": {compact, config},
		"releases":         {releases},
		"releases, old":    {compact, releases},
		"releases, uiex": {{path: "GET /api/v1/apps/shop-api/releases?limit=25",
			want: fields{"releases.0.version": "14", "releases.0.status": "complete",
				"releases.0.user": "dev@example.com", "releases.0.created_at": "2026-05-11T13:02:40Z"}}},
		"releases, current": {{path: "GET /api/v1/apps/shop-api/releases/current", want: fields{"version": "14",
			"in_progress": "false"}}},
		"certs list": {
			{query: `query($appName: String!) { appcertscompact:app(name: $appName) { certificates { nodes { ` +
				`createdAt hostname clientStatus } } } }`,
				variables: map[string]any{"appName": "legacy-api"},
				want: fields{"data.appcertscompact.certificates.nodes.0.hostname": "api.legacy-shop.example",
					"data.appcertscompact.certificates.nodes.0.clientStatus": "Ready"}}},
		"certs list, REST": {{path: "GET /v1/apps/legacy-api/certificates?limit=50",
			want: fields{"certificates.0.hostname": "api.legacy-shop.example", "total_count": "1"}}},
		"certs show": {{query: checkCert, variables: map[string]any{"input": map[string]any{
			"appId": "legacy-api", "hostname": "api.legacy-shop.example"}},
			want: fields{"data.checkCertificate.certificate.clientStatus": "Ready",
				"data.checkCertificate.certificate.isApex":              "false",
				"data.checkCertificate.certificate.issued.nodes.0.type": "ecdsa",
				"data.checkCertificate.check.aRecords.0":                "137.66.18.204"}}},
		"certs remove": {
			{query: `mutation($appId: ID!, $hostname: String!) { deleteCertificate(appId: $appId, hostname: ` +
				`$hostname) { app { name } certificate { hostname id } } }`,
				variables: map[string]any{"appId": "legacy-api", "hostname": "api.legacy-shop.example"},
				want: fields{"data.deleteCertificate.app.name": "legacy-api",
					"data.deleteCertificate.certificate.hostname": "api.legacy-shop.example"}}},
		"certs remove, REST": {{path: "DELETE /v1/apps/legacy-api/certificates/api.legacy-shop.example",
			status: 204}, {path: "DELETE /v1/apps/legacy-api/certificates/api.legacy-shop.example", status: 404}},
		"platform regions": {
			{query: `query { platform { requestRegion regions { name code latitude longitude gatewayAvailable ` +
				`requiresPaidPlan deprecated } } }`,
				want: fields{
					"data.platform.requestRegion": "iad", "data.platform.regions.0.code": "ams",
					"data.platform.regions.0.gatewayAvailable": "true", "data.platform.regions.0.deprecated": "false",
				}}},
		"platform vm-sizes": {
			{query: `query { platform { vmSizes { name cpuCores memoryGb memoryMb priceMonth priceSecond } } }`, want: fields{
				"data.platform.vmSizes.0.name": "shared-cpu-1x", "data.platform.vmSizes.0.memoryMb": "256",
				"data.platform.vmSizes.0.memoryGb": "0.25",
			}}},
		"regions list": {compact, machines},
		"image show":   {compact, machines, unknown},
		"services list": {
			{query: `query ($appName: String!) { appinfo:app(name: $appName) { id name hostname deployed status ` +
				`version appUrl platformVersion organization { id slug } services { description protocol internalPort ` +
				`ports { port handlers } } ipAddresses { nodes { id address type region createdAt } } } }`,
				variables: shopName, want: fields{"data.appinfo.services.0.protocol": "TCP"}}, machines},
		"checks list": {compact, {path: "GET /v1/apps/shop-api/machines", want: fields{"0.checks.0.status": "passing"}}},
		"deploy --image": { // except requests about Machines, which the trace has
			{path: "GET /v1/apps/shop-api", want: fields{"status": "deployed"}}, uiexOrg,
			{path: "POST /api/v1/builds",
				body: `{"app_name":"shop-api","builder_type":"depot.dev","strategies_available":["Local Image Reference"]}`,
				want: fields{"id": "1", "status": "building"}},
			{query: `query ($appName: String!, $imageRef: String!) { app(name: $appName) { id image(ref: $imageRef) ` +
				`{ id digest ref compressedSize: compressedSizeFull manifest } } }`,
				variables: map[string]any{"appName": "shop-api", "imageRef": "nginx"},
				want: fields{"data.app.image.ref": "docker-hub-mirror.fly.io/library/nginx:latest",
					"data.app.image.compressedSize": "41252864"}},
			{path: "POST /api/v1/builds/finish",
				body: `{"build_id":1,"app_name":"shop-api","machine_id":"","status":"completed"}`,
				want: fields{"status": "completed"}},
			{path: "GET /v1/apps/shop-api/ip_assignments", want: fields{"ips.1.shared": "true"}},
			{path: "POST /api/v1/releases",
				body: `{"app_name":"shop-api","build_id":1,"definition":{"app":"shop-api"},"image":"nginx",` +
					`"strategy":"BLUEGREEN"}`,
				status: 201, want: fields{"release.version": "15", "release.strategy": "BLUEGREEN"}},
			{query: `query ($appName: String!) { canPerformBluegreenDeployment(name: $appName) }`,
				variables: shopName, want: fields{"data.canPerformBluegreenDeployment": "true"}},
			egressIPs,
		},
		"deploy --image, old": {
			{query: appBasic, variables: shopName, want: fields{"data.appbasic.organization.rawSlug": "personal"}},
			{query: "\nmutation ResolverCreateBuild ($input: CreateBuildInput!) {\n\tcreateBuild(input: $input) " +
				"{\n\t\tid\n\t\tstatus\n\t}\n}\n", operation: "ResolverCreateBuild",
				variables: map[string]any{"input": map[string]any{"appName": "shop-api", "builderType": "remote",
					"imageOpts": map[string]any{"buildArgs": nil, "builtIn": "", "noCache": false, "imageRef": "nginx"},
					"machineId": "", "strategiesAvailable": []string{"Local Image Reference"}}},
				want: fields{"data.createBuild.id": "1", "data.createBuild.status": "building"}},
			{query: "\nmutation ResolverFinishBuild ($input: FinishBuildInput!) {\n\tfinishBuild(input: $input) " +
				"{\n\t\tid\n\t\tstatus\n\t\twallclockTimeMs\n\t}\n}\n", operation: "ResolverFinishBuild",
				variables: map[string]any{"input": map[string]any{"appName": "shop-api", "buildId": "1",
					"machineId": "", "status": "completed", "logs": "",
					"strategiesAttempted": []any{map[string]any{"strategy": "Local Image Reference", "result": "success",
						"error": "", "note": ""}},
					"builderMeta": map[string]any{"builderType": "remote", "buildkitEnabled": true,
						"remoteAppName": ""}, "finalImage": map[string]any{"id": "img", "sizeBytes": 41252864, "tag": "nginx"},
					"timings": map[string]any{"buildAndPushMs": 0, "pushMs": -1}}},
				want: fields{"data.finishBuild.status": "completed", "data.finishBuild.wallclockTimeMs": "0"}},
			{query: "\nmutation MachinesCreateRelease ($input: CreateReleaseInput!) {\n\tcreateRelease(input: " +
				"$input) {\n\t\trelease {\n\t\t\tid\n\t\t\tversion\n\t\t}\n\t}\n}\n", operation: "MachinesCreateRelease",
				variables: map[string]any{"input": map[string]any{"appId": "shop-api", "image": "nginx",
					"platformVersion": "machines", "strategy": "IMMEDIATE", "definition": map[string]any{
						"app": "shop-api"}, "buildId": nil}},
				want: fields{"data.createRelease.release.version": "15"}},
			{query: "\nquery FlyctlDeployGetLatestImage ($appName: String!) {\n\tapp(name: $appName) " +
				"{\n\t\tcurrentReleaseUnprocessed {\n\t\t\tid\n\t\t\tversion\n\t\t\timageRef\n\t\t}\n\t}\n}\n",
				operation: "FlyctlDeployGetLatestImage", variables: shopName,
				want: fields{"data.app.currentReleaseUnprocessed.imageRef": "nginx"}},
		},
		"launch --flycast --no-deploy": {
			{query: organizations, variables: map[string]any{"admin": false}},
			{path: "GET /v1/apps/fresh", status: 404, want: fields{"error": "app not found"}}, uiexOrg,
			{query: "\nquery GetOrganization ($slug: String!) {\n\torganization(slug: $slug) {\n\t\t... " +
				"OrganizationData\n\t}\n}\nfragment OrganizationData on Organization " +
				"{\n\tid\n\tslug\n\trawSlug\n\tpaidPlan\n\taddOnSsoLink\n\tprovisionsBetaExtensions\n\tname\n\tbillable\n}\n",
				operation: "GetOrganization", variables: map[string]any{"slug": "personal"},
				want: fields{"data.organization.slug": "personal", "data.organization.provisionsBetaExtensions": "false"}},
			{query: `query { nearestRegion { code name gatewayAvailable deprecated } }`,
				want: fields{"data.nearestRegion.code": "iad"}},
			{query: `query ($appName: String!) { appNameAvailable(name: $appName) }`, variables: map[string]any{
				"appName": "fresh"}, want: fields{"data.appNameAvailable": "true"}},
			{path: "POST /v1/apps?wait=true",
				body: `{"name":"fresh","org_slug":"personal","network":"","app_role_id":""}`, status: 201},
			{path: "GET /v1/apps/fresh/ip_assignments", want: fields{"ips": "[]"}},
		},
		"tokens create deploy": {
			{path: "GET /v1/apps/shop-api"},
			{query: createToken, operation: "CreateLimitedAccessToken", variables: map[string]any{
				"name": "flyctl deploy token", "organizationId": personal(t), "profile": "deploy",
				"profileParams": map[string]any{"app_id": "shop-api"}, "expiry": "175200h0m0s"}, want: fields{"errors": "null"}},
			{query: `query ($appName: String!) { appLimitedAccessTokens: app(name: $appName) { limitedAccessTokens { ` +
				`nodes { id name token expiresAt revokedAt user { email } } } } }`,
				variables: shopName, want: fields{
					"data.appLimitedAccessTokens.limitedAccessTokens.nodes.0.name":      "flyctl deploy token",
					"data.appLimitedAccessTokens.limitedAccessTokens.nodes.0.revokedAt": "null",
					"data.appLimitedAccessTokens.limitedAccessTokens.nodes.0.expiresAt": "2046-11-17T12:00:00Z",
					"data.appLimitedAccessTokens.limitedAccessTokens.nodes.0.token":     "",
				}},
		},
		"tokens create org": {org,
			{query: createToken, operation: "CreateLimitedAccessToken", variables: map[string]any{
				"name": "Org deploy token", "organizationId": personal(t), "profile": "deploy_organization",
				"profileParams": map[string]any{}, "expiry": "24h"}, want: fields{"errors": "null"}},
			{query: `query ($slug: String!) { orgLimitedAccessTokens: organization(slug: $slug) { ` +
				`limitedAccessTokens { nodes { id name expiresAt revokedAt user { email } } } } }`,
				variables: map[string]any{"slug": "personal"}, want: fields{
					"data.orgLimitedAccessTokens.limitedAccessTokens.nodes.0.expiresAt": "2026-11-23T12:00:00Z",
				}},
		},
		"logs --no-tail": {{path: "GET /api/v1/apps/shop-api/logs?next_token=", want: fields{
			"data.0.attributes.message": "App shop-api created", "data.0.attributes.level": "info",
			"data.0.attributes.timestamp": "2026-03-02T09:14:05Z", "data.1.attributes.region": "iad",
		}}},
		"agent": {{query: `mutation($input: ValidateWireGuardPeersInput!) { validateWireGuardPeers(input: $input) ` +
			`{ invalidPeerIps } }`,
			variables: map[string]any{"input": map[string]any{"peerIps": []string{"fdaa::1"}}},
			want:      fields{"data.validateWireGuardPeers.invalidPeerIps.0": "fdaa::1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := seeded(t, flysim.Options{})
			for i, s := range steps {
				s.check(t, p, i)
			}
		})
	}
}

const (
	queryAddressRows = `query ($appName: String!) { app(name: $appName) { ipAddresses { nodes { id address ` +
		`type region createdAt network { name organization { slug } } serviceName } } sharedIpAddress } }`
	queryEgressIPs = `query ($appName: String!) { app(name: $appName) { egressIpAddresses { nodes { id ip ` +
		`version region updatedAt } } } }`
)

// send sends the request of the step.
func (s flyctlStep) send(t testing.TB, p *flysim.Platform, headers ...string) reply {
	t.Helper()
	method, path, body := "POST", "/graphql", s.body
	if s.path != "" {
		method, path, _ = strings.Cut(s.path, " ")
	} else {
		in := map[string]any{"query": s.query, "variables": s.variables}
		if s.operation != "" {
			in["operationName"] = s.operation
		}
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		body = string(raw)
	}
	return ask(t, p, method, path, body, headers...)
}

func (s flyctlStep) check(t *testing.T, p *flysim.Platform, i int) {
	t.Helper()
	got := s.send(t, p)
	want := s.status
	if want == 0 {
		want = 200
	}
	if got.status != want {
		t.Fatalf("request %d %s%s: status %d, want %d: %s", i, s.path, s.query, got.status, want, got.body)
	}
	if _, refused := s.want["errors.0.message"]; s.path == "" && !refused &&
		s.want["errors.0.extensions.code"] == "" && got.get(t, "errors") != "null" {
		t.Fatalf("request %d %s: %s", i, s.query, got.body)
	}
	for _, path := range slices.Sorted(maps.Keys(s.want)) {
		wantBody(t, got, path, s.want[path])
	}
}
