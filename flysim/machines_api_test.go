package flysim_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
)

// demoApp is an app with one started Machine that has a volume. Each case gets a new one.
type demoApp struct {
	*flysim.Platform
	t       *testing.T
	machine string
	volume  string
	version string
}

const demoConfig = `{"image":"nginx:1","env":{"COLOUR":"blue"},"guest":{"cpu_kind":"shared","cpus":1,"memory_mb":512},
	"metadata":{"role":"web","fly_process_group":"app"},"restart":{"policy":"on-failure","max_retries":3},
	"services":[{"protocol":"tcp","internal_port":8080,"ports":[{"port":80,"handlers":["http"]}],
	"checks":[{"type":"http"}]}],
	"checks":{"alive":{"type":"tcp","port":8080}},"mounts":[{"volume":"{v}","path":"/data"}],
	"files":[{"guest_path":"/etc/motd","raw_value":"aGVsbG8K"}],"containers":[{"name":"side"}]}`

func newDemoApp(t *testing.T, options flysim.Options) *demoApp {
	t.Helper()
	options.Clock = flysim.NewClock(func() time.Time { return startTime })
	w := &demoApp{Platform: flysim.New(options), t: t}
	w.AddApp("demo", "personal", "")
	w.volume = w.AddVolume("demo", "data", "iad", 3)
	got := ask(t, w.Platform, "POST", "/v1/apps/demo/machines", w.fill(`{"name":"first","config":`+demoConfig+`}`))
	wantStatus(t, got, 200)
	w.machine, w.version = got.get(t, "id"), got.get(t, "instance_id")
	return w
}

// fill replaces placeholders in a text: {m} is the Machine, {v} the volume, {i} the Machine's
// version, {c} its configuration.
func (w *demoApp) fill(text string) string {
	text = strings.ReplaceAll(text, "{c}", demoConfig)
	return strings.NewReplacer("{m}", w.machine, "{v}", w.volume, "{i}", w.version, "{app}", "/v1/apps/demo",
		"{one}", "/v1/apps/demo/machines/"+w.machine).Replace(text)
}

// do sends "METHOD path body", which must succeed.
func (w *demoApp) do(line string) reply {
	w.t.Helper()
	parts := strings.SplitN(w.fill(line), " ", 3)
	if len(parts) == 2 {
		parts = append(parts, "")
	}
	got := ask(w.t, w.Platform, parts[0], parts[1], parts[2])
	if got.status >= 300 {
		w.t.Fatalf("%s: %d %s", line, got.status, got.body)
	}
	return got
}

// TestMachinesAPI follows the description of the Machines API: each sentence has a request, its
// status, and a part of its answer.
func TestMachinesAPI(t *testing.T) {
	type options = flysim.Options
	const none = ""
	stop, suspend := "POST {one}/stop {}", "POST {one}/suspend"
	tests := []struct {
		says   string
		before []string // requests that are sent first
		send   string   // method, path, body
		status int
		has    string // path=value, separated by blanks; ~ means a blank
	}{
		// Machines: list.
		{"all Machines of an app", nil, "GET {app}/machines", 200, "0.id={m} 0.state=started 0.region=iad"},
		{"of an app that does not exist", nil, "GET /v1/apps/nobody/machines", 404, "error=app~not~found"},
		{"filtered by state", nil, "GET {app}/machines?state=stopped", 200, "=[]"},
		{"filtered by several states", nil, "GET {app}/machines?state=stopped,started", 200, "0.id={m}"},
		{"filtered by a repeated state", nil, "GET {app}/machines?state=stopped&state=started", 200, "0.id={m}"},
		{"filtered by region", nil, "GET {app}/machines?region=fra", 200, "=[]"},
		{"filtered by metadata", nil, "GET {app}/machines?metadata.role=web", 200, "0.id={m}"},
		{"filtered by two metadata, all must match", nil, "GET {app}/machines?metadata.role=web&metadata.x=y", 200, "=[]"},
		{"without destroyed ones", []string{"DELETE {one}?force=true"}, "GET {app}/machines", 200, "=[]"},
		{"with destroyed ones if asked", []string{"DELETE {one}?force=true"},
			"GET {app}/machines?include_deleted=true", 200, "0.state=destroyed"},
		{"a summary has no config", nil, "GET {app}/machines?summary=true", 200,
			"0.id={m} 0.config=null 0.checks=null 0.image_ref.tag=1"},
		{"leases only if asked", []string{"POST {one}/lease?ttl=30"}, "GET {app}/machines", 200, "0.lease=null 0.nonce=null"},
		{"leases if asked, without nonce", []string{"POST {one}/lease?ttl=30"},
			"GET {app}/machines?include_leases=true", 200, "0.lease.owner=dev@example.com 0.lease.nonce=null"},

		// Machines: create.
		{"created and started", nil, `POST {app}/machines {"config":{"image":"nginx"},"region":"fra"}`, 200,
			"state=started region=fra image_ref.repository=library/nginx nonce=null"},
		{"only created with skip_launch", nil,
			`POST {app}/machines {"config":{"image":"nginx"},"skip_launch":true}`, 200, "state=created"},
		{"unknown fields of the request are dropped", nil,
			`POST {app}/machines {"config":{"image":"nginx"},"lsvd":true,"identity":{"a":1},"timeout":5,` +
				`"skip_secrets":true,"min_secrets_version":7}`,
			200, "lsvd=null identity=null"},
		{"a region list goes to its first", nil,
			`POST {app}/machines {"config":{"image":"nginx"},"region":"lhr,eu"}`, 200, "region=lhr"},
		{"a region alias", nil, `POST {app}/machines {"config":{"image":"nginx"},"region":"any"}`, 200, "region=iad"},
		{"an unknown region", nil, `POST {app}/machines {"config":{"image":"nginx"},"region":"moon"}`, 400, ""},
		{"the region is optional", nil, `POST {app}/machines {"config":{"image":"nginx"}}`, 200, "region=iad"},
		{"the name is unique", nil, `POST {app}/machines {"config":{"image":"nginx"},"name":"first"}`, 409,
			`error=already_exists:~unique~machine~name~violation,~machine~ID~{m}~already~exists~with~name~"first"`},
		{"a destroyed Machine's name is free", []string{"DELETE {one}?force=true"},
			`POST {app}/machines {"config":{"image":"nginx"},"name":"first"}`, 200, "name=first"},
		{"lease_ttl returns a nonce", nil, `POST {app}/machines {"config":{"image":"nginx"},"lease_ttl":30}`, 200,
			"state=started"},
		{"skip_service_registration cordons", nil,
			`POST {app}/machines {"config":{"image":"nginx"},"skip_service_registration":true}`, 200, "cordoned=true"},
		{"config is required", nil, `POST {app}/machines {}`, 400, "error=config~is~required"},
		{"an image is required", nil, `POST {app}/machines {"config":{}}`, 400, ""},
		{"config must be an object", nil, `POST {app}/machines {"config":[]}`, 400, ""},
		{"a wrong type is refused", nil, `POST {app}/machines {"config":{"image":"nginx"},"region":5}`, 400, ""},
		{"malformed JSON is refused", nil, `POST {app}/machines {"config":`, 400, ""},
		{"an array is refused", nil, `POST {app}/machines []`, 400, ""},
		{"two documents are refused", nil, `POST {app}/machines {} {}`, 400, ""},
		{"a volume has one Machine", nil,
			`POST {app}/machines {"config":{"image":"nginx","mounts":[{"volume":"{v}","path":"/d"}]}}`, 412, ""},
		{"a volume that does not exist", nil,
			`POST {app}/machines {"config":{"image":"nginx","mounts":[{"volume":"vol_x","path":"/d"}]}}`, 422, ""},
		{"a schedule is accepted", nil, `POST {app}/machines {"config":{"image":"nginx","schedule":"hourly"}}`,
			200, "config.schedule=hourly"},
		{"an invented field is kept", nil, `POST {app}/machines {"config":{"image":"nginx","from_next_year":1}}`,
			200, "config.from_next_year=1"},
		{"autostop is echoed as a boolean", nil,
			`POST {app}/machines {"config":{"image":"nginx","services":[{"internal_port":1,"autostop":"stop"}]}}`,
			200, "config.services.0.autostop=true"},
		{"autostop suspend stays a word", nil,
			`POST {app}/machines {"config":{"image":"nginx","services":[{"internal_port":1,"autostop":"suspend"}]}}`,
			200, "config.services.0.autostop=suspend"},
		{"in an app that does not exist", nil, `POST /v1/apps/nobody/machines {"config":{"image":"nginx"}}`, 404, ""},

		// Machines: get.
		{"one Machine", nil, "GET {one}", 200,
			"id={m} name=first host_status=ok cordoned=false incomplete_config=null config.env.COLOUR=blue version={i}"},
		{"a check for each configured one", nil, "GET {one}", 200,
			"checks.0.name=servicecheck-00-http-8080 checks.1.name=alive checks.1.status=passing"},
		{"its events, newest first", nil, "GET {one}", 200, "events.0.type=start events.1.type=launch"},
		{"a Machine that does not exist", nil, "GET {app}/machines/00000000000000", 404, "error=machine~not~found"},
		{"a destroyed Machine is still there", []string{"DELETE {one}?kill=true"}, "GET {one}", 200, "state=destroyed"},

		// Machines: update.
		{"a new version that is started", nil, `POST {one} {"config":{"image":"nginx:2"}}`, 200,
			"state=started config.image=nginx:2 config.env=null"},
		{"current_version guards", nil, `POST {one} {"config":{"image":"nginx:2"},"current_version":"{i}"}`, 200, ""},
		{"another current_version is refused", nil,
			`POST {one} {"config":{"image":"nginx:2"},"current_version":"01X"}`, 412, ""},
		{"skip_launch leaves it stopped", nil, `POST {one} {"config":{"image":"nginx:2"},"skip_launch":true}`,
			200, "state=stopped"},
		{"a suspended Machine can be updated", []string{suspend}, `POST {one} {"config":{"image":"nginx:2"}}`,
			200, "state=started"},
		{"a destroyed one cannot", []string{"DELETE {one}?force=true"}, `POST {one} {"config":{"image":"nginx:2"}}`, 412, ""},
		{"lease_ttl takes the lease", nil, `POST {one} {"config":{"image":"nginx:2"},"lease_ttl":30}`, 200, ""},
		{"config is required for an update", nil, `POST {one} {}`, 400, ""},
		{"another user's lease blocks changes", []string{"POST {one}/lease?ttl=30"},
			`POST {one} {"config":{"image":"nginx:2"}}`, 409, ""},

		// Start, stop, suspend, restart, signal, destroy.
		{"start returns the previous state", []string{stop}, "POST {one}/start", 200,
			"status=success previous_state=stopped"},
		{"start resumes", []string{suspend}, "POST {one}/start", 200, "previous_state=suspended"},
		{"start of a started Machine", nil, "POST {one}/start", 200, "previous_state=started"},
		{"start of a destroyed Machine", []string{"DELETE {one}?force=true"}, "POST {one}/start", 412, ""},
		{"stop", nil, "POST {one}/stop {}", 200, "ok=true"},
		{"stop wants a body", nil, "POST {one}/stop", 400, ""},
		{"stop with signal and timeout", nil, `POST {one}/stop {"id":"{m}","signal":"SIGTERM","timeout":"10s"}`,
			200, "ok=true"},
		{"stop with a timeout of nanoseconds", nil, `POST {one}/stop {"timeout":10000000000}`, 200, ""},
		{"stop with a timeout of 0s, as bluegreen does", nil, `POST {one}/stop {"timeout":"0s"}`, 200, ""},
		{"stop with an invalid signal", nil, `POST {one}/stop {"signal":"SIGFOO"}`, 400, ""},
		{"stop with an invalid timeout", nil, `POST {one}/stop {"timeout":"soon"}`, 400, ""},
		{"stop twice", []string{stop}, "POST {one}/stop {}", 200, ""},
		{"suspend", nil, "POST {one}/suspend", 200, "ok=true"},
		{"suspend of a stopped Machine", []string{stop}, "POST {one}/suspend", 412, ""},
		{"restart", nil, "POST {one}/restart?force_stop=false", 200, "ok=true"},
		{"restart with timeout and signal", nil, "POST {one}/restart?timeout=5s&signal=SIGINT", 200, ""},
		{"restart with seconds", nil, "POST {one}/restart?timeout=5", 200, ""},
		{"restart with a bad timeout", nil, "POST {one}/restart?timeout=x", 400, ""},
		{"restart of a stopped Machine", []string{stop}, "POST {one}/restart", 412,
			"error=failed_precondition:~unable~to~restart~machine~from~current~state:~'stopped'"},
		{"signal by name", nil, `POST {one}/signal {"signal":"SIGUSR1"}`, 200, "ok=true"},
		{"signal by number, as flyctl's kill", nil, `POST {one}/signal {"signal":9}`, 200, "ok=true"},
		{"an unknown signal", nil, `POST {one}/signal {"signal":"SIGNO"}`, 400, ""},
		{"signal of a stopped Machine", []string{stop}, `POST {one}/signal {"signal":9}`, 412, ""},
		{"destroy wants it stopped", nil, "DELETE {one}", 412,
			"error=failed_precondition:~unable~to~destroy~machine,~not~currently~stopped"},
		{"destroy of a stopped Machine", []string{stop}, "DELETE {one}", 200, "ok=true"},
		{"destroy of a suspended Machine", []string{suspend}, "DELETE {one}", 200, ""},
		{"destroy by force", nil, "DELETE {one}?force=true", 200, ""},
		{"cordon", nil, "POST {one}/cordon", 200, "ok=true"},
		{"cordoned shows", []string{"POST {one}/cordon"}, "GET {one}", 200, "cordoned=true"},
		{"uncordon", []string{"POST {one}/cordon", "POST {one}/uncordon"}, "GET {one}", 200, "cordoned=false"},

		// Wait.
		{"wait for started is the default", nil, "GET {one}/wait", 200, "ok=true state=started version={i}"},
		{"wait for one of several states", []string{stop}, "GET {one}/wait?state=started&state=stopped", 200,
			"state=stopped"},
		{"wait for states with commas", []string{stop}, "GET {one}/wait?state=started,stopped", 200, ""},
		{"wait for settled", []string{suspend}, "GET {one}/wait?state=settled", 200, "state=suspended"},
		{"wait for a version", []string{stop}, "GET {one}/wait?state=stopped&version={i}", 200, ""},
		{"wait for an instance, the older name", []string{stop}, "GET {one}/wait?state=stopped&instance_id={i}", 200, ""},
		{"wait for a version that never was", nil, "GET {one}/wait?version=01NEVER", 404, ""},
		{"wait at most 60 seconds", nil, "GET {one}/wait?timeout=61", 400,
			"error=invalid_argument:~timeout~must~be~between~1~and~60~seconds"},
		{"wait at least one second", nil, "GET {one}/wait?timeout=0", 400, ""},
		{"wait for a number of seconds", nil, "GET {one}/wait?timeout=soon", 400, ""},
		{"wait for an invalid state", nil, "GET {one}/wait?state=happy", 400, ""},
		{"wait after an event that never was", nil, "GET {one}/wait?from_event_id=01NEVER", 404, ""},
		{"wait for destroyed", []string{"DELETE {one}?force=true"}, "GET {one}/wait?state=destroyed", 200, ""},

		// Leases.
		{"a lease", nil, "POST {one}/lease?ttl=13", 201,
			"status=success data.owner=dev@example.com data.expires_at=1795348813 data.version={i}"},
		{"a lease with a description", nil, `POST {one}/lease {"ttl":20,"description":"deploy"}`, 201,
			"data.description=deploy data.expires_at=1795348820"},
		{"a lease of its usual time", nil, "POST {one}/lease", 201, "data.expires_at=1795348830"},
		{"a lease without time", nil, "POST {one}/lease?ttl=0", 400, ""},
		{"a lease of a word", nil, "POST {one}/lease?ttl=long", 400, ""},
		{"no lease", nil, "GET {one}/lease", 404, "error=lease~not~found"},
		{"the lease", []string{"POST {one}/lease?ttl=13"}, "GET {one}/lease", 200, "status=success"},
		{"a second lease", []string{"POST {one}/lease?ttl=13"}, "POST {one}/lease?ttl=13", 409,
			"error=machine~ID~{m}~lease~currently~held~by~dev@example.com,~expires~at~2026-11-22T12:00:13Z"},
		{"release without one", nil, "DELETE {one}/lease", 404, ""},
		{"release without the nonce", []string{"POST {one}/lease?ttl=13"}, "DELETE {one}/lease", 409, ""},

		// Metadata.
		{"metadata", nil, "GET {one}/metadata", 200, "role=web"},
		{"one of them", nil, "GET {one}/metadata/role", 200, "value=web"},
		{"one that is not there", nil, "GET {one}/metadata/none", 404, ""},
		{"set one", nil, `POST {one}/metadata/role {"value":"worker"}`, 204, none},
		{"set one without a value", nil, `POST {one}/metadata/role {}`, 400, ""},
		{"remove one", nil, "DELETE {one}/metadata/role", 204, none},
		{"patch several", nil, `PATCH {one}/metadata {"metadata":{"a":"b","role":null}}`, 204, none},
		{"patched", []string{`PATCH {one}/metadata {"metadata":{"a":"b","role":null,"fly_process_group":""}}`},
			"GET {one}/metadata", 200, "a=b role=null fly_process_group=null"},
		{"put does the same", nil, `PUT {one}/metadata {"metadata":{"a":"b"}}`, 204, none},
		{"patch against another version", nil,
			`PATCH {one}/metadata {"metadata":{"a":"b"},"machine_version":"01X"}`, 412, ""},
		{"patch of nothing", nil, `PATCH {one}/metadata {}`, 400, ""},
		{"a change of metadata makes no version", []string{`POST {one}/metadata/a {"value":"b"}`}, "GET {one}",
			200, "instance_id={i} config.metadata.a=b"},

		// Events, versions, processes, memory.
		{"events", nil, "GET {one}/events", 200, "0.type=start 0.status=started 0.source=flyd"},
		{"some of them", nil, "GET {one}/events?limit=1", 200, "0.type=start"},
		{"an invalid limit", nil, "GET {one}/events?limit=-1", 400, ""},
		{"an exit event says how", []string{stop}, "GET {one}/events", 200,
			"0.type=exit 0.request.exit_event.requested_stop=true 0.request.exit_event.exit_code=0"},
		{"versions", []string{`POST {one} {"config":{"image":"nginx:2"}}`}, "GET {one}/versions", 200,
			"0.user_config.image=nginx:2 1.version={i} 1.user_config.image=nginx:1"},
		{"processes and sockets", nil, "GET {one}/ps", 200, "0.listen_sockets.0.address=0.0.0.0:8080"},
		{"processes of a stopped Machine", []string{stop}, "GET {one}/ps", 412, ""},
		{"memory", nil, "GET {one}/memory", 200, "limit_mb=512 available_mb=512"},
		{"a limit of memory", nil, `PUT {one}/memory {"limit_mb":256}`, 200, "limit_mb=256 available_mb=512"},
		{"a limit that is too much", nil, `PUT {one}/memory {"limit_mb":1024}`, 400, ""},
		{"memory is reclaimed", nil, `POST {one}/memory/reclaim {"amount_mb":100}`, 200, "actual_mb=100"},
		{"as much as is free", nil, `POST {one}/memory/reclaim {"amount_mb":9000}`, 200, "actual_mb=464"},
		{"memory of a stopped Machine", []string{stop}, "GET {one}/memory", 412, ""},

		// Exec.
		{"a command", nil, `POST {one}/exec {"cmd":"echo one 'two three'"}`, 200,
			"exit_code=0 stdout=one~two~three\n stderr="},
		{"a command in words", nil, `POST {one}/exec {"command":["echo","-n","a b"]}`, 200, "stdout=a~b"},
		{"exec succeeds if the program fails", nil, `POST {one}/exec {"cmd":"false"}`, 200, "exit_code=1"},
		{"a program that is not there", nil, `POST {one}/exec {"cmd":"/bin/bash -c ls"}`, 200,
			"exit_code=127 stderr=/bin/bash:~not~found\n"},
		{"no command", nil, `POST {one}/exec {}`, 400, ""},
		{"a quote that is not closed", nil, `POST {one}/exec {"cmd":"echo 'a"}`, 400, ""},
		{"a timeout that is too long", nil, `POST {one}/exec {"cmd":"true","timeout":61}`, 400, ""},
		{"in a container", nil, `POST {one}/exec {"cmd":"true","container":"side"}`, 200, "exit_code=0"},
		{"in a container that is not there", nil, `POST {one}/exec {"cmd":"true","container":"other"}`, 404, ""},
		{"in a container and the Machine", nil, `POST {one}/exec {"cmd":"true","container":"side","machine":true}`, 400, ""},
		{"in a stopped Machine", []string{stop}, `POST {one}/exec {"cmd":"true"}`, 412, ""},

		// Volumes.
		{"volumes", nil, "GET {app}/volumes", 200, "0.id={v} 0.size_gb=3 0.state=created 0.attached_machine_id={m}"},
		{"a new volume", nil, `POST {app}/volumes {"name":"more","region":"iad"}`, 200,
			"size_gb=1 encrypted=true attached_machine_id=null"},
		{"one of them", nil, "GET {app}/volumes/{v}", 200, "name=data region=iad host_status=ok"},
		{"one that is not there", nil, "GET {app}/volumes/vol_none", 404, "error=volume~not~found"},
		{"extend", nil, `PUT {app}/volumes/{v}/extend {"size_gb":9}`, 200, "volume.size_gb=9 needs_restart=false"},
		{"it does not shrink", nil, `PUT {app}/volumes/{v}/extend {"size_gb":2}`, 400, ""},
		{"an attached one stays", nil, "DELETE {app}/volumes/{v}", 412, ""},
		{"a loose one goes", []string{"DELETE {one}?force=true"}, "DELETE {app}/volumes/{v}", 200, "state=pending_destroy"},
		{"snapshots", nil, "GET {app}/volumes/{v}/snapshots", 200, "=[]"},
		{"a snapshot", []string{"POST {app}/volumes/{v}/snapshots"}, "GET {app}/volumes/{v}/snapshots", 200,
			"0.status=created 0.volume_size=3221225472"},

		// Secrets.
		{"no secrets", nil, "GET {app}/secrets", 200, "secrets=[]"},
		{"a secret", nil, `POST {app}/secrets/TOKEN {"value":"s3cret"}`, 201, "name=TOKEN version=1 value=null"},
		{"it never comes back", []string{`POST {app}/secrets/TOKEN {"value":"s3cret"}`},
			"GET {app}/secrets?show_secrets=true", 200, "secrets.0.name=TOKEN secrets.0.value=null"},
		{"one of them", []string{`POST {app}/secrets/TOKEN {"value":"s3cret"}`},
			"GET {app}/secrets/TOKEN?version=1", 200, "name=TOKEN created_at=2026-11-22T12:00:00Z"},
		{"of a version to come", nil, "GET {app}/secrets?version=4", 404, ""},
		{"one that is not there", nil, "GET {app}/secrets/NONE", 404, "error=secret~not~found"},
		{"several at once", []string{`POST {app}/secrets/OLD {"value":"x"}`},
			`POST {app}/secrets {"values":{"A":"1","OLD":null}}`, 200, "secrets.0.name=A version=3"},
		{"none at once", nil, `POST {app}/secrets {}`, 400, ""},
		{"a name that no program could have", nil, `POST {app}/secrets {"values":{"A=B":"1"}}`, 400, ""},
		{"a secret is removed", []string{`POST {app}/secrets/A {"value":"x"}`}, "DELETE {app}/secrets/A", 200, "version=2"},
		{"one that is not there is not", nil, "DELETE {app}/secrets/A", 404, ""},

		// The platform.
		{"regions", nil, "GET /v1/platform/regions", 200,
			"Nearest=iad Regions.0.code=ams Regions.0.gateway_available=true Regions.0.deprecated=false"},
		{"placements", nil, `POST /v1/platform/placements {"org_slug":"personal","region":"lhr,eu","count":2}`,
			200, "Regions.0.Region=lhr Regions.0.Count=2"},
		{"placements anywhere", nil, `POST /v1/platform/placements {"org_slug":"personal"}`, 200,
			"Regions.0.Region=iad Regions.0.Count=50"},
		{"more than one region takes", nil,
			`POST /v1/platform/placements {"org_slug":"personal","region":"lhr,eu","count":60}`, 200, "Regions.1.Count=10"},
		{"too many", nil, `POST /v1/platform/placements {"org_slug":"personal","region":"lhr","count":60}`, 422,
			"status=insufficient_capacity"},
		{"of no organization", nil, `POST /v1/platform/placements {}`, 400, ""},
		{"of an organization that is not there", nil, `POST /v1/platform/placements {"org_slug":"x"}`, 404, ""},
		{"Machines of an organization", nil, "GET /v1/orgs/personal/machines", 200,
			"machines.0.id={m} machines.0.app_name=demo machines.0.config.image=nginx:1 next_cursor=null"},
		{"a summary of them", nil, "GET /v1/orgs/personal/machines?summary=true", 200, "machines.0.config=null"},
		{"those that changed since", nil, "GET /v1/orgs/personal/machines?updated_after=2026-11-22T12:00:00Z",
			200, "machines=[]"},
		{"since an invalid time", nil, "GET /v1/orgs/personal/machines?updated_after=now", 400, ""},
		{"of another organization", nil, "GET /v1/orgs/partner/machines", 200, "machines=[]"},
		{"of an unknown organization", nil, "GET /v1/orgs/nobody/machines", 404, ""},
		{"volumes of an organization", nil, "GET /v1/orgs/personal/volumes?region=iad", 200,
			"volumes.0.id={v} volumes.0.app_name=demo"},
		{"a page of Machines", []string{`POST {app}/machines {"config":{"image":"x"}}`},
			"GET /v1/orgs/personal/machines?limit=1", 200, ""},
		{"the current token", nil, "GET /v1/tokens/current", 200, "tokens.0.user=dev@example.com tokens.0.org_slug=null"},
		{"a deploy token", nil, `POST {app}/deploy_token {"expiry":"24h"}`, 200, ""},
		{"a deploy token without end", nil, `POST {app}/deploy_token {}`, 200, ""},
		{"a deploy token of the past", nil, `POST {app}/deploy_token {"expiry":"-1h"}`, 400, ""},

		// What does not exist.
		{"a method that is not there", nil, "PATCH {app}/machines", 405, "error=method~not~allowed"},
		{"another", nil, "DELETE {app}/machines", 405, ""},
		{"a body that is too large", nil, "POST {app}/machines " + strings.Repeat(" ", 1<<20+1), 413, ""},
	}
	if len(tests) < 150 {
		t.Errorf("%d cases", len(tests))
	}
	for _, test := range tests {
		t.Run(test.says, func(t *testing.T) {
			w := newDemoApp(t, options{})
			for _, line := range test.before {
				w.do(line)
			}
			parts := strings.SplitN(w.fill(test.send), " ", 3)
			if len(parts) == 2 {
				parts = append(parts, "")
			}
			got := ask(t, w.Platform, parts[0], parts[1], parts[2])
			if got.status != test.status {
				t.Fatalf("%s: %d %s, want %d", test.send, got.status, got.body, test.status)
			}
			if id := got.header.Get("Fly-Request-Id"); id == "" {
				t.Error("no fly-request-id")
			}
			if got.status >= 400 && got.get(t, "error") == "null" {
				t.Errorf("no error in %s", got.body)
			}
			for pair := range strings.FieldsSeq(strings.ReplaceAll(w.fill(test.has), "\n", "⏎")) {
				path, want, _ := strings.Cut(pair, "=")
				want = strings.NewReplacer("~", " ", "⏎", "\n").Replace(want)
				wantBody(t, got, path, want)
			}
		})
	}
}

// TestMethods checks that a path with other methods lists them, and that HEAD is GET without a
// body.
func TestMethods(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	got := ask(t, w.Platform, "PATCH", w.fill("{one}"), "")
	if allow := got.header.Get("Allow"); got.status != 405 || allow != "DELETE, GET, HEAD, POST" &&
		allow != "DELETE, GET, POST" {
		t.Errorf("%d, Allow %q", got.status, allow)
	}
	got = ask(t, w.Platform, "HEAD", w.fill("{one}"), "")
	if got.status != 200 || len(got.body) != 0 {
		t.Errorf("HEAD: %d %q", got.status, got.body)
	}
}

// TestRequestIDs checks that two platforms with the same requests create the same ids.
func TestRequestIDs(t *testing.T) {
	ids := func() (list []string) {
		w := newDemoApp(t, flysim.Options{})
		for _, line := range []string{"GET {one}", "GET /v1/nothing", "POST {one}/stop {}"} {
			parts := strings.SplitN(w.fill(line), " ", 3)
			list = append(list, ask(t, w.Platform, parts[0], parts[1], strings.Join(parts[2:], "")).header.Get("Fly-Request-Id"))
		}
		return append(list, w.machine, w.version)
	}
	if first, second := fmt.Sprint(ids()), fmt.Sprint(ids()); first != second {
		t.Errorf("%s\n%s", first, second)
	}
}

// TestOrgMachinePages checks that every Machine is on exactly one page.
func TestOrgMachinePages(t *testing.T) {
	w := newDemoApp(t, flysim.Options{})
	for range 4 {
		w.do(`POST {app}/machines {"config":{"image":"x"}}`)
	}
	seen := make(map[string]bool)
	for path := "/v1/orgs/personal/machines?limit=2"; ; {
		var page struct {
			Machines []struct{ ID string } `json:"machines"`
			Next     string                `json:"next_cursor"`
		}
		if err := json.Unmarshal(ask(t, w.Platform, "GET", path, "").body, &page); err != nil {
			t.Fatal(err)
		}
		for _, m := range page.Machines {
			if seen[m.ID] {
				t.Errorf("%s twice", m.ID)
			}
			seen[m.ID] = true
		}
		if page.Next == "" {
			break
		}
		path = "/v1/orgs/personal/machines?limit=2&cursor=" + page.Next
	}
	if len(seen) != 5 {
		t.Errorf("%d Machines", len(seen))
	}
}
