package scenario

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// createdByAPI: Machines without fly deploy's metadata and no address: the next fly deploy would
// allocate public ones. A Flycast address comes first.
func createdByAPI(s *scene) {
	w := s.world(setup{})
	w.build(strings.Replace(publicWeb, `["public"]`, `["none"]`, 1))
	w.MakeByAPI("web", `[{"protocol":"tcp","internal_port":8080,"autostop":"stop","autostart":true,"ports":[{"port":80,"handlers":["http"]}]}]`,
		w.MachineIDs("web")...)
	w.begin("web")
	w.call("audit", args{"app": "web"}).wantText(s.T, "REPROVISION_RISK")
	got := w.call("list_ips", args{"app": "web"})
	if len(got.Next) == 0 || got.Next[0].Tool != "allocate_flycast" && got.Next[0].Tool != "make_private" {
		s.Errorf("next %s, want a Flycast address first", mustJSON(got.Next))
	}
	w.call("allocate_flycast", args{"app": "web"}).wantStatus(s.T, plan.Applied)
	w.wantPublic()
	s.end(w, "")
}

// flakyAPI: an answer that is lost, a time-out, 429s and a list that lags.
func flakyAPI(s *scene) {
	w := s.world(setup{})
	w.Inject(flysim.Fault{Operation: "graphql.allocateIpAddress", Status: http.StatusBadGateway, EffectThenStatus: true})
	w.Inject(flysim.RateLimited("machine.list", 2*time.Second))
	w.begin("shop-api")
	var got answer
	for range 4 { // a person calls again after a failure
		got = w.call("make_private", args{"app": "shop-api"})
		if got.Status == plan.Applied || got.Status == plan.NothingToDo {
			break
		}
		w.Clock().Advance(2 * time.Minute)
	}
	got.wantText(s.T, "shop-api")
	w.wantPrivate()
	w.wantWrites(map[string]int{"graphql.allocateIpAddress": 1})
	s.end(w, "")
}

// race: another deployer holds the leases, and somebody adds a public address after the question.
func race(s *scene) {
	w := s.world(setup{})
	w.AddAddress("inner-circle", "v6", "", "")
	w.person = func(string) mcp.ElicitationResponseAction {
		if len(w.questions) == 1 {
			w.AddAddress("inner-circle", "shared_v4", "", "")
		}
		return mcp.ElicitationResponseActionAccept
	}
	w.begin("inner-circle")
	got := w.call("release_public_ips", args{"app": "inner-circle"})
	if len(w.questions) < 2 && got.Status == plan.Applied {
		s.Errorf("the plan changed after the answer, and nobody was asked again: %s", got.Summary)
	}
	for _, id := range w.MachineIDs("shop-api") {
		w.HoldLease("shop-api", id, "another deployer", time.Hour)
	}
	draft := w.call("patch_services", args{"app": "shop-api"}).Draft
	busy := w.call("deploy", args{"app": "shop-api", "draft": draft})
	if busy.Code != "busy" {
		s.Errorf("%s %s: %s, want busy", busy.Status, busy.Code, busy.Summary)
	}
	w.wantWrites(map[string]int{"machine.update": 0})
	s.end(w, "")
}

// partialRelease: the second address cannot be released; a repeated call releases only that one.
func partialRelease(s *scene) {
	w := s.world(setup{})
	w.AddAddress("inner-circle", "shared_v4", "", "")
	w.AddAddress("inner-circle", "v6", "", "")
	w.AddAddress("inner-circle", "v4", "", "")
	w.Inject(flysim.Fault{Operation: "graphql.releaseIpAddress", After: 2, Times: 1, Status: http.StatusInternalServerError})
	w.begin("inner-circle")
	got := w.call("release_public_ips", args{"app": "inner-circle"}).wantStatus(s.T, plan.Partial)
	w.wantPublic("v4")
	for _, a := range w.Addresses("inner-circle") {
		if a.Kind == "v4" {
			got.wantText(s.T, "still public: "+a.IP)
		}
	}
	before := w.operations()["graphql.releaseIpAddress"]
	w.call("release_public_ips", args{"app": "inner-circle"}).wantStatus(s.T, plan.Applied)
	if n := w.operations()["graphql.releaseIpAddress"] - before; n != 1 {
		s.Errorf("the second call sent %d releases, want 1", n)
	}
	w.wantPublic()
	s.end(w, "")
}

// tokens: what a token may not do is refused before anything changes.
func tokens(s *scene) {
	kinds := map[string]func(p *flysim.Platform) string{
		"read-only": (*flysim.Platform).ReadOnlyToken, "expired": (*flysim.Platform).ExpiredToken,
		"of another app": func(p *flysim.Platform) string { return p.AppToken("legacy-api") },
		"of the app":     func(p *flysim.Platform) string { return p.AppToken("shop-api") },
	}
	for name, token := range kinds {
		w := s.world(setup{token: token})
		w.begin("shop-api")
		got := w.call("make_private", args{"app": "shop-api"})
		if name == "of the app" {
			got.wantStatus(s.T, plan.Applied)
			w.wantPrivate()
			s.end(w, "")
			continue
		}
		if got.Status == plan.Applied || got.Code == "" {
			s.Errorf("token %s: %s: %s", name, got.Status, got.Summary)
		}
		w.wantPublic("shared_v4", "v6")
		if n := w.operations()["machine.update"]; n > 0 {
			s.Errorf("token %s: %d updates were sent", name, n)
		}
	}
}

// hostDown: a Machine with a volume whose host is down is not updated from a partial record.
func hostDown(s *scene) {
	w := s.world(setup{})
	id := w.MachineIDs("tenant-7")[0]
	w.SetHost("tenant-7", id, "unreachable")
	w.begin("tenant-7")
	got := w.call("make_private", args{"app": "tenant-7", "network": "tenant-7"})
	if got.Status == plan.Applied {
		s.Errorf("applied: %s", got.Summary)
	}
	got.wantText(s.T, id)
	w.wantWrites(map[string]int{"machine.update": 0, "graphql.releaseIpAddress": 0})
	s.end(w, "")
}

// callersToSwitch: an app of the organization names the public address in its environment.
func callersToSwitch(s *scene) {
	w := s.world(setup{})
	const secret = "hunter2-in-the-url"
	w.build(fmt.Sprintf(`
[[apps]]
name = "storefront"
addresses = ["none"]
  [apps.env]
  API_URL = "https://user:%s@shop-api.fly.dev/v1"
  OLD_API = "http://shop-api.internal:8080"
  OTHER = "https://example.com"
  [apps.http_service]
  internal_port = 8080
`, secret))
	w.begin("shop-api")
	got := w.call("make_private", args{"app": "shop-api", "dry_run": true}).wantStatus(s.T, plan.WouldApply)
	got.wantText(s.T, "storefront", "API_URL", "OLD_API")
	for _, text := range []string{got.text, mustJSON(got.Result)} {
		if strings.Contains(text, secret) || strings.Contains(text, "OTHER") {
			s.Errorf("the answer has a value, or a variable that does not matter:\n%s", text)
		}
	}
	w.wantNoWrite()
	s.end(w, "")
}

// manyMachines: 200 Machines in 6 regions take one list, and answers stay small.
func manyMachines(s *scene) {
	w := s.world(setup{})
	var machines strings.Builder
	for i, region := range []string{"iad", "fra", "nrt", "syd", "gru", "ams"} {
		fmt.Fprintf(&machines, "[[apps.machines]]\nregion = %q\ncount = %d\n", region, 33+i%3)
	}
	w.build(`
[[apps]]
name = "fleet"
primary_region = "iad"
addresses = ["public"]
  [apps.http_service]
  internal_port = 8080
  auto_stop_machines = "stop"
  auto_start_machines = true
  min_machines_running = 1
` + machines.String())
	w.begin("fleet")
	for tool, arguments := range map[string]args{
		"list_ips": {"app": "fleet"}, "why_awake": {"app": "fleet"}, "audit": {"app": "fleet"},
	} {
		got := w.call(tool, arguments)
		if n := len(mustJSON(got.raw)); n > 8000 {
			s.Errorf("%s answers %d bytes, want at most 8,000", tool, n)
		}
	}
	lists := 0
	for _, c := range w.CallsAfter(w.from) {
		if c.Status == http.StatusTooManyRequests {
			s.Errorf("%s was sent too often", c.Operation)
		}
		if c.Operation == "machine.list" {
			lists++
		}
	}
	if lists > 3 {
		s.Errorf("%d lists of Machines for three calls", lists)
	}
	s.end(w, "")
}

// autostopMatrix: each setting of autostop and autostart has its finding.
func autostopMatrix(s *scene) {
	for _, c := range []struct{ stop, start, finding string }{
		{`"off"`, "true", "AUTOSTOP_OFF"},
		{`"off"`, "false", "AUTOSTOP_OFF"},
		{`"stop"`, "false", "AUTOSTART_DISABLED"},
		{`"suspend"`, "false", "AUTOSTART_DISABLED"},
		{`"stop"`, "true", ""},
		{`"suspend"`, "true", ""},
	} {
		w := s.world(setup{})
		w.build(fmt.Sprintf(`
[[apps]]
name = "matrix"
primary_region = "iad"
addresses = ["flycast"]
  [apps.http_service]
  internal_port = 8080
  auto_stop_machines = %s
  auto_start_machines = %s
  min_machines_running = 0
  concurrency = { type = "requests", soft_limit = 100 }
`, c.stop, c.start))
		w.begin("matrix")
		got := w.call("audit", args{"app": "matrix"})
		for _, finding := range []string{"AUTOSTOP_OFF", "AUTOSTART_DISABLED"} {
			if is := strings.Contains(got.text, finding); is != (finding == c.finding) {
				s.Errorf("autostop %s, autostart %s: %s found: %v\n%s", c.stop, c.start, finding, is, got.text)
			}
		}
		if c.finding == "" {
			s.end(w, "")
		}
	}
}

// suspendLimits: memory, swap, schedule: each has its finding.
func suspendLimits(s *scene) {
	w := s.world(setup{})
	w.build(`
[[apps]]
name = "big"
primary_region = "iad"
addresses = ["flycast"]
  [apps.http_service]
  internal_port = 8080
  auto_stop_machines = "suspend"
  auto_start_machines = true
`)
	id := w.MachineIDs("big")[0]
	config := w.MachineConfig("big", id)
	config = platformtest.WithField(s.T, config, "guest", args{"cpu_kind": "shared", "cpus": 4, "memory_mb": 8192})
	config = platformtest.WithField(s.T, config, "schedule", "daily")
	config = platformtest.WithField(s.T, config, "init", args{"swap_size_mb": 512})
	w.SetMachineConfig("big", id, config)
	w.begin("big")
	w.call("audit", args{"app": "big"}).wantText(s.T, "SUSPEND_MEMORY", "SUSPEND_SWAP", "SUSPEND_SCHEDULE")
	s.end(w, "")
}

// transports: a client that cannot ask its user gets a ticket, and nothing is released.
func transports(s *scene) {
	for _, version := range []string{mcp.ProtocolVersion20250618, mcp.ProtocolVersion20251125, mcp.ProtocolVersion20260728} {
		w := s.world(setup{version: version})
		w.begin("shop-api")
		w.call("make_private", args{"app": "shop-api"}).wantStatus(s.T, plan.Applied)
		w.wantPrivate()
		if version == mcp.ProtocolVersion20260728 {
			s.end(w, "")
		}
	}
	w := s.world(setup{mute: true})
	w.begin("shop-api")
	got := w.call("make_private", args{"app": "shop-api"}).wantStatus(s.T, plan.NeedsApproval)
	if got.Approval == nil || got.Approval.Ticket == "" || !strings.Contains(got.Approval.Command, "approve") {
		s.Errorf("approval %s, want a ticket with its command", mustJSON(got.Approval))
	}
	w.wantPublic("shared_v4", "v6")
	if len(w.unasked) > 0 {
		s.Errorf("writes that nobody approved: %v", w.unasked)
	}
}
