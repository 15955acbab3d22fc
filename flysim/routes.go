package flysim

import (
	"cmp"
	"encoding/json"
	"slices"
)

// route is one operation of the platform.
type route struct {
	pattern   string
	operation string
	handle    func(*apiRequest) apiAnswer

	write        bool              // whether it can change something
	perMachine   bool              // whether its rate limit is per Machine, not per app
	wholeAccount bool              // whether it is closed to tokens of one app
	waits        bool              // whether it takes the lock itself, because it waits
	exec         bool              // whether it is open to tokens that may only run commands
	private      bool              // whether its body is left out of the record
	graph        bool              // whether it is GraphQL
	classify     func(*apiRequest) // fills in the parts of the call that are in the body
}

// routeTable returns the operations. The check of a certificate is a POST that changes nothing
// here.
func routeTable() []route {
	read := func(pattern, operation string, handle func(*apiRequest) apiAnswer) route {
		return route{pattern: pattern, operation: operation, handle: handle}
	}
	write := func(pattern, operation string, handle func(*apiRequest) apiAnswer) route {
		return route{pattern: pattern, operation: operation, handle: handle, write: true}
	}
	account := func(r route) route { r.wholeAccount = true; return r }
	each := func(r route) route { r.perMachine = true; return r }
	const (
		app         = "/v1/apps/{app}"
		one         = app + "/machines/{target}"
		lease       = one + "/lease"
		ips         = app + "/ip_assignments"
		certs       = app + "/certificates"
		disks       = app + "/volumes"
		disk        = disks + "/{target}"
		meta        = one + "/metadata/{key}"
		secretsPath = app + "/secrets"
		keys        = app + "/secretkeys"
		org         = "/v1/orgs/{organization}"
		uiex        = "/api/v1"
	)
	wait := each(read("GET "+one+"/wait", "machine.wait", waitMachine))
	wait.waits = true
	exec := each(write("POST "+one+"/exec", "machine.exec", execMachine))
	exec.waits, exec.exec = true, true
	private := func(r route) route { r.private = true; return r }
	graphql := read("POST /graphql", "graphql.unknown", serveGraph)
	graphql.graph, graphql.classify = true, classifyGraph
	names := func(r route) route { r.classify = classifyBody; return r }
	patch := write("PATCH "+uiex+"/releases/{target}", "release.update", updateRelease)
	patch.classify = classifyRelease
	return []route{
		account(read("GET /v1/apps", "app.list", listApps)),
		names(account(write("POST /v1/apps", "app.create", createApp))),
		read("GET "+app, "app.get", getApp),
		write("DELETE "+app, "app.destroy", deleteApp),

		read("GET "+app+"/machines", "machine.list", listMachines),
		write("POST "+app+"/machines", "machine.create", createMachine),
		each(read("GET "+one, "machine.get", getMachine)),
		each(write("POST "+one, "machine.update", updateMachine)),
		each(write("DELETE "+one, "machine.destroy", destroyMachine)),
		each(write("POST "+one+"/start", "machine.start", startMachine)),
		each(write("POST "+one+"/stop", "machine.stop", stopMachine)),
		each(write("POST "+one+"/restart", "machine.restart", restartMachine)),
		each(write("POST "+one+"/signal", "machine.signal", signalMachine)),
		each(write("POST "+one+"/suspend", "machine.suspend", suspendMachine)),
		each(write("POST "+one+"/cordon", "machine.cordon", cordonMachine)),
		each(write("POST "+one+"/uncordon", "machine.uncordon", uncordonMachine)),
		wait,
		exec,
		each(read("GET "+one+"/memory", "machine.memory", getMemory)),
		each(write("PUT "+one+"/memory", "machine.memory.limit", setMemory)),
		each(write("POST "+one+"/memory/reclaim", "machine.memory.reclaim", reclaimMemory)),
		each(read("GET "+lease, "lease.get", getLease)),
		each(write("POST "+lease, "lease.acquire", acquireLease)),
		each(write("DELETE "+lease, "lease.release", releaseLease)),
		each(read("GET "+one+"/ps", "machine.ps", listProcesses)),
		each(read("GET "+one+"/events", "machine.events", listEvents)),
		each(read("GET "+one+"/versions", "machine.versions", listVersions)),
		each(read("GET "+one+"/metadata", "machine.metadata", getMetadata)),
		each(write("PUT "+one+"/metadata", "machine.metadata.update", patchMetadata)),
		each(write("PATCH "+one+"/metadata", "machine.metadata.update", patchMetadata)),
		each(read("GET "+meta, "machine.metadata.get", getMetadataValue)),
		each(write("POST "+meta, "machine.metadata.set", setMetadata)),
		each(write("DELETE "+meta, "machine.metadata.delete", deleteMetadata)),

		read("GET "+disks, "volume.list", listVolumes),
		write("POST "+disks, "volume.create", createVolume),
		each(read("GET "+disk, "volume.get", getVolume)),
		each(write("PUT "+disk, "volume.update", updateVolume)),
		each(write("PUT "+disk+"/extend", "volume.extend", extendVolume)),
		each(write("DELETE "+disk, "volume.destroy", destroyVolume)),
		each(read("GET "+disk+"/snapshots", "volume.snapshots", listSnapshots)),
		each(write("POST "+disk+"/snapshots", "volume.snapshot", createSnapshot)),

		read("GET "+secretsPath, "secret.list", listSecrets),
		private(write("POST "+secretsPath, "secret.update", updateSecrets)),
		read("GET "+secretsPath+"/{target}", "secret.get", getSecret),
		private(write("POST "+secretsPath+"/{target}", "secret.set", setSecret)),
		write("DELETE "+secretsPath+"/{target}", "secret.delete", deleteSecret),

		read("GET "+keys, "secretkey.list", listSecretKeys),
		read("GET "+keys+"/{target}", "secretkey.get", getSecretKey),
		private(write("POST "+keys+"/{target}", "secretkey.set", setSecretKey)),
		write("POST "+keys+"/{target}/generate", "secretkey.generate", setSecretKey),
		write("DELETE "+keys+"/{target}", "secretkey.delete", deleteSecretKey),

		account(read("GET "+org+"/machines", "org.machines", listOrgMachines)),
		account(read("GET "+org+"/volumes", "org.volumes", listOrgVolumes)),
		read("GET /v1/platform/regions", "platform.regions", listRegions),
		read("POST /v1/platform/placements", "platform.placements", placeMachines),
		read("GET /v1/tokens/current", "token.current", currentToken),
		write("POST "+app+"/deploy_token", "token.create", createDeployToken),

		read("GET "+ips, "ip.list", listAssignments),
		names(write("POST "+ips, "ip.allocate", createAssignment)),
		write("DELETE "+ips+"/{target}", "ip.release", deleteAssignment),

		read("GET "+certs, "certificate.list", listCertificates),
		write("POST "+certs+"/acme", "certificate.create", createCertificate),
		read("GET "+certs+"/{target}", "certificate.get", getCertificate),
		read("POST "+certs+"/{target}/check", "certificate.check", getCertificate),
		write("DELETE "+certs+"/{target}", "certificate.delete", deleteCertificate),
		private(write("POST "+certs+"/custom", "certificate.import", importCertificate)),
		write("DELETE "+certs+"/{target}/acme", "certificate.delete.acme", deleteACME),
		write("DELETE "+certs+"/{target}/custom", "certificate.delete.custom", deleteCustom),

		read("GET "+uiex+"/organizations", "organization.list", listOrganizations),
		read("GET "+uiex+"/organizations/{organization}", "organization.get", getOrganization),
		read("GET "+uiex+"/organizations/{organization}/postgres", "postgres.list", listClusters),
		read("GET "+uiex+"/organizations/{organization}/postgres/deleted", "postgres.list", listClusters),
		read("GET "+uiex+"/apps/{app}/logs", "log.list", listLogs),
		write("POST "+uiex+"/apps/{app}/egress_ips/{target}/promote", "ip.promote", promoteEgress),
		read("GET "+uiex+"/apps/{app}/releases", "release.list", listReleases),
		read("GET "+uiex+"/apps/{app}/releases/current", "release.current", currentRelease),
		read("GET "+uiex+"/releases/all_current", "release.times", listCurrentReleases),
		names(write("POST "+uiex+"/releases", "release.create", createRelease)),
		patch,
		names(write("POST "+uiex+"/builds", "build.create", createBuild)),
		names(write("POST "+uiex+"/builds/finish", "build.finish", finishBuild)),

		graphql,
	}
}

// Operations returns the names that [Call.Operation] can have for REST routes.
func Operations() []string {
	var names []string
	for _, rt := range routeTable() {
		names = append(names, rt.operation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// classifyBody fills in the app that the body of an account-wide operation names, and the type of a
// requested address.
func classifyBody(req *apiRequest) {
	var in struct {
		Name string `json:"name"`
		App  string `json:"app_name"`
		Type string `json:"type"`
	}
	if json.Unmarshal(req.body, &in) != nil {
		return
	}
	if req.call.App == "" {
		req.call.App = cmp.Or(in.App, in.Name)
	}
	if req.call.Target == "" {
		req.call.Target = in.Type
	}
}

// classifyRelease fills in the app of a release.
func classifyRelease(req *apiRequest) {
	p := req.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.state.releases[req.call.Target]; r != nil {
		req.call.App = r.app.name
	}
}
