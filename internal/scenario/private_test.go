package scenario

import (
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// blueprint: a Flycast address is there already, the file forces https and never sleeps.
func blueprint(s *scene) {
	w := s.world(setup{})
	w.AddAddress("shop-api", "private_v6", "personal", "")
	before := w.exampleFile("shop-api")
	w.begin("shop-api")
	got := w.call("make_private", args{"app": "shop-api", "path": "fly.toml", "sleep": "stop"})
	got.wantStatus(s.T, plan.Applied)
	w.wantPrivate()
	w.wantWrites(map[string]int{"graphql.allocateIpAddress": 0, "graphql.releaseIpAddress": 2, "machine.update": 2})
	after := w.readFile("fly.toml")
	if removed, added := changedLines(before, after); added > 4 || removed > 4 {
		s.Errorf("the file changed by -%d +%d lines, want at most 4:\n%s", removed, added, after)
	}
	if strings.Count(after, "#") != strings.Count(before, "#") {
		s.Errorf("comments were lost:\n%s", after)
	}
	if got.Approval == nil || got.Approval.By != "scenario" {
		s.Errorf("approval %s, want the client's name", mustJSON(got.Approval))
	}
	if len(w.questions) != 1 {
		s.Errorf("%d questions, want 1: %q", len(w.questions), w.questions)
	}
	if w.noRoute > 0 {
		s.Errorf("no route for %v", w.noRoute)
	}
	s.end(w, diffSize(before, after))
}

// paidAddress: a dedicated IPv4 address costs money and never comes back. The person keeps it.
func paidAddress(s *scene) {
	var kept bool
	w := s.world(setup{answer: func(question string) mcp.ElicitationResponseAction {
		if strings.Contains(question, "137.66.18.204") {
			kept = strings.Contains(question, "LOST FOR GOOD") && strings.Contains(question, "$2")
			return mcp.ElicitationResponseActionDecline
		}
		return mcp.ElicitationResponseActionAccept
	}})
	w.AddAddress("legacy-api", "private_v6", "personal", "")
	w.AddAddress("legacy-api", "shared_v4", "", "")
	w.begin("legacy-api")
	draft := w.call("patch_services", args{"app": "legacy-api"}).wantStatus(s.T, plan.Applied).Draft
	w.call("deploy", args{"app": "legacy-api", "draft": draft}).wantStatus(s.T, plan.Applied)
	w.call("release_public_ips", args{"app": "legacy-api"}).wantStatus(s.T, plan.Refused)
	if !kept {
		s.Errorf("the question does not say that the IPv4 address is lost and what it costs: %q", w.questions)
	}
	w.wantPublic("shared_v4", "v4", "v6")
	var others []string
	for _, a := range w.Addresses("legacy-api") {
		if a.Kind == "v6" || a.Kind == "shared_v4" {
			others = append(others, a.IP)
		}
	}
	got := w.call("release_public_ips", args{"app": "legacy-api", "ips": others}).wantStatus(s.T, plan.Applied)
	got.wantText(s.T, "still public: 137.66.18.204")
	w.wantPublic("v4")
	s.end(w, "")
}

// firstTime: nothing is prepared. At no time is the app without a route.
func firstTime(s *scene) {
	w := s.world(setup{})
	w.build(publicWeb)
	w.begin("web")
	w.call("make_private", args{"app": "web"}).wantStatus(s.T, plan.Applied)
	w.wantPrivate()
	w.wantOrder("graphql.allocateIpAddress private_v6", "machine.update", "graphql.releaseIpAddress")
	if w.noRoute > 0 {
		s.Errorf("no route for %v", w.noRoute)
	}
	for _, services := range w.services("web") {
		for _, service := range services {
			if service.Autostop.String() != "stop" {
				s.Errorf("autostop is %v, want the blueprint's: the file did not set it", service.Autostop)
			}
		}
	}
	s.end(w, "")
}

// publicWeb is a public app as fly launch makes it, whose file does not mention autostop.
const publicWeb = `
[[apps]]
name = "web"
primary_region = "iad"
addresses = ["public"]
listen = ["0.0.0.0:8080"]
  [apps.http_service]
  internal_port = 8080
  force_https = true
  [[apps.machines]]
  count = 2
`

// severalPorts: two groups, a database port and a range; only force_https is in the way.
func severalPorts(s *scene) {
	w := s.world(setup{})
	w.build(`
[[apps]]
name = "many"
primary_region = "iad"
addresses = ["v4", "v6"]
listen = ["0.0.0.0:8080", "0.0.0.0:5432", "0.0.0.0:9000"]
  [apps.processes]
  web = "serve"
  db = "postgres"
  [[apps.services]]
  internal_port = 8080
  processes = ["web"]
    [[apps.services.ports]]
    port = 80
    handlers = ["http"]
    force_https = true
    [[apps.services.ports]]
    port = 443
    handlers = ["tls", "http"]
  [[apps.services]]
  internal_port = 5432
  processes = ["db"]
    [[apps.services.ports]]
    port = 5432
  [[apps.services]]
  internal_port = 9000
  processes = ["web"]
    [[apps.services.ports]]
    start_port = 9000
    end_port = 9010
`)
	w.begin("many")
	found := w.call("audit", args{"app": "many"})
	found.wantText(s.T, "NONHTTP_PORT_EXPOSED", "5432")
	w.call("make_private", args{"app": "many"}).wantStatus(s.T, plan.Applied)
	w.wantPrivate()
	var ports []string
	for _, services := range w.services("many") {
		for _, service := range services {
			for _, p := range service.Ports {
				ports = append(ports, p.String())
				if p.ForceHTTPS {
					s.Errorf("port %s still redirects to https", p)
				}
			}
		}
	}
	if !strings.Contains(strings.Join(ports, " "), "9000-9010") {
		s.Errorf("ports %v, want the range 9000-9010 among them", ports)
	}
	s.end(w, "")
}

// udp: Flycast does not carry UDP, so a person must decide.
func udp(s *scene) {
	w := s.world(setup{})
	w.begin("game-server")
	got := w.call("make_private", args{"app": "game-server"}).wantStatus(s.T, plan.Refused)
	got.wantBlocker(s.T, plan.UDPService)
	if len(got.Next) != 1 || got.Next[0].Who != "person" || !got.Next[0].Blocking {
		s.Errorf("next %s, want one question that blocks", mustJSON(got.Next))
	}
	w.wantNoWrite()
	w.wantPublic("v4", "v6")
	if len(w.questions) > 0 {
		s.Errorf("a person was asked: %q", w.questions)
	}
	s.end(w, "")
}

// customHostnames: the person is told what stops; certificates are left alone.
func customHostnames(s *scene) {
	asked := false
	w := s.world(setup{answer: func(question string) mcp.ElicitationResponseAction {
		asked = asked || strings.Contains(question, "api.legacy-shop.example")
		return mcp.ElicitationResponseActionAccept
	}})
	w.begin("legacy-api")
	got := w.call("make_private", args{"app": "legacy-api"}).wantStatus(s.T, plan.Applied)
	if !asked {
		s.Errorf("the question does not name the custom hostname: %q", w.questions)
	}
	got.wantText(s.T, "api.legacy-shop.example")
	for operation := range w.operations() {
		if strings.Contains(strings.ToLower(operation), "cert") {
			s.Errorf("%s was sent: certificates must be left alone", operation)
		}
	}
	w.wantPrivate()
	s.end(w, "")
}

// bindBlocked checks that an app whose program Fly Proxy cannot reach stays as it is.
func bindBlocked(s *scene, sockets ...string) {
	w := s.world(setup{})
	w.listen("shop-api", sockets...)
	w.begin("shop-api")
	got := w.call("make_private", args{"app": "shop-api"}).wantStatus(s.T, plan.Refused)
	got.wantBlocker(s.T, plan.BindLoopback)
	w.wantNoWrite()
	w.wantPublic("shared_v4", "v6")
	s.end(w, "")
}

func loopbackBind(s *scene) { bindBlocked(s, "127.0.0.1:8080") }
func privateBind(s *scene)  { bindBlocked(s, "[fdaa:2:1c4f:a7b:1:2:3:4]:8080") }
func wrongPort(s *scene)    { bindBlocked(s, "0.0.0.0:3000") }

// customNetwork: the callers of an app on its own network are on the default network.
func customNetwork(s *scene) {
	w := s.world(setup{})
	w.begin("tenant-7")
	listed := w.call("list_ips", args{"app": "tenant-7"})
	listed.wantText(s.T, "tenant-7")
	if len(listed.Next) == 0 || listed.Next[0].Who != "person" || !listed.Next[0].Blocking {
		s.Errorf("next %s, want a blocking question: where are the callers?", mustJSON(listed.Next))
	}
	w.call("allocate_flycast", args{"app": "tenant-7"}).wantStatus(s.T, plan.Applied)
	w.call("make_private", args{"app": "tenant-7", "network": "default"}).wantStatus(s.T, plan.Applied)
	w.wantPrivate()
	if n := len(w.flycastAddresses("tenant-7")); n != 2 {
		s.Errorf("%d Flycast addresses, want one for each network", n)
	}
	s.end(w, "")
}

// otherOrganization: the callers are in another organization.
func otherOrganization(s *scene) {
	asked := ""
	w := s.world(setup{answer: func(question string) mcp.ElicitationResponseAction {
		asked = question
		return mcp.ElicitationResponseActionAccept
	}})
	w.AddApp("partner-app", "partner", "")
	w.begin("shop-api")
	got := w.call("allocate_flycast", args{"app": "shop-api", "org": "partner"}).wantStatus(s.T, plan.Applied)
	if !strings.Contains(asked, "partner") {
		s.Errorf("the question does not name the organization: %q", asked)
	}
	got.wantText(s.T, "partner")
	w.wantPublic("shared_v4", "v6")
	s.end(w, "")
}

// closeNow: the app is exposed and must be closed before anything else.
func closeNow(s *scene) {
	w := s.world(setup{})
	w.begin("shop-api")
	planned := w.call("make_private", args{"app": "shop-api", "order": "release_first", "dry_run": true})
	planned.wantStatus(s.T, plan.WouldApply)
	w.wantNoWrite()
	got := w.call("make_private", args{"app": "shop-api", "order": "release_first"}).wantStatus(s.T, plan.Applied)
	got.wantText(s.T, "shop-api.flycast")
	w.wantPrivate()
	w.wantOrder("graphql.allocateIpAddress private_v6", "graphql.releaseIpAddress", "machine.update")
	s.end(w, "")
}

// publicAgain: a private app is put back on the internet, with new addresses.
func publicAgain(s *scene) {
	w := s.world(setup{})
	w.begin("shop-api")
	w.call("make_private", args{"app": "shop-api"}).wantStatus(s.T, plan.Applied)
	old := make(map[string]bool)
	for _, a := range w.Addresses("shop-api") {
		old[a.IP] = true
	}
	w.unasked = nil
	got := w.call("make_public", args{"app": "shop-api"}).wantStatus(s.T, plan.Applied)
	w.wantPublic("shared_v4", "v6")
	for _, a := range w.Addresses("shop-api") {
		if !old[a.IP] {
			got.wantText(s.T, a.IP)
		}
	}
	forces := false
	for _, services := range w.services("shop-api") {
		for _, service := range services {
			for _, p := range service.Ports {
				forces = forces || p.ForceHTTPS
			}
		}
	}
	if !forces {
		s.Error("force_https is not back")
	}
	s.end(w, "")
}

// webAndWorker: the worker has no service and stays as it is.
func webAndWorker(s *scene) {
	w := s.world(setup{})
	var worker string
	for _, id := range w.MachineIDs("legacy-api") {
		if services, _ := w.MachineConfig("legacy-api", id).Services(); len(services) == 0 {
			worker = id
		}
	}
	before := mustJSON(w.MachineConfig("legacy-api", worker))
	w.begin("legacy-api")
	w.call("make_private", args{"app": "legacy-api"}).wantStatus(s.T, plan.Applied)
	if after := mustJSON(w.MachineConfig("legacy-api", worker)); after != before {
		s.Logf("the worker's configuration is %s, was %s", after, before)
	}
	if services, _ := w.MachineConfig("legacy-api", worker).Services(); len(services) > 0 {
		s.Errorf("the worker has services now: %v", services)
	}
	w.wantPrivate()
	s.end(w, "")
}

// egress: an egress address is never in a plan, and is refused by name.
func egress(s *scene) {
	w := s.world(setup{})
	w.AddAddress("legacy-api", "private_v6", "personal", "")
	w.begin("legacy-api")
	got := w.call("release_public_ips", args{"app": "legacy-api", "ips": []string{"209.71.80.45"}})
	got.wantStatus(s.T, plan.Refused).wantText(s.T, "209.71.80.45")
	w.wantNoWrite()
	w.call("make_private", args{"app": "legacy-api"}).wantStatus(s.T, plan.Applied)
	kept := 0
	for _, a := range w.Addresses("legacy-api") {
		if strings.HasPrefix(a.Kind, "egress") {
			kept++
		}
	}
	if kept != 2 {
		s.Errorf("%d egress addresses, want 2", kept)
	}
	s.end(w, "")
}

// releaseCommand: a change of the network does not run migrations.
func releaseCommand(s *scene) {
	w := s.world(setup{})
	w.build(publicWeb)
	const file = `app = "web"
primary_region = "iad"

[deploy]
release_command = "rails db:migrate"

[http_service]
internal_port = 8080
force_https = true
`
	w.writeFile("fly.toml", file)
	w.begin("web")
	got := w.call("make_private", args{"app": "web", "path": "fly.toml"}).wantStatus(s.T, plan.Applied)
	if len(got.Next) > 0 && got.Next[0].Tool == "make_private" { // one form could not hold it all
		got = w.call("make_private", args{"app": "web", "path": "fly.toml"}).wantStatus(s.T, plan.Applied)
	}
	w.wantWrites(map[string]int{"machine.create": 0})
	got.wantText(s.T, "release_command")
	w.wantPrivate()
	s.end(w, diffSize(file, w.readFile("fly.toml")))
}

// emptyFile: a file without services would take the app off Fly Proxy; nothing is done.
func emptyFile(s *scene) {
	w := s.world(setup{})
	w.writeFile("fly.toml", "app = \"shop-api\"\nprimary_region = \"iad\"\n")
	w.begin("shop-api")
	got := w.call("make_private", args{"app": "shop-api", "path": "fly.toml"}).wantStatus(s.T, plan.Refused)
	got.wantBlocker(s.T, plan.NoServices)
	w.wantNoWrite()
	w.wantPublic("shared_v4", "v6")
	s.end(w, "")
}

// statefulRootfs: files outside volumes are lost when a Machine stops; the person hears it first.
func statefulRootfs(s *scene) {
	w := s.world(setup{})
	w.build(`
[[apps]]
name = "shop-db"
primary_region = "iad"
image = "docker.io/library/postgres:16"
addresses = ["v4"]
listen = ["0.0.0.0:5432"]
  [[apps.services]]
  internal_port = 5432
    [[apps.services.ports]]
    port = 5432
`)
	w.begin("shop-db")
	got := w.call("make_private", args{"app": "shop-db"})
	for _, services := range w.services("shop-db") {
		for _, service := range services {
			sleeps := service.Autostop != nil && service.Autostop.String() == "stop"
			warned := strings.Contains(strings.Join(w.questions, " "), "files outside volumes are lost")
			if sleeps && !warned {
				s.Errorf("the database stops when idle, and nobody was told what is lost: %s", got.text)
			}
		}
	}
	s.end(w, "")
}

// allStopped: a deploy of stopped Machines proves nothing until one is woken.
func allStopped(s *scene) {
	w := s.world(setup{})
	for _, id := range w.MachineIDs("shop-api") {
		w.StopMachine("shop-api", id)
	}
	w.begin("shop-api")
	got := w.call("make_private", args{"app": "shop-api", "sleep": "stop"}).wantStatus(s.T, plan.Applied)
	if got.verdict("answers") == "" {
		s.Errorf("claims %v, want one about answers", got.Claims)
	}
	w.wantPrivate()
	s.end(w, "")
}

// noWayIn: without a way into the private network nothing is called verified.
func noWayIn(s *scene) {
	w := s.world(setup{readOnly: true})
	w.begin("inner-circle")
	got := w.call("verify_private", args{"app": "inner-circle"})
	if v := got.verdict("answers"); v != "not_verified" {
		s.Errorf("claim answers is %q, want not_verified", v)
	}
	got.wantText(s.T, "fly proxy", "inner-circle.flycast", "curl")
	w.wantNoWrite()
	s.end(w, "")
}
