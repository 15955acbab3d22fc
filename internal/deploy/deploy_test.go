package deploy

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/internal/flytest"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/journal"
	"github.com/flycast-mcp/flycast-mcp/internal/plan"
)

// TestDeployAddressCame: what was approved for a private app is not done to one
// that became public between the approval and the first Machine.
func TestDeployAddressCame(t *testing.T) {
	for _, kind := range []string{"shared_v4", "v4", "v6"} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			planned := b.plan(b.file("internal_port = 8081", "internal_port = 8082"))
			b.AddAddress(b.app, kind, "", "")
			_, err := b.apply(planned)
			var p *plan.Problem
			if !errors.As(err, &p) || p.Code != gate.Stale ||
				!strings.Contains(p.Message, string(plan.NewPublicService)) || !strings.Contains(p.Message, "nothing was changed") {
				t.Errorf("%s: got %v", kind, err)
			}
			if writes := b.Writes(); len(writes) != 0 {
				t.Errorf("%s: %d writes", kind, len(writes))
			}
		})
	}
}

// TestDeployAddressWent: nor is what was approved for a public app done to one
// that answers nobody after it.
func TestDeployAddressWent(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		v6 := b.AddAddress(b.app, "v6", "", "")
		planned := b.plan(b.file("internal_port = 8081", "internal_port = 8081\n  force_https = true"))
		b.RemoveAddress(b.app, v6)
		_, err := b.apply(planned)
		var p *plan.Problem
		if !errors.As(err, &p) || p.Code != gate.Stale ||
			!strings.Contains(p.Message, string(plan.AppUnreachable)) || len(b.Writes()) != 0 {
			t.Errorf("got %v, %d writes", err, len(b.Writes()))
		}
	})
}

// TestDeployAddressHarmless: an address that does not matter to this deploy
// does not stop it, and is told at the end.
func TestDeployAddressHarmless(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.plan(b.file("auto_stop_machines = \"stop\"", "auto_stop_machines = \"suspend\""))
		b.AddAddress(b.app, "v6", "", "")
		out, err := b.apply(planned)
		if err != nil || out.Status != plan.Applied || !strings.Contains(out.Summary, "public addresses were added") {
			t.Errorf("got %s %q, %v", out.Status, out.Summary, err)
		}
	})
}

// TestDeployAddressUnread: without a look at the addresses nothing is begun.
func TestDeployAddressUnread(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.plan(b.file("internal_port = 8081", "internal_port = 8082"))
		for _, operation := range []string{"graphql.app", "ip.list"} {
			b.Inject(flysim.Fault{Operation: operation, Status: 503, Times: -1})
		}
		if _, err := b.apply(planned); err == nil || !strings.Contains(err.Error(), "nothing was changed") ||
			len(b.Writes()) != 0 {
			t.Errorf("got %v, %d writes", err, len(b.Writes()))
		}
	})
}

// TestDeployAddressCameMeanwhile: one that comes while Machines are updated is
// told at the end.
func TestDeployAddressCameMeanwhile(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.plan(b.file("min_machines_running = 0", "min_machines_running = 1"))
		address := ""
		b.Inject(flysim.Fault{Operation: "lease.acquire",
			Before: func(p *flysim.Platform) { address = p.AddAddress(b.app, "v4", "", "") }})
		out, err := b.apply(planned)
		if err != nil || address == "" || !strings.Contains(out.Summary, address) || !flytest.Mentions(out.Unknown, address) {
			t.Errorf("%s: got %q, unknown %q, %v", address, out.Summary, out.Unknown, err)
		}
	})
}

// TestDeployAddressWentMeanwhile checks that a result says if the last address was
// removed while the deploy ran.
func TestDeployAddressWentMeanwhile(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		v6 := b.AddAddress(b.app, "v6", "", "")
		planned := b.plan(b.file("internal_port = 8081", "internal_port = 8081\n  force_https = true"))
		b.Inject(flysim.Fault{Operation: "lease.acquire", Before: func(p *flysim.Platform) { p.RemoveAddress(b.app, v6) }})
		out, err := b.apply(planned)
		if err != nil || !strings.Contains(out.Summary, string(plan.AppUnreachable)) ||
			strings.Contains(out.Summary, "public addresses were added") {
			t.Errorf("got %q, %v", out.Summary, err)
		}
	})
}

// TestDeployKept: what the platform keeps although it was to go is not verified.
func TestDeployKept(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		const more = `{"protocol":"tcp","internal_port":9090,"ports":[{"port":9090}]}`
		for _, id := range b.MachineIDs(b.app) {
			config := b.MachineConfig(b.app, id)
			var services []json.RawMessage
			if err := json.Unmarshal(config.Raw("services"), &services); err != nil {
				t.Fatal(err)
			}
			b.SetMachineConfig(b.app, id, oracleWith(t, config, "services", append(services, json.RawMessage(more))))
		}
		time.Sleep(10 * time.Minute)
		planned := b.plan(b.file("", ""))
		b.OnRequest = func(path string, body []byte) []byte {
			if !strings.Contains(path, "/machines/") {
				return body
			}
			return []byte(strings.Replace(string(body), `"services":[`, `"services":[`+more+`,`, 1))
		}
		out, err := b.apply(planned)
		if err != nil || out.Code != gate.VerifyFailed ||
			!flytest.Mentions(out.Unknown, "services[1].internal_port: sent nothing, found 80") {
			t.Errorf("got %s %q, unknown %q, %v", out.Code, out.Summary, out.Unknown, err)
		}
		if len(out.Verified) > 0 {
			t.Errorf("verified %q", out.Verified)
		}
	})
}

// TestDeployVerified: checks are claimed where there are some.
func TestDeployVerified(t *testing.T) {
	for name, with := range map[string]bool{"with checks": true, "without": false} {
		withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
			t := b.t
			content := b.file("min_machines_running = 0", "min_machines_running = 1")
			if !with {
				content = b.FileWithoutChecks(b.app)
			}
			out := b.deploy(content)
			want := Counts{Total: 2, Updated: 2, Started: 2}
			if with {
				want = Counts{Total: 2, Updated: 2, Healthy: 2}
			}
			if *out.Machines != want || len(out.Verified) != 1 ||
				strings.Contains(out.Verified[0], "with passing checks") != with {
				t.Errorf("%s: got %q of %+v", name, out.Verified, out.Machines)
			}
		})
	}
}

// TestDeployLeavesAlone: Machines that a file is not about are counted, and not
// said to have its configuration.
func TestDeployLeavesAlone(t *testing.T) {
	withApp(t, "legacy-api", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		planned := b.plan(b.file(`, worker = "bin/worker"`, ""))
		want := "Of the 2 Machines of legacy-api, 1 already have this configuration and 1 were left alone. " +
			"Nothing was changed."
		if !planned.Plan.Empty() || planned.Nothing != want || planned.Out.Machines.Total != 2 {
			t.Errorf("got %q, %+v", planned.Nothing, planned.Out.Machines)
		}
		planned = b.plan(b.file("", ""))
		if want := "All 2 Machines of legacy-api already have this configuration. Nothing was " +
			"changed."; planned.Nothing != want {
			t.Errorf("got %q", planned.Nothing)
		}
	})
}

// TestDeployPutBack: of a Machine that was put back no more is said than was seen.
func TestDeployPutBack(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		b.FailMachine(b.app, "6e82de91c43987", flysim.FailChecks)
		out := b.deploy(b.file("min_machines_running = 0", "min_machines_running = 1"))
		if out.Status != plan.Failed ||
			!strings.Contains(out.Summary, "earlier configuration again and was seen started; its checks were not awaited") {
			t.Errorf("got %s %q", out.Status, out.Summary)
		}
		// The same again would end the same: a person looks first.
		want := plan.Next{Who: "person", Command: "fly logs -a inner-circle --no-tail"}
		if len(out.Next) != 1 || out.Next[0].Who != want.Who || out.Next[0].Command != want.Command ||
			out.Code != gate.VerifyFailed || out.Retry != gate.RetryAfterFix {
			t.Errorf("got %s, retry %s, next %+v", out.Code, out.Retry, out.Next)
		}
		var notes []string
		for _, step := range out.Steps {
			if step.State == plan.PutBack {
				notes = append(notes, step.Note)
			}
		}
		for _, want := range []string{"restored, seen started", "restored, not seen started"} { // the other one did not run
			if !slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, want) }) {
				t.Errorf("no Machine has %q: %q", want, notes)
			}
		}
	})
}

// TestDeployFlyFails: where Fly fails and not the Machine, the same call is what
// helps.
func TestDeployFlyFails(t *testing.T) {
	for status, want := range map[int]plan.Next{
		500: {Who: "agent", Tool: Tool},
		403: {Who: "person", Command: "fly tokens create deploy -a shop-api -x 24h"},
		422: {Who: "person"},
	} {
		withApp(t, "shop-api", flysim.Options{}, func(b *deployedApp) {
			b.Inject(flysim.Fault{Operation: "machine.update", Status: status, Times: 9})
			out := b.deploy(b.file("soft_limit = 200", "soft_limit = 20"))
			if len(out.Next) != 1 || out.Next[0].Who != want.Who || out.Next[0].Tool != want.Tool ||
				out.Next[0].Command != want.Command {
				b.t.Errorf("%d: %s, %q, next %+v", status, out.Code, out.Summary, out.Next)
			}
		})
	}
}

// TestDeployJournal: the journal says of each Machine what became of it.
func TestDeployJournal(t *testing.T) {
	withApp(t, "inner-circle", flysim.Options{}, func(b *deployedApp) {
		t := b.t
		// the other one has begun by then
		b.Inject(flysim.Fault{Operation: "lease.acquire", Target: "d891275f6e3d38", Status: 403, Delay: time.Second})
		b.deploy(b.file("min_machines_running = 0", "min_machines_running = 1"))
		var got []string
		if _, err := b.deployer.Journal.Any(func(e journal.Entry) bool {
			if e.Event == journal.Step {
				got = append(got, strings.Join([]string{e.Tool, e.App, e.Verb, e.Target, e.Status, e.Code}, " "))
				if e.Status == "begun" && e.Verb != string(gate.CreateRelease) && (e.Instance == "" || len(e.Config) != 64) {
					t.Errorf("no version: %+v", e)
				}
			}
			return false
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(got) // groups and pools are at work side by side
		release := "deploy inner-circle create_release " + b.Releases(b.app)[0].ID
		want := []string{
			"deploy inner-circle create_release  begun ", release + " failed ", release + " pending ", release + " running ",
			"deploy inner-circle update_machine 6e82de91c43987 begun ",
			"deploy inner-circle update_machine 6e82de91c43987 healthy ",
			"deploy inner-circle update_machine 6e82de91c43987 put_back ",
			"deploy inner-circle update_machine d891275f6e3d38 begun ",
			"deploy inner-circle update_machine d891275f6e3d38 unchanged unauthorized",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
