package deploy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/deploy/target"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// blockedBy plans what must not happen, and gives the blocker.
func (b *deployedApp) blockedBy(in input) (plan.Blocker, Proposal) {
	b.t.Helper()
	in.App = b.app
	planned, err := b.planDeploy(in)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(planned.Plan.Blockers) == 0 {
		b.t.Fatalf("not blocked: %q", planned.Out.Changes)
	}
	return planned.Plan.Blockers[0], planned
}

// stepLines are the plan's steps that a person sees: verb and group.
func stepLines(p plan.Plan) []string {
	var out []string
	for _, s := range p.Steps {
		if s.Shown() {
			out = append(out, string(s.Verb)+" "+s.Get(plan.ParamGroup))
		}
	}
	slices.Sort(out)
	return out
}

// TestDeployScopeServices: services and checks of the file, and nothing else of
// it; the release says no more than that.
func TestDeployScopeServices(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		content := b.file("internal_port = 8081",
			"internal_port = 8081\n  [http_service.concurrency]\n    soft_limit = 7\n") +
			"\n[env]\n  NEW = \"1\"\n[[vm]]\n  memory = \"2gb\"\n[[statics]]\n  guest_path = \"/x\"\n  url_prefix = \"/x\"\n"
		before := make(map[string]machine.Config)
		for _, id := range b.MachineIDs(b.app) {
			before[id] = b.MachineConfig(b.app, id)
		}
		planned := b.planOf(input{Content: content, Scope: ScopeServices})
		for _, d := range planned.Out.Drift { // what stays as it is on the Machines is no change
			if !strings.HasPrefix(d.Path, "services[") {
				t.Errorf("drift has %+v", d)
			}
		}
		if planned.Plan.Has(plan.OtherConfigChanges) {
			t.Errorf("hazards %q", planned.Plan.Hazards)
		}
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied {
			t.Fatalf("got %s %q, %v", out.Status, out.Summary, err)
		}
		for id, was := range before {
			is := b.MachineConfig(b.app, id)
			if keys := machine.DiffKeys(was, is); !slices.Equal(keys, []string{"metadata", "services"}) {
				t.Errorf("Machine %s: %q changed", id, keys)
			}
		}
		definition := string(b.Releases(b.app)[0].Definition)
		if !strings.Contains(definition, `"soft_limit":7`) || strings.Contains(definition, "NEW") ||
			strings.Contains(definition, "2gb") || strings.Contains(definition, "statics") {
			t.Errorf("the release says %s", definition)
		}
		if again := b.planOf(input{Content: content, Scope: ScopeServices}); !again.Plan.Empty() {
			t.Errorf("a second one would change %q", again.Out.Changes)
		}
		// All of it is still to be done.
		if rest := b.plan(content); !rest.Plan.Has(plan.OtherConfigChanges) || !flytest.Mentions(rest.Out.Changes,
			"guest.memory_mb") {
			t.Errorf("hazards %q, changes %q", rest.Plan.Hazards, rest.Out.Changes)
		}
	})
}

// TestDeployScopeServicesRelease: where the services do not fit into the last
// release, none is recorded.
func TestDeployScopeServicesRelease(t *testing.T) {
	withApp(t, "", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		b.app = "unreleased"
		b.AddApp(b.app, "personal", "")
		b.AddAddress(b.app, "private_v6", "", "")
		config := oracleWith(t, machine.Config{}, "image", "registry.fly.io/unreleased:1")
		config = oracleWith(t, config, "metadata", map[string]string{machine.MetadataPlatformVersion: "v2",
			machine.MetadataProcessGroup: "app"})
		b.AddMachine(b.app, "iad", config)
		planned := b.planOf(input{Content: "[http_service]\n  internal_port = 8080\n", Scope: ScopeServices})
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || out.Release != 0 || len(b.Releases(b.app)) != 0 ||
			!flytest.Mentions(out.Remarks, "no version was recorded") {
			t.Errorf("got %s %q, remarks %q, %v", out.Status, out.Summary, out.Remarks, err)
		}
	})
}

// TestDeployCreates: a group without Machines gets one, with the image of the
// others and a volume where it mounts one: a new one, or a free one.
func TestDeployCreates(t *testing.T) {
	const group = "\n[processes]\n  app = \"\"\n  worker = \"bin/work\"\n[[mounts]]\n  source = \"queue\"\n  " +
		"destination = \"/queue\"\n  initial_size = \"3gb\"\n  processes = [\"worker\"]\n"
	for name, free := range map[string]bool{"a new volume": false, "a free volume": true} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			volume := ""
			if free {
				b.AddVolume(b.app, "queue", "ams", 1) // in another region
				volume = b.AddVolume(b.app, "queue", "ord", 1)
			}
			content := b.file("[http_service]", group+"[http_service]")
			planned := b.plan(content)
			want := []string{"create_machine worker"}
			if !free {
				want = append(want, "create_volume ")
			}
			if got := stepLines(planned.Plan); !slices.Equal(got, want) || !planned.Plan.Has(plan.MachineCreated) ||
				planned.Plan.Has(plan.Restart) {
				t.Errorf("%s: steps %q, hazards %q", name, got, planned.Plan.Hazards)
			}
			question := planned.Plan.Question().Text()
			// The smallest new Machine must fit a form: it is asked for in the client.
			if !planned.Plan.Question().Fits() || strings.Contains(question, "stopped Machines") {
				t.Errorf("%s: the question does not fit a form: %s", name, question)
			}
			if !strings.Contains(question, `group "worker": a NEW Machine ("ord")`) ||
				!strings.Contains(question, "billed while they run") {
				t.Errorf("%s: question %s", name, question)
			}
			out, err := b.apply(planned)
			if len(out.Undo) != 1 || !strings.HasPrefix(out.Undo[0], "fly machine destroy ") { // the earlier file would leave it
				t.Errorf("%s: undo %q", name, out.Undo)
			}
			if err != nil || out.Status != plan.Applied || out.Machines.Created != 1 || out.Machines.Total != 3 {
				t.Fatalf("%s: got %s %q %+v, %v", name, out.Status, out.Summary, out.Machines, err)
			}
			ids := b.MachineIDs(b.app)
			made := b.Machine(b.app, ids[len(ids)-1])
			mounts, err := made.Config.Mounts()
			if err != nil || len(mounts) != 1 || made.Region != "ord" ||
				made.Config.Image() != b.MachineConfig(b.app, ids[0]).Image() {
				t.Fatalf("%s: made %+v, mounts %+v, %v", name, made, mounts, err)
			}
			if free && mounts[0].Volume != volume {
				t.Errorf("%s: mounts %s, want %s", name, mounts[0].Volume, volume)
			}
			if i := slices.IndexFunc(b.Volumes(b.app),
				func(v flysim.Volume) bool { return v.ID == mounts[0].Volume }); i < 0 || !free && b.Volumes(b.app)[i].SizeGB != 3 {
				t.Errorf("%s: volumes %+v", name, b.Volumes(b.app))
			}
			if again := b.plan(content); !again.Plan.Empty() {
				t.Errorf("%s: a second one would change %q", name, again.Out.Changes)
			}
		})
	}
}

// TestDeployCreatesImage: a new Machine that runs what no other does is said to.
func TestDeployCreatesImage(t *testing.T) {
	for _, first := range []bool{true, false} {
		withApp(t, "legacy-api", flysim.Options{}, func(b *deployedApp) {
			in := input{Content: b.file("", "")}
			for _, address := range b.Addresses(b.app) {
				if !strings.HasPrefix(address.Kind, "egress") {
					b.RemoveAddress(b.app, address.IP)
				}
			}
			for _, id := range b.MachineIDs(b.app) {
				if first || b.MachineConfig(b.app, id).ProcessGroup() == "worker" {
					in.Image = b.MachineConfig(b.app, id).Image()
					b.DestroyMachine(b.app, id)
				}
			}
			planned := b.planOf(in)
			if len(planned.Work.Rollout.Creates) == 0 || planned.Plan.Has(plan.ImageChange) != first {
				b.t.Errorf("first %t: %d created, hazards %q", first, len(planned.Work.Rollout.Creates), planned.Plan.Hazards)
			}
		})
	}
}

// TestDeployCreatesNothingPublic: a new Machine does not answer the internet
// beside what answers there.
func TestDeployCreatesNothingPublic(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		b.AddAddress(b.app, "shared_v4", "", "")
		content := b.file("[http_service]",
			"[processes]\n  app = \"\"\n  web = \"\"\n[[services]]\n  internal_port = 9000\n  protocol = \"tcp\"\n  "+
				"processes = [\"web\"]\n  [[services.ports]]\n    port = 9000\n[http_service]")
		blocker, _ := b.blockedBy(input{Content: content})
		if blocker.ID != string(plan.NewPublicService) || !strings.Contains(blocker.What, `group "web"`) {
			t.Errorf("got %+v", blocker)
		}
	})
}

// TestDeployVanished: Machines of a group that the file lacks are a line of the
// plan, and stay.
func TestDeployVanished(t *testing.T) {
	withApp(t, "legacy-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		for _, address := range b.Addresses(b.app) {
			if address.Kind == "v4" || address.Kind == "v6" {
				if !strings.HasPrefix(address.Kind, "egress") {
					b.RemoveAddress(b.app, address.IP)
				}
			}
		}
		b.AddAddress(b.app, "private_v6", "", "")
		content := strings.Replace(b.file(`, worker = "bin/worker"`, ""), "8080", "8081", 1)
		planned := b.plan(content)
		question := planned.Plan.Question().Text()
		if !strings.Contains(question, `Machines of groups not in the file are not destroyed: "worker"`) {
			t.Errorf("question %s", question)
		}
		if !flytest.Mentions(planned.Out.Remarks, `group "worker" is not in the file`) || planned.Out.Machines.Left != 1 {
			t.Errorf("remarks %q, %+v", planned.Out.Remarks, planned.Out.Machines)
		}
		before := len(b.MachineIDs(b.app))
		if out, err := b.apply(planned); err != nil || out.Status != plan.Applied || len(b.MachineIDs(b.app)) != before {
			t.Errorf("got %s %q, %v, %d Machines", out.Status, out.Summary, err, len(b.MachineIDs(b.app)))
		}
	})
}

// TestDeployByHand: what somebody changed on a Machine is undone, and the person
// who approves that has read it.
func TestDeployByHand(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		id := b.MachineIDs(b.app)[0]
		b.SetMachineConfig(b.app, id, oracleWith(t, b.MachineConfig(b.app, id), "restart",
			map[string]any{"policy": "always"}))
		planned := b.plan(b.file("", ""))
		if got := stepLines(planned.Plan); len(got) != 1 || !planned.Plan.Has(plan.OtherConfigChanges) {
			t.Errorf("steps %q, hazards %q", got, planned.Plan.Hazards)
		}
		if question := planned.Plan.Question().Text(); !strings.Contains(question, `restart.policy removed (was 'always')`) {
			t.Errorf("question %s", question)
		}
		if !flytest.Mentions(planned.Out.Changes, "changed on the Machines since version 5") {
			t.Errorf("changes %q", planned.Out.Changes)
		}
		if out, err := b.apply(planned); err != nil || out.Status != plan.Applied ||
			b.MachineConfig(b.app, id).Raw("restart") != nil {
			t.Errorf("got %s %q, %v", out.Status, out.Summary, err)
		}
	})
}

// TestDeployKeepsInventions: fields that nobody here knows go through an update.
func TestDeployKeepsInventions(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		id := b.MachineIDs(b.app)[0]
		invented := json.RawMessage(`{"since":12345678901234567890,"of":["a",null]}`)
		b.SetMachineConfig(b.app, id, oracleWith(t, b.MachineConfig(b.app, id), "invented", invented))
		if out := b.deploy(b.file("min_machines_running = 0", "min_machines_running = 1")); out.Status != plan.Applied {
			t.Fatalf("got %s %q", out.Status, out.Summary)
		}
		if got := string(b.MachineConfig(b.app, id).Raw("invented")); got != string(invented) {
			t.Errorf("got %s", got)
		}
	})
}

// TestDeployReplacements: what fly deploy would do by destroying a Machine is
// refused, and says why.
func TestDeployReplacements(t *testing.T) {
	const mount = "\n[[mounts]]\n  source = \"data\"\n  destination = \"/data\"\n"
	tests := []struct {
		name, had, file string
		want            string // empty: allowed
	}{
		{"added", "", mount, `the file mounts the volume "data", but it has none`},
		{"removed", "data", "", `it has the volume "data", but the file has no [[mounts]]`},
		{"another one", "other", mount, `the file mounts the volume "data", but it has "other"`},
		{"elsewhere", "data", mount, ""},
		{"a dedicated host", "", "\n[[vm]]\n  host_dedication_id = \"rack-1\"\n", `dedicated host "rack-1"`},
	}
	for _, test := range tests {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			for _, id := range b.MachineIDs(b.app) {
				if test.had != "" {
					b.SetMachineConfig(b.app, id, oracleWith(t, b.MachineConfig(b.app, id), "mounts",
						[]machine.Mount{{Name: test.had, Path: "/before", Volume: "vol_" + id}}))
				}
			}
			content := b.file("", "") + test.file
			if test.want == "" {
				if planned := b.plan(content); !flytest.Mentions(planned.Out.Changes,
					"mounts[0].path: \"/before\" → \"/data\"") && !flytest.Mentions(planned.Out.Changes, "mounts[0].path") {
					t.Errorf("%s: changes %q", test.name, planned.Out.Changes)
				}
				return
			}
			blocker, _ := b.blockedBy(input{Content: content})
			if blocker.ID != target.ReplacementNeeded || !strings.Contains(blocker.What, test.want) {
				t.Errorf("%s: got %+v", test.name, blocker)
			}
			services := b.planOf(input{Content: strings.Replace(content, "min_machines_running = 0",
				"min_machines_running = 1", 1), Scope: ScopeServices})
			if len(services.Work.Rollout.Updates) != 2 {
				t.Errorf("%s: scope services would update %d Machines", test.name, len(services.Work.Rollout.Updates))
			}
		})
	}
}

// TestDeployLeft: Machines that deploy leaves alone are named.
func TestDeployLeft(t *testing.T) {
	tests := []struct {
		name string
		do   func(b *deployedApp, id string)
		want string
	}{
		{"detached", func(b *deployedApp, id string) {
			b.SetMachineConfig(b.app, id, b.MachineConfig(b.app, id).Without("metadata"))
		}, "not made by fly deploy"},
		{"a canary", func(b *deployedApp, id string) {
			b.SetMachineConfig(b.app, id, oracleMerge(b.t, b.MachineConfig(b.app, id), "metadata", "fly_canary", "true"))
		}, "left over from an earlier canary deploy"},
		{"host down", func(b *deployedApp, id string) { b.SetHost(b.app, id, "unreachable") },
			`on a host that is "unreachable"`},
	}
	for _, test := range tests {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			id := b.MachineIDs(b.app)[0]
			test.do(b, id)
			was := b.MachineConfig(b.app, id)
			planned := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1"))
			if !flytest.Mentions(planned.Out.Remarks, "Machine "+id) || !flytest.Mentions(planned.Out.Remarks,
				test.want) || planned.Out.Machines.Left != 1 || len(planned.Work.Rollout.Creates) > 0 {
				t.Errorf("%s: remarks %q, %+v", test.name, planned.Out.Remarks, planned.Out.Machines)
			}
			out, err := b.apply(planned)
			if err != nil || out.Machines.Updated != 1 || !machine.Equal(was, b.MachineConfig(b.app, id)) {
				t.Errorf("%s: %s %q %+v, %v", test.name, out.Status, out.Summary, out.Machines, err)
			}
		})
	}
}

// TestDeployHostDown: a Machine with a volume on a host that is down has to be
// waited for.
func TestDeployHostDown(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		const mount = "\n[[mounts]]\n  source = \"data\"\n  destination = \"/data\"\n"
		for _, id := range b.MachineIDs(b.app) {
			b.SetMachineConfig(b.app, id, oracleWith(t, b.MachineConfig(b.app, id), "mounts",
				[]machine.Mount{{Name: "data", Path: "/data", Volume: "vol_" + id}}))
		}
		b.SetHost(b.app, b.MachineIDs(b.app)[1], "unreachable")
		blocker, _ := b.blockedBy(input{Content: b.file("min_machines_running = 0", "min_machines_running = 1") + mount})
		if blocker.ID != target.HostDown || !strings.Contains(blocker.What, b.MachineIDs(b.app)[1]) {
			t.Errorf("got %+v", blocker)
		}
	})
}

// TestDeployStandby: a standby whose group has services now stops being one.
func TestDeployStandby(t *testing.T) {
	for _, scope := range []string{ScopeAll, ScopeServices} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			ids := b.MachineIDs(b.app)
			config := oracleWith(t, b.MachineConfig(b.app, ids[1]), "standbys", []string{ids[0]})
			b.SetMachineConfig(b.app, ids[1], oracleMerge(t, config, "env", "FLY_STANDBY_FOR", ids[0]))
			planned := b.planOf(input{Content: b.file("", ""), Scope: scope})
			if !flytest.Mentions(planned.Out.Remarks, "no longer a standby") || len(planned.Work.Rollout.Updates) != 1 {
				t.Errorf("%s: remarks %q", scope, planned.Out.Remarks)
			}
			out, err := b.apply(planned)
			env, _ := b.MachineConfig(b.app, ids[1]).Env()
			if err != nil || out.Status != plan.Applied || b.MachineConfig(b.app, ids[1]).Raw("standbys") != nil ||
				env["FLY_STANDBY_FOR"] != "" {
				t.Errorf("%s: %s %q, %v", scope, out.Status, out.Summary, err)
			}
		})
	}
}

// TestDeployNoMachines: the first Machine needs an image; where one has to be
// built, the answer is the command that keeps the app private.
func TestDeployNoMachines(t *testing.T) {
	const content = "app = \"fresh\"\nprimary_region = \"iad\"\n[build]\n  dockerfile = " +
		"\"Dockerfile\"\n[http_service]\n  internal_port = 8080\n"
	for name, test := range map[string]struct{ address, command string }{
		"no address":         {"", "fly deploy -a fresh --ha=false --flycast"},
		"a Flycast address":  {"private_v6", "fly deploy -a fresh --ha=false --no-public-ips"},
		"a public address":   {"shared_v4", "fly deploy -a fresh --ha=false --no-public-ips"},
		"with an image":      {"private_v6", ""},
		"public, with image": {"shared_v4", "public"},
	} {
		withApp(t, "", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			b.app = "fresh"
			b.AddApp(b.app, "personal", "")
			if test.address != "" {
				b.AddAddress(b.app, test.address, "", "")
			}
			switch test.command {
			case "":
				out, err := b.apply(b.planOf(input{Content: content, Image: "registry.fly.io/fresh:1"}))
				if err != nil || out.Status != plan.Applied || len(b.MachineIDs(b.app)) != 1 {
					t.Errorf("%s: %s %q, %v", name, out.Status, out.Summary, err)
				}
			case "public":
				if blocker, _ := b.blockedBy(input{Content: content,
					Image: "registry.fly.io/fresh:1"}); blocker.ID != string(plan.NewPublicService) {
					t.Errorf("%s: %+v", name, blocker)
				}
			default:
				blocker, planned := b.blockedBy(input{Content: content})
				if blocker.ID != target.NoMachines || !strings.HasSuffix(blocker.Fix, test.command) ||
					planned.Next[1].Command != test.command {
					t.Errorf("%s: %+v, next %+v", name, blocker, planned.Next)
				}
			}
		})
	}
}
