package tools

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/address"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestUnreadMachinesAreNotSilent: a Machine of which the configuration is not
// known may serve the whole internet.
func TestUnreadMachinesAreNotSilent(t *testing.T) {
	machines := func(edit func(string) string) func(string, []byte) []byte {
		return func(path string, body []byte) []byte {
			if strings.HasSuffix(path, "/machines") {
				return []byte(edit(string(body)))
			}
			return body
		}
	}
	const noConfig = `"config":null,"was":`
	down := func(s string) string {
		return strings.ReplaceAll(s, `"host_status":"ok"`, `"host_status":"unreachable"`)
	}
	tests := []struct {
		name, app string
		edit      func(string) string
		hostDown  bool
	}{
		{"a value that cannot be read", "shop-api",
			func(s string) string { return strings.ReplaceAll(s, `"protocol":"tcp"`, `"protocol":6`) }, false},
		{"no configuration", "shop-api", func(s string) string {
			return down(strings.ReplaceAll(s,
				`"config":`, noConfig))
		}, true},
		{"of one Machine", "legacy-api", func(s string) string {
			i := strings.Index(s, `"91857d02b4e683"`)
			return s[:i] + down(strings.Replace(s[i:], `"config":`, noConfig, 1))
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{})
			s.AddAddress(test.app, "private_v6", "", "")
			s.OnAnswer = machines(test.edit)
			list := s.list(test.app)
			if list.Exposed != "unknown" || !slices.Equal(blockerIDs(list.Blockers), []string{plan.MachineUnread}) {
				t.Errorf("exposed %s, blockers %v", list.Exposed, list.Blockers)
			}
			if got := slices.Contains(list.Unknown, plan.MachinesHostDown.Sentence()); got != test.hostDown {
				t.Errorf("unknown %q, host down %t", list.Unknown, test.hostDown)
			}
			out := s.release(map[string]any{"app": test.app})
			if out.Status != plan.Refused || !slices.Equal(blockerIDs(out.Blockers), []string{plan.MachineUnread}) {
				t.Errorf("got %s, %s", out.Status, out.Summary)
			}
			for _, next := range append(list.Next, out.Next...) {
				if next.Tool == "release_public_ips" {
					t.Errorf("advised %+v", next)
				}
			}
			if out := s.release(map[string]any{"app": test.app, "allow_unreachable": true,
				"dry_run": true}); out.Plan.Impact != plan.ImpactUnreachable {
				t.Errorf("got impact %s, want unreachable", out.Plan.Impact)
			}
			if writes := s.Writes(); len(writes) != 0 {
				t.Errorf("%v was sent", writes)
			}
		})
	}
	t.Run("not listed for this token", func(t *testing.T) {
		s := newReleaseServer(t, flysim.Options{})
		s.ready("shop-api", readyServices)
		s.Inject(flysim.Fault{Operation: "machine.list", Status: http.StatusForbidden, Times: -1})
		if list := s.list("shop-api"); len(list.Next) != 1 ||
			!strings.HasPrefix(list.Next[0].Command, "fly tokens create") {
			t.Errorf("next %+v", list.Next)
		}
	})
	t.Run("null", func(t *testing.T) {
		s := newReleaseServer(t, flysim.Options{})
		s.AddAddress("shop-api", "private_v6", "", "")
		s.OnAnswer = machines(func(string) string { return "null" })
		if out := s.release(map[string]any{"app": "shop-api"}); out.Code != gate.PlatformError {
			t.Errorf("got %s %s, want platform_error", out.Code, out.Summary)
		}
	})
}

// TestImpactOfPartOfTheAddresses: what stays decides who loses.
func TestImpactOfPartOfTheAddresses(t *testing.T) {
	tests := []struct {
		name, services string
		add            []string // besides the v4 and v6 of legacy-api
		leave          string   // the kind that stays
		flycast, force bool
		want           plan.Impact
	}{
		{name: "v6 stays", services: readyServices, leave: "v6", flycast: true, want: plan.ImpactUnknown},
		{name: "v6 stays for raw TCP", services: rawTCP, leave: "v6", flycast: true, want: plan.ImpactUnknown},
		{name: "shared v4 stays", services: readyServices, add: []string{"shared_v4"},
			leave: "shared_v4", flycast: true, want: plan.ImpactUnknown},
		{name: "shared v4 carries no raw TCP", services: rawTCP, add: []string{"shared_v4"},
			leave: "shared_v4", flycast: true, want: plan.ImpactPublicAccessEnds},
		{name: "nothing stays", services: readyServices, flycast: true, want: plan.ImpactPublicAccessEnds},
		{name: "nobody is there", services: `[]`, leave: "v6", flycast: true, want: plan.ImpactNone},
		{name: "not ready, v6 stays", services: readyServices, leave: "v6", force: true, want: plan.ImpactUnknown},
		{name: "not ready, nothing carries it", services: rawTCP, add: []string{"shared_v4"},
			leave: "shared_v4", force: true, want: plan.ImpactUnreachable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{})
			flycast := s.ready("legacy-api", test.services)
			if !test.flycast {
				s.RemoveAddress("legacy-api", flycast)
			}
			for _, kind := range test.add {
				s.AddAddress("legacy-api", kind, "", "")
			}
			var ips []string
			for _, a := range s.Addresses("legacy-api") {
				if slices.Contains([]string{"v4", "v6", "shared_v4"}, a.Kind) && a.Kind != test.leave {
					ips = append(ips, a.IP)
				}
			}
			in := address.ReleaseInput{App: "legacy-api", IPs: ips, AllowUnreachable: test.force}
			planned, err := s.a.releaser().Plan(t.Context(), in)
			if err != nil || len(planned.Plan.Blockers) > 0 {
				t.Fatal(err, planned.Plan.Blockers)
			}
			if planned.Plan.Impact != test.want || planned.Plan.Has(plan.AppUnreachable) != test.force {
				t.Errorf("got %s, %v; want %s", planned.Plan.Impact, planned.Plan.Hazards, test.want)
			}
			question := planned.Plan.Question().Text()
			if test.want != plan.ImpactNone &&
				strings.Contains(question, "none for current users") || test.force &&
				!regexp.MustCompile("UNREACHABLE|NOTHING WILL REACH").MatchString(question) {
				t.Errorf("the question hides it:\n%s", question)
			}
		})
	}
}

// TestReadAgainBeforeEachRelease: somebody else works on the app between two
// releases of one run.
func TestReadAgainBeforeEachRelease(t *testing.T) {
	tests := []struct {
		name    string
		act     func(p *flysim.Platform, flycast string)
		says    string
		blocker string
	}{
		{"Flycast is gone", func(p *flysim.Platform,
			flycast string) {
			p.RemoveAddress("legacy-api", flycast)
		}, "no Flycast address", plan.NoFlycast},
		{"the address is gone", func(p *flysim.Platform,
			_ string) {
			p.RemoveAddress("legacy-api", "137.66.18.204")
		}, "it is gone", ""},
		{"the services are gone", func(p *flysim.Platform, _ string) {
			for _, id := range p.MachineIDs("legacy-api") {
				p.SetMachineConfig("legacy-api", id, p.MachineConfig("legacy-api", id).Without("services"))
			}
		}, "no Machine has a service", plan.NoServices},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{})
			flycast := s.ready("legacy-api", readyServices)
			s.Inject(flysim.Fault{Operation: "graphql.releaseIpAddress",
				Before: func(p *flysim.Platform) { test.act(p, flycast) }})
			out := s.release(map[string]any{"app": "legacy-api"})
			if out.Status != plan.Partial || out.Code != gate.Stale || !strings.Contains(out.Summary, test.says) {
				t.Errorf("got %s %s: %s", out.Status, out.Code, out.Summary)
			}
			if len(out.Steps) != 2 || out.Steps[0].State != plan.Done || out.Steps[1].State != plan.NotStarted {
				t.Errorf("got %+v", out.Steps)
			}
			if test.blocker != "" && !slices.Contains(blockerIDs(out.Blockers), test.blocker) {
				t.Errorf("got blockers %v", out.Blockers)
			}
			if writes := s.Writes(); len(writes) != 1 {
				t.Errorf("%d writes, want 1", len(writes))
			}
		})
	}
	// What a reading says of an address changes between two releases.
	private, network := regexp.MustCompile(`"private_ip":"[^"]*"`),
		regexp.MustCompile(`"network":\{[^{}]*(\{[^{}]*\})?[^{}]*\}`)
	for _, test := range []struct {
		name, says string
		edit       func(body []byte) []byte
	}{
		{"another kind", "it was dedicated IPv4 and is unknown", func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"type":"v4"`), []byte(`"type":"anycast"`))
		}},
		{"Flycast of another network", "the app's own network is gone",
			func(body []byte) []byte { return network.ReplaceAll(body, []byte(`"network":null`)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{})
			s.ready("legacy-api", readyServices)
			var begun atomic.Bool
			s.OnAnswer = func(path string, body []byte) []byte {
				body = private.ReplaceAll(body, []byte(`"private_ip":""`)) // only the names tell
				if strings.HasSuffix(path, "/graphql") && begun.Load() {
					return test.edit(body)
				}
				return body
			}
			s.Inject(flysim.Fault{Operation: "graphql.releaseIpAddress",
				Before: func(*flysim.Platform) { begun.Store(true) }})
			out := s.release(map[string]any{"app": "legacy-api"})
			if out.Status != plan.Partial || out.Code != gate.Stale ||
				!strings.Contains(out.Summary, test.says) || len(s.Writes()) != 1 {
				t.Errorf("got %s %s: %s", out.Status, out.Code, out.Summary)
			}
		})
	}
	t.Run("allow_unreachable without the approved hazard", func(t *testing.T) {
		s := newReleaseServer(t, flysim.Options{})
		flycast := s.ready("legacy-api", readyServices)
		s.Inject(flysim.Fault{Operation: "graphql.releaseIpAddress",
			Before: func(p *flysim.Platform) { p.RemoveAddress("legacy-api", flycast) }})
		// The plan was of an app that is ready: nobody approved that it becomes
		// unreachable, whatever the argument allows.
		out := s.release(map[string]any{"app": "legacy-api", "allow_unreachable": true})
		if out.Status != plan.Partial || out.Code != gate.Stale || len(out.Released) != 1 {
			t.Errorf("got %s %s: %s", out.Status, out.Code, out.Summary)
		}
	})
	t.Run("Flycast goes with the last one", func(t *testing.T) {
		s := newReleaseServer(t, flysim.Options{})
		flycast := s.ready("legacy-api", readyServices)
		s.Inject(flysim.Fault{Operation: "graphql.releaseIpAddress", After: 1,
			Before: func(p *flysim.Platform) { p.RemoveAddress("legacy-api", flycast) }})
		out := s.release(map[string]any{"app": "legacy-api"})
		if out.Status != plan.Partial || out.Code != gate.VerifyFailed ||
			out.Verdict != "unreachable" || len(out.Next) == 0 || out.Next[0].Tool != "allocate_flycast" {
			t.Errorf("got %s %s %s: %s, next %+v", out.Status, out.Code, out.Verdict, out.Summary, out.Next)
		}
	})
	t.Run("requests", func(t *testing.T) {
		s := newReleaseServer(t, flysim.Options{})
		s.ready("legacy-api", readyServices)
		if out := s.release(map[string]any{"app": "legacy-api"}); out.Status != plan.Applied {
			t.Fatal(out.Summary)
		}
		count := map[string]int{}
		for _, c := range s.Calls() {
			count[c.Operation]++
		}
		// Planned twice, as every approved call is; one reading before each
		// release, two after them; the Machines before the last one.
		if count["graphql.app"] != 2+2+2 || count["machine.list"] != 2+1 {
			t.Errorf("got %v", count)
		}
	})
}

// TestAcceptedButStillThere: what the list still holds is not released,
// whatever the platform said.
func TestAcceptedButStillThere(t *testing.T) {
	s := newReleaseServer(t, flysim.Options{})
	s.ready("shop-api", readyServices)
	s.Inject(flysim.Fault{Operation: "graphql.releaseIpAddress", Status: 200,
		Body: `{"data":{"releaseIpAddress":{"clientMutationId":null}}}`})
	out := s.release(map[string]any{"app": "shop-api"})
	if out.Status != plan.Partial || out.Code != gate.VerifyFailed {
		t.Errorf("got %s %s: %s", out.Status, out.Code, out.Summary)
	}
	const lied, gone = "66.241.124.11", "2a09:8280:1::2d:1111"
	if !slices.Equal(out.Released, []string{gone}) || !slices.Equal(out.Remaining, []string{lied}) {
		t.Errorf("released %v, remaining %v", out.Released, out.Remaining)
	}
	if out.Steps[0].State != plan.StepFailed ||
		!strings.Contains(out.Steps[0].Note, "accepted, but still there") || out.Steps[1].State != plan.Done {
		t.Errorf("got %+v", out.Steps)
	}
	if len(out.Undo) != 1 || !strings.HasPrefix(out.Undo[0], gone) || len(out.Assumed) != 0 {
		t.Errorf("undo %q, assumed %q", out.Undo, out.Assumed)
	}
	var entries []journal.Entry
	if _, err := s.journal.Any(func(e journal.Entry) bool {
		if e.Event == journal.Step && e.Target == lied {
			entries = append(entries, e)
		}
		return false
	}); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 || entries[0].Code != "" || entries[1].Code != string(gate.VerifyFailed) {
		t.Errorf("journal %+v: want the acceptance, then what the reading showed", entries)
	}
}

// TestErrorAfterTheEffect: an error that is no clear refusal is settled by reading.
func TestErrorAfterTheEffect(t *testing.T) {
	tests := []struct {
		name  string
		fault flysim.Fault
		want  plan.State
		reads bool // the list is read to settle it
	}{
		{"GraphQL error after the effect", flysim.Fault{Status: 200, EffectThenStatus: true,
			Body: `{"data":{"releaseIpAddress":null},"errors":[{"message":"Something went wrong"}]}`}, plan.Done, true},
		{"409 after the effect", flysim.Fault{Status: 409, EffectThenStatus: true}, plan.Done, true},
		{"GraphQL error without effect", flysim.Fault{Status: 200,
			Body: `{"errors":[{"message":"Something went wrong"}]}`}, plan.StepFailed, true},
		{"refused", flysim.Fault{Status: 403}, plan.StepFailed, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newReleaseServer(t, flysim.Options{})
			s.ready("shop-api", readyServices)
			test.fault.Operation = "graphql.releaseIpAddress"
			s.Inject(test.fault)
			out := s.release(map[string]any{"app": "shop-api", "ips": []any{"66.241.124.11"}})
			if len(out.Steps) != 1 || out.Steps[0].State != test.want ||
				(len(out.Released) == 1) != (test.want == plan.Done) {
				t.Errorf("got %+v, released %v: %s", out.Steps, out.Released, out.Summary)
			}
			if got := strings.Contains(out.Steps[0].Note, "read back"); got != test.reads {
				t.Errorf("note %q", out.Steps[0].Note)
			}
			if strings.Contains(out.Steps[0].Note, "not known") {
				t.Errorf("it was read back, and yet: %q", out.Steps[0].Note)
			}
		})
	}
}

// TestUnclearFlycastIsTold: neither the Machines nor the names tell which
// network the Flycast address serves.
func TestUnclearFlycastIsTold(t *testing.T) {
	s := newReleaseServer(t, flysim.Options{OmitAppNetwork: true})
	s.ready("shop-api", readyServices)
	private, network := regexp.MustCompile(`"private_ip":"[^"]*"`),
		regexp.MustCompile(`"network":\{[^{}]*(\{[^{}]*\})?[^{}]*\}`)
	s.OnAnswer = func(path string, body []byte) []byte {
		body = private.ReplaceAll(body, []byte(`"private_ip":""`))
		if strings.HasSuffix(path, "/graphql") {
			body = network.ReplaceAll(body, []byte(`"network":null`))
		}
		return body
	}
	list := s.list("shop-api")
	if !slices.Contains(list.Unknown, plan.FlycastUnclear.Sentence()) || len(list.Next) == 0 ||
		!strings.Contains(list.Next[0].Why, "does the Flycast address serve") {
		t.Errorf("unknown %q, next %+v", list.Unknown, list.Next)
	}
	planned, err := s.a.releaser().Plan(t.Context(), address.ReleaseInput{App: "shop-api"})
	if err != nil || !slices.Contains(planned.Plan.Question().NotChecked, plan.FlycastUnclear.Sentence()) {
		t.Errorf("got %v, not checked %q", err, planned.Plan.Unknown)
	}
}

// TestUnrecognizedAddressIsNamed: it may be public, so "no public address"
// would not be true.
func TestUnrecognizedAddressIsNamed(t *testing.T) {
	s := newReleaseServer(t, flysim.Options{})
	s.ready("shop-api", readyServices)
	s.RemoveAddress("shop-api", "66.241.124.11")
	s.OnAnswer = func(_ string, body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"type":"v6"`), []byte(`"type":"anycast_v6"`))
	}
	const ip = "2a09:8280:1::2d:1111"
	out := s.release(map[string]any{"app": "shop-api"})
	if out.Status != plan.NothingToDo || strings.Contains(out.Summary, "has no public address") ||
		!strings.Contains(out.Summary, ip) {
		t.Errorf("got %s: %s", out.Status, out.Summary)
	}
	list := s.list("shop-api")
	for _, unknown := range [][]string{out.Unknown, list.Unknown} {
		if !slices.ContainsFunc(unknown, func(u string) bool { return strings.HasPrefix(u, ip) }) {
			t.Errorf("%q does not name it", unknown)
		}
	}
	if len(list.Next) != 1 || !strings.Contains(list.Next[0].Why, ip) {
		t.Errorf("next %+v", list.Next)
	}
}
