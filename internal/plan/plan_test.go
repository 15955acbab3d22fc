package plan_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// releasePlan gives up a shared v4 and a dedicated v6 of an app with a custom
// hostname that nothing answers for afterwards.
func releasePlan() plan.Plan {
	return plan.Plan{
		Tool: "release_public_ips", Wording: wordings()["release_public_ips"], App: "shop", AppID: "app-1",
		Steps: []plan.Step{
			{Verb: gate.ReleaseAddress, Target: "66.241.124.11",
				Params: []plan.Param{{plan.ParamKind, "shared_v4"}}},
			{Verb: gate.ReleaseAddress, Target: "2a09:8280:1::4f:1a2b",
				Params: []plan.Param{{plan.ParamKind, "dedicated_v6"}}},
		},
		Facts: []gate.Fact{
			{Key: "address/66.241.124.11", Value: "shared_v4"},
			{Key: "address/2a09:8280:1::4f:1a2b", Value: "dedicated_v6"},
			{Key: "certificate/www.example.com"},
			{Key: "machine/148e1", Value: "01J aa"},
		},
		Hazards: []plan.Hazard{plan.CustomHostnameStops, plan.SharedV4Released,
			plan.DedicatedV6Lost, plan.AppUnreachable},
		Unknown: []plan.Unknown{plan.CallersUnknown, plan.FlycastUnproven},
		Impact:  plan.ImpactUnreachable,
		Gated:   true,
	}
}

func update(id, group, region string, changes ...string) []plan.Step {
	params := []plan.Param{{plan.ParamMachine, id}, {plan.ParamGroup, group}, {plan.ParamRegion, region}}
	return []plan.Step{
		{Verb: gate.LeaseMachine, Target: id},
		{Verb: gate.UpdateMachine, Target: id + "@aa", Params: params, Changes: changesOf(changes...)},
		{Verb: gate.PutBackMachine, Target: id + "@bb"},
	}
}

// changesOf reads changes in the form of [machine.Change.String].
func changesOf(lines ...string) []plan.Change {
	var out []plan.Change
	for _, line := range lines {
		var c plan.Change
		if path, after, ok := strings.Cut(line, " = "); ok {
			c = plan.Change{Path: path, After: after}
		} else if path, values, ok := strings.Cut(line, ": "); ok {
			c.Path = path
			c.Before, c.After, _ = strings.Cut(values, " → ")
		} else {
			c.Path, c.Before, _ = strings.Cut(strings.TrimSuffix(line, ")"), " removed (was ")
		}
		out = append(out, c)
	}
	return out
}

// deployPlan changes two Machines alike and a third one, of another group,
// differently.
func deployPlan() plan.Plan {
	autostop := []string{"services[0].autostop: false → true", "services[0].min_machines_running: 1 → 0"}
	return plan.Plan{
		Tool: "deploy", Wording: wordings()["deploy"], App: "shop", AppID: "app-1",
		Steps: slices.Concat(
			update("148e1", "app", "fra", autostop...),
			update("148e2", "app", "ams", autostop...),
			update("148e3", "worker", "fra", "env.QUEUE: ‹hidden, 4 bytes› → ‹hidden, 6 bytes, changed›"),
		),
		Facts:   []gate.Fact{{Key: "file", Value: "ab12"}, {Key: "machine/148e1", Value: "01J"}},
		Hazards: []plan.Hazard{plan.Restart, plan.OtherConfigChanges},
		Unknown: []plan.Unknown{plan.FlycastUnproven, plan.StoppedUnproven},
		Impact:  plan.ImpactRestart,
		Gated:   true,
	}
}

// foreignPlan lets another organization's network in.
func foreignPlan() plan.Plan {
	return plan.Plan{
		Tool: "allocate_flycast", Wording: wordings()["allocate_flycast"], App: "shop", AppID: "app-1",
		Steps: []plan.Step{{Verb: gate.AllocateAddress, Target: "partners/other-org",
			Params: []plan.Param{{plan.ParamNetwork, "partners"}, {plan.ParamOrg, "other-org"}}}},
		Facts:   []gate.Fact{{Key: "address/66.241.124.11", Value: "shared_v4"}},
		Hazards: []plan.Hazard{plan.OpenToOtherNetwork},
		Unknown: []plan.Unknown{plan.ForeignUsers},
		Impact:  plan.ImpactNone,
		Gated:   true,
	}
}

// The digests of fixed plans. They change with the encoding only, and then its
// version must change too: approvals given to an older version must not fit.
func TestDigestIsStable(t *testing.T) {
	for _, tt := range []struct {
		plan plan.Plan
		want string
	}{
		{releasePlan(), "c0e901626eb32d55abc4c2754bad5b007f87a8961e07c9ff3fcaf787e5a4c301"},
		{deployPlan(), "18010a2788923dd25d87f5eb3bd791cfc23022aba3d40f6a817622fe9f34bef7"},
		{foreignPlan(), "629e4948bf50015f9e1b88c40458fb0538401a0c1c9276f7746542eb6b4551eb"},
		{plan.Plan{}, "1475b3467a18428795060d21c3a3a718f796c6072e71a9e2109f9ce581bdddc7"},
	} {
		if got := tt.plan.Digest(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.plan.Tool, got, tt.want)
		}
	}
}

// Everything that Apply uses or a person is shown is in the digest.
func TestDigestCovers(t *testing.T) {
	changes := map[string]func(*plan.Plan){
		"nothing":           func(*plan.Plan) {},
		"tool":              func(p *plan.Plan) { p.Tool = "deploy" },
		"app":               func(p *plan.Plan) { p.App = "shop2" },
		"app id":            func(p *plan.Plan) { p.AppID = "app-2" },
		"impact":            func(p *plan.Plan) { p.Impact = plan.ImpactNone },
		"step gone":         func(p *plan.Plan) { p.Steps = p.Steps[:1] },
		"step twice":        func(p *plan.Plan) { p.Steps = append(p.Steps, p.Steps[0]) },
		"verb":              func(p *plan.Plan) { p.Steps[0].Verb = gate.AllocateAddress },
		"target":            func(p *plan.Plan) { p.Steps[0].Target = "66.241.124.12" },
		"parameter's value": func(p *plan.Plan) { p.Steps[0].Params[0].Value = "dedicated_v4" },
		"parameter's name":  func(p *plan.Plan) { p.Steps[0].Params[0].Name = plan.ParamGroup },
		"parameter more": func(p *plan.Plan) {
			p.Steps[0].Params = append(p.Steps[0].Params,
				plan.Param{plan.ParamOrg, "x"})
		},
		"no parameters": func(p *plan.Plan) { p.Steps[0].Params = nil },
		"targets swapped": func(p *plan.Plan) {
			p.Steps[0].Target,
				p.Steps[1].Target = p.Steps[1].Target, p.Steps[0].Target
		},
		"fact's value": func(p *plan.Plan) { p.Facts[0].Value = "egress" },
		"fact's key":   func(p *plan.Plan) { p.Facts[0].Key = "address/1.2.3.4" },
		"fact gone":    func(p *plan.Plan) { p.Facts = p.Facts[1:] },
		"fact more":    func(p *plan.Plan) { p.Fact("certificate/new.example.com", "") },
		"facts' values swap": func(p *plan.Plan) {
			p.Facts[0].Value,
				p.Facts[1].Value = p.Facts[1].Value, p.Facts[0].Value
		},
		"hazard gone":  func(p *plan.Plan) { p.Hazards = p.Hazards[1:] },
		"hazard more":  func(p *plan.Plan) { p.Hazard(plan.UDPStops) },
		"unknown gone": func(p *plan.Plan) { p.Unknown = p.Unknown[1:] },
		"unknown more": func(p *plan.Plan) { p.Unknown = append(p.Unknown, plan.CertsUnread) },
		"a letter moves from key to value": func(p *plan.Plan) {
			f := &p.Facts[0]
			f.Key, f.Value = f.Key[:len(f.Key)-1], f.Key[len(f.Key)-1:]+f.Value
		},
	}
	seen := make(map[string]string)
	for name, change := range changes {
		p := releasePlan()
		change(&p)
		d := p.Digest()
		if len(d) != 64 || strings.Trim(d, "0123456789abcdef") != "" {
			t.Errorf("%s: %q is no SHA-256", name, d)
		}
		if other, ok := seen[d]; ok {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[d] = name
	}
}

func TestDigestLeavesOut(t *testing.T) {
	double := releasePlan() // the same step twice, told differently
	double.Steps = append(double.Steps, plan.Step{Verb: gate.ReleaseAddress,
		Target: "66.241.124.11", Params: []plan.Param{{plan.ParamKind, "egress"}}})
	for name, p := range map[string]plan.Plan{"release": releasePlan(), "deploy": deployPlan(),
		"doubled step": double} {
		want := p.Digest()
		p.Steps, p.Facts = slices.Clone(p.Steps), slices.Clone(p.Facts)
		p.Hazards, p.Unknown = slices.Clone(p.Hazards), slices.Clone(p.Unknown)
		slices.Reverse(p.Steps)
		slices.Reverse(p.Facts)
		slices.Reverse(p.Hazards)
		slices.Reverse(p.Unknown)
		before := fmt.Sprint(p)
		if got := p.Digest(); got != want {
			t.Errorf("%s: another order has another digest", name)
		}
		if fmt.Sprint(p) != before {
			t.Errorf("%s: Digest sorted the plan itself", name)
		}
		p.Blockers, p.Gated = []plan.Blocker{{ID: plan.NoFlycast}}, !p.Gated
		if got := p.Digest(); got != want {
			t.Errorf("%s: blockers or the gate are in the digest", name)
		}
	}
	empty := plan.Plan{Steps: []plan.Step{}, Facts: []gate.Fact{}, Hazards: []plan.Hazard{},
		Unknown: []plan.Unknown{}}
	if empty.Digest() != (plan.Plan{}).Digest() {
		t.Error("nil and empty have different digests")
	}
}

func TestParse(t *testing.T) {
	for _, want := range []plan.Plan{releasePlan(), deployPlan(), creatingPlan(), foreignPlan()} {
		r, err := want.Request(want.Question())
		if err != nil {
			t.Fatal(err)
		}
		got, err := plan.Parse(r.Plan, wordings())
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest() != r.Digest {
			t.Errorf("%s: the terminal computes digest %s, the server %s", want.Tool, got.Digest(), r.Digest)
		}
		if got.Question().Text() != want.Question().Text() {
			t.Errorf("%s: the terminal shows\n%s\nthe client\n%s", want.Tool, got.Question().Text(),
				want.Question().Text())
		}
		if !got.Gated {
			t.Error("what came to a terminal is not gated")
		}
	}
}

// What could not be shown is refused.
func TestParseRefuses(t *testing.T) {
	for name, change := range map[string]func(*plan.Plan){
		"hazard":     func(p *plan.Plan) { p.Hazards[0] = "harmless" },
		"no hazard":  func(p *plan.Plan) { p.Hazards[0] = "" },
		"unknown":    func(p *plan.Plan) { p.Unknown[0] = "moon_phase" },
		"verb":       func(p *plan.Plan) { p.Steps[0].Verb = "delete_app" },
		"no verb":    func(p *plan.Plan) { p.Steps[1].Verb = "" },
		"impact":     func(p *plan.Plan) { p.Impact = "none_at_all" },
		"no impact":  func(p *plan.Plan) { p.Impact = "" },
		"upper case": func(p *plan.Plan) { p.Impact = "None" },
	} {
		p := releasePlan()
		change(&p)
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := plan.Parse(body, wordings()); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
	for _, bad := range []string{"", "null", "[]", "{", `"x"`, `{"steps":1,"impact":"none"}`,
		`{"impact":"none"} trailing`} {
		if _, err := plan.Parse([]byte(bad), wordings()); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRequest(t *testing.T) {
	p := releasePlan()
	r, err := p.Request(p.Question())
	if err != nil {
		t.Fatal(err)
	}
	if r.Tool != p.Tool || r.App != p.App || r.Digest != p.Digest() || !r.Gated ||
		!r.Irreversible || r.TooLong != "" {
		t.Errorf("got %+v", r)
	}
	wantSteps := []gate.Step{{Verb: gate.ReleaseAddress, App: "shop", Target: "66.241.124.11"},
		{Verb: gate.ReleaseAddress, App: "shop", Target: "2a09:8280:1::4f:1a2b"}}
	if !slices.Equal(r.Steps, wantSteps) {
		t.Errorf("steps %+v, want %+v", r.Steps, wantSteps)
	}
	if want := []string{"custom_hostname_stops", "shared_v4_released", "dedicated_v6_lost",
		"app_unreachable"}; !slices.Equal(r.Hazards, want) {
		t.Errorf("hazards %q, want %q", r.Hazards, want)
	}
	if !slices.Equal(r.Facts, p.Facts) {
		t.Errorf("facts %+v", r.Facts)
	}
	if r.Caller != "" || r.CanAsk || r.Code != "" {
		t.Errorf("the caller's part is filled in: %+v", r)
	}

	d, err := deployPlan().Request(deployPlan().Question())
	if err != nil {
		t.Fatal(err)
	}
	if d.Irreversible || len(d.Steps) != 9 { // leases and put-backs are granted, too
		t.Errorf("irreversible %v, %d steps", d.Irreversible, len(d.Steps))
	}
	var empty plan.Plan
	if r, err := empty.Request(empty.Question()); err != nil || r.Gated || r.Irreversible || len(r.Steps) != 0 {
		t.Errorf("empty: got %+v, %v", r, err)
	}
}

// A plan that takes something for good, or ends access, without a hazard that
// says so does not come to the gate: a policy judges by hazards.
func TestRequestWantsHazards(t *testing.T) {
	release := func(kind string) plan.Step {
		return plan.Step{Verb: gate.ReleaseAddress, Target: "a", Params: []plan.Param{{plan.ParamKind, kind}}}
	}
	destroy := plan.Step{Verb: gate.DestroyMachine, Target: "148e1",
		Params: []plan.Param{{plan.ParamMachine, "148e1"}, {plan.ParamEnd, "left over"}}}
	tests := []struct {
		name   string
		step   plan.Step
		impact plan.Impact
		hazard plan.Hazard // that is wanted; empty: none would do
	}{
		{"a shared v4", release("shared_v4"), plan.ImpactNone, plan.SharedV4Released},
		{"a dedicated v4", release("dedicated_v4"), plan.ImpactNone, plan.DedicatedV4Lost},
		{"a dedicated v6", release("dedicated_v6"), plan.ImpactNone, plan.DedicatedV6Lost},
		{"a Machine", destroy, plan.ImpactNone, plan.MachinesReplaced},
		{"public access", plan.Step{Verb: gate.UpdateMachine}, plan.ImpactPublicAccessEnds, plan.PublicAccessEnds},
		{"all access", plan.Step{Verb: gate.UpdateMachine}, plan.ImpactUnreachable, plan.AppUnreachable},
		{"an address of another kind", release("flycast"), plan.ImpactNone, ""},
		{"an address without a kind", release(""), plan.ImpactNone, ""},
		{"an unknown verb", plan.Step{Verb: "delete_app"}, plan.ImpactNone, ""},
	}
	for _, tt := range tests {
		p := plan.Plan{Tool: "x", App: "shop", Steps: []plan.Step{tt.step}, Impact: tt.impact, Gated: true}
		for _, w := range plan.Hazards() {
			if w.Hazard != tt.hazard {
				p.Hazard(w.Hazard)
			}
		}
		if r, err := p.Request(p.Question()); err == nil {
			t.Errorf("%s: got %+v without its hazard", tt.name, r)
		}
		p.Hazards = []plan.Hazard{tt.hazard}
		if _, err := p.Request(p.Question()); (err == nil) != (tt.hazard != "") {
			t.Errorf("%s with %q: got %v", tt.name, tt.hazard, err)
		}
	}
}

func TestIrreversible(t *testing.T) {
	release := func(kind string) plan.Plan {
		return plan.Plan{Steps: []plan.Step{{Verb: gate.ReleaseAddress, Target: "a",
			Params: []plan.Param{{plan.ParamKind, kind}}}}}
	}
	for name, tt := range map[string]struct {
		plan plan.Plan
		want bool
	}{
		"nothing":        {plan.Plan{}, false},
		"shared v4":      {release("shared_v4"), true}, // perhaps another one comes back
		"dedicated v4":   {release("dedicated_v4"), true},
		"dedicated v6":   {release("dedicated_v6"), true},
		"unknown kind":   {release("unknown"), true},
		"no kind":        {release(""), true},
		"another word":   {release("shared_v5"), true},
		"a hazard alone": {plan.Plan{Hazards: []plan.Hazard{plan.DedicatedV4Lost}}, true},
		"other hazards":  {plan.Plan{Hazards: []plan.Hazard{plan.Restart, plan.AppUnreachable}}, false},
		"deploy":         {deployPlan(), false},
		"bluegreen":      {replacingPlan(), true},
		"new and gone":   {creatingPlan(), false}, // what is destroyed is what the plan makes
		"foreign":        {foreignPlan(), false},
		"one of many":    {releasePlan(), true},
	} {
		if got := tt.plan.Irreversible(); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if got := tt.plan.Question().TypeName; got != tt.want {
			t.Errorf("%s: the name is asked for: %v, want %v", name, got, tt.want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	seen := make(map[plan.Hazard]bool)
	for _, w := range plan.Hazards() {
		h := w.Hazard
		if h.Sentence() == "" || seen[h] {
			t.Errorf("hazard %s: sentence %q, twice %v", h, h.Sentence(), seen[h])
		}
		seen[h] = true
		if want := h == plan.DedicatedV4Lost || h == plan.DedicatedV6Lost ||
			h == plan.SharedV4Released || h == plan.MachinesReplaced; h.Irreversible() != want {
			t.Errorf("hazard %s: irreversible %v, want %v", h, h.Irreversible(), want)
		}
	}
	source, err := os.ReadFile("../gate/grant.go")
	if err != nil {
		t.Fatal(err)
	}
	verbs := regexp.MustCompile(`Verb = "(.+)"`).FindAllSubmatch(source, -1)
	if len(verbs) == 0 || len(verbs) != len(plan.Verbs()) {
		t.Errorf("%d verbs are declared, %d are explained", len(verbs), len(plan.Verbs()))
	}
	for _, m := range verbs {
		if w := plan.WordOf(gate.Verb(m[1])); w.Sentence == "" || w.Undo == "" {
			t.Errorf("verb %s: sentence %q, undo %q", m[1], w.Sentence, w.Undo)
		}
	}
	for _, word := range []string{"", "x", "Restart"} {
		if plan.Hazard(word).Sentence() != "" || plan.Unknown(word).Sentence() != "" ||
			plan.Impact(word).Sentence("shop") != "" || (plan.Step{Verb: gate.Verb(word)}).Undo() != "" {
			t.Errorf("%q has a sentence", word)
		}
	}
}

// FuzzParse reads what somebody left for a terminal: it is refused, or it has
// one digest and a question that stays on its lines.
func FuzzParse(f *testing.F) {
	for _, p := range []plan.Plan{releasePlan(), deployPlan(), foreignPlan()} {
		body, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(
		`{"app":"\u001b[2J\u202e\n","impact":"none","steps":[{"verb":"update_machine"},{"verb":"release_address",` +
			`"target":"\n"}],"facts":[{"key":"certificate/\r"}],"hazards":["custom_hostname_stops"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := plan.Parse(data, wordings())
		if err != nil {
			return
		}
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := plan.Parse(body, wordings())
		if err != nil || again.Digest() != p.Digest() {
			t.Fatalf("%v: digest %s, want %s", err, again.Digest(), p.Digest())
		}
		q := p.Question()
		printable(t, q.TextAgain([]string{p.App + " is new"}))
		if q.TypeName != p.Irreversible() {
			t.Fatal("the wrong field")
		}
	})
}

// TestPartOfARelease: with addresses left, the impact is not known, and an app
// that is not ready for Flycast is said to be so all the same.
func TestPartOfARelease(t *testing.T) {
	p := plan.Plan{Tool: "release_public_ips", Wording: wordings()["release_public_ips"],
		App: "demo", Impact: plan.ImpactUnknown, Hazards: []plan.Hazard{plan.AppUnreachable}}
	text := strings.Join(p.Question().Effect, "\n")
	for _, want := range []string{"callers that use the listed addresses are cut off",
		plan.AppUnreachable.Sentence()} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it", text, want)
		}
	}
	p.Impact = plan.ImpactUnreachable
	if text := strings.Join(p.Question().Effect, "\n"); strings.Contains(text,
		plan.AppUnreachable.Sentence()) || !strings.Contains(text, "NOTHING WILL REACH") {
		t.Errorf("got %q, want it told once", text)
	}
}
