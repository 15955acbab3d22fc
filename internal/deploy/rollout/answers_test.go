package rollout

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flycast-mcp/flycast-mcp/flysim"
	"github.com/flycast-mcp/flycast-mcp/flytoml/machine"
	"github.com/flycast-mcp/flycast-mcp/internal/gate"
	"github.com/flycast-mcp/flycast-mcp/internal/platformtest"
)

// TestLostAnswers: an update is sent once, whatever becomes of its answer, and
// reading tells what it did.
func TestLostAnswers(t *testing.T) {
	const get, update = "machine.get", "machine.update"
	// One read of the client is up to four requests. The first one, under the
	// lease, succeeds.
	unreadable := func(reads int) flysim.Fault {
		return flysim.Fault{Operation: get, After: 1, Times: 4 * reads, Status: http.StatusInternalServerError + 3}
	}
	tests := []struct {
		name   string
		faults []flysim.Fault
		want   State
		code   gate.Code // empty: it goes on
		says   string
		sent   int // updates, putting back included
	}{
		{name: "connection lost after the effect", faults: []flysim.Fault{
			{Operation: update, Reset: flysim.ResetAfter}}, want: Healthy, sent: 1},
		{name: "answered 502 after the effect", faults: []flysim.Fault{{Operation: update, Status: 502,
			EffectThenStatus: true}}, want: Healthy, sent: 1},
		{name: "answered 408 after the effect", faults: []flysim.Fault{{Operation: update, Status: 408,
			EffectThenStatus: true}}, want: Healthy, sent: 1},
		{name: "half an answer", faults: []flysim.Fault{{Operation: update, Malformed: true}}, want: Healthy, sent: 1},
		{name: "lost after the effect, the first reading fails", faults: []flysim.Fault{
			{Operation: update, Reset: flysim.ResetAfter}, unreadable(1)}, want: Healthy, sent: 1},

		{name: "connection lost before", faults: []flysim.Fault{{Operation: update, Reset: flysim.ResetBefore}},
			want: Unchanged, code: gate.PlatformError, says: "the Machine is unchanged", sent: 1},
		{name: "answered 500 without effect", faults: []flysim.Fault{{Operation: update, Status: 500}},
			want: Unchanged, code: gate.PlatformError, says: "the Machine is unchanged", sent: 1},
		{name: "lost before, the first readings fail", faults: []flysim.Fault{
			{Operation: update, Reset: flysim.ResetBefore}, unreadable(2)}, want: Unchanged,
			code: gate.PlatformError, says: "the Machine is unchanged", sent: 1},
		{name: "refused after the effect", faults: []flysim.Fault{{Operation: update, Status: 422,
			EffectThenStatus: true, Body: `{"error":"no such thing"}`}}, want: Healthy, sent: 1},
		{name: "in conflict with itself", faults: []flysim.Fault{{Operation: update, Status: 409,
			EffectThenStatus: true}}, want: Healthy, sent: 1},
		{name: "refused after the effect, the first reading fails", faults: []flysim.Fault{
			{Operation: update, Status: 422, EffectThenStatus: true, Body: `{"error":"no such thing"}`},
			unreadable(1)}, want: Healthy, sent: 1},
		{name: "refused after the effect, all readings fail for a while", faults: []flysim.Fault{
			{Operation: update, Status: 422, EffectThenStatus: true, Body: `{"error":"no such thing"}`},
			unreadable(settleReads)},
			want: PutBack, code: gate.InvalidInput, says: "is unknown", sent: 2},

		{name: "refused", faults: []flysim.Fault{{Operation: update, Status: 422,
			Body: `{"error":"no such thing"}`}}, want: Unchanged, code: gate.InvalidInput, says: "no such thing", sent: 1},
		{name: "too many requests", faults: []flysim.Fault{{Operation: update, Status: 429}}, want: Unchanged,
			code: gate.RateLimited, sent: 1},

		// Not known is not the same as unchanged.
		{name: "lost before, all readings fail for a while", faults: []flysim.Fault{
			{Operation: update, Reset: flysim.ResetBefore}, unreadable(settleReads)},
			want: Unchanged, code: gate.PlatformError, says: "read back later, the Machine is unchanged", sent: 1},
		{name: "refused, all readings fail for a while", faults: []flysim.Fault{{Operation: update, Status: 422,
			Body: `{"error":"no such thing"}`}, unreadable(settleReads)},
			want: Unchanged, code: gate.InvalidInput, says: "read back later, the Machine is unchanged", sent: 1},
		{name: "lost after the effect, all readings fail for a while", faults: []flysim.Fault{
			{Operation: update, Reset: flysim.ResetAfter}, unreadable(settleReads)},
			want: PutBack, code: gate.PlatformError, says: "is unknown", sent: 2},
		{name: "lost after the effect, no reading succeeds", faults: []flysim.Fault{
			{Operation: update, Reset: flysim.ResetAfter}, unreadable(2 * settleReads)},
			want: Broken, code: gate.PlatformError, says: "is unknown", sent: 1},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{})
			first := b.MachineIDs(b.app)[0]
			b.invent(first)
			changes := b.changes()
			for _, fault := range test.faults {
				fault.Target = first
				b.Inject(fault)
			}
			report := b.run(changes)
			if n := len(b.sentUpdates(first)); n != test.sent {
				t.Errorf("%d updates were sent, want %d", n, test.sent)
			}
			b.released(first)
			if test.code == "" {
				b.states(report, Healthy, Healthy)
				if !machine.Equal(b.MachineConfig(b.app, first), changes[0].After.WithoutFlyctlVersion()) {
					t.Error("it has another configuration")
				}
				return
			}
			b.states(report, test.want, NotStarted)
			b.failed(report, first, test.code, test.says)
			b.untouched(changes[1])
			switch test.want {
			case Unchanged:
				b.unchanged(changes[0])
				if failed, _ := report.Failed(); strings.Contains(failed.Err.Error(), "is unknown") {
					t.Errorf("it is unchanged, and yet: %v", failed.Err)
				}
			case PutBack:
				b.has(first, changes[0].Before.Config)
			}
		})
	}
}

// TestSomethingElseArrived: the answer was lost, and the Machine changed into
// neither configuration: what it had is put back.
func TestSomethingElseArrived(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		other := b.inService(changes[0].After, "internal_port", "9999")
		b.Inject(flysim.Fault{Operation: "machine.update", Target: id, Reset: flysim.ResetBefore,
			Before: func(p *flysim.Platform) { p.SetMachineConfig(b.app, id, other) }})
		report := b.run(changes)
		b.states(report, PutBack, NotStarted)
		b.failed(report, id, gate.PlatformError, "not to what was sent")
		b.has(id, changes[0].Before.Config)
		b.released(id)
		b.untouched(changes[1])
	})
}

// TestPutBackFails: the report names the Machine and both errors.
func TestPutBackFails(t *testing.T) {
	after := func(f flysim.Fault) func(*deployedApp, string) {
		return func(b *deployedApp, id string) {
			b.FailMachine(b.app, id, flysim.FailExit)
			f.Target, f.After = id, 1
			b.Inject(f)
		}
	}
	tests := []struct {
		name  string
		spoil func(b *deployedApp, id string)
		says  string
		sent  int
	}{
		{"the earlier configuration does not start either", func(b *deployedApp, id string) {
			b.FailMachine(b.app,
				id, flysim.FailExit, flysim.FailExit)
		},
			"put back: its program ended with exit code 1", 2},
		{"nor can it be launched", func(b *deployedApp, id string) {
			b.FailMachine(b.app, id, flysim.FailExit,
				flysim.FailLaunch)
		},
			"put back: ", 2},
		{"the update is refused", after(flysim.Fault{Operation: "machine.update", Status: 422,
			Body: `{"error":"no capacity"}`}), "no capacity", 2},
		{"the update is lost", after(flysim.Fault{Operation: "machine.update", Reset: flysim.ResetBefore,
			Times: 2}), "put back: the answer to a write was lost", 3},
		{"it was destroyed", func(b *deployedApp, id string) {
			b.FailMachine(b.app, id, flysim.FailExit)
			b.Inject(flysim.Fault{Operation: "machine.update", Target: id, After: 1,
				Before: func(p *flysim.Platform) { p.DestroyMachine(b.app, id) }})
		}, "put back:", 2},
	}
	for _, test := range tests {
		bubble(t, test.name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{})
			changes := b.changes()
			id := changes[0].Before.ID
			test.spoil(b, id)
			report := b.run(changes)
			b.states(report, Broken, NotStarted)
			b.failed(report, id, "", "its program ended with exit code 1", test.says)
			if n := len(b.sentUpdates(id)); n != test.sent {
				t.Errorf("%d updates were sent, want %d", n, test.sent)
			}
			if report.Count(Broken) != 1 {
				t.Errorf("got %+v", report)
			}
			b.released(id)
			b.untouched(changes[1])
		})
	}
}

// TestPutBackUnseen: the platform stops answering reads. What is known of
// the update is enough to put back.
func TestPutBackUnseen(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.FailMachine(b.app, id, flysim.FailExit)
		b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 1, Times: -1, Status: 503})
		report := b.run(changes)
		b.states(report, PutBack, NotStarted)
		b.has(id, changes[0].Before.Config)
		b.released(id)
	})
}

// TestPutBackOnceMore: the earlier configuration is sent once more if it has not
// arrived.
func TestPutBackOnceMore(t *testing.T) {
	for name, fault := range map[string]flysim.Fault{"lost": {Reset: flysim.ResetBefore}, "500": {Status: 500},
		"429": {Status: 429}} {
		bubble(t, name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{})
			changes := b.changes()
			id := changes[0].Before.ID
			b.FailMachine(b.app, id, flysim.FailExit)
			fault.Operation, fault.Target, fault.After = "machine.update", id, 1
			b.Inject(fault)
			b.states(b.run(changes), PutBack, NotStarted)
			b.has(id, changes[0].Before.Config)
			b.released(id)
		})
	}
}

// TestPutBackAnswerLost: putting back is settled by reading too.
func TestPutBackAnswerLost(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.FailMachine(b.app, id, flysim.FailExit)
		b.Inject(flysim.Fault{Operation: "machine.update", Target: id, After: 1, Reset: flysim.ResetAfter})
		b.states(b.run(changes), PutBack, NotStarted)
		b.has(id, changes[0].Before.Config)
		b.released(id)
	})
}

// TestPlatformStumbles: that Fly does not answer a question says nothing about
// the Machine, and is no reason to restart it with its earlier configuration.
func TestPlatformStumbles(t *testing.T) {
	for name, fault := range map[string]flysim.Fault{
		"wait answers 502":    {Operation: "machine.wait", Status: 502, Times: 20},
		"wait answers 429":    {Operation: "machine.wait", Status: 429, Times: 20},
		"wait is dropped":     {Operation: "machine.wait", Reset: flysim.ResetBefore, Times: 20},
		"reading answers 502": {Operation: "machine.get", After: 1, Status: 502, Times: 20},
		"reading answers 429": {Operation: "machine.get", After: 1, Status: 429, RetryAfter: time.Second, Times: 20},
		"half an answer":      {Operation: "machine.get", After: 1, Malformed: true, Times: 3},
	} {
		bubble(t, name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{CheckDelay: 30 * time.Second})
			b.settle()
			changes := b.changes()[:1]
			id := changes[0].Before.ID
			fault.Target = id
			b.Inject(fault)
			b.states(b.run(changes), Healthy)
			if n := len(b.sentUpdates(id)); n != 1 {
				t.Errorf("%d updates were sent", n)
			}
			b.leaseNeverLapsed(id)
			b.released(id)
		})
	}
	bubble(t, "for ever", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.Inject(flysim.Fault{Operation: "machine.wait", Target: id, Status: 502, Times: -1})
		b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 1, Status: 502, Times: -1})
		report := b.run(changes)
		b.states(report, Broken, NotStarted)
		b.failed(report, id, gate.PlatformError, "it did not start", "put back")
		b.has(id, changes[0].Before.Config) // though nobody saw it start
		b.released(id)
	})
	bubble(t, "only waiting, for ever", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		b.Inject(flysim.Fault{Operation: "machine.wait", Status: 502, Times: -1})
		b.states(b.run(changes), Healthy, Healthy)
	})
	bubble(t, "the right to read ends", func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		id := changes[0].Before.ID
		b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 1, Status: 403})
		report := b.run(changes)
		b.states(report, PutBack, NotStarted)
		b.failed(report, id, gate.Unauthorized, "read its state")
	})
}

// TestReadBackFails: whether a stopped Machine has what was sent is not known,
// and the rollout ends.
func TestReadBackFails(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "inner-circle", flysim.Options{})
		b.settle()
		changes := b.changes()[1:]
		id := changes[0].Before.ID
		b.Inject(flysim.Fault{Operation: "machine.get", Target: id, After: 1, Times: -1, Status: 503})
		w := b.work(changes)
		w.OnFailure = Stop
		report := b.do(w)
		b.states(report, Failed)
		b.failed(report, id, gate.PlatformError, "read back")
		b.released(id)
	})
}

// TestDrift: the platform silently drops a field that it does not take there.
func TestDrift(t *testing.T) {
	platformtest.InBubble(t, func(t *testing.T) {
		b := newDeployedApp(t, "shop-api", flysim.Options{})
		changes := b.changes()
		changes[0].After = b.inService(changes[0].After, "auto_stop_machines", `"stop"`)
		report := b.run(changes)
		b.states(report, Healthy, Healthy)
		if got, want := report.Machines[0].Mismatch,
			[]string{`services[0].auto_stop_machines: sent "stop", found nothing`}; !slices.Equal(got, want) {
			t.Errorf("got mismatch %q, want %q", got, want)
		}
		// "stop" came back as true, which means the same.
		if got := report.Machines[1].Mismatch; len(got) != 0 {
			t.Errorf("got mismatch %q", got)
		}
	})
}

// TestDriftHidesValues: environment values are never in a line.
func TestDriftHidesValues(t *testing.T) {
	parse := func(text string) machine.Config {
		c, err := machine.ParseConfig([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	got := mismatch(
		parse(`{"env":{"A":"hunter2","B":"hunter3"},"image":"x","services":[{"autostop":"off"}]}`),
		parse(`{"env":{"A":"changed2","NEW":"hunter4"},"image":"y","services":[{"autostop":false,"added":1}],"added":true}`),
		machine.Config{})
	want := []string{"env.A", "env.B", "image"}
	var paths []string
	for _, line := range got {
		path, _, _ := strings.Cut(line, ": ")
		paths = append(paths, path)
		for _, secret := range []string{"hunter", "changed2"} {
			if strings.Contains(line, secret) {
				t.Errorf("%q holds a value", line)
			}
		}
	}
	if !slices.Equal(paths, want) {
		t.Errorf("got %q, want paths %q", got, want)
	}
}

// TestAnswersFromBefore: Fly's API may answer a reading from a replica that has
// not heard of the update yet. What the earlier instance did proves nothing.
func TestAnswersFromBefore(t *testing.T) {
	for _, test := range []struct {
		name  string
		state string
		fails flysim.Failure
		want  State
	}{
		{"it was broken", "failed", flysim.FailNone, Healthy},
		{"it was well", "started", flysim.FailChecks, PutBack},
		{"it was well, the new one ends", "started", flysim.FailExit, PutBack},
	} {
		bubble(t, test.name, func(t *testing.T) {
			b := newDeployedApp(t, "shop-api", flysim.Options{})
			changes := b.changes()[:1]
			id := changes[0].Before.ID
			before, err := json.Marshal(map[string]any{
				"id": id, "state": test.state, "instance_id": changes[0].Before.InstanceID, "config": changes[0].Before.Config,
				"checks": []map[string]string{{"name": "servicecheck-00-http-8080", "status": "passing"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			b.FailMachine(b.app, id, test.fails)
			b.Inject(flysim.Fault{Operation: "machine.get", Target: id, Status: http.StatusOK, Body: string(before), Times: 3})
			b.states(b.run(changes), test.want)
			b.released(id)
		})
	}
}
