package deploy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeployWidth checks that the question says how many Machines may be down at one
// time, whether the file or the call sets it, and that it is an outage if none is left.
func TestDeployWidth(t *testing.T) {
	inFile := func(lines string) func(string) string {
		return func(file string) string { return file + "\n[deploy]\n" + lines + "\n" }
	}
	each := func(n int, do func(b *deployedApp, id string)) func(b *deployedApp) {
		return func(b *deployedApp) {
			for _, id := range b.MachineIDs(b.app)[:n] {
				do(b, id)
			}
		}
	}
	cordon := func(b *deployedApp, id string) { b.cordon(id) }
	lost := func(b *deployedApp, id string) { b.SetHost(b.app, id, "unreachable") }
	standby := func(b *deployedApp, id string) {
		b.SetMachineConfig(b.app, id, oracleWith(b.t, b.MachineConfig(b.app, id), "standbys",
			[]string{"x"}).Without("services"))
	}
	detached := func(b *deployedApp, id string) {
		config := b.MachineConfig(b.app, id)
		b.SetMachineConfig(b.app, id, oracleWith(b.t, config, "metadata", map[string]string{"fly_process_group": "app"}))
	}
	stopped := func(b *deployedApp, id string) { b.StopMachine(b.app, id) }
	tests := []struct {
		name     string
		machines int
		in       input
		file     func(string) string
		spoil    func(b *deployedApp)
		outage   bool
		says     string
	}{
		{"the default", 5, input{}, nil, nil, false, `group "app" 2 of 5`},
		{"the default of two", 2, input{}, nil, nil, false, `group "app" 1 of 2`},
		{"the only one", 1, input{}, nil, nil, true, `group "app" ALL 1 of 1`},
		{"far more than there are", 5, input{MaxUnavailable: 100}, nil, nil, true, `group "app" ALL 5 of 5`},
		{"as many as there are", 5, input{MaxUnavailable: 5}, nil, nil, true, `group "app" ALL 5 of 5`},
		{"one less", 5, input{MaxUnavailable: 4}, nil, nil, false, `group "app" 4 of 5`},
		{"rounded up to all", 5, input{MaxUnavailable: 0.81}, nil, nil, true, `group "app" ALL 5 of 5`},
		{"rounded up to all of two", 2, input{MaxUnavailable: 0.51}, nil, nil, true, `group "app" ALL 2 of 2`},
		{"half of two", 2, input{MaxUnavailable: 0.5}, nil, nil, false, `group "app" 1 of 2`},
		{"by the file", 5, input{}, inFile("max_unavailable = 100"), nil, true, `group "app" ALL 5 of 5`},
		{"by the file, as a share", 5, input{}, inFile("max_unavailable = 0.9"), nil, true, `group "app" ALL 5 of 5`},
		{"the call, not the file", 5, input{MaxUnavailable: 1}, inFile("max_unavailable = 100"), nil, false,
			`group "app" 1 of 5`},
		{"immediate", 5, input{Strategy: "immediate"}, nil, nil, true, `group "app" ALL 5 of 5`},
		{"immediate by the file", 5, input{}, inFile(`strategy = "immediate"`), nil, true, `group "app" ALL 5 of 5`},
		{"canary", 5, input{Strategy: "canary", MaxUnavailable: 9}, nil, nil, true, `group "app" ALL 5 of 5`},
		{"the others get no requests", 3, input{}, nil, each(2, cordon), true, `group "app" ALL that do its work, 1 of 3`},
		{"one other does", 3, input{}, nil, each(1, cordon), false, `group "app" 1 of 3`},
		{"the others are on lost hosts", 3, input{}, nil, each(2, lost), true, `group "app" ALL that do its work, 1 of 3`},
		{"the others are standbys", 3, input{}, nil, each(2, standby), true, `group "app" ALL that do its work, 1 of 3`},
		{"another one is not touched", 3, input{MaxUnavailable: 9}, nil, each(1, detached), false, `group "app" 2 of 3`},
		{"the others are stopped", 3, input{}, nil, each(2, stopped), false, `group "app" 1 of 3`},
	}
	for _, test := range tests {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			ids := b.MachineIDs(b.app)
			for range test.machines - len(ids) {
				b.AddMachine(b.app, "ord", b.MachineConfig(b.app, ids[0]))
			}
			if test.machines == 1 {
				b.DestroyMachine(b.app, ids[1])
			}
			if test.spoil != nil {
				test.spoil(b)
			}
			in := test.in
			in.Content = b.file("min_machines_running = 0", "min_machines_running = 1")
			if test.file != nil {
				in.Content = test.file(in.Content)
			}
			p := b.planOf(in).Plan
			text := p.Question().Text()
			if got := p.Has(plan.BriefOutage); got != test.outage || (p.Impact == plan.ImpactBriefOutage) != test.outage {
				t.Errorf("%s: outage %t, want %t; impact %s", test.name, got, test.outage, p.Impact)
			}
			if !strings.Contains(text, "down at the same time, at most: "+test.says) {
				t.Errorf("%s: no %q in\n%s", test.name, test.says, text)
			}
		})
	}
}

// TestDeploySettingsAreSaid: each setting that changes what happens is in the
// question and in the digest, wherever it comes from.
func TestDeploySettingsAreSaid(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		content := b.file("min_machines_running = 0", "min_machines_running = 1")
		no := false
		const standard = "settings: strategy rolling, max_unavailable 0.33, on_failure put_back, wake true, " +
			"wait_timeout 5m0s, scope all"
		tests := []struct {
			name string
			in   input
			want string
		}{
			{"nothing", input{}, ""},
			{"max_unavailable", input{MaxUnavailable: 100}, "max_unavailable 100"},
			{"a share", input{MaxUnavailable: 0.334}, "max_unavailable 0.334"},
			{"stop", input{OnFailure: "stop"}, "on_failure stop"},
			{"continue", input{OnFailure: "continue"}, "on_failure continue"},
			{"immediate", input{Strategy: "immediate"}, "strategy immediate"},
			{"canary", input{Strategy: "canary"}, "strategy canary"},
			{"bluegreen", input{Strategy: "bluegreen"}, "strategy bluegreen"},
			{"wake", input{Wake: &no}, "wake false"},
			{"wait_timeout", input{WaitTimeout: "90s"}, "wait_timeout 1m30s"},
			{"scope", input{Scope: ScopeServices}, "scope services"},
			{"image", input{Image: "registry.fly.io/x:other"}, "'registry.fly.io/x:other'"},
			{"strategy of the file", input{Content: content + "\n[deploy]\nstrategy = \"immediate\"\n"}, "strategy immediate"},
			{"wait_timeout of the file", input{Content: content + "\n[deploy]\nwait_timeout = \"10m\"\n"}, "wait_timeout 10m0s"},
		}
		digests, texts := make(map[string]string), make(map[string]string)
		for _, test := range tests {
			in := test.in
			if in.Content == "" {
				in.Content = content
			}
			p := b.planOf(in).Plan
			text := p.Question().Text()
			if test.want == "" {
				test.want = standard
			}
			if !strings.Contains(text, test.want) {
				t.Errorf("%s: no %q in\n%s", test.name, test.want, text)
			}
			if !strings.Contains(text, "settings: ") {
				t.Errorf("%s: no settings in\n%s", test.name, text)
			}
			for what, seen := range map[string]map[string]string{p.Digest(): digests, text: texts} {
				if other, ok := seen[what]; ok && (test.in.Content == "" || what != text) { // the file may say what the call did
					t.Errorf("%s reads like %s", test.name, other)
				}
				seen[what] = test.name
			}
			if continues := strings.Contains(text, "all Machines may be left broken"); continues != (in.OnFailure == "continue") {
				t.Errorf("%s: said %t in\n%s", test.name, continues, text)
			}
		}
	})
}

// TestDeployWidthOfManyGroups: more groups than a line holds are counted.
func TestDeployWidthOfManyGroups(t *testing.T) {
	p := plan.Plan{Tool: Tool, Wording: Wording{}, App: "shop", Impact: plan.ImpactRestart}
	for i := range 20 {
		p.Fact(fmt.Sprintf("%sg%02d", plan.FactAtOnce, i), plan.AtOnce(1, 1+i%2, i%2 == 0))
	}
	if text := p.Question().Text(); !strings.Contains(text, `group "g00" ALL 1 of 1, group "g01" 1 of 2`) ||
		!strings.Contains(text, "14 more groups, 7 of which may be down completely") {
		t.Errorf("got\n%s", text)
	}
}
