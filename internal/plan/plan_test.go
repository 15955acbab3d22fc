package plan

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/internal/gate"
)

// releasePlan gives up a shared v4 and a dedicated v6 of an app with a custom
// hostname that nothing answers for afterwards.
func releasePlan() Plan {
	return Plan{
		Tool: "release_public_ips", App: "shop", AppID: "app-1",
		Steps: []Step{
			{Verb: gate.ReleaseAddress, Target: "66.241.124.11", Params: []Param{{ParamKind, "shared_v4"}}},
			{Verb: gate.ReleaseAddress, Target: "2a09:8280:1::4f:1a2b", Params: []Param{{ParamKind, "dedicated_v6"}}},
		},
		Facts: []gate.Fact{
			{Key: "address/66.241.124.11", Value: "shared_v4"},
			{Key: "address/2a09:8280:1::4f:1a2b", Value: "dedicated_v6"},
			{Key: "certificate/www.example.com"},
			{Key: "machine/148e1", Value: "01J aa"},
		},
		Hazards: []Hazard{CustomHostnameStops, SharedV4Released, DedicatedV6Lost, AppUnreachable},
		Unknown: []Unknown{CallersUnknown, FlycastUnproven},
		Impact:  ImpactUnreachable,
		Gated:   true,
	}
}

func update(id, group, region string, changes ...string) []Step {
	params := []Param{{ParamMachine, id}, {ParamGroup, group}, {ParamRegion, region}}
	return []Step{
		{Verb: gate.LeaseMachine, Target: id},
		{Verb: gate.UpdateMachine, Target: id + "@aa", Params: params, Changes: changesOf(changes...)},
		{Verb: gate.PutBackMachine, Target: id + "@bb"},
	}
}

// changesOf reads changes in the form of [machine.Change.String].
func changesOf(lines ...string) []Change {
	var out []Change
	for _, line := range lines {
		var c Change
		if path, after, ok := strings.Cut(line, " = "); ok {
			c = Change{Path: path, After: after}
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
func deployPlan() Plan {
	autostop := []string{"services[0].autostop: false → true", "services[0].min_machines_running: 1 → 0"}
	return Plan{
		Tool: "deploy", App: "shop", AppID: "app-1",
		Steps: slices.Concat(
			update("148e1", "app", "fra", autostop...),
			update("148e2", "app", "ams", autostop...),
			update("148e3", "worker", "fra", "env.QUEUE: ‹hidden, 4 bytes› → ‹hidden, 6 bytes, changed›"),
		),
		Facts:   []gate.Fact{{Key: "file", Value: "ab12"}, {Key: "machine/148e1", Value: "01J"}},
		Hazards: []Hazard{Restart, OtherConfigChanges},
		Unknown: []Unknown{FlycastUnproven, StoppedUnproven},
		Impact:  ImpactRestart,
		Gated:   true,
	}
}

// foreignPlan lets another organization's network in.
func foreignPlan() Plan {
	return Plan{
		Tool: "allocate_flycast", App: "shop", AppID: "app-1",
		Steps:   []Step{{Verb: gate.AllocateAddress, Target: "partners/other-org", Params: []Param{{ParamNetwork, "partners"}, {ParamOrg, "other-org"}}}},
		Facts:   []gate.Fact{{Key: "address/66.241.124.11", Value: "shared_v4"}},
		Hazards: []Hazard{OpenToOtherNetwork},
		Unknown: []Unknown{ForeignUsers},
		Impact:  ImpactNone,
		Gated:   true,
	}
}

// The digests of fixed plans. They change with the encoding only, and then its
// version must change too: approvals given to an older version must not fit.
func TestDigestIsStable(t *testing.T) {
	for _, tt := range []struct {
		plan Plan
		want string
	}{
		{releasePlan(), "c0e901626eb32d55abc4c2754bad5b007f87a8961e07c9ff3fcaf787e5a4c301"},
		{deployPlan(), "18010a2788923dd25d87f5eb3bd791cfc23022aba3d40f6a817622fe9f34bef7"},
		{foreignPlan(), "629e4948bf50015f9e1b88c40458fb0538401a0c1c9276f7746542eb6b4551eb"},
		{Plan{}, "1475b3467a18428795060d21c3a3a718f796c6072e71a9e2109f9ce581bdddc7"},
	} {
		if got := tt.plan.Digest(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.plan.Tool, got, tt.want)
		}
	}
}

// Everything that Apply uses or a person is shown is in the digest.
func TestDigestCovers(t *testing.T) {
	changes := map[string]func(*Plan){
		"nothing":            func(*Plan) {},
		"tool":               func(p *Plan) { p.Tool = "deploy" },
		"app":                func(p *Plan) { p.App = "shop2" },
		"app id":             func(p *Plan) { p.AppID = "app-2" },
		"impact":             func(p *Plan) { p.Impact = ImpactNone },
		"step gone":          func(p *Plan) { p.Steps = p.Steps[:1] },
		"step twice":         func(p *Plan) { p.Steps = append(p.Steps, p.Steps[0]) },
		"verb":               func(p *Plan) { p.Steps[0].Verb = gate.AllocateAddress },
		"target":             func(p *Plan) { p.Steps[0].Target = "66.241.124.12" },
		"parameter's value":  func(p *Plan) { p.Steps[0].Params[0].Value = "dedicated_v4" },
		"parameter's name":   func(p *Plan) { p.Steps[0].Params[0].Name = ParamGroup },
		"parameter more":     func(p *Plan) { p.Steps[0].Params = append(p.Steps[0].Params, Param{ParamOrg, "x"}) },
		"no parameters":      func(p *Plan) { p.Steps[0].Params = nil },
		"targets swapped":    func(p *Plan) { p.Steps[0].Target, p.Steps[1].Target = p.Steps[1].Target, p.Steps[0].Target },
		"fact's value":       func(p *Plan) { p.Facts[0].Value = "egress" },
		"fact's key":         func(p *Plan) { p.Facts[0].Key = "address/1.2.3.4" },
		"fact gone":          func(p *Plan) { p.Facts = p.Facts[1:] },
		"fact more":          func(p *Plan) { p.Fact("certificate/new.example.com", "") },
		"facts' values swap": func(p *Plan) { p.Facts[0].Value, p.Facts[1].Value = p.Facts[1].Value, p.Facts[0].Value },
		"hazard gone":        func(p *Plan) { p.Hazards = p.Hazards[1:] },
		"hazard more":        func(p *Plan) { p.Hazard(UDPStops) },
		"unknown gone":       func(p *Plan) { p.Unknown = p.Unknown[1:] },
		"unknown more":       func(p *Plan) { p.Unknown = append(p.Unknown, CertsUnread) },
		"a letter moves from key to value": func(p *Plan) {
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
	double.Steps = append(double.Steps, Step{Verb: gate.ReleaseAddress, Target: "66.241.124.11", Params: []Param{{ParamKind, "egress"}}})
	for name, plan := range map[string]Plan{"release": releasePlan(), "deploy": deployPlan(), "doubled step": double} {
		want := plan.Digest()
		p := plan
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
		p.Blockers, p.Gated = []Blocker{{ID: NoFlycast}}, !p.Gated
		if got := p.Digest(); got != want {
			t.Errorf("%s: blockers or the gate are in the digest", name)
		}
	}
	empty := Plan{Steps: []Step{}, Facts: []gate.Fact{}, Hazards: []Hazard{}, Unknown: []Unknown{}}
	if empty.Digest() != (Plan{}).Digest() {
		t.Error("nil and empty have different digests")
	}
}

func TestParse(t *testing.T) {
	for _, want := range []Plan{releasePlan(), deployPlan(), creatingPlan(), foreignPlan()} {
		r, err := want.Request()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(r.Plan)
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest() != r.Digest {
			t.Errorf("%s: the terminal computes digest %s, the server %s", want.Tool, got.Digest(), r.Digest)
		}
		if got.Question(nil).Text() != want.Question(nil).Text() {
			t.Errorf("%s: the terminal shows\n%s\nthe client\n%s", want.Tool, got.Question(nil).Text(), want.Question(nil).Text())
		}
		if !got.Gated {
			t.Error("what came to a terminal is not gated")
		}
	}
}

// What could not be shown is refused.
func TestParseRefuses(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"hazard":     func(p *Plan) { p.Hazards[0] = "harmless" },
		"no hazard":  func(p *Plan) { p.Hazards[0] = "" },
		"unknown":    func(p *Plan) { p.Unknown[0] = "moon_phase" },
		"verb":       func(p *Plan) { p.Steps[0].Verb = "delete_app" },
		"no verb":    func(p *Plan) { p.Steps[1].Verb = "" },
		"impact":     func(p *Plan) { p.Impact = "none_at_all" },
		"no impact":  func(p *Plan) { p.Impact = "" },
		"upper case": func(p *Plan) { p.Impact = "None" },
	} {
		p := releasePlan()
		change(&p)
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse(body); err == nil {
			t.Errorf("%s: read as %+v", name, got)
		}
	}
	for _, bad := range []string{"", "null", "[]", "{", `"x"`, `{"steps":1,"impact":"none"}`, `{"impact":"none"} trailing`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRequest(t *testing.T) {
	p := releasePlan()
	r, err := p.Request()
	if err != nil {
		t.Fatal(err)
	}
	if r.Tool != p.Tool || r.App != p.App || r.Digest != p.Digest() || !r.Gated || !r.Irreversible || r.TooLong {
		t.Errorf("got %+v", r)
	}
	wantSteps := []gate.Step{{Verb: gate.ReleaseAddress, App: "shop", Target: "66.241.124.11"}, {Verb: gate.ReleaseAddress, App: "shop", Target: "2a09:8280:1::4f:1a2b"}}
	if !slices.Equal(r.Steps, wantSteps) {
		t.Errorf("steps %+v, want %+v", r.Steps, wantSteps)
	}
	if want := []string{"custom_hostname_stops", "shared_v4_released", "dedicated_v6_lost", "app_unreachable"}; !slices.Equal(r.Hazards, want) {
		t.Errorf("hazards %q, want %q", r.Hazards, want)
	}
	if !slices.Equal(r.Facts, p.Facts) {
		t.Errorf("facts %+v", r.Facts)
	}
	if r.Caller != "" || r.CanAsk || r.Code != "" {
		t.Errorf("the caller's part is filled in: %+v", r)
	}

	d, err := deployPlan().Request()
	if err != nil {
		t.Fatal(err)
	}
	if d.Irreversible || len(d.Steps) != 9 { // leases and put-backs are granted, too
		t.Errorf("irreversible %v, %d steps", d.Irreversible, len(d.Steps))
	}
	var empty Plan
	if r, err := empty.Request(); err != nil || r.Gated || r.Irreversible || len(r.Steps) != 0 {
		t.Errorf("empty: got %+v, %v", r, err)
	}
}

// A plan that takes something for good, or ends access, without a hazard that
// says so does not come to the gate: a policy judges by hazards.
func TestRequestWantsHazards(t *testing.T) {
	release := func(kind string) Step {
		return Step{Verb: gate.ReleaseAddress, Target: "a", Params: []Param{{ParamKind, kind}}}
	}
	destroy := Step{Verb: gate.DestroyMachine, Target: "148e1", Params: []Param{{ParamMachine, "148e1"}, {ParamEnd, "left over"}}}
	tests := []struct {
		name   string
		step   Step
		impact Impact
		hazard Hazard // that is wanted; empty: none would do
	}{
		{"a shared v4", release("shared_v4"), ImpactNone, SharedV4Released},
		{"a dedicated v4", release("dedicated_v4"), ImpactNone, DedicatedV4Lost},
		{"a dedicated v6", release("dedicated_v6"), ImpactNone, DedicatedV6Lost},
		{"a Machine", destroy, ImpactNone, MachinesReplaced},
		{"public access", Step{Verb: gate.UpdateMachine}, ImpactPublicAccessEnds, PublicAccessEnds},
		{"all access", Step{Verb: gate.UpdateMachine}, ImpactUnreachable, AppUnreachable},
		{"an address of another kind", release("flycast"), ImpactNone, ""},
		{"an address without a kind", release(""), ImpactNone, ""},
		{"an unknown verb", Step{Verb: "delete_app"}, ImpactNone, ""},
	}
	for _, tt := range tests {
		p := Plan{Tool: "x", App: "shop", Steps: []Step{tt.step}, Impact: tt.impact, Gated: true}
		for _, w := range Hazards() {
			if w.Hazard != tt.hazard {
				p.Hazard(w.Hazard)
			}
		}
		if r, err := p.Request(); err == nil {
			t.Errorf("%s: got %+v without its hazard", tt.name, r)
		}
		p.Hazards = []Hazard{tt.hazard}
		if _, err := p.Request(); (err == nil) != (tt.hazard != "") {
			t.Errorf("%s with %q: got %v", tt.name, tt.hazard, err)
		}
	}
}

func TestIrreversible(t *testing.T) {
	release := func(kind string) Plan {
		return Plan{Steps: []Step{{Verb: gate.ReleaseAddress, Target: "a", Params: []Param{{ParamKind, kind}}}}}
	}
	for name, tt := range map[string]struct {
		plan Plan
		want bool
	}{
		"nothing":        {Plan{}, false},
		"shared v4":      {release("shared_v4"), true}, // perhaps another one comes back
		"dedicated v4":   {release("dedicated_v4"), true},
		"dedicated v6":   {release("dedicated_v6"), true},
		"unknown kind":   {release("unknown"), true},
		"no kind":        {release(""), true},
		"another word":   {release("shared_v5"), true},
		"a hazard alone": {Plan{Hazards: []Hazard{DedicatedV4Lost}}, true},
		"other hazards":  {Plan{Hazards: []Hazard{Restart, AppUnreachable}}, false},
		"deploy":         {deployPlan(), false},
		"bluegreen":      {replacingPlan(), true},
		"new and gone":   {creatingPlan(), false}, // what is destroyed is what the plan makes
		"foreign":        {foreignPlan(), false},
		"one of many":    {releasePlan(), true},
	} {
		if got := tt.plan.Irreversible(); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
		if got := tt.plan.Question(nil).TypeName; got != tt.want {
			t.Errorf("%s: the name is asked for: %v, want %v", name, got, tt.want)
		}
	}
}

func TestVocabulary(t *testing.T) {
	seen := make(map[Hazard]bool)
	for _, w := range Hazards() {
		h := w.Hazard
		if h.Sentence() == "" || seen[h] {
			t.Errorf("hazard %s: sentence %q, twice %v", h, h.Sentence(), seen[h])
		}
		seen[h] = true
		if want := h == DedicatedV4Lost || h == DedicatedV6Lost || h == SharedV4Released || h == MachinesReplaced; h.Irreversible() != want {
			t.Errorf("hazard %s: irreversible %v, want %v", h, h.Irreversible(), want)
		}
	}
	source, err := os.ReadFile("../gate/grant.go")
	if err != nil {
		t.Fatal(err)
	}
	verbs := regexp.MustCompile(`Verb = "(.+)"`).FindAllSubmatch(source, -1)
	if len(verbs) == 0 || len(verbs) != len(Verbs()) {
		t.Errorf("%d verbs are declared, %d are explained", len(verbs), len(Verbs()))
	}
	for _, m := range verbs {
		if w := verbWord(gate.Verb(m[1])); w.Sentence == "" || w.Undo == "" {
			t.Errorf("verb %s: sentence %q, undo %q", m[1], w.Sentence, w.Undo)
		}
	}
	for _, word := range []string{"", "x", "Restart"} {
		if Hazard(word).Sentence() != "" || Unknown(word).Sentence() != "" || Impact(word).Sentence("shop") != "" || (Step{Verb: gate.Verb(word)}).Undo() != "" {
			t.Errorf("%q has a sentence", word)
		}
	}
}

// FuzzParse reads what somebody left for a terminal: it is refused, or it has
// one digest and a question that stays on its lines.
func FuzzParse(f *testing.F) {
	for _, p := range []Plan{releasePlan(), deployPlan(), foreignPlan()} {
		body, err := json.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"app":"\u001b[2J\u202e\n","impact":"none","steps":[{"verb":"update_machine"},{"verb":"release_address","target":"\n"}],"facts":[{"key":"certificate/\r"}],"hazards":["custom_hostname_stops"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(body)
		if err != nil || again.Digest() != p.Digest() {
			t.Fatalf("%v: digest %s, want %s", err, again.Digest(), p.Digest())
		}
		q := p.Question([]string{p.App + " is new"})
		printable(t, q.Text())
		if q.TypeName != p.Irreversible() {
			t.Fatal("the wrong field")
		}
	})
}

// TestPartOfARelease: with addresses left, the impact is not known, and an app
// that is not ready for Flycast is said to be so all the same.
func TestPartOfARelease(t *testing.T) {
	p := Plan{Tool: "release_public_ips", App: "demo", Impact: ImpactUnknown, Hazards: []Hazard{AppUnreachable}}
	text := strings.Join(p.Question(nil).Effect, "\n")
	for _, want := range []string{"callers that use the listed addresses are cut off", AppUnreachable.Sentence()} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it", text, want)
		}
	}
	p.Impact = ImpactUnreachable
	if text := strings.Join(p.Question(nil).Effect, "\n"); strings.Contains(text, AppUnreachable.Sentence()) || !strings.Contains(text, "NOTHING WILL REACH") {
		t.Errorf("got %q, want it told once", text)
	}
}
