package flysim_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	fly "github.com/superfly/fly-go"
)

// withLease calls do under a lease, as the commands on single Machines do.
func (f *flyctl) withLease(m *fly.Machine, do func(m *fly.Machine)) {
	f.t.Helper()
	ctx := f.t.Context()
	lease, err := f.rest.AcquireLease(ctx, f.app, m.ID, new(120))
	f.must(err)
	if lease.Status != "success" || lease.Data == nil || lease.Data.Version != m.InstanceID {
		f.t.Errorf("lease %+v of version %s", lease.Data, m.InstanceID) // otherwise flyctl reads the Machine again
	}
	m.LeaseNonce = lease.Data.Nonce
	do(m)
	f.must(f.rest.ReleaseLease(ctx, f.app, m.ID, m.LeaseNonce))
}

// machine returns the Machine that a command names.
func (f *flyctl) machine(id string) *fly.Machine {
	f.t.Helper()
	m, err := f.rest.Get(f.t.Context(), f.app, id)
	f.must(err)
	return m
}

// checkPrinted reads what `machine status` prints of one Machine and `machine list` of several. flyctl
// would panic without a guest and a time for each check.
func (f *flyctl) checkPrinted(m *fly.Machine) {
	f.t.Helper()
	if m.Config == nil || m.Config.Guest == nil || m.Config.Guest.MemoryMB == 0 || m.InstanceID == "" ||
		m.Name == "" || m.PrivateIP == "" || m.HostStatus != "ok" || m.ImageRef.Repository == "" {
		f.t.Errorf("%+v, %+v", m, m.Config)
	}
	for _, c := range m.Checks {
		if c.UpdatedAt == nil || c.UpdatedAt.IsZero() {
			f.t.Errorf("check %s was never updated", c.Name)
		}
	}
	for _, stamp := range []string{m.CreatedAt, m.UpdatedAt} {
		if at, err := time.Parse(time.RFC3339, stamp); err != nil || at.IsZero() {
			f.t.Errorf("%q is not a time: %v", stamp, err)
		}
	}
	for _, e := range m.Events {
		if e.Type == "" || e.Status == "" || e.Source == "" || e.Timestamp == 0 || e.Type == "exit" &&
			e.Request.ExitEvent == nil {
			f.t.Errorf("event %+v", e)
		}
	}
}

// TestFlyctlMachineCommands runs `machine stop`, `start`, `status`, `update`, `run` and `list` in
// quick succession.
func TestFlyctlMachineCommands(t *testing.T) {
	f := newFlyctl(t, "shop-api")
	ctx := t.Context()

	f.withLease(f.machine(shopA), func(m *fly.Machine) { // stop --wait-timeout
		f.must(f.rest.Stop(ctx, f.app, fly.StopMachineInput{ID: m.ID, Timeout: fly.Duration{
			Duration: 5 * time.Second}}, m.LeaseNonce))
		f.must(f.wait(ctx, m.ID, "stopped"))
	})
	f.checkPrinted(f.machine(shopA))
	f.withLease(f.machine(shopA), func(m *fly.Machine) {
		answer, err := f.rest.Start(ctx, f.app, m.ID, m.LeaseNonce)
		f.must(err)
		if answer.Status == "error" || answer.PreviousState != "stopped" {
			t.Errorf("start: %+v", answer)
		}
	})
	f.must(f.wait(ctx, shopA, "started"))
	f.checkPrinted(f.machine(shopA))

	f.withLease(f.machine(shopA), func(m *fly.Machine) { // update --yes --image
		m.Config.Image = "nginx:2"
		updated, err := f.rest.Update(ctx, f.app, fly.LaunchMachineInput{ID: m.ID, Region: m.Region, Name: m.Name,
			Config: m.Config}, m.LeaseNonce)
		f.must(err)
		f.must(f.wait(ctx, m.ID, "started"))
		if len(updated.Checks) != 1 {
			t.Errorf("the answer to the update has %d checks: flyctl waits for as many to pass", len(updated.Checks))
		}
		f.must(f.healthy(m.ID, len(updated.Checks)))
	})
	if m := f.machine(shopA); m.Config.Image != "nginx:2" || m.ImageRef.Tag != "2" || m.State != "started" ||
		f.p.Machine(f.app, shopA).LeaseOwner != "" {
		t.Errorf("after the update: %+v", m)
	}

	f.query(appCompact, map[string]any{"appName": f.app}) // run
	f.query(`query ($appName: String!, $imageRef: String!) { app(name: $appName) { id image(ref: $imageRef) { `+
		`id digest ref compressedSize: compressedSizeFull manifest } } }`,
		map[string]any{"appName": f.app, "imageRef": "nginx"})
	ran, err := f.rest.Launch(ctx, f.app, fly.LaunchMachineInput{Config: &fly.MachineConfig{Image: "nginx",
		Env: map[string]string{}}})
	f.must(err)
	if ran.State != "created" && ran.State != "starting" || ran.PrivateIP == "" {
		t.Errorf("run: %+v", ran)
	}
	f.must(f.wait(ctx, ran.ID, "started"))
	f.checkPrinted(f.machine(ran.ID))

	for range 5 { // list, and other commands that list them: status, scale show, ips private
		machines, err := f.rest.List(ctx, f.app, "")
		f.must(err)
		if len(machines) != 3 {
			t.Fatalf("%d Machines", len(machines))
		}
		for _, m := range machines {
			f.checkPrinted(m)
		}
	}
	f.check()
}

// TestFlyctlScaleCount creates five Machines at a time, as flyctl does, and destroys as many.
func TestFlyctlScaleCount(t *testing.T) {
	f := newFlyctl(t, "shop-api")
	ctx := t.Context()
	scale := func(change func(machines []*fly.Machine)) {
		t.Helper()
		f.query(currentConfig, map[string]any{"appName": f.app})
		machines := f.deployedMachines()
		releases, err := f.gql.GetAppReleasesMachines(ctx, f.app, "complete", 1)
		f.must(err)
		if len(releases) != 1 {
			t.Fatalf("%d complete releases", len(releases))
		}
		_, err = f.rest.GetVolumes(ctx, f.app)
		f.must(err)
		f.must(parallel(machines, func(m *fly.Machine) error {
			lease, err := f.rest.AcquireLease(ctx, f.app, m.ID, new(120))
			if err == nil {
				m.LeaseNonce = lease.Data.Nonce
			}
			return err
		}))
		change(machines)
		for _, m := range machines {
			_ = f.rest.ReleaseLease(ctx, f.app, m.ID, m.LeaseNonce) // fails with "lease not found" for destroyed ones
		}
	}
	scale(func(machines []*fly.Machine) {
		f.must(parallel(make([]struct{}, 5), func(struct{}) error {
			m, err := f.rest.Launch(ctx, f.app, fly.LaunchMachineInput{Region: "iad", Config: machines[0].Config})
			if err == nil && m.Config.Guest.ToSize() != machines[0].Config.Guest.ToSize() {
				err = fmt.Errorf("created with %s", m.Config.Guest.ToSize())
			}
			return err
		}))
	})
	f.sleep(2 * time.Second)
	more := f.deployedMachines()
	if len(more) != 7 || slices.ContainsFunc(more, func(m *fly.Machine) bool {
		return m.State != "started" &&
			m.ID != shopB
	}) {
		t.Fatalf("%d Machines: %+v", len(more), more)
	}
	scale(func(machines []*fly.Machine) {
		f.must(parallel(machines[2:], func(m *fly.Machine) error {
			return f.rest.Destroy(ctx, f.app, fly.RemoveMachineInput{ID: m.ID, Kill: true}, m.LeaseNonce)
		}))
	})
	if got := f.deployedMachines(); len(got) != 2 {
		t.Errorf("%d Machines remain", len(got))
	}
	f.check("lease.release " + http.StatusText(http.StatusNotFound))
}
